//! Calibration: from raw outputs to probabilities that mean what they say.
//!
//! A calibration is fitted on songs that the model did not learn from: on each part's validation songs
//! where they were written down, else on the songs each part judged. To judge a song itself, a
//! calibration is used that did not see it.

mod isotonic;
mod platt;
mod reliability;
mod temperature;

use std::collections::HashSet;

use earworm_scorer::model::{Calibration, evidence};
use serde::{Deserialize, Serialize};

use crate::metrics::median;
use crate::run::{PredictionRow, Run, RunInfo, Task};

pub use isotonic::isotonic;
pub use platt::platt;
pub(crate) use reliability::equal_bins;
pub use reliability::{ReliabilityBin, reliability};
pub use temperature::temperature;

/// How raw outputs become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// A logistic curve with slope and offset: for most models and few songs.
    #[default]
    Platt,
    /// Raw outputs divided by one number: for networks whose order and middle are right.
    Temperature,
    /// A rising line through points: bends as it must, but wants a thousand songs or more.
    Isotonic,
    /// None: the model's own probabilities.
    None,
}

/// The songs a calibration was fitted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FittedOn {
    /// The validation songs of all parts.
    Validation,
    /// The songs that were judged, each by a model that had not seen it.
    Judged,
    /// None: there is no calibration.
    Nothing,
}

/// A calibration, and the probabilities that songs were judged by.
#[derive(Debug, Clone)]
pub struct Calibrated {
    /// The calibration that an exported model carries.
    pub calibration: Calibration,
    /// What it was fitted on.
    pub fitted_on: FittedOn,
    /// Probabilities of the judged songs, in the order of [`Run::songs`], `classes` values each, from
    /// calibrations that had not seen them. Empty for regressions.
    pub probability: Vec<f64>,
    /// What must be said about these probabilities, where they are not what they should be.
    pub notes: Vec<String>,
}

/// What is said of a calibration that does not rise.
const FLAT: &str = "On the songs that the calibration was fitted on, a higher output did not mean a higher label: the calibrated score is the same for every song.";

/// What is said of a share without a calibration that knows its middle.
const NO_HALVES: &str = "The score is the predicted share itself, which does not say in which half a song lies: there are no figures of the halves, no confusion and no reliability. calibration = \"platt\" makes it the probability of the upper half.";

/// Whether a share that is calibrated so says how likely a song lies in the upper half. The share itself
/// does not, whatever it is divided by: its half is no middle.
pub(crate) fn knows_the_middle(calibration: &Calibration) -> bool {
    !matches!(calibration, Calibration::Identity | Calibration::Temperature { .. })
}

/// What is learnt from: rows with their labels.
struct Labelled<'a> {
    rows: Vec<&'a PredictionRow>,
    labels: Vec<usize>,
}

/// The median of what was learnt over all judged songs: above it lies the upper half of
/// [`Task::Share`].
pub fn middle(run: &Run) -> f64 {
    median(&run.songs().map(|(_, row)| row.target).collect::<Vec<_>>())
}

/// The class of a song: 0 or 1, whether a share lies above the `middle`, or the class's index.
pub fn label(task: Task, row: &PredictionRow, middle: f64) -> usize {
    match task {
        Task::Share => usize::from(row.target > middle),
        // Checked when it was read.
        Task::Binary | Task::Classes => row.truth as usize,
        Task::Regression => 0,
    }
}

/// Fits a calibration to a run and judges its songs with it. `score` is the index of the output that
/// is the score. A regression has none.
pub fn calibrate(run: &Run, method: Method, score: usize) -> Calibrated {
    let info = &run.info;
    if info.task == Task::Regression {
        return Calibrated {
            calibration: Calibration::Identity,
            fitted_on: FittedOn::Nothing,
            probability: Vec::new(),
            notes: Vec::new(),
        };
    }
    let middle = middle(run);
    let from_validation = method != Method::None
        && run.parts.iter().any(|part| part.validation.as_ref().is_some_and(|v| !v.is_empty()));
    // Rows to learn from, without those that `part` judges.
    let rows_for = |part: Option<usize>| -> Labelled<'_> {
        let rows: Vec<&PredictionRow> = if from_validation {
            let judged: HashSet<&str> = part
                .map(|part| run.parts[part].predictions.iter().map(|r| r.track_id.as_str()))
                .into_iter()
                .flatten()
                .collect();
            let validation = run.parts.iter().filter_map(|part| part.validation.as_ref());
            validation.flatten().filter(|row| !judged.contains(row.track_id.as_str())).collect()
        } else {
            run.songs().filter(|&(of, _)| Some(of) != part).map(|(_, row)| row).collect()
        };
        let labels = rows.iter().map(|row| label(info.task, row, middle)).collect();
        Labelled { rows, labels }
    };
    let calibration = fit(info, method, score, &rows_for(None));
    let alone = !from_validation && run.parts.len() == 1 && method != Method::None;
    // One part without validation songs leaves nothing to calibrate on but what is judged. A share's
    // raw output says nothing of halves, so there it has to do.
    let (in_parts, note): (Vec<Calibration>, _) = match (alone, info.task) {
        (false, _) => (
            (0..run.parts.len())
                .map(|part| fit(info, method, score, &rows_for(Some(part))))
                .collect(),
            None,
        ),
        (true, Task::Share) => (
            vec![calibration.clone()],
            Some("Probabilities were calibrated on the very songs they are judged on (there are no validation songs): accuracy, Brier score and calibration error flatter a little.".to_owned()),
        ),
        (true, _) => (
            vec![Calibration::Identity],
            Some("Brier score and calibration error are those of the model's own probabilities: there are no validation songs to calibrate on. The calibration that an export carries was fitted on the judged songs.".to_owned()),
        ),
    };
    let probability = run
        .songs()
        .flat_map(|(part, row)| probabilities(info, &in_parts[part], &row.raw, score))
        .collect();
    let fitted_on = match (method, from_validation) {
        (Method::None, _) => FittedOn::Nothing,
        (_, true) => FittedOn::Validation,
        (_, false) => FittedOn::Judged,
    };
    let flat = is_flat(&calibration).then(|| FLAT.to_owned());
    let no_halves =
        (info.task == Task::Share && !knows_the_middle(&calibration)).then(|| NO_HALVES.to_owned());
    Calibrated {
        calibration,
        fitted_on,
        probability,
        notes: note.into_iter().chain(flat).chain(no_halves).collect(),
    }
}

/// Whether every song gets the same score.
fn is_flat(calibration: &Calibration) -> bool {
    match calibration {
        Calibration::Platt { slope, .. } => *slope == 0.0,
        Calibration::Isotonic { y, .. } => y.iter().all(|value| *value == y[0]),
        Calibration::Identity | Calibration::Temperature { .. } => false,
    }
}

fn fit(info: &RunInfo, method: Method, score: usize, songs: &Labelled<'_>) -> Calibration {
    let raws = || songs.rows.iter().map(|row| info.classes_of(&row.raw));
    let evidences = || raws().map(|raw| evidence(info.task.of_model(), raw, score));
    let yes = if info.task == Task::Classes { score } else { 1 };
    let high: Vec<bool> = songs.labels.iter().map(|&label| label == yes).collect();
    match method {
        Method::None => Calibration::Identity,
        Method::Platt => platt(&evidences().map(f64::from).collect::<Vec<_>>(), &high),
        Method::Isotonic => isotonic(&evidences().collect::<Vec<_>>(), &high),
        Method::Temperature => {
            let rows: Vec<Vec<f64>> = match info.task {
                Task::Classes => {
                    raws().map(|raw| raw.iter().map(|&x| f64::from(x)).collect()).collect()
                }
                _ => evidences().map(|x| vec![0.0, f64::from(x)]).collect(),
            };
            temperature(&rows, &songs.labels)
        }
    }
}

/// Probabilities of all classes. Platt and isotonic calibrations speak of the score's class only; what
/// they leave is shared by the others as the model shares it.
fn probabilities(info: &RunInfo, calibration: &Calibration, raw: &[f32], score: usize) -> Vec<f64> {
    let raw = info.classes_of(raw);
    let task = info.task.of_model();
    let of_score = f64::from(calibration.apply(task, raw, score));
    if info.task != Task::Classes {
        return vec![1.0 - of_score, of_score];
    }
    if matches!(calibration, Calibration::Identity | Calibration::Temperature { .. }) {
        return (0..raw.len()).map(|i| f64::from(calibration.apply(task, raw, i))).collect();
    }
    let plain = |index| f64::from(Calibration::Identity.apply(task, raw, index));
    let others = (1.0 - plain(score)).max(f64::MIN_POSITIVE);
    (0..raw.len())
        .map(|i| if i == score { of_score } else { plain(i) * (1.0 - of_score) / others })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_calibrations_are_known_whatever_they_are() {
        let high = [true, true, false, false];
        let rising = [-2.0f32, -1.0, 1.0, 2.0];
        let falling: Vec<f32> = rising.iter().rev().copied().collect();
        let as_f64 = |raw: &[f32]| raw.iter().copied().map(f64::from).collect::<Vec<_>>();
        for (raw, flat) in [(rising.as_slice(), true), (falling.as_slice(), false)] {
            assert_eq!(is_flat(&isotonic(raw, &high)), flat, "{raw:?}");
            assert_eq!(is_flat(&platt(&as_f64(raw), &high)), flat, "{raw:?}");
        }
        assert!(!is_flat(&Calibration::Identity));
    }
}
