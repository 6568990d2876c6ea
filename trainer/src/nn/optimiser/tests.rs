//! The optimiser against PyTorch's, and its state.

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Golden {
    runs: Vec<Run>,
}

/// One run of `tests/golden/adam.py`.
#[derive(Deserialize)]
struct Run {
    kind: String,
    weight_decay: f64,
    clip: Option<f64>,
    /// Steps at the beginning whose loss knows nothing of `b`.
    alone: usize,
    norms: Vec<f64>,
    a: Vec<f32>,
    b: Vec<f32>,
    #[serde(rename = "first.a")]
    first_a: Vec<f32>,
    #[serde(rename = "second.b")]
    second_b: Vec<f32>,
}

fn tensor(shape: &[usize], seed: usize) -> Tensor {
    let count = shape.iter().product();
    let values: Vec<f32> =
        (0..count).map(|i: usize| ((i * 37 + seed * 11) % 101) as f32 / 50.0 - 1.0).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn trained() -> BTreeMap<String, Var> {
    let var = |shape: &[usize], seed| Var::from_tensor(&tensor(shape, seed)).unwrap();
    BTreeMap::from([("a".to_owned(), var(&[2, 3], 1)), ("b".to_owned(), var(&[4], 2))])
}

/// Σ (a − c)⁴ / 4
fn loss_of_a(trained: &BTreeMap<String, Var>) -> Tensor {
    let distance = (trained["a"].as_tensor() - tensor(&[2, 3], 3)).unwrap();
    (distance.sqr().unwrap().sqr().unwrap().sum_all().unwrap() / 4.0).unwrap()
}

/// Σ (a − c)⁴ / 4 + Σ a · Σ b²
fn loss(trained: &BTreeMap<String, Var>) -> Tensor {
    let (a, b) = (trained["a"].as_tensor(), trained["b"].as_tensor());
    let mixed = (a.sum_all().unwrap() * b.sqr().unwrap().sum_all().unwrap()).unwrap();
    (loss_of_a(trained) + mixed).unwrap()
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_near(ours: &[f32], theirs: &[f32], what: &str) {
    assert_eq!(ours.len(), theirs.len());
    for (a, b) in ours.iter().zip(theirs) {
        assert!((a - b).abs() <= 2e-6 * b.abs().max(1.0), "{what}: {a}, PyTorch {b}");
    }
}

#[test]
fn twenty_steps_are_those_of_pytorch() {
    let golden: Golden =
        serde_json::from_str(include_str!("../../../tests/golden/adam.json")).unwrap();
    assert_eq!(golden.runs.len(), 10);
    for run in golden.runs {
        let kind = match run.kind.as_str() {
            "Adam" => Kind::Adam,
            "AdamW" => Kind::AdamW,
            other => panic!("{other}"),
        };
        let (decay, clip, alone) = (run.weight_decay, run.clip, run.alone);
        let what = format!("{kind:?}, decay {decay}, clip {clip:?}, {alone} steps alone");
        let trained = trained();
        let mut optimiser = Optimiser::new(kind, &trained, run.weight_decay, run.clip).unwrap();
        for (step, expected) in run.norms.iter().enumerate() {
            let loss = if step < alone { loss_of_a(&trained) } else { loss(&trained) };
            let norm = optimiser.step(&loss, 0.05 / (step + 1) as f64).unwrap();
            assert!((norm / expected - 1.0).abs() < 1e-5, "{what}: {norm}, PyTorch {expected}");
        }
        let state = optimiser.state().unwrap();
        assert_near(&flat(&trained["a"]), &run.a, &what);
        assert_near(&flat(&trained["b"]), &run.b, &what);
        assert_near(&flat(&state["first.a"]), &run.first_a, &what);
        assert_near(&flat(&state["second.b"]), &run.second_b, &what);
    }
}

#[test]
fn a_restored_optimiser_goes_on_bit_for_bit() {
    let steps = |optimiser: &mut Optimiser, trained: &BTreeMap<String, Var>, count: usize| {
        for _ in 0..count {
            optimiser.step(&loss(trained), 0.01).unwrap();
        }
    };
    let unbroken = trained();
    let mut optimiser = Optimiser::new(Kind::AdamW, &unbroken, 0.01, Some(1.0)).unwrap();
    steps(&mut optimiser, &unbroken, 7);
    let state = optimiser.state().unwrap();
    let stopped = unbroken
        .iter()
        .map(|(name, var)| {
            (name.clone(), Var::from_tensor(&var.as_tensor().copy().unwrap()).unwrap())
        })
        .collect();
    steps(&mut optimiser, &unbroken, 5);

    // Through a file, as checkpoints go.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.safetensors");
    candle_core::safetensors::save(&state, &path).unwrap();
    let state = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let mut resumed = Optimiser::new(Kind::AdamW, &stopped, 0.01, Some(1.0)).unwrap();
    resumed.restore(&state).unwrap();
    steps(&mut resumed, &stopped, 5);
    for name in ["a", "b"] {
        assert_eq!(flat(&unbroken[name]), flat(&stopped[name]));
    }
    let (one, other) = (optimiser.state().unwrap(), resumed.state().unwrap());
    for (name, tensor) in &one {
        if name == STEP {
            let steps = |tensor: &Tensor| tensor.to_vec1::<u32>().unwrap();
            assert_eq!((steps(tensor), steps(&other[name])), (vec![12, 12], vec![12, 12]));
        } else {
            assert_eq!(flat(tensor), flat(&other[name]), "{name}");
        }
    }
}

#[test]
fn states_that_do_not_fit_are_named_and_change_nothing() {
    let trained = trained();
    let mut optimiser = Optimiser::new(Kind::Adam, &trained, 0.0, None).unwrap();
    optimiser.step(&loss(&trained), 0.01).unwrap();
    let state = optimiser.state().unwrap();
    let moments = |state: &HashMap<String, Tensor>| {
        ["first.a", "second.a", "first.b", "second.b"].map(|name| flat(&state[name]))
    };
    let mut refuse = |change: fn(&mut HashMap<String, Tensor>), named: &str| {
        let mut other = state.clone();
        other.insert("first.a".into(), tensor(&[2, 3], 9));
        change(&mut other);
        let error = format!("{:#}", optimiser.restore(&other).unwrap_err());
        assert!(error.contains(named), "{error}");
        assert_eq!(moments(&optimiser.state().unwrap()), moments(&state));
    };
    refuse(|state| drop(state.remove("second.b")), "\"second.b\"");
    refuse(|state| drop(state.insert("first.b".into(), tensor(&[5], 1))), "[5]");
    refuse(|state| drop(state.insert("first.c".into(), tensor(&[5], 1))), "\"first.c\"");
    refuse(|state| drop(state.remove("step")), "\"step\"");
}

#[test]
fn a_gradient_that_is_no_number_changes_nothing() {
    for bad in [f64::NAN, f64::INFINITY] {
        let trained = trained();
        let mut optimiser = Optimiser::new(Kind::AdamW, &trained, 0.1, Some(1.0)).unwrap();
        let before = flat(&trained["a"]);
        let loss = (loss(&trained) * bad).unwrap();
        let error = optimiser.step(&loss, 0.1).unwrap_err().to_string();
        assert!(error.contains("no longer a number"), "{error}");
        assert_eq!(flat(&trained["a"]), before);
        assert_eq!(optimiser.state().unwrap()[STEP].to_vec1::<u32>().unwrap(), [0, 0]);
    }
}

#[test]
fn what_the_loss_does_not_depend_on_stays() {
    let trained = trained();
    let mut optimiser = Optimiser::new(Kind::AdamW, &trained, 0.1, None).unwrap();
    let (a, b) = (flat(&trained["a"]), flat(&trained["b"]));
    optimiser.step(&trained["a"].sqr().unwrap().sum_all().unwrap(), 0.1).unwrap();
    assert_ne!(flat(&trained["a"]), a);
    assert_eq!(flat(&trained["b"]), b);
}

#[test]
fn settings_out_of_range_are_errors() {
    assert!(Optimiser::new(Kind::Adam, &trained(), -0.1, None).is_err());
    assert!(Optimiser::new(Kind::Adam, &trained(), f64::NAN, None).is_err());
    assert!(Optimiser::new(Kind::Adam, &trained(), 0.1, Some(0.0)).is_err());
}
