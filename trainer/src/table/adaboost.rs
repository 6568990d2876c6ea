//! Boosted trees of one split each.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::tree::decision_tree_regressor::{
    DecisionTreeRegressor, DecisionTreeRegressorParameters,
};

use super::tree::{single_below, write_splits};
use crate::onnx::Graph;

/// A tree of one split, as a vote: +1 for the class, −1 against it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stump {
    feature: usize,
    threshold: f64,
    /// Vote of rows whose feature is at most the threshold.
    low: f64,
    /// Vote of the others.
    high: f64,
    /// Weight of the vote.
    weight: f64,
}

impl Stump {
    fn vote(&self, row: &[f64]) -> f64 {
        if row[self.feature] <= self.threshold { self.low } else { self.high }
    }
}

/// Stumps that vote, each grown on rows weighted by how the ones before it did: AdaBoost by the
/// algorithm SAMME (J. Zhu, H. Zou, S. Rosset, T. Hastie, "Multi-class AdaBoost", Statistics and
/// its Interface 2, 2009) for two classes, with scikit-learn's learning rate, floor of the weights
/// and reasons to stop.
///
/// The stumps are smartcore's regression trees, the one kind of tree found that takes weights in
/// double precision: for a target of 0 and 1 the weighted squared error is half the weighted Gini
/// impurity, so that they split where a classifier would, and their leaves are shares. The
/// weighting around them is this module's: linfa's AdaBoost draws weighted samples in its place,
/// which is another model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdaBoost {
    stumps: Vec<Stump>,
}

impl AdaBoost {
    pub(super) fn fit(
        x: &[Vec<f64>],
        positive: &[bool],
        estimators: usize,
        rate: f64,
        seed: u64,
    ) -> Result<Self> {
        let matrix = DenseMatrix::from_2d_vec(&x.to_vec())?;
        let target: Vec<f64> = positive.iter().map(|&yes| f64::from(u8::from(yes))).collect();
        let mut weights = vec![1.0 / x.len() as f64; x.len()];
        let mut stumps: Vec<Stump> = Vec::new();
        for round in 0..estimators {
            // A row that is never wrong keeps a trace of weight.
            weights.iter_mut().for_each(|weight| *weight = weight.max(f64::EPSILON));
            let mut stump = grow(&matrix, x, &target, &weights, seed.wrapping_add(round as u64))?;
            let wrong: Vec<bool> =
                x.iter().zip(positive).map(|(row, &yes)| (stump.vote(row) > 0.0) != yes).collect();
            let of_wrong: f64 =
                weights.iter().zip(&wrong).filter(|(_, w)| **w).map(|(v, _)| v).sum();
            let error = of_wrong / weights.iter().sum::<f64>();
            if error <= 0.0 {
                stump.weight = 1.0;
                stumps.push(stump);
                break;
            }
            if error >= 0.5 {
                break;
            }
            stump.weight = rate * ((1.0 - error) / error).ln();
            let raised = stump.weight.exp();
            stumps.push(stump);
            for (weight, wrong) in weights.iter_mut().zip(wrong) {
                *weight *= if wrong { raised } else { 1.0 };
            }
            let sum: f64 = weights.iter().sum();
            if !sum.is_finite() {
                break;
            }
            weights.iter_mut().for_each(|weight| *weight /= sum);
        }
        ensure!(!stumps.is_empty(), "no column tells the classes apart better than chance");
        Ok(Self { stumps })
    }

    /// Twice the mean vote, −2 to 2: the decision value of scikit-learn, which takes it for
    /// log-odds.
    pub(super) fn decision(&self, row: &[f64]) -> f64 {
        let votes: f64 = self.stumps.iter().map(|stump| stump.weight * stump.vote(row)).sum();
        2.0 * votes / self.stumps.iter().map(|stump| stump.weight).sum::<f64>()
    }

    pub(super) fn parameters(&self) -> usize {
        5 * self.stumps.len()
    }

    pub(super) fn check(&self, inputs: usize) -> Result<()> {
        ensure!(!self.stumps.is_empty(), "there are no trees");
        for stump in &self.stumps {
            ensure!(stump.feature < inputs, "a tree looks at a feature that is not there");
            ensure!(stump.weight > 0.0, "a tree has no weight");
        }
        Ok(())
    }
}

/// The decision values of `row [batch, features]` by models for one class each, as
/// `score [batch, models]`: every stump's answer, times what it counts in its model.
pub(super) fn write_onnx(models: &[AdaBoost], graph: &mut Graph, row: &str) {
    let stumps: Vec<(usize, &Stump, f64)> = models
        .iter()
        .enumerate()
        .flat_map(|(n, model)| {
            let whole: f64 = model.stumps.iter().map(|stump| stump.weight).sum();
            model.stumps.iter().map(move |stump| (n, stump, 2.0 * stump.weight / whole))
        })
        .collect();
    let (count, outputs) = (stumps.len(), models.len());
    // A vote is that of high rows, changed where the row is low.
    let (mut change, mut high) = (vec![0.0f32; count * outputs], vec![0.0f64; outputs]);
    for (place, &(model, stump, weight)) in stumps.iter().enumerate() {
        change[place * outputs + model] = (weight * (stump.low - stump.high)) as f32;
        high[model] += weight * stump.high;
    }
    let features: Vec<i64> = stumps.iter().map(|(_, stump, _)| stump.feature as i64).collect();
    let thresholds: Vec<f32> = stumps.iter().map(|(_, s, _)| single_below(s.threshold)).collect();
    let high: Vec<f32> = high.into_iter().map(|v| v as f32).collect();
    graph.values("stumps.change", &[count, outputs], &change);
    graph.values("stumps.high", &[outputs], &high);
    let low = write_splits(graph, row, &features, &thresholds);
    let votes = graph.apply("MatMul", &[&low, "stumps.change"], vec![]);
    graph.node("Add", &[&votes, "stumps.high"], &["score"], vec![]);
}

/// Grows a stump on weighted rows.
fn grow(
    matrix: &DenseMatrix<f64>,
    x: &[Vec<f64>],
    target: &Vec<f64>,
    weights: &[f64],
    seed: u64,
) -> Result<Stump> {
    let settings = DecisionTreeRegressorParameters {
        // smartcore counts levels of nodes.
        max_depth: Some(2),
        // Equal splits are chosen between by chance.
        seed: Some(seed),
        ..DecisionTreeRegressorParameters::default()
    };
    let context = "a tree of one split cannot be grown";
    let tree = DecisionTreeRegressor::fit_with_weights(matrix, target, weights, settings)
        .context(context)?;
    let importances = tree.compute_feature_importances(false).context(context)?;
    let shares: Vec<f64> = tree.predict(matrix).context(context)?;
    // The library keeps its nodes to itself. The one split is of the one column that helped, between
    // the rows of the two shares.
    let feature = importances.iter().position(|&importance| importance > 0.0).unwrap_or(0);
    let value = |row: usize| x[row][feature];
    let lowest = (0..x.len()).min_by(|&a, &b| value(a).total_cmp(&value(b))).context(context)?;
    let low = shares[lowest];
    let (mut below, mut above, mut high) = (value(lowest), f64::INFINITY, low);
    for (row, &share) in shares.iter().enumerate() {
        if share == low {
            below = below.max(value(row));
        } else if value(row) < above {
            (above, high) = (value(row), share);
        }
    }
    let middle = below + (above - below) / 2.0;
    // Half-way, as long as that tells the two apart; everything is low if there was no split.
    let threshold = if middle < above && middle.is_finite() { middle } else { below };
    let vote = |share: f64| if share > 0.5 { 1.0 } else { -1.0 };
    Ok(Stump { feature, threshold, low: vote(low), high: vote(high), weight: 0.0 })
}
