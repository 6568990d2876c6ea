//! What a model says about itself: one JSON document in the ONNX file's `metadata_props`.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::calibration::{Calibration, logistic};
use crate::features::{self, FeatureSet};
use crate::front_end::FrontEndSettings;

/// The key in `metadata_props` under which the document stands.
pub const METADATA_KEY: &str = "earworm";

/// The version of the contract that this build reads and writes.
pub const CONTRACT_VERSION: u32 = 1;

/// Longest window in frames: more than an hour of the default front end.
pub const MOST_WINDOW_FRAMES: usize = 100_000;

/// Most samples in a window whose sound is described: 50 minutes at 22 050 Hz. They are kept with
/// what descriptors are made of, about 24 bytes a sample: 1.6 GB at most.
const MOST_DESCRIBED_SAMPLES: usize = 1 << 26;

/// How a model takes its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contract {
    /// Any number of frames at a time, with state carried in `state.<n>.in` and `state.<n>.out`.
    Streaming,
    /// Exactly `window_frames` frames at a time, no state.
    Window,
}

/// What a model is fed with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Input {
    /// Mel frames of the front end, as `mel [batch, frames, bands]`.
    #[default]
    Mel,
    /// Numbers that describe the sound of a window, as `features [batch, 1, names]`. They are those of
    /// [`crate::features`]: means over the window's audible sound at the front end's sample rate.
    Descriptors {
        /// Names of the features, in the order of the input; see [`crate::features::names`].
        names: Vec<String>,
    },
    /// Both: every mel frame of a window with the window's descriptors behind its bands, as
    /// `mel [batch, frames, bands + names]`.
    MelAndDescriptors {
        /// Names of the features, in their order behind the bands.
        names: Vec<String>,
    },
}

impl Input {
    /// Whether it is mel frames and nothing else.
    pub fn is_mel(&self) -> bool {
        *self == Self::Mel
    }

    /// Names of the descriptors; none of mel frames alone.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Mel => &[],
            Self::Descriptors { names } | Self::MelAndDescriptors { names } => names,
        }
    }
}

/// What the outputs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Each output is the logit of its own probability or share.
    Binary,
    /// The outputs are logits of classes of which exactly one applies (softmax).
    Multiclass,
    /// The outputs are values between 0 and 1 already.
    Regression,
}

/// One output of the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Short name, as shown beside its value.
    pub name: String,
    /// What the value means, in a sentence.
    #[serde(default)]
    pub meaning: String,
}

/// One figure measured on songs the model was not trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// What was measured, such as `auc` or `spearman`.
    pub name: String,
    /// On which songs: `all`, or `within genre`.
    pub scope: String,
    /// The figure.
    pub value: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end of its 95 % interval.
    pub high: f64,
}

/// The data a model was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSource {
    /// Name of the data set.
    pub name: String,
    /// Number of songs.
    pub songs: usize,
    /// SHA-256 over the index of songs, frames and labels, in hexadecimal.
    pub sha256: String,
    /// Licence of the data.
    pub licence: String,
    /// Where the data come from and how they were split.
    #[serde(default)]
    pub about: String,
}

/// The whole document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Version of the contract, [`CONTRACT_VERSION`].
    pub contract_version: u32,
    /// Streaming or window.
    pub contract: Contract,
    /// What it is fed with.
    #[serde(default, skip_serializing_if = "Input::is_mel")]
    pub input: Input,
    /// The model's name.
    pub name: String,
    /// The front end its frames come from.
    pub front_end: FrontEndSettings,
    /// Frames in a window: the life of a lane, or the input of a window model.
    pub window_frames: usize,
    /// Frames of a window before its score means anything.
    pub warm_up_frames: usize,
    /// What the outputs are.
    pub task: Task,
    /// The outputs, in order.
    pub classes: Vec<Class>,
    /// Name of the class that is the score.
    pub score_class: String,
    /// From that class's raw output to a score.
    pub calibration: Calibration,
    /// What the training label was.
    pub label: String,
    /// What it was trained on.
    pub data: DataSource,
    /// How well it did.
    pub metrics: Vec<Metric>,
    /// How far to trust the score, in plain words.
    pub trust: String,
    /// Licence of the model.
    pub licence: String,
}

impl Metadata {
    /// Index of the class that is the score.
    ///
    /// # Errors
    /// When no class has that name.
    pub fn score_index(&self) -> Result<usize, FieldError> {
        self.classes.iter().position(|class| class.name == self.score_class).ok_or_else(|| {
            FieldError::new("score_class", format!("no class is named {:?}", self.score_class))
        })
    }

    /// The model's AUC on songs it had not seen, where it was measured.
    pub fn test_auc(&self) -> Option<&Metric> {
        self.metrics.iter().find(|m| m.name == "auc" && m.scope == "all")
    }

    /// Rows of the input that a window makes: its frames, or one row of descriptors.
    pub fn input_rows(&self) -> usize {
        match self.input {
            Input::Mel | Input::MelAndDescriptors { .. } => self.window_frames,
            Input::Descriptors { .. } => 1,
        }
    }

    /// Values in a row of the input: mel bands, or descriptors.
    pub fn input_width(&self) -> usize {
        match &self.input {
            Input::Mel => self.front_end.n_mels,
            Input::Descriptors { names } => names.len(),
            Input::MelAndDescriptors { names } => self.front_end.n_mels + names.len(),
        }
    }

    /// Seconds of audio in a window.
    pub fn window_seconds(&self) -> f64 {
        self.front_end.seconds(self.window_frames)
    }

    /// Checks what serde cannot.
    ///
    /// # Errors
    /// Names the first field that cannot be honoured.
    pub fn validate(&self) -> Result<(), FieldError> {
        if self.contract_version != CONTRACT_VERSION {
            return Err(FieldError::new(
                "contract_version",
                format!(
                    "{} is not {CONTRACT_VERSION}, the one version this build knows",
                    self.contract_version
                ),
            ));
        }
        self.front_end.validate().map_err(|e| FieldError {
            field: format!("front_end.{}", e.field),
            problem: e.problem,
        })?;
        if !(1..=MOST_WINDOW_FRAMES).contains(&self.window_frames) {
            return Err(FieldError::new(
                "window_frames",
                format!("{} is not between 1 and {MOST_WINDOW_FRAMES}", self.window_frames),
            ));
        }
        if self.warm_up_frames > self.window_frames {
            return Err(FieldError::new("warm_up_frames", "is longer than the window".into()));
        }
        self.validate_input()?;
        if self.classes.is_empty() || self.classes.len() > 1000 {
            return Err(FieldError::new(
                "classes",
                format!("{} classes are not between 1 and 1000", self.classes.len()),
            ));
        }
        let mut names = HashSet::new();
        for (at, class) in self.classes.iter().enumerate() {
            if !names.insert(&class.name) {
                let problem = format!("is {:?}, as another class is called", class.name);
                return Err(FieldError::new(&format!("classes[{at}].name"), problem));
            }
        }
        self.calibration.validate(self.task)?;
        self.score_index().map(|_| ())
    }

    fn validate_input(&self) -> Result<(), FieldError> {
        if self.input.is_mel() {
            return Ok(());
        }
        let names = self.input.names();
        let wrong = |field: &str, problem: String| Err(FieldError::new(field, problem));
        if self.contract != Contract::Window {
            return wrong("contract", "descriptors need the contract \"window\"".into());
        }
        let (hop, rate) = (self.front_end.hop, self.front_end.sample_rate);
        if self.window_frames * hop > MOST_DESCRIBED_SAMPLES {
            let minutes = |samples: usize| samples as f64 / f64::from(rate) / 60.0;
            return wrong(
                "window_frames",
                format!(
                    "{} frames every {hop} samples at {rate} Hz are {:.1} minutes of sound to describe, more than {:.1}",
                    self.window_frames,
                    minutes(self.window_frames * hop),
                    minutes(MOST_DESCRIBED_SAMPLES),
                ),
            );
        }
        if names.is_empty() {
            return wrong("input.names", "is empty".into());
        }
        let known: Vec<String> = FeatureSet::ALL.into_iter().flat_map(features::names).collect();
        if let Some(name) = names.iter().find(|name| !known.contains(name)) {
            return wrong("input.names", format!("there is no descriptor {name:?}"));
        }
        let mut seen = HashSet::new();
        if let Some(name) = names.iter().find(|name| !seen.insert(name.as_str())) {
            return wrong("input.names", format!("names {name:?} twice"));
        }
        if let Err(problem) =
            features::Extractor::new(self.front_end.sample_rate, &features::sets_of(names))
        {
            return wrong("front_end.sample_rate", problem.to_string());
        }
        Ok(())
    }

    /// The score, 0 to 100, that one raw output row stands for. It does not allocate.
    ///
    /// # Panics
    /// When `raw` has not one value a class, or the document is not valid.
    pub fn score(&self, raw: &[f32]) -> f32 {
        let index = self.score_index().expect("validated metadata names its score class");
        assert_eq!(raw.len(), self.classes.len(), "one raw output a class");
        let score = 100.0 * self.calibration.apply(self.task, raw, index);
        // A model may produce what is not a number; a meter shows the middle of nothing as nothing.
        if score.is_finite() { score.clamp(0.0, 100.0) } else { 0.0 }
    }

    /// The value, 0 to 1, of every class in one raw output row.
    ///
    /// # Panics
    /// When `raw` has not one value a class.
    pub fn values(&self, raw: &[f32]) -> Vec<f32> {
        assert_eq!(raw.len(), self.classes.len(), "one raw output a class");
        match self.task {
            Task::Binary => raw.iter().map(|&x| logistic(x)).collect(),
            Task::Regression => raw.iter().map(|&x| x.clamp(0.0, 1.0)).collect(),
            Task::Multiclass => {
                let max = raw.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let exps: Vec<f32> = raw.iter().map(|&x| (x - max).exp()).collect();
                let sum: f32 = exps.iter().sum();
                exps.into_iter().map(|e| e / sum).collect()
            }
        }
    }
}

/// A field of the metadata that cannot be honoured.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct FieldError {
    /// Path of the field in the document.
    pub field: String,
    /// What is wrong.
    pub problem: String,
}

impl FieldError {
    pub(crate) fn new(field: &str, problem: String) -> Self {
        Self { field: field.to_owned(), problem }
    }
}
