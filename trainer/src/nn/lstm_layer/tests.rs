//! The fused layer against Candle's own operations, against finite differences, and against itself on
//! other numbers of threads.

use candle_core::{DType, Device, Tensor, Var};

use super::width::{Narrower, with_narrower};
use super::*;

/// Steps, batch, inputs, hidden.
const SIZES: [[usize; 4]; 6] =
    [[1, 1, 1, 1], [1, 3, 5, 4], [7, 1, 3, 8], [20, 5, 16, 13], [9, 14, 70, 33], [5, 32, 64, 128]];

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

/// Numbers within ± `scale`, different for every seed.
fn made(seed: u64, shape: &[usize], scale: f64) -> Var {
    use rand::{RngExt, SeedableRng};
    let mut rng = crate::Rng::seed_from_u64(seed);
    let count: usize = shape.iter().product();
    let data: Vec<f64> = (0..count).map(|_| rng.random_range(-scale..scale)).collect();
    Var::from_tensor(&Tensor::from_vec(data, shape, &Device::Cpu).unwrap()).unwrap()
}

/// x, input, recurrent, bias and the weights of the outputs in the loss.
fn case([steps, batch, inputs, hidden]: [usize; 4], dtype: DType) -> [Var; 5] {
    let shapes: [&[usize]; 5] = [
        &[steps, batch, inputs],
        &[4 * hidden, inputs],
        &[4 * hidden, hidden],
        &[4 * hidden],
        &[steps, batch, hidden],
    ];
    let mut seed = 0;
    shapes.map(|shape| {
        seed += 1;
        let exact = made(seed, shape, if seed == 1 { 2.0 } else { 0.5 });
        Var::from_tensor(&exact.to_dtype(dtype).unwrap()).unwrap()
    })
}

fn loss(case: &[Var; 5]) -> (Tensor, Tensor) {
    let [x, input, recurrent, bias, weights] = case;
    let outputs = lstm_layer(x, input, recurrent, bias).unwrap();
    let loss = (&outputs * weights.as_tensor()).unwrap().sum_all().unwrap();
    (outputs, loss)
}

/// Outputs, then gradients by x, input, recurrent and bias.
fn run(case: &[Var; 5]) -> Vec<Vec<f64>> {
    let (outputs, loss) = loss(case);
    let gradients = loss.backward().unwrap();
    let of_vars = case[..4].iter().map(|var| values(gradients.get(var).unwrap()));
    std::iter::once(values(&outputs)).chain(of_vars).collect()
}

fn worst(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(1.0f64, |most, x| most.max(x.abs()));
    a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max) / scale
}

/// In f64 the layer takes the way of Candle's operations.
#[test]
fn values_and_gradients_are_those_of_plain_operations() {
    for sizes in SIZES {
        let (fused, plain) = (run(&case(sizes, DType::F32)), run(&case(sizes, DType::F64)));
        for (n, (a, b)) in fused.iter().zip(&plain).enumerate() {
            assert!(worst(a, b) < 3e-6, "{sizes:?}, result {n}: {}", worst(a, b));
        }
    }
}

/// So do they with vectors that other processors have.
#[test]
fn narrower_vectors_give_the_same() {
    for narrower in [
        Narrower::Scalar,
        #[cfg(target_arch = "x86_64")]
        Narrower::Avx2,
    ] {
        for sizes in SIZES {
            let Some(fused) = with_narrower(narrower, || run(&case(sizes, DType::F32))) else {
                println!("{narrower:?} is skipped: this processor does not have it");
                break;
            };
            for (a, b) in fused.iter().zip(&run(&case(sizes, DType::F64))) {
                assert!(worst(a, b) < 3e-6, "{narrower:?}, {sizes:?}: {}", worst(a, b));
            }
        }
    }
}

/// The gradients of the fused layer against differences of the loss in f64: nothing of Candle's
/// gradients is in this.
#[test]
fn gradients_are_finite_differences() {
    const STEP: f64 = 1e-4;
    for sizes in [[1, 1, 1, 1], [4, 2, 3, 5], [6, 3, 7, 17]] {
        let fused = run(&case(sizes, DType::F32));
        let exact = case(sizes, DType::F64);
        for (n, gradient) in fused[1..].iter().enumerate() {
            let at = values(&exact[n]);
            let every = (at.len() / 40).max(1);
            for index in (0..at.len()).step_by(every) {
                let with = |change: f64| {
                    let mut moved = at.clone();
                    moved[index] += change;
                    let moved = Tensor::from_vec(moved, exact[n].shape(), &Device::Cpu).unwrap();
                    let mut case = exact.clone();
                    case[n] = Var::from_tensor(&moved).unwrap();
                    loss(&case).1.to_scalar::<f64>().unwrap()
                };
                let slope = (with(STEP) - with(-STEP)) / (2.0 * STEP);
                let error = (gradient[index] - slope).abs();
                assert!(error < 1e-5 * slope.abs().max(1.0), "{sizes:?} {n} {index}: {error}");
            }
        }
    }
}

#[test]
fn results_are_the_same_bit_for_bit_on_any_number_of_threads() {
    for sizes in [[80, 14, 20, 33], [6, 1, 5, 16]] {
        let case = case(sizes, DType::F32);
        let results = [1, 2, 3, 8].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(&case))
        });
        assert!(results.iter().all(|result| result == &results[0]), "{sizes:?}");
    }
}

/// A sequence's result does not depend on what else is in the batch, nor on what buffers held before.
#[test]
fn sequences_do_not_touch_each_other() {
    let [x, input, recurrent, bias, _] = case([12, 9, 6, 20], DType::F32);
    let together = lstm_layer(&x, &input, &recurrent, &bias).unwrap();
    for sequence in 0..9 {
        let alone = x.narrow(1, sequence, 1).unwrap();
        let alone = lstm_layer(&alone, &input, &recurrent, &bias).unwrap();
        assert_eq!(values(&alone), values(&together.narrow(1, sequence, 1).unwrap()));
    }
}

/// Products with subnormal numbers take a hundred times as long on some processors.
#[test]
fn gradients_that_fade_end_in_zeros() {
    let [x, input, recurrent, bias, _] = case([400, 3, 5, 20], DType::F32);
    for narrower in [None, Some(Narrower::Scalar)] {
        let fading = || {
            let outputs = lstm_layer(&x, &input, &recurrent, &bias).unwrap();
            let gradients =
                outputs.narrow(0, 399, 1).unwrap().sum_all().unwrap().backward().unwrap();
            values(gradients.get(&x).unwrap())
        };
        let of_x = match narrower {
            None => fading(),
            Some(narrower) => with_narrower(narrower, fading).unwrap(),
        };
        let (faded, last) = (&of_x[..15], &of_x[399 * 15..]);
        assert!(faded.iter().all(|value| *value == 0.0), "{faded:?}");
        assert!(last.iter().all(|value| value.abs() > 1e-6), "{last:?}");
        let subnormal = of_x.iter().find(|value| (**value as f32).is_subnormal());
        assert!(subnormal.is_none(), "{subnormal:?}");
    }
}

/// Where the inputs are no variables, as frames are not, the weights' gradients stay the same.
#[test]
fn inputs_need_no_gradient() {
    let case = case([9, 4, 10, 12], DType::F32);
    let all = run(&case);
    let x = case[0].as_tensor().detach();
    let outputs = lstm_layer(&x, &case[1], &case[2], &case[3]).unwrap();
    let loss = (&outputs * case[4].as_tensor()).unwrap().sum_all().unwrap();
    let gradients = loss.backward().unwrap();
    assert!(gradients.get(&x).is_none());
    for (n, var) in case[1..4].iter().enumerate() {
        assert_eq!(values(gradients.get(var).unwrap()), all[n + 2]);
    }
}

#[test]
fn what_is_not_a_number_stays_visible() {
    let [x, input, recurrent, bias, _] = case([3, 2, 4, 6], DType::F32);
    let x = x.affine(f64::NAN, 0.0).unwrap();
    let outputs = lstm_layer(&x, &input, &recurrent, &bias).unwrap();
    assert!(values(&outputs).into_iter().all(f64::is_nan));
    let gradients = outputs.sum_all().unwrap().backward().unwrap();
    assert!(values(gradients.get(&bias).unwrap()).into_iter().all(f64::is_nan));
}

#[test]
fn a_gradient_is_given_once() {
    let case = case([3, 2, 4, 6], DType::F32);
    let (_, loss) = loss(&case);
    loss.backward().unwrap();
    let error = loss.backward().unwrap_err().to_string();
    assert!(error.contains("once only"), "{error}");
}

#[test]
fn shapes_that_do_not_fit_are_errors() {
    let [x, input, recurrent, bias, _] = case([3, 2, 5, 4], DType::F32);
    assert!(lstm_layer(&x, &input, &recurrent, &bias).is_ok());
    let long = made(1, &[20], 1.0);
    assert!(lstm_layer(&x, &input, &recurrent, &long).is_err());
    assert!(lstm_layer(&x, &recurrent, &recurrent, &bias).is_err());
    assert!(lstm_layer(&x, &input, &input, &bias).is_err());
    let none = x.narrow(0, 0, 0).unwrap();
    let error = lstm_layer(&none, &input, &recurrent, &bias).unwrap_err().to_string();
    assert!(error.contains("[0, 2, 5]"), "{error}");
}
