//! The nearest neighbours vote.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use smartcore::algorithm::neighbour::KNNAlgorithmName;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::neighbors::knn_classifier::{KNNClassifier, KNNClassifierParameters};

use crate::onnx::{Attribute, Graph};

/// The `k` training rows that are nearest to a row, in Euclidean distance, vote with equal weight.
///
/// The neighbours are found by smartcore, which looks at every training row. Of training rows at
/// equal distance it depends on their order which ones count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Knn {
    k: usize,
    classes: usize,
    rows: Vec<Vec<f64>>,
    labels: Vec<usize>,
}

impl Knn {
    pub(super) fn fit(x: &[Vec<f64>], y: &[usize], classes: usize, k: usize) -> Result<Self> {
        ensure!(k <= x.len(), "model.k is {k}, but there are only {} training rows", x.len());
        Ok(Self { k, classes, rows: x.to_vec(), labels: y.to_vec() })
    }

    /// The share of each class among the neighbours of each row.
    pub(super) fn shares(&self, x: &[Vec<f64>]) -> Result<Vec<Vec<f64>>> {
        if x.is_empty() {
            return Ok(Vec::new());
        }
        let labels: Vec<u32> =
            self.labels.iter().map(|&label| u32::try_from(label)).collect::<Result<_, _>>()?;
        let settings = KNNClassifierParameters::default()
            .with_k(self.k)
            .with_algorithm(KNNAlgorithmName::LinearSearch);
        // Every class has a training row, so that classes and places in the answer agree.
        let model = KNNClassifier::fit(&DenseMatrix::from_2d_vec(&self.rows)?, &labels, settings)
            .context("cannot find nearest neighbours")?;
        model
            .predict_proba(&DenseMatrix::from_2d_vec(&x.to_vec())?)
            .context("cannot find nearest neighbours")
    }

    /// The share of each class (of class 1 alone where there are two) among the neighbours of
    /// `rows [batch, 1, features]`; returns the name of `[batch, outputs]`.
    pub(super) fn write_onnx(&self, graph: &mut Graph, rows: &str) -> String {
        let (count, inputs) = (self.rows.len(), self.rows[0].len());
        let flat: Vec<f32> = self.rows.iter().flatten().map(|&v| v as f32).collect();
        graph.values("knn.rows", &[count, inputs], &flat);
        graph.values("knn.nearness", &[inputs, 1], &vec![-1.0; inputs]);
        graph.integers("knn.k", &[self.k as i64]);
        graph.integers("axis.value", &[2]);
        let classes: Vec<usize> =
            if self.classes == 2 { vec![1] } else { (0..self.classes).collect() };
        let vote = |label: usize, class: usize| f32::from(u8::from(label == class));
        let votes = self.labels.iter().flat_map(|&l| classes.iter().map(move |&c| vote(l, c)));
        let votes: Vec<f32> = votes.collect();
        graph.values("knn.votes", &[count, classes.len()], &votes);
        let difference = graph.apply("Sub", &[rows, "knn.rows"], vec![]);
        let squares = graph.apply("Mul", &[&difference, &difference], vec![]);
        let nearness = graph.apply("MatMul", &[&squares, "knn.nearness"], vec![]);
        let nearness = graph.apply("Squeeze", &[&nearness, "axis.value"], vec![]);
        let nearest = vec![Attribute::int("axis", 1)];
        graph.node("TopK", &[&nearness, "knn.k"], &["knn.nearest", "knn.places"], nearest);
        let votes =
            graph.apply("Gather", &["knn.votes", "knn.places"], vec![Attribute::int("axis", 0)]);
        let mean = vec![Attribute::ints("axes", &[1]), Attribute::int("keepdims", 0)];
        graph.apply("ReduceMean", &[&votes], mean)
    }

    pub(super) fn parameters(&self) -> usize {
        self.rows.iter().map(|row| row.len() + 1).sum()
    }

    pub(super) fn check(&self, inputs: usize, classes: usize) -> Result<()> {
        ensure!((1..=self.rows.len()).contains(&self.k), "it has too few rows for its k");
        ensure!(self.rows.len() == self.labels.len(), "rows and classes differ in number");
        ensure!(self.rows.iter().all(|row| row.len() == inputs), "its rows differ in length");
        ensure!(self.classes == classes, "it has another number of classes");
        let all = (0..classes).all(|class| self.labels.contains(&class));
        ensure!(all && self.labels.iter().all(|&label| label < classes), "its classes are wrong");
        Ok(())
    }
}
