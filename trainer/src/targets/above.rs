//! Whether a number is above a threshold.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::OfSong;
use super::quantity::{quantile, quantity};
use crate::dataset::Track;

/// Whether a number (a column, or the ratio of two: `liked / annotations`) is above a threshold. The
/// threshold is given, or is a quantile of the training songs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Above {
    /// The column.
    pub column: String,
    /// The threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// The quantile, 0–1, that is the threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantile: Option<f64>,
}

impl Above {
    pub(super) fn validate(&self, name: &str) -> Result<()> {
        ensure!(
            self.threshold.is_some() != self.quantile.is_some(),
            "heads: {name} is above either a threshold or a quantile"
        );
        ensure!(
            self.quantile.is_none_or(|q| q > 0.0 && q < 1.0),
            "heads: the quantile of {name} must be between 0 and 1"
        );
        Ok(())
    }

    /// The target of every song; a quantile is that of the `reference` songs.
    pub(super) fn all(&self, tracks: &[&Track], reference: &[usize]) -> Result<Vec<OfSong>> {
        let plain: Vec<f64> =
            tracks.iter().map(|track| quantity(track, &self.column)).collect::<Result<_>>()?;
        let limit = match (self.threshold, self.quantile) {
            (Some(threshold), _) => threshold,
            (None, q) => quantile(reference.iter().map(|&i| plain[i]).collect(), q.unwrap_or(0.5)),
        };
        Ok(plain.iter().map(|&x| OfSong::yes_or_no(x > limit)).collect())
    }
}
