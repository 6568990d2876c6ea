//! `evaluate`: what a run's models are worth on songs they had not seen.

mod baselines;
mod figure;
pub mod figures;
mod groups;
mod notes;
mod show;
mod songs;
pub(crate) mod trust;

use std::path::Path;

use anyhow::{Context, Result};
use earworm_scorer::model::{Calibration, Metric};
use serde::{Deserialize, Serialize};

use crate::calibrate::{Calibrated, FittedOn, Method, ReliabilityBin, calibrate, reliability};
use crate::metrics::{bootstrap, confusion};
use crate::run::{Run, Split, Task};

pub use figure::Figure;
pub(crate) use figure::TOO_FEW;
pub use groups::GroupResult;
pub use notes::Notes;
pub(crate) use show::{in_brackets, number};
pub use songs::Songs;
pub use trust::{finding, trust};

/// How a run is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// How raw outputs become probabilities.
    pub calibration: Method,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// Draws behind each interval.
    pub draws: usize,
}

impl Options {
    /// As the recipe of a run says: its `seed` and its `calibration`.
    pub fn of(notes: &Notes) -> Self {
        Self { calibration: notes.calibration, seed: notes.seed, draws: bootstrap::DRAWS }
    }
}

/// A confusion matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Confusion {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Songs by true class (outer) and named class (inner).
    pub counts: Vec<Vec<usize>>,
}

/// The answer that is right most often without listening.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Majority {
    /// The class.
    pub class: String,
    /// Its share of the judged songs.
    pub share: f64,
}

/// One part and its training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartResult {
    /// Its name.
    pub name: String,
    /// Songs it judged, or their pieces where they were cut; 0 for the training on all songs.
    pub songs: usize,
    /// Passes after which its weights were kept.
    pub best_epoch: usize,
    /// Passes trained.
    pub epochs: usize,
    /// Seconds of training.
    pub seconds: f64,
    /// Trained values.
    pub parameters: usize,
    /// Share of the training songs that it gets right.
    pub train_accuracy: Option<f64>,
    /// The run's first figure, of this part's songs alone.
    pub value: Option<f64>,
}

/// Everything that was measured, as `evaluation.json` in the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Name of the model.
    pub name: String,
    /// What was predicted.
    pub task: Task,
    /// The output or class that is the score.
    pub score: String,
    /// How songs were kept apart.
    pub split: Split,
    /// Number of songs, each judged by a model that had not seen it.
    pub songs: usize,
    /// Number of pieces that they were cut into, each judged by itself; absent where they were whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pieces: Option<usize>,
    /// Number of groups: the unit of the intervals. Where songs have none, each stands alone.
    pub groups: usize,
    /// What groups are called, such as `artists`; `songs` where there are none.
    pub unit: String,
    /// Whether groups, or pieces of one song, are on both sides of the split: figures flatter.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaks: bool,
    /// The figures that a model's metadata carry.
    pub metrics: Vec<Metric>,
    /// All figures.
    pub figures: Vec<Figure>,
    /// The majority class; absent where no class was named.
    pub majority: Option<Majority>,
    /// Mean share of the training songs that the parts' models get right, where it was measured.
    pub train_accuracy: Option<f64>,
    /// The method asked for.
    pub calibration_method: Method,
    /// From raw output to probability.
    pub calibration: Calibration,
    /// What the calibration was fitted on.
    pub calibration_fitted_on: FittedOn,
    /// Mean probability by calibrations that had not seen the songs, observed share and number of songs in
    /// five bins; empty where there are no probabilities.
    pub reliability: Vec<ReliabilityBin>,
    /// Which classes were taken for which; absent where none was named.
    pub confusion: Option<Confusion>,
    /// Results of each genre.
    pub by_genre: Vec<GroupResult>,
    /// Results of the largest groups.
    pub by_group: Vec<GroupResult>,
    /// The trainings, `final` last.
    pub parts: Vec<PartResult>,
    /// Trained values of the final model, or of a part's.
    pub parameters: usize,
    /// Seconds of all trainings together.
    pub seconds: f64,
    /// What must be known to read the figures.
    pub notes: Vec<String>,
    /// In a sentence: better than knowing nothing or not.
    pub finding: String,
    /// How far to trust a score, in plain words that follow from the figures.
    pub trust: String,
}

/// A run with all that was measured of it.
pub struct Measured {
    /// The run.
    pub run: Run,
    /// What its recipe says.
    pub notes: Notes,
    /// Its judged songs.
    pub songs: Songs,
    /// The results.
    pub evaluation: Evaluation,
}

/// Reads a run and measures it, with the options of its recipe where none are given.
///
/// # Errors
/// When the run is not complete or makes no sense; the message names file and row.
pub fn measure(folder: &Path, options: Option<Options>) -> Result<Measured> {
    let run = Run::open(folder)?;
    let notes = Notes::read(folder, &run.info.score)?;
    let options = options.unwrap_or_else(|| Options::of(&notes));
    let score = run.info.score_index().context("run.json")?;
    let calibrated = calibrate(&run, options.calibration, score);
    let songs = Songs::of(&run, &calibrated, score);
    let evaluation = judge(&run, &notes, &songs, calibrated, options);
    Ok(Measured { run, notes, songs, evaluation })
}

fn judge(
    run: &Run,
    recipe: &Notes,
    songs: &Songs,
    calibrated: Calibrated,
    options: Options,
) -> Evaluation {
    let info = &run.info;
    let (draws, seed) = (options.draws, options.seed);
    let all = songs.all();
    let mut kinds = figures::kinds(info.task, songs.has_genres());
    kinds.retain(|kind| kind.is_of(songs));
    let figures = figures::measure(songs, &all, &kinds, draws, seed);
    let mut notes: Vec<String> = info.notes.iter().cloned().chain(calibrated.notes).collect();
    let missing: Vec<&str> = kinds
        .iter()
        .filter(|kind| !figures.iter().any(|figure| figure.name == kind.name))
        .map(|kind| kind.name)
        .collect();
    if !missing.is_empty() {
        notes.push(format!(
            "Of these songs there is no {}: too few of them, or all of one class.",
            missing.join(", no ")
        ));
    }
    let decides = songs.decides();
    let majority = baselines::majority(songs, &all).filter(|_| decides).and_then(|(share, _)| {
        let (class, _) = crate::metrics::most_common(&songs.label)?;
        Some(Majority { class: songs.classes[class].clone(), share })
    });
    let trained = || run.parts.iter().filter_map(|part| part.outcome.train_accuracy);
    let mut evaluation = Evaluation {
        name: info.name.clone(),
        task: info.task,
        score: info.score.clone(),
        split: info.split,
        songs: info.data.pieces.map_or(songs.len(), |_| songs.cut_from()),
        pieces: info.data.pieces.map(|_| songs.len()),
        groups: songs.units.len(),
        unit: match (songs.grouped, &recipe.group, info.data.pieces) {
            // The groups are the songs that pieces were cut from.
            (false, ..) | (true, None, Some(_)) => "songs".into(),
            _ => recipe.groups(),
        },
        leaks: recipe.leaks,
        metrics: figures.iter().filter(|f| is_carried(info.task, f)).filter_map(metric).collect(),
        majority,
        train_accuracy: (trained().count() > 0)
            .then(|| trained().sum::<f64>() / trained().count() as f64),
        calibration_method: match info.task {
            Task::Regression => Method::None,
            _ => options.calibration,
        },
        reliability: if decides { of_score(songs) } else { Vec::new() },
        calibration: calibrated.calibration,
        calibration_fitted_on: calibrated.fitted_on,
        confusion: decides.then(|| Confusion {
            classes: songs.classes.clone(),
            counts: confusion(&songs.decided, &songs.label, songs.classes.len()),
        }),
        by_genre: groups::by_genre(songs, draws, seed),
        by_group: groups::by_group(songs),
        parts: parts(run, songs, &kinds[0]),
        parameters: run
            .last
            .as_ref()
            .map_or(run.parts[0].outcome.parameters, |last| last.outcome.parameters),
        seconds: run.parts.iter().map(|part| part.outcome.seconds).sum::<f64>()
            + run.last.as_ref().map_or(0.0, |last| last.outcome.seconds),
        figures,
        notes,
        finding: String::new(),
        trust: String::new(),
    };
    evaluation.finding = finding(&evaluation);
    evaluation.trust = trust(&evaluation);
    evaluation
}

/// A share's metadata carry how well it ranks; what depends on its median is in the evaluation.
pub(crate) fn is_carried(task: Task, figure: &Figure) -> bool {
    task != Task::Share || matches!(&*figure.name, "auc" | "spearman")
}

/// A model carries what has an interval: a figure alone would look like proof.
fn metric(figure: &Figure) -> Option<Metric> {
    let (low, high) = figure.interval()?;
    Some(Metric {
        name: figure.name.clone(),
        scope: figure.scope.clone(),
        value: figure.value,
        low,
        high,
    })
}

/// Reliability by calibrations that had not seen the songs they judge.
fn of_score(songs: &Songs) -> Vec<ReliabilityBin> {
    let said: Vec<f64> = (0..songs.len()).map(|song| songs.of_score(song)).collect();
    let high: Vec<bool> = (0..songs.len()).map(|song| songs.is_score(song)).collect();
    reliability(&said, &high, 5)
}

fn parts(run: &Run, songs: &Songs, kind: &figures::Kind) -> Vec<PartResult> {
    let result = |name: &str, outcome: &crate::run::Outcome| PartResult {
        name: name.into(),
        songs: 0,
        best_epoch: outcome.best_epoch,
        epochs: outcome.epochs,
        seconds: outcome.seconds,
        parameters: outcome.parameters,
        train_accuracy: outcome.train_accuracy,
        value: None,
    };
    let mut results: Vec<PartResult> = run
        .parts
        .iter()
        .enumerate()
        .map(|(index, part)| {
            let own: Vec<usize> = (0..songs.len()).filter(|&s| songs.part[s] == index).collect();
            PartResult {
                songs: own.len(),
                value: kind.of(songs, &own),
                ..result(&part.name, &part.outcome)
            }
        })
        .collect();
    results.extend(run.last.as_ref().map(|last| result("final", &last.outcome)));
    results
}
