//! A number to be predicted.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::OfSong;
use super::quantity::quantity;
use crate::dataset::Track;

/// A number to be predicted: `(column − low) / (high − low)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// The column, or the ratio of two.
    pub column: String,
    /// What becomes 0.
    pub low: f64,
    /// What becomes 1.
    pub high: f64,
}

impl Value {
    pub(super) fn validate(&self, name: &str) -> Result<()> {
        ensure!(self.low < self.high, "heads: low of {name} must be below high");
        Ok(())
    }

    /// The target of a song.
    pub(super) fn of_track(&self, track: &Track) -> Result<OfSong> {
        let scaled = (quantity(track, &self.column)? - self.low) / (self.high - self.low);
        Ok(OfSong::number(scaled))
    }
}
