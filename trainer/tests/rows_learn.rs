//! Every model of rows learns what is planted in them, and nothing when the labels are shuffled.

use candle_core::{D, Device, Tensor};
use candle_nn::optim::{AdamW, Optimizer, ParamsAdamW};
use earworm_train::Rng;
use earworm_train::nn::{Blueprint, ModelRecipe, build};
use earworm_train::table::{TableModel, TableModelRecipe};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

const TRAIN: usize = 240;
const TEST: usize = 120;
const COLUMNS: usize = 12;

/// Rows of noise and their classes, of which there are `classes`: two columns rise with the class, and a
/// third falls. The others say nothing.
fn planted(count: usize, classes: usize, rng: &mut Rng) -> (Vec<Vec<f64>>, Vec<usize>) {
    let truth: Vec<usize> = (0..count).map(|n| n % classes).collect();
    let row = |class: usize, rng: &mut Rng| -> Vec<f64> {
        let shift = 3.0 * class as f64 - 1.5 * (classes - 1) as f64;
        (0..COLUMNS)
            .map(|column| {
                let noise: f64 = (0..3).map(|_| rng.random_range(-1.0..1.0)).sum();
                noise
                    + match column {
                        1 | 4 => shift,
                        7 => -shift,
                        _ => 0.0,
                    }
            })
            .collect()
    };
    (truth.iter().map(|&class| row(class, rng)).collect(), truth)
}

/// Songs to learn from and songs to judge, with labels that are shuffled or not.
struct Songs {
    seen: (Vec<Vec<f64>>, Vec<usize>),
    unseen: (Vec<Vec<f64>>, Vec<usize>),
}

impl Songs {
    fn new(classes: usize, shuffled: bool) -> Self {
        let mut rng = Rng::seed_from_u64(5);
        let mut songs = Self {
            seen: planted(TRAIN, classes, &mut rng),
            unseen: planted(TEST, classes, &mut rng),
        };
        if shuffled {
            songs.seen.1.shuffle(&mut rng);
            songs.unseen.1.shuffle(&mut rng);
        }
        songs
    }
}

/// The share of pairs of one song of the highest class and one of another that are in the right order.
fn auc(scores: &[f64], truth: &[usize], highest: usize) -> f64 {
    let own: Vec<bool> = truth.iter().map(|&class| class == highest).collect();
    earworm_train::metrics::auc(scores, &own).unwrap()
}

/// What raw outputs say for the highest class: two classes have one output.
fn evidence(raw: &[f32]) -> f64 {
    match raw {
        [one] => f64::from(*one),
        all => {
            let sum: f64 = all.iter().map(|&v| f64::from(v).exp()).sum();
            f64::from(*all.last().unwrap()) - sum.ln()
        }
    }
}

fn table(recipe: &str, songs: &Songs, classes: usize) -> f64 {
    let recipe: TableModelRecipe = serde_json::from_str(recipe).unwrap();
    let model = TableModel::fit(&recipe, &songs.seen.0, &songs.seen.1, classes, 3).unwrap();
    let scores: Vec<f64> =
        model.raw(&songs.unseen.0).unwrap().iter().map(|raw| evidence(raw)).collect();
    auc(&scores, &songs.unseen.1, classes - 1)
}

/// A network over rows, trained as `fit` does: first what it prepares, then the target.
fn network(recipe: &str, songs: &Songs, classes: usize) -> f64 {
    let recipe: ModelRecipe = toml::from_str(recipe).unwrap();
    let outputs = if classes == 2 { 1 } else { classes };
    let blueprint = Blueprint {
        bands: COLUMNS,
        beside: 0,
        frames: 1,
        outputs,
        mean: &[0.0; COLUMNS],
        deviation: &[1.0; COLUMNS],
        output_bias: &vec![0.0; outputs],
        seed: 4,
        device: &Device::Cpu,
    };
    let network = build(&recipe, &blueprint).unwrap();
    let mut rng = Rng::seed_from_u64(8);
    let params = ParamsAdamW { lr: 1e-2, weight_decay: 0.01, ..Default::default() };
    let variables = network.weights().trained().values().cloned().collect();
    let mut adam = AdamW::new(variables, params).unwrap();
    let mut order: Vec<usize> = (0..TRAIN).collect();
    for epoch in 0..network.preparation() + 25 {
        order.shuffle(&mut rng);
        for batch in order.chunks(24) {
            let x = rows(&songs.seen.0, batch);
            let loss = if epoch < network.preparation() {
                network.preparation_loss(&x, &mut rng).unwrap()
            } else {
                let y = network.forward(&x, &[0], Some(&mut rng)).unwrap().get(0).unwrap();
                let truth: Vec<u32> = batch.iter().map(|&n| songs.seen.1[n] as u32).collect();
                cross_entropy(&y, &truth)
            };
            adam.backward_step(&loss).unwrap();
        }
    }
    let all: Vec<usize> = (0..TEST).collect();
    let y = network.forward(&rows(&songs.unseen.0, &all), &[0], None).unwrap();
    let raw = y.get(0).unwrap().to_vec2::<f32>().unwrap();
    let scores: Vec<f64> = raw.iter().map(|raw| evidence(raw)).collect();
    auc(&scores, &songs.unseen.1, classes - 1)
}

fn rows(values: &[Vec<f64>], picked: &[usize]) -> Tensor {
    let flat: Vec<f32> = picked.iter().flat_map(|&n| values[n].iter().map(|&v| v as f32)).collect();
    Tensor::from_vec(flat, (1, picked.len(), COLUMNS), &Device::Cpu).unwrap()
}

/// Of one logit, or of as many as there are classes.
fn cross_entropy(y: &Tensor, truth: &[u32]) -> Tensor {
    let two = match y.dim(1).unwrap() {
        1 => Tensor::cat(&[&y.zeros_like().unwrap(), y], 1).unwrap(),
        _ => y.clone(),
    };
    let log = candle_nn::ops::log_softmax(&two, D::Minus1).unwrap();
    candle_nn::loss::nll(&log, &Tensor::new(truth, &Device::Cpu).unwrap()).unwrap()
}

fn holds(name: &str, learn: impl Fn(&Songs) -> f64, classes: usize) {
    let began = std::time::Instant::now();
    let learnt = learn(&Songs::new(classes, false));
    let nothing = learn(&Songs::new(classes, true));
    let seconds = began.elapsed().as_secs_f64();
    println!("{name}: AUC {learnt:.3}, shuffled {nothing:.3}, {seconds:.1} s for both");
    assert!(learnt > 0.95, "{name}: {learnt}");
    assert!((nothing - 0.5).abs() < 0.15, "{name}, shuffled: {nothing}");
}

#[test]
fn table_models_learn_what_is_there_and_nothing_else() {
    for recipe in [
        r#"{"kind":"knn","k":8}"#,
        r#"{"kind":"svm","c":1.0}"#,
        r#"{"kind":"tree","criterion":"entropy","min_split":30}"#,
        r#"{"kind":"adaboost","estimators":40,"rate":0.5}"#,
        r#"{"kind":"logistic","c":1.0}"#,
    ] {
        for classes in [2, 3] {
            holds(&format!("{recipe} {classes}"), |songs| table(recipe, songs, classes), classes);
        }
    }
}

#[test]
fn networks_of_rows_learn_what_is_there_and_nothing_else() {
    for recipe in [
        "kind = 'mlp'\nwidths = [16]\ndropout = 0.1",
        "kind = 'few-features'\nembedding = 4\nwidth = 8\nblocks = 1\ndropout = 0.1",
        "kind = 'hit-music-net'\ncode = 6\npreparation = 15\ndropout = 0.1",
        "kind = 'hit-music-net'\ncode = 6\npreparation = 5\njoint = true\ndropout = 0.1",
    ] {
        for classes in [2, 3] {
            let name = format!("{} of {classes} classes", recipe.replace('\n', ", "));
            holds(&name, |songs| network(recipe, songs, classes), classes);
        }
    }
}
