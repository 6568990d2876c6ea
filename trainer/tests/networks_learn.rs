//! Every kind of network learns: a small training of each, by a loop of its own.

#[path = "common/tiny.rs"]
mod tiny;

use candle_core::{D, Device, Tensor};
use candle_nn::optim::{AdamW, Optimizer, ParamsAdamW};
use earworm_train::Rng;
use earworm_train::nn::Precision;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use tiny::{TINY, Tiny, frames};

/// Windows `[frames, batch, bands]` of noise; in those of the second class a tone, two bands wide, of
/// random pitch, sounds throughout.
/// The tone keeps out of the last `beside` bands.
fn planted(
    count: usize,
    (frames, bands): (usize, usize),
    beside: usize,
    rng: &mut Rng,
) -> (Vec<f32>, Vec<bool>) {
    let mut values = Vec::with_capacity(count * frames * bands);
    let labels: Vec<bool> = (0..count).map(|n| n % 2 == 0).collect();
    for &label in &labels {
        let pitch = rng.random_range(0..bands - beside - 1);
        for _ in 0..frames {
            for band in 0..bands {
                let noise = (0..3).map(|_| rng.random_range(-1.0f32..1.0)).sum::<f32>();
                let tone = label && (band == pitch || band == pitch + 1);
                values.push(noise + if tone { 2.5 } else { 0.0 });
            }
        }
    }
    (values, labels)
}

/// Picks windows out of a row of them: `[frames, picked, bands]`.
fn pick(values: &[f32], picked: &[usize], (frames, bands): (usize, usize)) -> Tensor {
    let window = frames * bands;
    let values: Vec<f32> =
        picked.iter().flat_map(|&n| values[n * window..(n + 1) * window].iter().copied()).collect();
    let x = Tensor::from_vec(values, (picked.len(), frames, bands), &Device::Cpu).unwrap();
    x.transpose(0, 1).unwrap().contiguous().unwrap()
}

/// The share of pairs of one window of each class that are in the right order.
fn auc(scores: &[f32], labels: &[bool]) -> f64 {
    assert!(scores.iter().all(|score| score.is_finite()), "{scores:?}");
    let of = |wanted: bool| {
        scores.iter().zip(labels).filter(move |&(_, &l)| l == wanted).map(|(&s, _)| s)
    };
    let pairs: Vec<f64> = of(true)
        .flat_map(|high| of(false).map(move |low| (high, low)))
        .map(|(high, low)| {
            if high > low {
                1.0
            } else if high == low {
                0.5
            } else {
                0.0
            }
        })
        .collect();
    pairs.iter().sum::<f64>() / pairs.len() as f64
}

/// `ln(1 + exp(−|x|)) + max(x, 0) − x y`: Candle's own is not a number for logits that are sure.
fn cross_entropy(logits: &Tensor, targets: &Tensor) -> candle_core::Result<Tensor> {
    let tail = (logits.abs()?.neg()?.exp()? + 1.0)?.log()?;
    (((logits.relu()? - (logits * targets)?)?) + tail)?.mean_all()
}

/// Trains a network and judges windows it has not seen.
fn learn(tiny: &Tiny<'_>, rate: f64, epochs: usize, shuffled: bool) -> f64 {
    learn_in(Precision::F32, tiny, rate, epochs, shuffled)
}

/// The same with large products in another precision while it trains.
fn learn_in(
    precision: Precision,
    tiny: &Tiny<'_>,
    rate: f64,
    epochs: usize,
    shuffled: bool,
) -> f64 {
    const TRAIN: usize = 128;
    const TEST: usize = 100;
    let size = (tiny.frames, tiny.bands);
    let mut rng = Rng::seed_from_u64(21);
    let beside = tiny.beside();
    let (values, mut labels) = planted(TRAIN, size, beside, &mut rng);
    let (unseen, mut truth) = planted(TEST, size, beside, &mut rng);
    if shuffled {
        // Those to be learnt and those to be found: nothing in the sound tells them.
        labels.shuffle(&mut rng);
        truth.shuffle(&mut rng);
    }
    let network = tiny.fresh(2);
    let variables = network.weights().trained().values().cloned().collect();
    let params = ParamsAdamW { lr: rate, weight_decay: 0.01, ..Default::default() };
    let mut adam = AdamW::new(variables, params).unwrap();
    let at = [tiny.frames as u32 - 1];
    let mut order: Vec<usize> = (0..TRAIN).collect();
    for _ in 0..epochs {
        order.shuffle(&mut rng);
        for batch in order.chunks(16) {
            let x = pick(&values, batch, size);
            let targets: Vec<f32> = batch.iter().map(|&n| f32::from(u8::from(labels[n]))).collect();
            let targets = Tensor::new(targets, &Device::Cpu).unwrap();
            let y = precision.autocast(|| network.forward(&x, &at, Some(&mut rng))).unwrap();
            let y = y.get(0).unwrap().narrow(D::Minus1, 0, 1).unwrap().squeeze(1).unwrap();
            let loss = cross_entropy(&y, &targets).unwrap();
            adam.backward_step(&loss).unwrap();
        }
    }
    let all: Vec<usize> = (0..TEST).collect();
    let scores: Vec<f32> = all
        .chunks(20)
        .flat_map(|batch| {
            let y = network.forward(&pick(&unseen, batch, size), &at, None).unwrap();
            let y = y.get(0).unwrap().to_vec2::<f32>().unwrap();
            y.into_iter().map(|row| row[0])
        })
        .collect();
    auc(&scores, &truth)
}

/// With a softmax inside the network, under the loss's own, the published form still ranks.
#[test]
fn a_softmax_inside_still_ranks() {
    let recipe =
        "kind = 'lstm'\nhidden = 12\nlayers = 1\nwidth = 16\ndropout = 0.0\ndouble_softmax = true";
    let tiny = &Tiny { name: "lstm-double-softmax", recipe, bands: 10, frames: 20 };
    let (learnt, nothing) = (learn(tiny, 1e-2, 40, false), learn(tiny, 1e-2, 40, true));
    println!("double softmax: AUC {learnt:.3}, shuffled {nothing:.3}");
    assert!(learnt > 0.95 && (nothing - 0.5).abs() < 0.2, "{learnt}, shuffled {nothing}");
}

/// Each kind finds a planted tone, and finds nothing in labels that are shuffled.
#[test]
fn every_kind_learns_what_is_there_and_nothing_else() {
    // Step size, passes, and a smaller window where the network takes one.
    let plans = [
        ("mean-lstm", 1e-2, 8, None),
        ("lstm", 1e-2, 12, None),
        ("mlp", 1e-2, 10, None),
        ("cnn3", 3e-3, 6, None),
        ("mobilenet-v2", 1e-2, 20, Some((32, 32))),
        ("vgg11", 1e-3, 8, Some((32, 32))),
        ("alexnet", 1e-3, 8, Some((63, 63))),
        ("transformer-pre", 3e-3, 10, None),
        ("transformer-post", 3e-3, 10, None),
        ("autoen-chorder", 1e-2, 30, None),
        ("late-fusion", 1e-2, 20, None),
        ("attention-pool", 1e-2, 20, None),
        ("sound-lstm", 1e-2, 20, None),
        ("sound-cnn", 3e-3, 15, None),
        ("popularity-cnn", 3e-3, 12, None),
        ("popularity-cnn-colour", 3e-3, 15, None),
        ("vggish", 1e-3, 30, None),
        ("cnn3-straight", 3e-3, 8, None),
        ("cnn3-eight-bit", 3e-3, 8, None),
        ("transformer-band", 3e-3, 20, None),
        ("single-autoencoder", 1e-2, 30, None),
        ("lstm-and-autoencoder", 1e-2, 30, None),
        ("hit-music-net-embeddings", 1e-2, 30, None),
        ("popularity-cnn-six", 3e-3, 30, None),
    ];
    for (name, rate, epochs, smaller) in plans {
        let tiny = TINY.iter().find(|tiny| tiny.name == name).unwrap();
        let recipe = tiny.recipe.replace("dropout = 0.0", "dropout = 0.1");
        let (frames, bands) = smaller.unwrap_or((tiny.frames, tiny.bands));
        let tiny = &Tiny { name, recipe: &recipe, bands, frames };
        let began = std::time::Instant::now();
        let learnt = learn(tiny, rate, epochs, false);
        let seconds = began.elapsed().as_secs_f64();
        let nothing = learn(tiny, rate, epochs, true);
        println!("{name}: AUC {learnt:.3}, shuffled {nothing:.3}, {seconds:.1} s a training");
        assert!(learnt > 0.95, "{name}: {learnt}");
        assert!((nothing - 0.5).abs() < 0.2, "{name}, shuffled: {nothing}");
    }
}

/// Networks of linear layers, recurrences, convolutions and attention learn in 16 bits what they learn in 32.
#[test]
fn sixteen_bits_are_enough() {
    for (name, rate, epochs) in
        [("lstm", 1e-2, 12), ("cnn3", 3e-3, 6), ("transformer-pre", 3e-3, 10)]
    {
        let tiny = TINY.iter().find(|tiny| tiny.name == name).unwrap();
        let network = tiny.fresh(2);
        let x = frames(tiny.frames, 3, tiny.bands);
        let judge = |precision: Precision| {
            let y = precision.autocast(|| network.forward(&x, &[tiny.frames as u32 - 1], None));
            y.unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        let (wide, narrow) = (judge(Precision::F32), judge(Precision::Bf16));
        let size = wide.iter().fold(0.0f32, |size, y| size.max(y.abs()));
        let off = wide.iter().zip(&narrow).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off > 0.0 && off < 0.05 * size.max(0.1), "{name}: {wide:?} and {narrow:?}");
        let learnt = learn_in(Precision::Bf16, tiny, rate, epochs, false);
        println!("{name}: AUC {learnt:.3} in 16 bits");
        assert!(learnt > 0.95, "{name}: {learnt}");
    }
}
