//! Decision tree.

use anyhow::{Context, Result, bail, ensure};
use datarust::Matrix;
use datarust::traits::Predictor;
use datarust::tree::{self, DecisionTreeClassifier};
use serde::{Deserialize, Serialize};

use super::log_odds::log_odds_of;
use crate::onnx::{Attribute, Graph};

/// What a split should lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Criterion {
    /// `1 − Σ share²`.
    #[default]
    Gini,
    /// `−Σ share · log₂ share`.
    Entropy,
}

/// A node; the left branch of a split is the node after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Node {
    /// Rows whose feature is at most the threshold go on at the next node, others at `right`.
    Split { feature: usize, threshold: f64, right: usize },
    /// The share of each class among the training rows that end here.
    Leaf { shares: Vec<f64> },
}

/// A tree that says the shares of the classes among the training rows of a leaf.
///
/// It is grown by datarust, whose splits are those of scikit-learn: features in single precision,
/// thresholds half-way between neighbours, and the best of equally good splits by the seed, which
/// for small nodes matters a lot. Among the alternatives smartcore's tree keeps no shares and can
/// overlook the split of a column of two values, linfa's cuts off branches that agree in the larger
/// class, and their shares with them, and merges values closer than 1e-5.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    nodes: Vec<Node>,
}

impl Tree {
    pub(super) fn fit(
        x: &[Vec<f64>],
        y: &[usize],
        classes: usize,
        criterion: Criterion,
        min_split: usize,
        max_depth: Option<usize>,
        seed: u64,
    ) -> Result<Self> {
        ensure!(
            x.iter().flatten().all(|value| (*value as f32).is_finite()),
            "a feature is too large for a tree; scale the columns"
        );
        let mut model = DecisionTreeClassifier::new()
            .with_criterion(match criterion {
                Criterion::Gini => tree::Criterion::Gini,
                Criterion::Entropy => tree::Criterion::Entropy,
            })
            .with_min_samples_split(min_split)
            .with_max_depth(max_depth)
            // Seeds are those of scikit-learn: 32 bits.
            .with_random_state(seed & u64::from(u32::MAX));
        let labels: Vec<f64> = y.iter().map(|&label| label as f64).collect();
        let rows = x.iter().map(|row| rounded(row)).collect();
        model.fit(&Matrix::new(rows)?, &labels).context("the tree cannot be grown")?;
        let structure = model.tree().context("the tree has no nodes")?;
        let nodes = (0..structure.n_nodes())
            .map(|node| structure.node_feature(node).zip(structure.node_threshold(node)))
            .collect::<Vec<_>>();
        let mut own = Self { nodes: unfold(&nodes, classes)? };
        own.count(x, y);
        Ok(own)
    }

    /// Puts the shares of the classes into the leaves.
    fn count(&mut self, x: &[Vec<f64>], y: &[usize]) {
        for (row, &label) in x.iter().zip(y) {
            let leaf = self.leaf(row);
            if let Node::Leaf { shares } = &mut self.nodes[leaf] {
                shares[label] += 1.0;
            }
        }
        for node in &mut self.nodes {
            if let Node::Leaf { shares } = node {
                let rows: f64 = shares.iter().sum();
                shares.iter_mut().for_each(|share| *share /= rows);
            }
        }
    }

    fn leaf(&self, row: &[f64]) -> usize {
        let mut place = 0;
        while let Node::Split { feature, threshold, right } = &self.nodes[place] {
            let low = f64::from(row[*feature] as f32) <= *threshold;
            place = if low { place + 1 } else { *right };
        }
        place
    }

    /// The share of each class in the leaf of each row.
    pub(super) fn shares(&self, x: &[Vec<f64>]) -> Vec<Vec<f64>> {
        x.iter()
            .map(|row| match &self.nodes[self.leaf(row)] {
                Node::Leaf { shares } => shares.clone(),
                Node::Split { .. } => unreachable!("a walk through the tree ends at a leaf"),
            })
            .collect()
    }

    /// The log-odds of the leaf of `row [batch, features]`, as `score [batch, outputs]`.
    ///
    /// All splits are taken at once. A leaf is reached if as many of the splits above it say "low" as
    /// lead to it that way, and none of those that lead to it by "high": the first count less the second
    /// is then the former number, and smaller for every other leaf (S. Nakandala et al., "A Tensor
    /// Compiler for Unified Machine Learning Prediction Serving", OSDI 2020).
    pub(super) fn write_onnx(&self, graph: &mut Graph, row: &str, outputs: usize) {
        let leaves = self.leaves();
        let values = leaves.iter().flat_map(|(shares, _)| {
            let shares = if outputs == 1 { &shares[1..] } else { &shares[..] };
            shares.iter().map(|&share| log_odds_of(share) as f32)
        });
        graph.values("tree.leaves", &[leaves.len(), outputs], &values.collect::<Vec<_>>());
        let splits: Vec<(usize, usize, f64)> = (0..)
            .zip(&self.nodes)
            .filter_map(|(place, node)| match node {
                Node::Split { feature, threshold, .. } => Some((place, *feature, *threshold)),
                Node::Leaf { .. } => None,
            })
            .collect();
        // A tree of one leaf splits nothing; one that every row takes changes nothing.
        let features: Vec<i64> = splits.iter().map(|&(_, feature, _)| feature as i64).collect();
        let features = if features.is_empty() { vec![0] } else { features };
        let thresholds: Vec<f32> = splits.iter().map(|&(_, _, t)| single_below(t)).collect();
        let thresholds = if thresholds.is_empty() { vec![0.0] } else { thresholds };
        let (rows, columns) = (features.len(), leaves.len());
        let (mut paths, mut missing) = (vec![0.0f32; rows * columns], vec![1.0f32; columns]);
        for (leaf, (_, steps)) in leaves.iter().enumerate() {
            for &(node, low) in steps {
                let split = splits.partition_point(|&(place, _, _)| place < node);
                paths[split * columns + leaf] = if low { 1.0 } else { -1.0 };
                missing[leaf] -= f32::from(u8::from(low));
            }
        }
        graph.values("tree.paths", &[rows, columns], &paths);
        graph.values("tree.missing", &[columns], &missing);
        let low = write_splits(graph, row, &features, &thresholds);
        let along = graph.apply("MatMul", &[&low, "tree.paths"], vec![]);
        let along = graph.apply("Add", &[&along, "tree.missing"], vec![]);
        let reached = graph.apply("Relu", &[&along], vec![]);
        graph.node("MatMul", &[&reached, "tree.leaves"], &["score"], vec![]);
    }

    /// The shares of every leaf, and the way there: splits by their place, and whether low.
    fn leaves(&self) -> Vec<(&[f64], Steps)> {
        let (mut leaves, mut open) = (Vec::new(), vec![(0, Steps::new())]);
        while let Some((place, steps)) = open.pop() {
            match &self.nodes[place] {
                Node::Leaf { shares } => leaves.push((&shares[..], steps)),
                Node::Split { right, .. } => {
                    let with = |low| steps.iter().copied().chain([(place, low)]).collect();
                    open.push((*right, with(false)));
                    open.push((place + 1, with(true)));
                }
            }
        }
        leaves
    }

    pub(super) fn parameters(&self) -> usize {
        let of = |node: &Node| match node {
            Node::Split { .. } => 2,
            Node::Leaf { shares } => shares.len() - 1,
        };
        self.nodes.iter().map(of).sum()
    }

    pub(super) fn check(&self, inputs: usize, classes: usize) -> Result<()> {
        ensure!(!self.nodes.is_empty(), "the tree has no nodes");
        for (place, node) in self.nodes.iter().enumerate() {
            match node {
                // Every step leads on, so that every walk ends.
                Node::Split { feature, right, .. } => ensure!(
                    *feature < inputs && *right > place + 1 && *right < self.nodes.len(),
                    "node {place} of the tree leads nowhere"
                ),
                Node::Leaf { shares } => {
                    ensure!(shares.len() == classes, "leaf {place} has too few shares");
                }
            }
        }
        ensure!(matches!(self.nodes.last(), Some(Node::Leaf { .. })), "the tree has no end");
        Ok(())
    }
}

/// The splits on the way to a leaf, by their place, and whether the way goes on at low values.
type Steps = Vec<(usize, bool)>;

/// The largest number in single precision that is not above `threshold`: for numbers in single
/// precision both say the same.
pub(super) fn single_below(threshold: f64) -> f32 {
    let nearest = threshold as f32;
    if f64::from(nearest) > threshold { nearest.next_down() } else { nearest }
}

/// For each split 1 where the feature of `row [batch, features]` is at most the threshold, else 0;
/// returns the name of `[batch, splits]`.
pub(super) fn write_splits(
    graph: &mut Graph,
    row: &str,
    features: &[i64],
    thresholds: &[f32],
) -> String {
    graph.integers("splits.features", features);
    graph.values("splits.thresholds", &[thresholds.len()], thresholds);
    let values = graph.apply("Gather", &[row, "splits.features"], vec![Attribute::int("axis", 1)]);
    let low = graph.apply("LessOrEqual", &[&values, "splits.thresholds"], vec![]);
    graph.apply("Cast", &[&low], vec![Attribute::int("to", FLOAT)])
}

/// ONNX's number of the type of 32-bit floats.
const FLOAT: i64 = 1;

/// In the precision that the splits are found in.
fn rounded(row: &[f64]) -> Vec<f64> {
    row.iter().map(|&value| f64::from(value as f32)).collect()
}

/// Finds the right branches of splits in an order in which every node stands before its left
/// branch and that before its right one.
fn unfold(splits: &[Option<(usize, f64)>], classes: usize) -> Result<Vec<Node>> {
    // Where the part of the tree that begins at a node ends.
    let mut ends = vec![0; splits.len()];
    let mut nodes = Vec::with_capacity(splits.len());
    for (place, split) in splits.iter().enumerate().rev() {
        let Some((feature, threshold)) = *split else {
            ends[place] = place + 1;
            nodes.push(Node::Leaf { shares: vec![0.0; classes] });
            continue;
        };
        let right = ends.get(place + 1).copied().unwrap_or(0);
        match ends.get(right) {
            Some(&end) if right > place + 1 => ends[place] = end,
            _ => bail!("the tree cannot be read: node {place} lacks a branch"),
        }
        nodes.push(Node::Split { feature, threshold, right });
    }
    ensure!(ends.first() == Some(&splits.len()), "the tree cannot be read: it has loose nodes");
    nodes.reverse();
    Ok(nodes)
}
