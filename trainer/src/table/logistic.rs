//! Logistic regression.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use smartcore::linalg::basic::arrays::Array;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::logistic_regression::{LogisticRegression, LogisticRegressionParameters};

use crate::onnx::Graph;

/// A linear function of the features: the log-odds of class 1, or for more than two classes one
/// function each, the logarithms of their odds against each other.
///
/// smartcore minimises `Σ loss + |coefficients|² / (2c)` by L-BFGS; intercepts are free.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logistic {
    coefficients: Vec<Vec<f64>>,
    intercepts: Vec<f64>,
}

impl Logistic {
    pub(super) fn fit(x: &[Vec<f64>], y: &[usize], c: f64) -> Result<Self> {
        let labels: Vec<u32> =
            y.iter().map(|&label| u32::try_from(label)).collect::<Result<_, _>>()?;
        let model = LogisticRegression::fit(
            &DenseMatrix::from_2d_vec(&x.to_vec())?,
            &labels,
            LogisticRegressionParameters::default().with_alpha(1.0 / c),
        )
        .context("logistic regression failed")?;
        let (coefficients, intercept) = (model.coefficients(), model.intercept());
        let (outputs, inputs) = coefficients.shape();
        let fitted = Self {
            coefficients: (0..outputs)
                .map(|o| (0..inputs).map(|i| *coefficients.get((o, i))).collect())
                .collect(),
            intercepts: (0..outputs).map(|o| *intercept.get((o, 0))).collect(),
        };
        ensure!(
            fitted.coefficients.iter().flatten().chain(&fitted.intercepts).all(|v| v.is_finite()),
            "logistic regression found no finite solution; scale the columns or lower model.c"
        );
        Ok(fitted)
    }

    pub(super) fn scores(&self, row: &[f64]) -> Vec<f64> {
        let dot = |own: &Vec<f64>| own.iter().zip(row).map(|(a, b)| a * b).sum::<f64>();
        self.coefficients.iter().zip(&self.intercepts).map(|(own, b)| dot(own) + b).collect()
    }

    /// The scores of `row [batch, features]`, as `score [batch, outputs]`.
    pub(super) fn write_onnx(&self, graph: &mut Graph, row: &str) {
        let (outputs, inputs) = (self.outputs(), self.coefficients[0].len());
        let by_input = (0..inputs).flat_map(|i| self.coefficients.iter().map(move |c| c[i] as f32));
        graph.values("logistic.w", &[inputs, outputs], &by_input.collect::<Vec<_>>());
        let intercepts: Vec<f32> = self.intercepts.iter().map(|&b| b as f32).collect();
        graph.values("logistic.b", &[outputs], &intercepts);
        let product = graph.apply("MatMul", &[row, "logistic.w"], vec![]);
        graph.node("Add", &[&product, "logistic.b"], &["score"], vec![]);
    }

    pub(super) fn outputs(&self) -> usize {
        self.coefficients.len()
    }

    pub(super) fn parameters(&self) -> usize {
        self.coefficients.iter().map(|own| own.len() + 1).sum()
    }

    pub(super) fn check(&self, inputs: usize) -> Result<()> {
        ensure!(self.coefficients.len() == self.intercepts.len(), "an intercept is missing");
        ensure!(
            self.coefficients.iter().all(|own| own.len() == inputs),
            "coefficients are missing"
        );
        Ok(())
    }
}
