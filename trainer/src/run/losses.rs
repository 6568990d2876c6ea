//! How wrong a run was about each song: what LossNet, an alternative to Autoen-chorder, learns to predict.

use std::path::Path;

use anyhow::Result;
use earworm_scorer::model::Calibration;

use super::{Run, Task};
use crate::files;

/// Least probability whose logarithm is taken.
const LEAST: f64 = 1e-6;

/// The loss of each song by the model that had not seen it: squared error of shares and values, negative
/// logarithm of the true answer's probability for a yes or no and for classes.
///
/// # Errors
/// When the folder holds no finished run.
pub fn losses(folder: &Path) -> Result<Vec<(String, f64)>> {
    let run = Run::open(folder)?;
    let (info, score) = (&run.info, run.info.score_index()?);
    let task = info.task.of_model();
    let of = |raw: &[f32], truth: f64| {
        let value = |index| f64::from(Calibration::Identity.apply(task, raw, index));
        let surprise = |probability: f64| -probability.max(LEAST).ln();
        match info.task {
            Task::Share => (value(score) - truth).powi(2),
            Task::Regression => (f64::from(raw[score]) - truth).powi(2),
            Task::Binary if truth > 0.5 => surprise(value(score)),
            Task::Binary => surprise(1.0 - value(score)),
            Task::Classes => surprise(value(truth as usize)),
        }
    };
    let songs = run.songs();
    Ok(songs
        .map(|(_, row)| (row.track_id.clone(), of(info.classes_of(&row.raw), row.truth)))
        .collect())
}

/// Writes the [`losses`] of a run as a table with the columns `track_id` and `loss`, for `data.join`.
///
/// # Errors
/// As [`losses`], or when the file cannot be written.
pub fn write_losses(folder: &Path, out: &Path) -> Result<usize> {
    let losses = losses(folder)?;
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["track_id", "loss"])?;
    for (id, loss) in &losses {
        writer.write_record([id.as_str(), &loss.to_string()])?;
    }
    files::write_bytes(out, writer.into_inner().map_err(|e| e.into_error())?)?;
    Ok(losses.len())
}
