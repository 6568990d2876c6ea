//! The networks of seed systems B to E, and of what those systems wished for.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::{positive, share};

/// Sizes of a network over few numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FewFeaturesRecipe {
    /// Values that each number becomes.
    pub embedding: usize,
    /// Values of a row behind its embeddings.
    pub width: usize,
    /// Residual blocks.
    pub blocks: usize,
    /// Share of values dropped in training, within blocks.
    #[serde(default)]
    pub dropout: f64,
}

impl FewFeaturesRecipe {
    pub(super) fn validate(&self) -> Result<()> {
        positive("embedding", &[self.embedding])?;
        positive("width", &[self.width])?;
        positive("blocks", &[self.blocks])?;
        share("dropout", self.dropout)
    }

    pub(super) fn describe(&self) -> String {
        format!(
            "Residual network of {} blocks and width {} over numbers that are embedded in {} values each",
            self.blocks, self.width, self.embedding
        )
    }
}
