//! Whether a column has a value.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::OfSong;
use crate::dataset::Track;

/// Whether a column has a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Is {
    /// The column.
    pub column: String,
    /// The value.
    pub value: String,
}

impl Is {
    /// The target of a song.
    pub(super) fn of_track(&self, track: &Track) -> Result<OfSong> {
        Ok(OfSong::yes_or_no(track.text(&self.column)? == self.value))
    }
}
