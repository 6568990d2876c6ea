//! `evaluate`: what a run's models are worth on songs whose artists they had not seen.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use earworm_scorer::model::{Calibration, Metric, logistic};
use serde::{Deserialize, Serialize};

use crate::calibrate::{platt, reliability};
use crate::dataset::Manifest;
use crate::files;
use crate::fit::{FoldRow, RunData, read_json, smoothed_shares};
use crate::metrics::{Estimate, Judged, median, summarise};
use crate::recipe::Recipe;

/// Everything that was measured, as `evaluation.json` in the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Number of songs, each judged by a model that had not heard its artist.
    pub songs: usize,
    /// Number of artists: the unit of the intervals.
    pub groups: usize,
    /// Spearman and AUC, over all songs of a fold and within genre.
    pub metrics: Vec<Metric>,
    /// From raw output to probability, fitted on these predictions.
    pub calibration: Calibration,
    /// Mean predicted probability, observed share and number of songs in five bins.
    pub reliability: Vec<(f64, f64, usize)>,
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} songs of {} artists, each judged by a model that had not heard its artist",
            self.songs, self.groups
        )?;
        for metric in &self.metrics {
            writeln!(
                f,
                "{:<9} {:<13} {:.3}  [{:.3}, {:.3}]",
                metric.name, metric.scope, metric.value, metric.low, metric.high
            )?;
        }
        writeln!(f, "calibration  {:?}", self.calibration)?;
        for (predicted, observed, songs) in &self.reliability {
            writeln!(
                f,
                "  said {:>3.0} %  was {:>3.0} %  ({songs} songs)",
                predicted * 100.0,
                observed * 100.0
            )?;
        }
        Ok(())
    }
}

/// Reads a run and measures it; writes `evaluation.json` beside its other files.
///
/// # Errors
/// When the run is not complete or its data set is gone.
pub fn evaluate(run: &Path) -> Result<Evaluation> {
    let recipe = Recipe::load(&run.join("recipe.toml"))?;
    let data: RunData = read_json(&run.join("data.json"))?;
    let manifest = Manifest::load(&data.folder.join("tracks.csv"))
        .context("the run's data set is needed to evaluate it")?;
    let folds_path = run.join("folds.csv");
    let folds: Vec<FoldRow> = csv::Reader::from_path(&folds_path)
        .and_then(|mut reader| reader.deserialize().collect())
        .with_context(|| format!("cannot read {}", folds_path.display()))?;
    let raw = read_predictions(run, recipe.cross_validation.folds)?;

    let by_id: HashMap<&str, _> = manifest.tracks.iter().map(|t| (t.id.as_str(), t)).collect();
    let tracks = folds
        .iter()
        .map(|row| by_id.get(row.track_id.as_str()).copied())
        .collect::<Option<Vec<_>>>()
        .context("the run's folds name songs that its data set does not have")?;
    let all: Vec<usize> = (0..tracks.len()).collect();
    let head = &recipe.heads[0];
    let labels = smoothed_shares(head, &tracks, &all)?;
    let middle = median(&labels);
    let judged = tracks
        .iter()
        .zip(&folds)
        .zip(&labels)
        .map(|((track, row), &label)| {
            let raw = raw.get(&row.track_id).with_context(|| {
                format!("no prediction for track {}; run `fit` to its end", row.track_id)
            })?;
            Ok(Judged {
                predicted: raw[0],
                share: head.share_of(track)?.0,
                high: label > middle,
                genre: track.text(&recipe.data.genre)?.to_owned(),
                group: track.text(&recipe.data.group)?.to_owned(),
                fold: row.fold,
            })
        })
        .collect::<Result<Vec<Judged>>>()?;

    let evaluation = judge(&judged, recipe.seed);
    files::write_bytes(&run.join("evaluation.json"), serde_json::to_vec_pretty(&evaluation)?)?;
    Ok(evaluation)
}

/// Metrics and calibration from out-of-fold predictions.
pub fn judge(judged: &[Judged], seed: u64) -> Evaluation {
    let summary = summarise(judged, seed);
    let metric = |name: &str, scope: &str, e: Estimate| Metric {
        name: name.into(),
        scope: scope.into(),
        value: e.value,
        low: e.low,
        high: e.high,
    };
    let raw: Vec<f64> = judged.iter().map(|song| song.predicted).collect();
    let high: Vec<bool> = judged.iter().map(|song| song.high).collect();
    let calibration = platt(&raw, &high);
    let probability: Vec<f64> = raw
        .iter()
        .map(|&x| match calibration {
            Calibration::Platt { slope, intercept } => {
                f64::from(logistic(slope * x as f32 + intercept))
            }
            Calibration::Identity => x,
        })
        .collect();
    let groups: std::collections::BTreeSet<&str> =
        judged.iter().map(|s| s.group.as_str()).collect();
    Evaluation {
        songs: judged.len(),
        groups: groups.len(),
        metrics: vec![
            metric("auc", "all", summary.auc),
            metric("spearman", "all", summary.spearman),
            metric("auc", "within genre", summary.auc_within_genre),
            metric("spearman", "within genre", summary.spearman_within_genre),
        ],
        calibration,
        reliability: reliability(&probability, &high, 5),
    }
}

/// Raw outputs by track, from the folds' `predictions.csv`.
fn read_predictions(run: &Path, folds: usize) -> Result<HashMap<String, Vec<f64>>> {
    let mut predictions = HashMap::new();
    for fold in 0..folds {
        let path = run.join(format!("fold-{fold}/predictions.csv"));
        let mut reader = csv::Reader::from_path(&path).with_context(|| {
            format!("cannot read {}; run `fit` to its end first", path.display())
        })?;
        for row in reader.records() {
            let row = row?;
            let raw = row.iter().skip(1).map(str::parse).collect::<Result<Vec<f64>, _>>()?;
            predictions.insert(row[0].to_owned(), raw);
        }
    }
    Ok(predictions)
}
