//! A run's folder: what `fit` leaves behind and `evaluate`, `compare` and `export` read.
//!
//! ```text
//! RUN/recipe.toml             the resolved recipe
//! RUN/run.json                RunInfo
//! RUN/<part>/                 a part is fold-0, fold-1 … or test, and final (trained on all songs)
//!   outcome.json              Outcome
//!   epochs.jsonl              one EpochRow a line; absent where training has no passes
//!   predictions.csv           PredictionRows of songs the part's model had not seen
//!   validation.csv            PredictionRows of the part's validation songs; may be absent
//!   learning.jsonl            one LearningPoint a line; only in the first part of a table model
//! RUN/search.json             SearchEntries, where a search chose the configuration
//! RUN/search/config-0/fold-0/epochs.jsonl …
//! ```

mod learning;
mod losses;
mod read;
mod search;
mod session;
mod table;

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use anyhow::{Result, ensure};
use earworm_scorer::front_end::FrontEndSettings;
use earworm_scorer::model;
use serde::{Deserialize, Deserializer, Serialize};

pub use learning::{LearningPoint, read_learning};
pub(crate) use learning::{has_learning, write_learning};
pub use losses::{losses, write_losses};
pub use read::{read_epochs, read_json};
pub use search::{Search, SearchConfig, SearchEntry, search_folder};
pub use session::Session;
#[cfg(test)]
pub(crate) use session::tests::of_before;
pub use table::{read_predictions, write_predictions};

/// What the score head predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// A share of people, 0 to 1; the raw output is its logit. The yes or no that is judged is
    /// whether the learnt share lies above the median of all songs of the run.
    Share,
    /// A yes (1) or no (0); the raw output is the logit of yes.
    Binary,
    /// One of several classes, by index; the raw outputs are their logits.
    Classes,
    /// A value; the raw output is the value itself.
    Regression,
}

impl Task {
    /// The task as a model's metadata name it.
    pub fn of_model(self) -> model::Task {
        match self {
            Self::Share | Self::Binary => model::Task::Binary,
            Self::Classes => model::Task::Multiclass,
            Self::Regression => model::Task::Regression,
        }
    }
}

/// How songs were kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Cross-validation: every song is judged once, by the model of the fold that did not see it.
    Folds,
    /// One model, judged on songs set aside for that.
    Test,
}

/// What a run knows of its data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataInfo {
    /// Hash of the data set.
    pub sha256: String,
    /// SHA-256 of other files that models learn from, by the recipe's key: `data.join`, `model.weights`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<String, String>,
    /// Number of songs.
    pub songs: usize,
    /// Pieces that each was cut into, learnt from and judged one by one; absent where they are whole. (Runs
    /// of before this was written down count their pieces as songs.)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pieces: Option<usize>,
    /// The data set's folder or file when the run was made.
    pub folder: PathBuf,
    /// The file of `data.join`, where there is one, when the run was last trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<PathBuf>,
    /// Its name.
    pub name: String,
    /// Settings of the frames; absent for tables.
    #[serde(default)]
    pub front_end: Option<FrontEndSettings>,
}

/// `run.json`: what was trained on what, by which program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Name of the model.
    pub name: String,
    /// What the score head predicts.
    pub task: Task,
    /// Names of all outputs, in order. The classes of [`Task::Classes`] come first.
    pub outputs: Vec<String>,
    /// The output, or for [`Task::Classes`] the class, that is the score.
    pub score: String,
    /// Its index, for [`Task::Classes`].
    #[serde(default)]
    pub score_class: Option<usize>,
    /// How many of the outputs are classes of the score head, for [`Task::Classes`]; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<usize>,
    /// Folders of the parts that judged songs, without `final`.
    pub parts: Vec<String>,
    /// How songs were kept apart.
    pub split: Split,
    /// The data.
    pub data: DataInfo,
    /// Versions of the programs and libraries, by name.
    pub versions: BTreeMap<String, String>,
    /// The commit of the repository that the command was run in, such as one with the recipes; with
    /// `-changed` where files differed from it.
    #[serde(default)]
    pub git_commit: Option<String>,
    /// The command line.
    pub command: String,
    /// What it was trained on, such as `cpu`.
    pub device: String,
    /// When it was begun, as RFC 3339.
    pub started: String,
    /// What was chosen that the recipe did not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The times that it went on after it was stopped, in their order. (Runs of before this was written down
    /// have none.)
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<Session>,
}

impl RunInfo {
    /// Index of the output that is the score.
    ///
    /// # Errors
    /// When no output has that name or index.
    pub fn score_index(&self) -> Result<usize> {
        let index = match (self.task, self.score_class) {
            (Task::Classes, Some(index)) => Some(index),
            _ => self.outputs.iter().position(|name| *name == self.score),
        };
        let index = index.filter(|&index| index < self.class_outputs().max(1));
        index.ok_or_else(|| {
            anyhow::anyhow!(
                "score: {:?} is none of the outputs {}",
                self.score,
                self.outputs.join(", ")
            )
        })
    }

    /// How many outputs, from the first, `score_index` can point at: the classes, or all.
    pub fn class_outputs(&self) -> usize {
        match self.task {
            Task::Classes => self.classes.unwrap_or(self.outputs.len()).min(self.outputs.len()),
            _ => self.outputs.len(),
        }
    }

    /// The raw outputs of the score head's classes, without heads that follow them.
    pub(crate) fn classes_of<'a>(&self, raw: &'a [f32]) -> &'a [f32] {
        &raw[..self.class_outputs().min(raw.len())]
    }

    fn validate(&self) -> Result<()> {
        ensure!(!self.outputs.is_empty(), "outputs: there are none");
        self.score_index()?;
        ensure!(
            self.task != Task::Classes || self.class_outputs() >= 2,
            "classes: a choice needs at least 2 classes"
        );
        ensure!(!self.parts.is_empty(), "parts: there are none");
        for part in &self.parts {
            let mut components = Path::new(part).components();
            let plain = matches!(components.next(), Some(Component::Normal(_)));
            ensure!(plain && components.next().is_none(), "parts: {part:?} is no name of a folder");
        }
        Ok(())
    }
}

/// How one training ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Passes after which the kept weights were reached; 0 where training has no passes.
    pub best_epoch: usize,
    /// Passes trained.
    pub epochs: usize,
    /// Validation loss of the kept weights; absent where there was no validation.
    #[serde(default)]
    pub validation_loss: Option<f64>,
    /// Share of the training songs that the kept model gets right, where it was measured; of sound that of
    /// an even sample.
    #[serde(default)]
    pub train_accuracy: Option<f64>,
    /// Seconds of training.
    #[serde(default)]
    pub seconds: f64,
    /// Number of trained values.
    #[serde(default)]
    pub parameters: usize,
}

/// One pass over the songs: a line of `epochs.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRow {
    /// Passes so far, from 1.
    pub epoch: usize,
    /// Whether the network was only prepared in this pass: its loss is of what it was given, and not of the
    /// target.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub preparing: bool,
    /// Mean loss of the steps; not a number where training broke down.
    #[serde(deserialize_with = "or_nan")]
    pub train_loss: f64,
    /// Loss on the validation songs; in a search without early stopping, on those that judge the
    /// configuration, which decide nothing in its training.
    #[serde(default)]
    pub validation_loss: Option<f64>,
    /// Step size at the end of the pass.
    #[serde(default)]
    pub learning_rate: f64,
    /// Share of the training songs that were right, each when it was learnt from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_accuracy: Option<f64>,
    /// Share of the validation songs that were right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_accuracy: Option<f64>,
    /// When the pass ended, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_time: Option<f64>,
}

/// JSON has no NaN: what was none is `null`.
fn or_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// One song: a row of `predictions.csv` or `validation.csv`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PredictionRow {
    /// The track.
    pub track_id: String,
    /// Its group (artist); empty where there is none.
    pub group: String,
    /// Its genre; empty where there is none.
    pub genre: String,
    /// What is true of it: share 0 to 1, 0 or 1, index of its class, or value, by task.
    pub truth: f64,
    /// What was learnt: the smoothed share, else the truth.
    pub target: f64,
    /// Number of raters behind the truth; 1 where there are none.
    pub weight: f64,
    /// The model's outputs before calibration, one each of [`RunInfo::outputs`].
    pub raw: Vec<f32>,
}

/// A part: one training and what it said of songs it had not seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Its folder's name.
    pub name: String,
    /// How its training ended.
    pub outcome: Outcome,
    /// Its passes; empty where training has none.
    pub epochs: Vec<EpochRow>,
    /// Songs it had not seen.
    pub predictions: Vec<PredictionRow>,
    /// Songs that decided when to stop, where they were written down.
    pub validation: Option<Vec<PredictionRow>>,
    /// What its model is worth with fewer songs to learn from; empty where it was not asked.
    pub learning: Vec<LearningPoint>,
}

/// The training on all songs; nothing in it says what the model is worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Final {
    /// How it ended.
    pub outcome: Outcome,
    /// Its passes.
    pub epochs: Vec<EpochRow>,
}

/// A finished run, read and checked.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its folder.
    pub folder: PathBuf,
    /// What was trained on what.
    pub info: RunInfo,
    /// The parts that judged songs, in the order of [`RunInfo::parts`]. No song is in two of them.
    pub parts: Vec<Part>,
    /// The training on all songs, where it was done.
    pub last: Option<Final>,
    /// The search that chose the configuration, where there was one.
    pub search: Option<Search>,
}
