//! The part of a recipe that says how a network is trained: loss, optimiser, schedule, budget,
//! augmentation; and how configurations are searched.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::nn::Precision;

/// What is minimised.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LossRecipe {
    /// Cross-entropy of logits: sigmoid for shares and yes-or-no, softmax for classes.
    #[default]
    CrossEntropy,
    /// Cross-entropy times `(1 − p_t)^γ` (Lin et al., "Focal Loss for Dense Object Detection", 2017).
    Focal {
        /// γ.
        gamma: f64,
        /// Weight of each class, lowest first; for yes-or-no heads that of "no", then of "yes".
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        class_weights: Vec<f64>,
    },
    /// Squared error: of values as they are, of shares after the sigmoid.
    Mse,
    /// Squared error weighted by `exp(((y − mean) / (alpha · deviation))² / beta)`: songs far from the
    /// mean weigh more (the loss of Autoen-chorder, seed system B: mean 0.36, alpha 2, beta 2).
    OutlierWeighted {
        /// Mean of the targets.
        mean: f64,
        /// Standard deviation of the targets.
        deviation: f64,
        /// α.
        alpha: f64,
        /// β.
        beta: f64,
    },
}

/// Optimisers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimiserKind {
    /// Adam with decoupled weight decay.
    #[default]
    AdamW,
    /// Adam; weight decay is added to the gradient.
    Adam,
}

/// The optimiser.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimiserRecipe {
    /// Which one.
    #[serde(default)]
    pub kind: OptimiserKind,
    /// Step size at its highest.
    pub learning_rate: f64,
    /// Weight decay: added to the gradient by `adam`, decoupled in `adamw`.
    #[serde(default)]
    pub weight_decay: f64,
    /// Largest norm of the gradient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
    /// The model is a running average of the weights: after each step it keeps this share of what it
    /// was. Zero switches averaging off.
    #[serde(default)]
    pub averaging: f64,
    /// What the network's large products are computed in while it learns. It is judged and exported in
    /// `f32`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub precision: Precision,
}

fn is_default(precision: &Precision) -> bool {
    *precision == Precision::default()
}

impl Default for OptimiserRecipe {
    fn default() -> Self {
        Self {
            kind: OptimiserKind::default(),
            learning_rate: 1e-3,
            weight_decay: 0.0,
            clip: None,
            averaging: 0.0,
            precision: Precision::default(),
        }
    }
}

/// How the step size changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleRecipe {
    /// Its shape after the warm-up.
    #[serde(default)]
    pub kind: ScheduleKind,
    /// Share of the training over which the step size rises from near zero.
    #[serde(default)]
    pub warm_up: f64,
    /// Passes between two drops (`step`).
    #[serde(default = "ten")]
    pub every: usize,
    /// Factor of each drop (`step`).
    #[serde(default = "tenth")]
    pub factor: f64,
}

fn ten() -> usize {
    10
}

fn tenth() -> f64 {
    0.1
}

impl Default for ScheduleRecipe {
    fn default() -> Self {
        Self { kind: ScheduleKind::default(), warm_up: 0.0, every: ten(), factor: tenth() }
    }
}

/// Shapes of the step size over time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// It stays.
    #[default]
    Constant,
    /// Half a cosine down to a hundredth.
    Cosine,
    /// Multiplied by `factor` after `every` passes (PyTorch's StepLR).
    Step,
}

/// How long a network is trained, on what batches, and what decides when to stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetRecipe {
    /// Most passes over the songs.
    pub epochs: usize,
    /// Crops or rows in a step.
    #[serde(default = "default_batch")]
    pub batch: usize,
    /// Passes without a better validation loss after which training stops; never without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// Share of the groups kept aside to decide when to stop; none without `patience`.
    #[serde(default = "default_validation")]
    pub validation: f64,
    /// Frames of each crop at which the loss is taken (streaming networks).
    #[serde(default = "default_positions")]
    pub positions: usize,
    /// Whether every class is drawn equally often, whatever its share of the songs.
    #[serde(default)]
    pub balanced: bool,
}

fn default_batch() -> usize {
    32
}

fn default_validation() -> f64 {
    0.15
}

fn default_positions() -> usize {
    1
}

impl Default for BudgetRecipe {
    fn default() -> Self {
        Self {
            epochs: 50,
            batch: default_batch(),
            patience: None,
            validation: default_validation(),
            positions: default_positions(),
            balanced: false,
        }
    }
}

/// How crops are varied. Zero switches a variation off.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augmentation {
    /// Gain drawn from ± this many decibels.
    pub gain_db: f32,
    /// Tilt of the spectrum from lowest to highest band, drawn from ± this many decibels.
    pub tilt_db: f32,
    /// Stretches of time that are blanked (SpecAugment: Park et al., 2019).
    pub time_masks: usize,
    /// Their greatest length in frames.
    pub time_mask_frames: usize,
    /// Ranges of bands that are blanked.
    pub band_masks: usize,
    /// Their greatest width in bands.
    pub band_mask_width: usize,
    /// Two songs are mixed in shares drawn from Beta(mixup, mixup) (Zhang et al., 2018).
    pub mixup: f32,
}

/// Configurations to choose from: each is tried by cross-validation inside the training songs; the
/// best is trained on all of them and tested once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchRecipe {
    /// Folds inside the training songs.
    #[serde(default = "three")]
    pub folds: usize,
    /// What decides.
    #[serde(default)]
    pub metric: SearchMetric,
    /// Values by key of the recipe (`"model.c" = [0.1, 1]`): every combination is a configuration.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub grid: BTreeMap<String, Vec<toml::Value>>,
    /// Configurations one by one: tables of keys and values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configurations: Vec<BTreeMap<String, toml::Value>>,
}

fn three() -> usize {
    3
}

/// What decides between configurations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SearchMetric {
    /// Share of songs judged right (yes-or-no and classes).
    #[default]
    Accuracy,
    /// Area under the ROC curve; for shares and values Spearman's correlation.
    Auc,
    /// The loss.
    Loss,
}

pub(super) fn validate(
    optimiser: &OptimiserRecipe,
    schedule: &ScheduleRecipe,
    budget: &BudgetRecipe,
    augmentation: &Augmentation,
    search: Option<&SearchRecipe>,
) -> Result<()> {
    ensure!(optimiser.learning_rate > 0.0, "optimiser.learning_rate must be positive");
    ensure!(optimiser.weight_decay >= 0.0, "optimiser.weight_decay must not be below zero");
    ensure!(optimiser.clip.is_none_or(|c| c > 0.0), "optimiser.clip must be positive");
    ensure!(
        (0.0..1.0).contains(&optimiser.averaging),
        "optimiser.averaging must be from 0 to below 1"
    );
    ensure!((0.0..1.0).contains(&schedule.warm_up), "schedule.warm_up must be from 0 to below 1");
    ensure!(schedule.every > 0, "schedule.every must be positive");
    ensure!(
        schedule.factor > 0.0 && schedule.factor <= 1.0,
        "schedule.factor must be above 0 and at most 1"
    );
    ensure!(budget.batch > 0 && budget.epochs > 0, "budget: batch and epochs must be positive");
    ensure!(budget.patience != Some(0), "budget.patience must be positive");
    ensure!(
        budget.validation > 0.0 && budget.validation < 0.5,
        "budget.validation must be between 0 and 0.5"
    );
    ensure!(budget.positions > 0, "budget.positions must be positive");
    ensure!(augmentation.mixup >= 0.0, "augmentation.mixup must not be below zero");
    if let Some(search) = search {
        ensure!(search.folds >= 2, "search.folds must be at least 2");
        ensure!(
            search.grid.is_empty() != search.configurations.is_empty(),
            "search: give either `grid` or `configurations`"
        );
        ensure!(
            search.grid.values().all(|values| !values.is_empty()),
            "search.grid: every key needs at least one value"
        );
    }
    Ok(())
}
