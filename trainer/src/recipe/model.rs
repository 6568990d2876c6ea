//! The network or table model of a recipe: one section `[model]`, told apart by `kind`.

use anyhow::{Result, ensure};
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use super::DataRecipe;
use crate::nn::ModelRecipe;
use crate::run::Task;
use crate::table::TableModelRecipe;

/// Kinds of networks.
const NETWORKS: &[&str] = &[
    "mean-lstm",
    "lstm",
    "mlp",
    "cnn3",
    "mobilenet-v2",
    "vgg11",
    "alexnet",
    "transformer",
    "few-features",
    "hit-music-net",
    "autoen-chorder",
    "vggish",
    "popularity-cnn",
    "sound-cnn",
    "sound-lstm",
    "late-fusion",
    "attention-pool",
];

/// Kinds of table models.
const TABLES: &[&str] = &["knn", "svm", "tree", "adaboost", "logistic"];

/// What is trained.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Model {
    /// A network in Candle.
    Network(ModelRecipe),
    /// A table model.
    Table(TableModelRecipe),
}

impl<'de> Deserialize<'de> for Model {
    // Through a value, because an untagged enum would say of every mistake only that nothing matched.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = toml::Table::deserialize(deserializer)?;
        let kind = table.get("kind").and_then(toml::Value::as_str).unwrap_or_default();
        let known: Vec<&str> = NETWORKS.iter().chain(TABLES).copied().collect();
        if kind.is_empty() {
            let message = format!("missing field `kind`: one of {}", known.join(", "));
            return Err(D::Error::custom(message));
        }
        let value = toml::Value::Table(table.clone());
        let message = |e: toml::de::Error| D::Error::custom(e.message());
        if NETWORKS.contains(&kind) {
            Ok(Self::Network(value.try_into().map_err(message)?))
        } else if TABLES.contains(&kind) {
            Ok(Self::Table(value.try_into().map_err(message)?))
        } else {
            let listed: Vec<String> = known.iter().map(|k| format!("`{k}`")).collect();
            Err(D::Error::custom(format!(
                "unknown variant `{kind}`, expected one of {}",
                listed.join(", ")
            )))
        }
    }
}

impl Model {
    /// Whether it learns from rows of a table and not from frames.
    pub fn wants_rows(&self, data: &DataRecipe) -> bool {
        match self {
            Self::Table(_) => true,
            Self::Network(network) => {
                network.needs_rows() || data.table.is_some() || !data.columns.is_empty()
            }
        }
    }

    /// The model in a sentence, for its card.
    pub fn describe(&self) -> String {
        match self {
            Self::Network(network) => network.describe(),
            Self::Table(table) => table.kind().to_owned(),
        }
    }

    pub(super) fn validate(&self, task: Task, heads: usize, data: &DataRecipe) -> Result<()> {
        match self {
            Self::Network(network) => {
                network.validate()?;
                ensure!(
                    !self.wants_rows(data) || network.takes_rows(),
                    "model: kind {:?} reads frames, not rows; give data.set and no data.columns",
                    network.kind()
                );
                let beside = !data.beside.is_empty();
                ensure!(
                    beside == network.needs_beside(),
                    "model: kind {:?} {}",
                    network.kind(),
                    match beside {
                        true => "does not take numbers beside the sound; leave out data.beside",
                        false => "takes numbers beside the sound; name them in data.beside",
                    }
                );
                ensure!(!beside || data.set.is_some(), "data.beside needs the sound of data.set");
                Ok(())
            }
            Self::Table(table) => {
                ensure!(
                    heads == 1,
                    "model: kind {:?} learns one target; leave one of [[heads]]",
                    table.kind()
                );
                ensure!(
                    matches!(task, Task::Binary | Task::Classes),
                    "model: kind {:?} needs a yes-or-no target or classes",
                    table.kind()
                );
                table.validate()
            }
        }
    }
}
