//! The networks are those that were published, and those they were before.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use earworm_train::Rng;
use earworm_train::nn::{Dropout, lstm_layer, running_mean};
use rand::{RngExt, SeedableRng};
use serde::Deserialize;

use crate::tiny::{OUTPUTS, TINY, Tiny, frames, fresh, hashed};
use crate::{assert_near, flat, last_frame};

/// What `golden/make_networks.py` wrote of one network.
#[derive(Deserialize)]
struct Golden {
    bands: usize,
    frames: usize,
    judged: Vec<f64>,
    trained: Vec<f64>,
    gradients: BTreeMap<String, (f64, f64)>,
    running: BTreeMap<String, f64>,
}

fn product(name: &str, tensor: &Tensor) -> f64 {
    let values = flat(tensor);
    let with = hashed(&format!("{name}.digest"), values.len());
    values.iter().zip(with).map(|(a, b)| a * b).sum()
}

/// Outputs, running statistics and gradients are those of PyTorch and torchvision.
#[test]
fn networks_are_those_of_pytorch() {
    let golden: BTreeMap<String, Golden> =
        serde_json::from_str(include_str!("../golden/networks.json")).unwrap();
    let compared: Vec<&Tiny<'_>> = TINY.iter().filter(|t| golden.contains_key(t.name)).collect();
    assert_eq!(compared.len(), golden.len());
    for tiny in compared {
        let golden = &golden[tiny.name];
        assert_eq!((tiny.bands, tiny.frames), (golden.bands, golden.frames));
        let batch = golden.judged.len() / OUTPUTS;
        let x = frames(tiny.frames, batch, tiny.bands);
        let network = tiny.filled();
        let judged = network.forward(&x, &last_frame(tiny.frames), None).unwrap();
        assert_eq!(judged.dims(), [1, batch, OUTPUTS], "{}", tiny.name);
        assert_near(tiny.name, &flat(&judged), &golden.judged, 1e-4);

        let mut rng = Rng::seed_from_u64(0);
        let y = network.forward(&x, &last_frame(tiny.frames), Some(&mut rng)).unwrap();
        assert_near(&format!("{} in training", tiny.name), &flat(&y), &golden.trained, 1e-4);
        let coefficients: Vec<f32> =
            hashed("coefficients", batch * OUTPUTS).into_iter().map(|u| u as f32).collect();
        let coefficients = Tensor::from_vec(coefficients, y.dims(), &Device::Cpu).unwrap();
        let gradients = (y * coefficients).unwrap().sum_all().unwrap().backward().unwrap();
        let weights = network.weights();
        let names: Vec<&String> = weights.trained().keys().collect();
        assert_eq!(names, golden.gradients.keys().collect::<Vec<_>>(), "{}", tiny.name);
        for (name, (norm, digest)) in &golden.gradients {
            // What an answer does not depend on, such as a decoder, has no gradient.
            let variable = &weights.trained()[name];
            let none = variable.zeros_like().unwrap();
            let gradient = gradients.get(variable).unwrap_or(&none);
            let own = flat(gradient).iter().map(|g| g * g).sum::<f64>().sqrt();
            let what = format!("{}: gradient of {name}", tiny.name);
            // A rectifier that just opens in one and not in the other shows behind small batches:
            // PyTorch's own gradients in 32 and 64 bits differ by 1 % there.
            let share = if tiny.name == "mobilenet-v2" { 3e-2 } else { 1e-3 };
            let tolerance = share * norm + 1e-5;
            assert_near(&what, &[own, product(name, gradient)], &[*norm, *digest], tolerance);
        }
        for (name, running) in &golden.running {
            let what = format!("{}: {name}", tiny.name);
            assert_near(&what, &[product(name, &weights.running()[name])], &[*running], 1e-4);
        }
    }
}

/// The default network as it was before there were others: the same draws, the same values at every
/// frame, the same dropout from the same draws.
#[test]
fn the_mean_lstm_is_the_network_it_was() {
    let recipe = "kind = 'mean-lstm'\nhidden = 6\nlayers = 2\nhead = [5, 4]\ndropout = 0.3";
    let network = fresh(recipe, 7, 16, 11).unwrap();
    let own = network.weights().tensors();
    let mut rng = Rng::seed_from_u64(11);
    for (name, dims, fan) in [
        ("lstm.0.input", [24, 7], 6),
        ("lstm.0.recurrent", [24, 6], 6),
        ("lstm.1.input", [24, 6], 6),
        ("lstm.1.recurrent", [24, 6], 6),
        ("head.0.weight", [5, 6], 6),
        ("head.1.weight", [4, 5], 5),
        ("head.2.weight", [OUTPUTS, 4], 4),
    ] {
        let limit = 1.0 / (fan as f32).sqrt();
        let draws: Vec<f32> =
            (0..dims[0] * dims[1]).map(|_| rng.random_range(-limit..limit)).collect();
        assert_eq!(own[name].dims(), dims, "{name}");
        assert_eq!(own[name].flatten_all().unwrap().to_vec1::<f32>().unwrap(), draws, "{name}");
    }
    let bias = own["lstm.1.bias"].to_vec1::<f32>().unwrap();
    assert!(
        bias.iter().enumerate().all(|(n, &b)| b == f32::from(u8::from(n / 6 == 2))),
        "{bias:?}"
    );
    assert!(flat(&own["head.0.bias"]).iter().all(|&b| b == 0.0));
    assert_eq!(own.len(), 6 + 6 + 2);

    let x = frames(16, 3, 7);
    let before = |mut rng: Option<&mut Rng>| -> candle_core::Result<Tensor> {
        let linear = |x: &Tensor, w: &str, b: &str| x.matmul(&own[w].t()?)?.broadcast_add(&own[b]);
        let mut h = x.broadcast_sub(&own["mean"])?.broadcast_div(&own["deviation"])?;
        let mut apply = |x: Tensor, mask: &[usize]| match &mut rng {
            Some(rng) => Dropout { share: 0.3, rng }.apply(&x, mask).unwrap(),
            None => x,
        };
        for n in 0..2 {
            let part = |part: &str| &own[&format!("lstm.{n}.{part}")];
            let states = lstm_layer(&h, part("input"), part("recurrent"), part("bias"))?;
            h = apply(states, &[1, 3, 6]);
        }
        let at = Tensor::new(&[15u32, 4, 9], &Device::Cpu)?;
        let mut y = running_mean(&h)?.index_select(&at, 0)?.reshape((9, 6))?;
        for n in 0..3 {
            if n > 0 {
                y = candle_nn::ops::leaky_relu(&y, 0.01)?;
                let dims = y.dims().to_vec();
                y = apply(y, &dims);
            }
            y = linear(&y, &format!("head.{n}.weight"), &format!("head.{n}.bias"))?;
        }
        y.reshape((3, 3, OUTPUTS))
    };
    let at = [15, 4, 9];
    let judged = network.forward(&x, &at, None).unwrap();
    assert_eq!(flat(&judged), flat(&before(None).unwrap()));
    let trained = network.forward(&x, &at, Some(&mut Rng::seed_from_u64(4))).unwrap();
    assert_eq!(flat(&trained), flat(&before(Some(&mut Rng::seed_from_u64(4))).unwrap()));
    assert_ne!(flat(&trained), flat(&judged));
}

/// As many trained values as torchvision's networks with as many outputs, at full width.
#[test]
fn full_networks_have_the_published_sizes() {
    let parameters = |recipe| fresh(recipe, 64, 64, 0).unwrap().weights().parameters();
    // Published with a thousand outputs: 3,504,872 and 61,100,840.
    assert_eq!(parameters("kind = 'mobilenet-v2'"), 3_504_872 - 998 * 1281);
    assert_eq!(parameters("kind = 'alexnet'"), 61_100_840 - 998 * 4097);
}
