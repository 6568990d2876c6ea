//! Recipes of the models on tables: which one, and its settings.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::tree::Criterion;

/// Which model, and its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum TableModelRecipe {
    /// The `k` nearest neighbours vote.
    Knn {
        /// Neighbours that vote, at least 1.
        k: usize,
    },
    /// Support vector machine with the kernel `exp(−gamma · distance²)`.
    Svm {
        /// Weight of rows on the wrong side against the width of the margin, above 0.
        c: f64,
        /// Width of the kernel, above 0; `1 / (features · variance of all values)` if absent, which
        /// is what scikit-learn calls `scale`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gamma: Option<f64>,
    },
    /// Decision tree.
    Tree {
        /// What a split should lower.
        #[serde(default)]
        criterion: Criterion,
        /// Rows that a node must have to be split, at least 2.
        #[serde(default = "smallest_split")]
        min_split: usize,
        /// Most splits above a leaf, at least 1; as many as it takes if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_depth: Option<usize>,
    },
    /// Boosted trees of one split each.
    Adaboost {
        /// Most trees, at least 1.
        estimators: usize,
        /// What the weight of each tree is multiplied by, above 0.
        rate: f64,
    },
    /// Logistic regression.
    Logistic {
        /// Weight of the loss against the squares of the coefficients, above 0.
        c: f64,
    },
}

fn smallest_split() -> usize {
    2
}

impl TableModelRecipe {
    /// The value of `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Knn { .. } => "knn",
            Self::Svm { .. } => "svm",
            Self::Tree { .. } => "tree",
            Self::Adaboost { .. } => "adaboost",
            Self::Logistic { .. } => "logistic",
        }
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// When one is out of range; the message names it.
    pub fn validate(&self) -> Result<()> {
        let positive = |name: &str, value: f64| {
            ensure!(value > 0.0 && value.is_finite(), "model.{name} must be above 0, not {value}");
            Ok(())
        };
        match *self {
            Self::Knn { k } => ensure!(k > 0, "model.k must be at least 1"),
            Self::Svm { c, gamma } => {
                positive("c", c)?;
                gamma.map_or(Ok(()), |gamma| positive("gamma", gamma))?;
            }
            Self::Tree { min_split, max_depth, .. } => {
                ensure!(min_split >= 2, "model.min_split must be at least 2");
                ensure!(max_depth != Some(0), "model.max_depth must be at least 1");
            }
            Self::Adaboost { estimators, rate } => {
                ensure!(estimators > 0, "model.estimators must be at least 1");
                positive("rate", rate)?;
            }
            Self::Logistic { c } => positive("c", c)?,
        }
        Ok(())
    }
}
