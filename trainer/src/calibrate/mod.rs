//! Calibration: from raw outputs to probabilities that mean what they say.
//!
//! A calibration is fitted on songs that the model did not learn from: on each part's validation songs
//! where they were written down, else on the songs each part judged. To judge a song itself, a
//! calibration is used that did not see it: one fitted on the songs of other parts, or where there is but
//! one part, of other groups.

mod isotonic;
mod platt;
mod reliability;
mod temperature;

use std::collections::{BTreeSet, HashSet};

use earworm_scorer::model::{Calibration, evidence};
use serde::{Deserialize, Serialize};

use crate::metrics::median;
use crate::run::{PredictionRow, Run, RunInfo, Task};
use crate::split::grouped_folds;

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

/// Parts that the judged songs are dealt to, by group, where one part judged all of them.
const FOLDS: usize = 5;

/// What is said of a calibration without validation songs, in a run with one part.
pub(crate) const CROSS_FITTED: &str = "There are no validation songs, so the calibration was fitted on the judged songs. What its probabilities are worth is told by others of its kind, each fitted on some of these songs and asked about the rest.";

/// What is said where not even that can be done.
const FITTED_ON_ITSELF: &str = "Probabilities were calibrated on the very songs they are judged on, as there are no validation songs and no second group: what is told of them flatters.";

/// What is said of a calibration that does not rise.
const FLAT: &str = "On the songs that the calibration was fitted on, a higher output did not mean a higher label: the calibrated score is the same for every song.";

/// What is said of a share without a calibration that knows its middle.
const NO_HALVES: &str = "The score is the predicted share itself, which does not say in which half a song lies: there are no figures of the halves, no confusion and no reliability. calibration = \"platt\" makes it the probability of the upper half.";

/// Whether a share that is calibrated so says how likely a song lies in the upper half. The share itself
/// does not, whatever it is divided by: its half is no middle.
pub(crate) fn knows_the_middle(calibration: &Calibration) -> bool {
    !matches!(calibration, Calibration::Identity | Calibration::Temperature { .. })
}

/// Those of the notes on a run that are about its calibration.
pub(crate) fn notes_on_calibration(notes: &[String]) -> impl Iterator<Item = &str> {
    let known = [CROSS_FITTED, FITTED_ON_ITSELF, FLAT, NO_HALVES];
    notes.iter().map(String::as_str).filter(move |note| known.contains(note))
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
    let alone = !from_validation && run.parts.len() == 1 && method != Method::None;
    // Which of several calibrations judges each song.
    let judge: Vec<usize> =
        if alone { folds_of(run) } else { run.songs().map(|(part, _)| part).collect() };
    // Rows to learn from, without those that `of` judges.
    let rows_for = |of: Option<usize>| -> Labelled<'_> {
        let rows: Vec<&PredictionRow> = if from_validation {
            let judged: HashSet<&str> = of
                .map(|part| run.parts[part].predictions.iter().map(|r| r.track_id.as_str()))
                .into_iter()
                .flatten()
                .collect();
            let validation = run.parts.iter().filter_map(|part| part.validation.as_ref());
            validation.flatten().filter(|row| !judged.contains(row.track_id.as_str())).collect()
        } else {
            let songs = run.songs().zip(&judge);
            songs.filter(|&(_, &by)| Some(by) != of).map(|((_, row), _)| row).collect()
        };
        let labels = rows.iter().map(|row| label(info.task, row, middle)).collect();
        Labelled { rows, labels }
    };
    let calibration = fit(info, method, score, &rows_for(None));
    let judges = judge.iter().max().map_or(0, |last| last + 1);
    let (judges, note): (Vec<Calibration>, _) = match (alone, judges) {
        // Nothing is left to calibrate on but what is judged.
        (true, 1) => (vec![calibration.clone()], Some(FITTED_ON_ITSELF)),
        _ => (
            (0..judges).map(|of| fit(info, method, score, &rows_for(Some(of)))).collect(),
            alone.then_some(CROSS_FITTED),
        ),
    };
    let probability = run
        .songs()
        .zip(&judge)
        .flat_map(|((_, row), &by)| probabilities(info, &judges[by], &row.raw, score))
        .collect();
    let fitted_on = match (method, from_validation) {
        (Method::None, _) => FittedOn::Nothing,
        (_, true) => FittedOn::Validation,
        (_, false) => FittedOn::Judged,
    };
    let flat = is_flat(&calibration).then_some(FLAT);
    let no_halves =
        (info.task == Task::Share && !knows_the_middle(&calibration)).then_some(NO_HALVES);
    // Nothing is told of probabilities that know no halves.
    let note = note.filter(|_| no_halves.is_none());
    Calibrated {
        calibration,
        fitted_on,
        probability,
        notes: note.into_iter().chain(flat).chain(no_halves).map(str::to_owned).collect(),
    }
}

/// The fold of each judged song, in the order of [`Run::songs`]; groups stay together, and songs without one
/// stand alone.
fn folds_of(run: &Run) -> Vec<usize> {
    let groups: Vec<&str> = run
        .songs()
        .map(|(_, row)| if row.group.is_empty() { &*row.track_id } else { &*row.group })
        .collect();
    let distinct = groups.iter().collect::<BTreeSet<_>>().len();
    grouped_folds(&groups, distinct.min(FOLDS), 0)
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
