//! Reading a run's folder.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::search::read_search;
use super::{EpochRow, Final, Outcome, Part, Run, RunInfo, read_learning, read_predictions};

impl Run {
    /// Reads a run's folder.
    ///
    /// # Errors
    /// When a file is missing, cut off or makes no sense; the message names file, row and song.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("run.json");
        ensure!(
            path.exists(),
            "{} is no run: it has no run.json; give the folder that `fit --out` made",
            folder.display()
        );
        let info: RunInfo = read_json(&path)?;
        info.validate().with_context(|| format!("cannot use {}", path.display()))?;
        let parts =
            info.parts.iter().map(|name| read_part(folder, name, &info)).collect::<Result<_>>()?;
        let last = folder.join("final");
        let last = match last.join("outcome.json").exists() {
            true => Some(Final {
                outcome: read_json(&last.join("outcome.json"))?,
                epochs: read_epochs(&last.join("epochs.jsonl"))?,
            }),
            false => None,
        };
        let search = read_search(folder)?;
        let run = Self { folder: folder.to_owned(), info, parts, last, search };
        run.check_songs()?;
        Ok(run)
    }

    /// All judged songs with the index of their part.
    pub fn songs(&self) -> impl Iterator<Item = (usize, &super::PredictionRow)> {
        self.parts
            .iter()
            .enumerate()
            .flat_map(|(index, part)| part.predictions.iter().map(move |row| (index, row)))
    }

    fn check_songs(&self) -> Result<()> {
        let mut part_of: HashMap<&str, usize> = HashMap::new();
        for (part, row) in self.songs() {
            if let Some(before) = part_of.insert(&row.track_id, part) {
                bail!(
                    "{}: track {} is judged twice, in {} and {}",
                    self.folder.display(),
                    row.track_id,
                    self.info.parts[before],
                    self.info.parts[part]
                );
            }
        }
        ensure!(!part_of.is_empty(), "{}: no song was judged", self.folder.display());
        Ok(())
    }
}

fn read_part(run: &Path, name: &str, info: &RunInfo) -> Result<Part> {
    let folder = run.join(name);
    let outcome = folder.join("outcome.json");
    ensure!(
        outcome.exists(),
        "{} is not finished: {name} has no outcome.json; run `fit` to its end first",
        run.display()
    );
    let outcome: Outcome = read_json(&outcome)?;
    let epochs = read_epochs(&folder.join("epochs.jsonl"))?;
    let predictions = read_predictions(&folder.join("predictions.csv"), info)?;
    let validation = folder.join("validation.csv");
    let validation = match validation.exists() {
        true => Some(read_predictions(&validation, info)?),
        false => None,
    };
    let learning = read_learning(&folder)?;
    Ok(Part { name: name.to_owned(), outcome, epochs, predictions, validation, learning })
}

/// Reads the passes of a training; none where there is no such file.
///
/// # Errors
/// When the file cannot be read; the message names it and the line.
pub fn read_epochs(path: &Path) -> Result<Vec<EpochRow>> {
    read_lines(path)
}

/// Reads a file of one JSON object a line; none where there is no such file.
pub(super) fn read_lines<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Vec<T>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| {
            serde_json::from_str(line).with_context(|| format!("{name}, line {}", at + 1))
        })
        .collect()
}

/// Reads a JSON file.
///
/// # Errors
/// When it cannot be read; the message names it.
pub fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let content = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&content).with_context(|| format!("cannot read {}", path.display()))
}
