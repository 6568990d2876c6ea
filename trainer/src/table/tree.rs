//! Decision tree.

use anyhow::{Context, Result, bail, ensure};
use datarust::Matrix;
use datarust::traits::Predictor;
use datarust::tree::{self, DecisionTreeClassifier};
use serde::{Deserialize, Serialize};

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
