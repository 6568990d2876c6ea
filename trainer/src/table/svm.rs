//! Support vector machine with a Gaussian kernel.

use anyhow::{Result, ensure};
use linfa::Dataset;
use linfa::traits::Fit;
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use crate::onnx::{Attribute, Graph};

/// Most training rows: the solver keeps the kernel of each pair of them, 8 bytes each, twice.
pub const MOST_ROWS: usize = 20_000;

/// Where the solver stops, as in libsvm: the largest violation of the optimum's conditions.
const TOLERANCE: f64 = 1e-3;

/// Tells one class from the rest by `Σ weight · exp(−gamma · distance²) − offset` over the support
/// vectors.
///
/// The dual is solved by linfa's sequential minimal optimisation, which chooses its pairs as libsvm
/// does. Its shrinking of the problem is left off: it panics (an index below zero in linfa-svm
/// 0.8.1) on data as plain as the songs of the tests. smartcore's classifier was tried first: an
/// online approximation that took a minute where this takes a second, and was off by up to 1.3 in
/// the decision value at `c = 100`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Svm {
    gamma: f64,
    offset: f64,
    weights: Vec<f64>,
    vectors: Vec<Vec<f64>>,
}

impl Svm {
    pub(super) fn fit(
        x: &[Vec<f64>],
        positive: &[bool],
        c: f64,
        gamma: Option<f64>,
    ) -> Result<Self> {
        ensure!(
            x.len() <= MOST_ROWS,
            "a support vector machine takes at most {MOST_ROWS} training rows, not {}",
            x.len()
        );
        let gamma = gamma.unwrap_or_else(|| scaled_gamma(x));
        let rows = Array2::from_shape_vec((x.len(), x[0].len()), x.concat())?;
        let data = Dataset::new(rows, Array1::from(positive.to_vec()));
        let model = linfa_svm::Svm::<f64, bool>::params()
            .eps(TOLERANCE)
            .shrinking(false)
            .pos_neg_weights(c, c)
            .gaussian_kernel(1.0 / gamma)
            .fit(&data)?;
        let (mut weights, mut vectors) = (Vec::new(), Vec::new());
        for (row, &weight) in x.iter().zip(&model.alpha) {
            if weight != 0.0 {
                weights.push(weight);
                vectors.push(row.clone());
            }
        }
        let fitted = Self { gamma, offset: model.rho, weights, vectors };
        ensure!(
            fitted.offset.is_finite() && fitted.weights.iter().all(|weight| weight.is_finite()),
            "the support vector machine found no finite solution"
        );
        Ok(fitted)
    }

    /// The decision value: above 0 for the class.
    pub(super) fn decision(&self, row: &[f64]) -> f64 {
        let kernel = |vector: &[f64]| {
            let distance: f64 = vector.iter().zip(row).map(|(a, b)| (a - b).powi(2)).sum();
            (-self.gamma * distance).exp()
        };
        let sum: f64 = self.vectors.iter().zip(&self.weights).map(|(v, w)| w * kernel(v)).sum();
        sum - self.offset
    }

    pub(super) fn parameters(&self) -> usize {
        1 + self.vectors.iter().map(|vector| vector.len() + 1).sum::<usize>()
    }

    pub(super) fn check(&self, inputs: usize) -> Result<()> {
        ensure!(self.weights.len() == self.vectors.len(), "vectors and weights differ in number");
        ensure!(self.vectors.iter().all(|v| v.len() == inputs), "its vectors differ in length");
        Ok(())
    }
}

/// The decision values of `rows [batch, 1, features]` by machines for one class each, as
/// `score [batch, machines]`. Distances are taken of differences, not of products, which would cancel.
pub(super) fn write_onnx(machines: &[Svm], graph: &mut Graph, rows: &str) {
    graph.integers("axis.value", &[2]);
    let mut decisions = Vec::new();
    for (n, svm) in machines.iter().enumerate() {
        let name = |part: &str| format!("svm.{n}.{part}");
        // A machine without support vectors says the same of every row.
        let inputs = svm.vectors.first().map_or(1, Vec::len);
        let count = svm.vectors.len().max(1);
        let flat: Vec<f32> = svm.vectors.iter().flatten().map(|&v| v as f32).collect();
        let flat = if flat.is_empty() { vec![0.0] } else { flat };
        graph.values(&name("vectors"), &[count, inputs], &flat);
        graph.values(&name("gamma"), &[inputs, 1], &vec![-svm.gamma as f32; inputs]);
        let weights: Vec<f32> = svm.weights.iter().map(|&w| w as f32).collect();
        let weights = if weights.is_empty() { vec![0.0] } else { weights };
        graph.values(&name("weights"), &[count, 1], &weights);
        graph.values(&name("offset"), &[1], &[svm.offset as f32]);
        let difference = graph.apply("Sub", &[rows, &name("vectors")], vec![]);
        let squares = graph.apply("Mul", &[&difference, &difference], vec![]);
        let exponent = graph.apply("MatMul", &[&squares, &name("gamma")], vec![]);
        let exponent = graph.apply("Squeeze", &[&exponent, "axis.value"], vec![]);
        let kernel = graph.apply("Exp", &[&exponent], vec![]);
        let sum = graph.apply("MatMul", &[&kernel, &name("weights")], vec![]);
        decisions.push(graph.apply("Sub", &[&sum, &name("offset")], vec![]));
    }
    let all: Vec<&str> = decisions.iter().map(String::as_str).collect();
    graph.node("Concat", &all, &["score"], vec![Attribute::int("axis", 1)]);
}

/// `1 / (features · variance of all values)`, 1 if nothing varies.
fn scaled_gamma(x: &[Vec<f64>]) -> f64 {
    let count = (x.len() * x[0].len()) as f64;
    let values = || x.iter().flatten();
    let mean = values().sum::<f64>() / count;
    let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    let gamma = 1.0 / (x[0].len() as f64 * variance);
    if gamma.is_finite() && gamma > 0.0 { gamma } else { 1.0 }
}
