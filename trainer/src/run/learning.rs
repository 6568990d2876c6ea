//! `learning.jsonl` in the first part of a table model's run: how it does with ever more songs to learn from.

use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::read::read_lines;
use crate::files;

/// The file's name.
const NAME: &str = "learning.jsonl";

/// What a model was worth that learnt from so many songs: a line of `learning.jsonl`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LearningPoint {
    /// Songs that it learnt from.
    pub songs: usize,
    /// Share of them that it gets right; of many that of an even sample.
    pub train_accuracy: f64,
    /// Share of the part's judged songs that it gets right; of many that of an even sample.
    pub judged_accuracy: f64,
}

/// Whether a part has any.
pub(crate) fn has_learning(part: &Path) -> bool {
    std::fs::metadata(part.join(NAME)).is_ok_and(|file| file.len() > 0)
}

/// Writes them, those of the fewest songs first.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write_learning(part: &Path, points: &[LearningPoint]) -> Result<()> {
    let mut lines = String::new();
    for point in points {
        lines += &serde_json::to_string(point)?;
        lines.push('\n');
    }
    files::write_bytes(&part.join(NAME), lines)
}

/// Reads them; none where a part has none.
///
/// # Errors
/// When the file cannot be read; the message names it and the line.
pub fn read_learning(part: &Path) -> Result<Vec<LearningPoint>> {
    read_lines(&part.join(NAME))
}
