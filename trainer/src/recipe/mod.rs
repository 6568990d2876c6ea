//! The file that describes an experiment. Unknown keys are errors.

mod data;
mod finite;
mod idle;
mod model;
mod overrides;
mod training;

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

pub use self::data::{Clip, DataRecipe, SplitKind, SplitRecipe};
pub use self::model::Model;
pub use self::overrides::{parse_assignment, set_all};
pub use self::training::{
    Augmentation, BudgetRecipe, LossRecipe, OptimiserKind, OptimiserRecipe, ScheduleKind,
    ScheduleRecipe, SearchMetric, SearchRecipe,
};
use crate::calibrate::Method;
use crate::nn::Contract;
use crate::run::Task;
use crate::targets::{Head, task_of};

/// An experiment: data, targets, split, model, training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Name of the model.
    pub name: String,
    /// Licence of the model, for its card.
    #[serde(default)]
    pub licence: String,
    /// Everything random follows from it.
    #[serde(default)]
    pub seed: u64,
    /// From raw outputs to probabilities.
    #[serde(default)]
    pub calibration: Method,
    /// The data set and how it is cut.
    pub data: DataRecipe,
    /// What is predicted; the first head is the score.
    pub heads: Vec<Head>,
    /// How songs are kept apart.
    #[serde(default)]
    pub split: SplitRecipe,
    /// The network or table model.
    pub model: Model,
    /// What is minimised.
    #[serde(default)]
    pub loss: LossRecipe,
    /// The optimiser.
    #[serde(default)]
    pub optimiser: OptimiserRecipe,
    /// How its step size changes.
    #[serde(default)]
    pub schedule: ScheduleRecipe,
    /// How long is trained.
    #[serde(default)]
    pub budget: BudgetRecipe,
    /// How crops are varied.
    #[serde(default)]
    pub augmentation: Augmentation,
    /// Configurations to choose from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchRecipe>,
}

impl Recipe {
    /// Reads a recipe, with `overrides` (`key=value`, as after `--set`) put in place of what it says.
    ///
    /// # Errors
    /// When the file cannot be read, has unknown keys or impossible values; the message names them.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        Self::parse(&text, overrides).with_context(|| format!("cannot use {name}"))
    }

    /// Reads a recipe from its text.
    ///
    /// # Errors
    /// When it has unknown keys or impossible values; the message names them.
    pub fn parse(text: &str, overrides: &[String]) -> Result<Self> {
        let mut table: toml::Table = match toml::from_str(text) {
            Ok(table) => table,
            Err(e) => {
                let line = e.span().map_or(1, |s| text[..s.start].matches('\n').count() + 1);
                bail!("line {line}: {}", e.message().replace('\n', ", "));
            }
        };
        let assigned: Vec<(String, toml::Value)> =
            overrides.iter().map(|text| parse_assignment(text)).collect::<Result<_>>()?;
        set_all(&mut table, assigned.iter().map(|(key, value)| (key, value)))?;
        Self::from_table(table)
    }

    /// A recipe from a table.
    ///
    /// # Errors
    /// When it has unknown keys or impossible values; the message names them.
    pub fn from_table(table: toml::Table) -> Result<Self> {
        let recipe: Self = overrides::read(toml::Value::Table(table))?;
        recipe.validate()?;
        // As it is kept: what TOML can say may be too large for it.
        finite::check(&toml::Value::try_from(&recipe)?, "")?;
        Ok(recipe)
    }

    /// The recipe with some keys changed.
    ///
    /// # Errors
    /// When a key is unknown or a value impossible; the message names it.
    pub fn with<'a>(
        &self,
        changes: impl IntoIterator<Item = (&'a String, &'a toml::Value)>,
    ) -> Result<Self> {
        let mut table = toml::Table::try_from(self)?;
        set_all(&mut table, changes)?;
        Self::from_table(table)
    }

    /// Checks what runs of former versions may have, but no new one.
    ///
    /// # Errors
    /// Tells what to take in place of it.
    pub fn check_new(&self) -> Result<()> {
        ensure!(
            self.task() != Task::Share || self.calibration != Method::Temperature,
            "calibration: a temperature cannot move the middle of a share; take \"platt\", or with a thousand songs or more \"isotonic\""
        );
        Ok(())
    }

    /// The kind of answer the model gives.
    pub fn task(&self) -> Task {
        self.heads[0].task()
    }

    /// Audible frames that each song, or piece of one, needs to be learnt from. Windows are filled by hearing a
    /// short song again from its start; a stream is not scored before its warm-up.
    pub fn least_frames(&self) -> usize {
        match &self.model {
            Model::Network(network) if !self.model.wants_rows(&self.data) => {
                match network.contract() {
                    Contract::Streaming => self.data.warm_up_frames,
                    Contract::Window => 1,
                }
            }
            _ => 0,
        }
    }

    /// Names of all outputs of the model, auxiliary ones last.
    pub fn outputs(&self) -> Vec<String> {
        self.heads.iter().flat_map(Head::outputs).collect()
    }

    /// Columns that say what is predicted or how songs are split: none of them can be a feature.
    pub fn taken_columns(&self) -> Vec<&str> {
        let of_heads = self.heads.iter().flat_map(Head::columns);
        let of_data = [&self.data.group, &self.data.genre, &self.split.column];
        of_heads.chain(of_data.into_iter().filter_map(|c| c.as_deref())).collect()
    }

    /// Number of outputs that are part of the exported model.
    pub fn exported_outputs(&self) -> usize {
        self.heads.iter().filter(|h| !h.auxiliary).map(|h| h.outputs().len()).sum()
    }

    fn validate(&self) -> Result<()> {
        let task = task_of(&self.heads)?;
        ensure!(
            self.heads.iter().any(|head| head.weight > 0.0),
            "heads: the weight of at least one must be above zero"
        );
        self.data.validate()?;
        self.split.validate()?;
        training::validate(
            &self.optimiser,
            &self.schedule,
            &self.budget,
            &self.augmentation,
            self.search.as_ref(),
        )?;
        ensure!(
            self.budget.positions <= self.data.window_frames,
            "budget.positions must not be above data.window_frames"
        );
        match (&self.loss, task) {
            (LossRecipe::CrossEntropy | LossRecipe::Focal { .. }, Task::Regression) => {
                bail!("loss: a value needs kind \"mse\" or \"outlier-weighted\"")
            }
            (LossRecipe::Mse | LossRecipe::OutlierWeighted { .. }, Task::Classes) => {
                bail!("loss: classes need kind \"cross-entropy\" or \"focal\"")
            }
            (LossRecipe::Focal { gamma, class_weights }, _) => {
                let wanted = if task == Task::Classes { self.outputs().len() } else { 2 };
                ensure!(*gamma >= 0.0, "loss.gamma must not be below zero");
                ensure!(
                    class_weights.is_empty() || class_weights.len() == wanted,
                    "loss.class_weights needs {wanted} values, one a class"
                );
            }
            (LossRecipe::OutlierWeighted { deviation, alpha, beta, .. }, _) => ensure!(
                *deviation > 0.0 && *alpha > 0.0 && *beta > 0.0,
                "loss: deviation, alpha and beta must be positive"
            ),
            _ => {}
        }
        if let Some(search) = &self.search {
            ensure!(
                self.split.kind != SplitKind::Folds,
                "search: the chosen configuration is tested once, so split.kind must be \"column\" or \"random\""
            );
            ensure!(
                search.metric != SearchMetric::Accuracy
                    || matches!(task, Task::Binary | Task::Classes),
                "search.metric: accuracy needs a yes-or-no target or classes"
            );
        }
        if let Model::Network(network) = &self.model {
            ensure!(
                network.preparation() < self.budget.epochs,
                "model.preparation takes {} passes; budget.epochs must be more",
                network.preparation()
            );
        }
        self.model.validate(task, self.heads.len(), &self.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: &str = include_str!("../../recipes/emotify-lstm.toml");

    #[test]
    fn the_default_recipe_is_valid_and_survives_a_round_trip() {
        let recipe = Recipe::parse(DEFAULT, &[]).unwrap();
        let again = Recipe::parse(&toml::to_string(&recipe).unwrap(), &[]).unwrap();
        assert_eq!(recipe, again);
    }

    #[test]
    fn unknown_keys_are_errors_with_a_suggestion() {
        for (from, to, key) in [
            ("patience", "patiense", "patience"),
            ("[optimiser]", "[optimizer]", "optimiser"),
            ("hidden", "hiden", "hidden"),
        ] {
            let message =
                format!("{:#}", Recipe::parse(&DEFAULT.replace(from, to), &[]).unwrap_err());
            assert!(message.contains(&format!("did you mean `{key}`")), "{message}");
            assert!(!message.contains('\n'), "{message}");
        }
        let kind = DEFAULT.replace("mean-lstm", "mean-lsmt");
        let message = format!("{:#}", Recipe::parse(&kind, &[]).unwrap_err());
        assert!(message.contains("did you mean `mean-lstm`"), "{message}");
    }

    #[test]
    fn every_recipe_that_comes_with_the_trainer_is_valid() {
        let mut count = 0;
        for folder in ["recipes", "recipes/seed-a", "recipes/seed-e", "recipes/tiktok"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let is_recipe = path.extension().is_some_and(|e| e == "toml")
                    && path.file_stem().is_some_and(|n| {
                        let name = n.to_string_lossy();
                        !name.starts_with("front_end") && name != "suite"
                    });
                if is_recipe {
                    let recipe = Recipe::load(&path, &[]).unwrap();
                    assert!(recipe.idle().is_empty(), "{}: {:?}", path.display(), recipe.idle());
                    count += 1;
                }
            }
        }
        assert!(count >= 19, "{count}");
    }

    #[test]
    fn keys_can_be_set_from_the_command_line() {
        let set = |text: &str| Recipe::parse(DEFAULT, &[text.to_owned()]);
        assert_eq!(set("budget.epochs=3").unwrap().budget.epochs, 3);
        assert_eq!(set("name=other").unwrap().name, "other");
        assert_eq!(set("heads.0.weight=2").unwrap().heads[0].weight, 2.0);
        assert_eq!(set("optimiser.kind=adam").unwrap().optimiser.kind, OptimiserKind::Adam);
        let message = format!("{:#}", set("budget.epoch=3").unwrap_err());
        assert!(message.contains("did you mean `epochs`"), "{message}");
        assert!(set("budget.epochs").unwrap_err().to_string().contains("key=value"));
        assert!(set("heads.99.weight=1").is_err());
        assert!(set("budget.epochs=-3").is_err());
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let set = |text: &str| {
            let all: Vec<String> = text.split(';').map(str::to_owned).collect();
            format!("{:#}", Recipe::parse(DEFAULT, &all).unwrap_err())
        };
        assert!(set("data.table=x.csv").contains("either"));
        assert!(set("data.warm_up_frames=0").contains("warm_up_frames"));
        // No model that the meter takes has longer windows.
        assert!(set("data.window_frames=100001").contains("window_frames"));
        assert!(set("heads.1.name=liked").contains("two are called liked"));
        assert!(set("model.kind=knn").contains("missing field `k`"));
        assert!(set("model.kind=knn;model.k=3").contains("learns one target"));
        assert!(set("split.kind=column").contains("column"));
        let old = Recipe::parse(DEFAULT, &["calibration=temperature".into()]).unwrap();
        assert!(old.check_new().unwrap_err().to_string().contains("take \"platt\""));
        for (key, value) in [
            ("augmentation.gain_db", "nan"),
            ("augmentation.tilt_db", "1e300"),
            ("optimiser.learning_rate", "inf"),
            ("heads.0.weight", "inf"),
        ] {
            let said = set(&format!("{key}={value}"));
            assert!(said.contains(key), "{key}={value}: {said}");
        }
    }
}
