//! The file that describes an experiment. Unknown keys are errors.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::dataset::Track;

/// An experiment: data, targets, model, training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Name of the model.
    pub name: String,
    /// Licence of the model, for its card.
    pub licence: String,
    /// Everything random follows from it.
    pub seed: u64,
    /// The data set and how it is split and cut.
    pub data: DataRecipe,
    /// What is predicted; the first head is the score.
    pub heads: Vec<Head>,
    /// The network.
    pub model: ModelRecipe,
    /// The optimiser and when to stop.
    pub training: TrainingRecipe,
    /// How crops are varied.
    pub augmentation: Augmentation,
    /// How the model is measured.
    pub cross_validation: CrossValidation,
}

/// The data set and how it is split and cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecipe {
    /// Folder that `dataset build` made.
    pub set: PathBuf,
    /// Column whose values must not be on both sides of a split.
    pub group: String,
    /// Column within whose values results are reported as well.
    pub genre: String,
    /// What the data set is called, for the model card.
    pub name: String,
    /// Where the data come from, for the model card.
    pub about: String,
    /// Licence of the data, for the model card.
    pub licence: String,
    /// Frames in a window.
    pub window_frames: usize,
    /// Frames before a score means anything.
    pub warm_up_frames: usize,
}

/// A target: what share of people said something, or whether a column has a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Name of the class.
    pub name: String,
    /// What its value means.
    pub meaning: String,
    /// Weight of its loss.
    pub weight: f64,
    /// Learnt because it helps the other heads, but not part of the exported model.
    #[serde(default)]
    pub auxiliary: bool,
    /// A share of people …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// … or a yes or no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<Is>,
}

/// A share of people, drawn towards the mean: `(count + prior · mean) / (of + prior)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Column with the number of people who said so.
    pub count: String,
    /// Column with the number of people asked.
    pub of: String,
    /// Votes of the mean opinion that are added to every song.
    pub prior: f64,
}

/// Whether a column has a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Is {
    /// The column.
    pub column: String,
    /// The value.
    pub value: String,
}

impl Head {
    /// The plain share, and the number of people behind it (one for a yes or no).
    ///
    /// # Errors
    /// When a column is missing or holds no sensible number.
    pub fn share_of(&self, track: &Track) -> Result<(f64, f64)> {
        match (&self.share, &self.is) {
            (Some(Share { count: count_column, of: of_column, .. }), _) => {
                let (count, of) = (track.number(count_column)?, track.number(of_column)?);
                ensure!(
                    of > 0.0 && (0.0..=of).contains(&count),
                    "track {}: {count_column} = {count} of {of_column} = {of} is no share",
                    track.id
                );
                Ok((count / of, of))
            }
            (None, Some(Is { column, value })) => {
                Ok((f64::from(u8::from(track.text(column)? == value)), 1.0))
            }
            (None, None) => bail!("heads: {} has neither `share` nor `is`", self.name),
        }
    }

    /// Votes of the mean opinion that are added to every song.
    pub fn prior(&self) -> f64 {
        self.share.as_ref().map_or(0.0, |share| share.prior)
    }
}

/// The network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRecipe {
    /// Hidden values of each LSTM layer.
    pub hidden: usize,
    /// LSTM layers.
    pub layers: usize,
    /// Widths of the linear layers between the last LSTM layer and the outputs.
    pub head: Vec<usize>,
    /// Share of hidden values dropped in training, between layers.
    pub dropout: f64,
}

/// The optimiser and when to stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecipe {
    /// Most passes over the songs.
    pub epochs: usize,
    /// Passes without a better validation loss after which training stops.
    pub patience: usize,
    /// Crops in a step.
    pub batch: usize,
    /// Step size of AdamW at its highest; it rises over the first passes and falls along a cosine.
    pub learning_rate: f64,
    /// Weight decay of AdamW.
    pub weight_decay: f64,
    /// Largest norm of the gradient.
    pub clip: f64,
    /// Frames of each crop at which the loss is taken.
    pub positions: usize,
    /// The model is a running average of the weights: after each step it keeps this share of what it
    /// was. Zero switches averaging off.
    pub averaging: f64,
    /// Share of the groups kept aside to decide when to stop.
    pub validation: f64,
}

/// How crops are varied. Zero switches a variation off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// Gain drawn from ± this many decibels.
    pub gain_db: f32,
    /// Tilt of the spectrum from lowest to highest band, drawn from ± this many decibels.
    pub tilt_db: f32,
    /// Stretches of time that are blanked.
    pub time_masks: usize,
    /// Their greatest length in frames.
    pub time_mask_frames: usize,
    /// Ranges of bands that are blanked.
    pub band_masks: usize,
    /// Their greatest width in bands.
    pub band_mask_width: usize,
}

/// How the model is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossValidation {
    /// Number of folds.
    pub folds: usize,
}

impl Recipe {
    /// Reads a recipe.
    ///
    /// # Errors
    /// When the file cannot be read, has unknown keys or impossible values; the message names them.
    pub fn load(path: &Path) -> Result<Self> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        let recipe: Self = toml::from_str(&text).with_context(|| format!("cannot read {name}"))?;
        recipe.validate().with_context(|| format!("cannot use {name}"))?;
        Ok(recipe)
    }

    fn validate(&self) -> Result<()> {
        let (data, model, training) = (&self.data, &self.model, &self.training);
        ensure!(
            self.heads.first().is_some_and(|head| head.share.is_some() && !head.auxiliary),
            "heads: the first is the score; it must be a `share` and not auxiliary"
        );
        ensure!(
            self.heads.is_sorted_by_key(|head| head.auxiliary),
            "heads: auxiliary heads must come last"
        );
        for head in &self.heads {
            ensure!(
                head.share.is_some() != head.is.is_some(),
                "heads: {} must have either `share` or `is`",
                head.name
            );
        }
        ensure!(
            (1..=data.window_frames).contains(&data.warm_up_frames),
            "data.warm_up_frames must be between 1 and data.window_frames"
        );
        ensure!(model.hidden > 0 && model.layers > 0, "model: hidden and layers must be positive");
        ensure!((0.0..1.0).contains(&model.dropout), "model.dropout must be from 0 to below 1");
        ensure!(
            training.batch > 0 && training.epochs > 0,
            "training: batch and epochs must be positive"
        );
        ensure!(
            (0.0..1.0).contains(&training.averaging),
            "training.averaging must be from 0 to below 1"
        );
        ensure!(training.positions > 0, "training.positions must be positive");
        ensure!(
            training.validation > 0.0 && training.validation < 0.5,
            "training.validation must be between 0 and 0.5"
        );
        ensure!(self.cross_validation.folds >= 2, "cross_validation.folds must be at least 2");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: &str = include_str!("../recipes/emotify-lstm.toml");

    #[test]
    fn the_default_recipe_is_valid_and_survives_a_round_trip() {
        let recipe: Recipe = toml::from_str(DEFAULT).unwrap();
        recipe.validate().unwrap();
        let again: Recipe = toml::from_str(&toml::to_string(&recipe).unwrap()).unwrap();
        assert_eq!(recipe, again);
    }

    #[test]
    fn unknown_keys_are_errors() {
        let text = DEFAULT.replace("patience", "patiense");
        let message = toml::from_str::<Recipe>(&text).unwrap_err().to_string();
        assert!(message.contains("patiense") && message.contains("patience"), "{message}");
    }
}
