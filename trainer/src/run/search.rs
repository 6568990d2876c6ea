//! The search that chose a run's configuration: `search.json` and the folder `search`.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, ensure};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{EpochRow, read_epochs, read_json};

/// One configuration: an entry of `search.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchEntry {
    /// What it sets, by key of the recipe.
    pub config: Map<String, Value>,
    /// Its score in each fold; not a number where there was none, as where all songs are of one class.
    #[serde(deserialize_with = "numbers")]
    pub scores: Vec<f64>,
    /// Their mean; not a number where a fold has no score that other configurations have.
    #[serde(deserialize_with = "number")]
    pub mean: f64,
    /// Their standard deviation.
    #[serde(deserialize_with = "number")]
    pub sd: f64,
    /// Whether it was chosen.
    pub chosen: bool,
    /// Why a training of it failed, as with too high a rate: then it has no mean, and another is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Its folder in `search`; `config-<index>` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

/// JSON has no word for what is not a number, and serde_json writes `null`.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
}

fn numbers<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
    let values: Vec<Option<f64>> = Vec::deserialize(from)?;
    Ok(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
}

impl SearchEntry {
    /// What it sets, as `key=value, key=value`.
    pub fn label(&self) -> String {
        if self.config.is_empty() {
            return "as the recipe says".into();
        }
        let show = |(key, value): (&String, &Value)| format!("{key}={}", shown(value));
        self.config.iter().map(show).collect::<Vec<_>>().join(", ")
    }

    /// The same with the last part of each key alone, for where there is little room.
    pub fn short_label(&self) -> String {
        let show = |(key, value): (&String, &Value)| {
            format!("{}={}", key.rsplit('.').next().unwrap_or(key), shown(value))
        };
        self.config.iter().map(show).collect::<Vec<_>>().join(", ")
    }
}

/// A value without quotes or the digits that binary fractions add.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            let value = number.as_f64().unwrap_or(f64::NAN);
            format!("{value:.5e}").parse::<f64>().unwrap_or(value).to_string()
        }
        other => other.to_string(),
    }
}

/// A configuration and the passes of its folds.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchConfig {
    /// What it sets and how it did.
    pub entry: SearchEntry,
    /// The passes of each fold that was written down.
    pub folds: Vec<Vec<EpochRow>>,
}

/// A search over configurations.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// All that were tried, in their order.
    pub configs: Vec<SearchConfig>,
}

/// The folder of the configuration at `index` of `search.json`.
pub fn search_folder(run: &Path, index: usize) -> PathBuf {
    run.join("search").join(format!("config-{index}"))
}

/// Reads the search of a run, where there was one.
pub(super) fn read_search(run: &Path) -> anyhow::Result<Option<Search>> {
    let path = run.join("search.json");
    if !path.exists() {
        return Ok(None);
    }
    let entries: Vec<SearchEntry> = read_json(&path)?;
    let configs = entries
        .into_iter()
        .enumerate()
        .map(|(index, entry)| {
            let folder = match &entry.folder {
                None => search_folder(run, index),
                Some(name) => {
                    let plain = matches!(
                        Path::new(name).components().collect::<Vec<_>>()[..],
                        [Component::Normal(_)]
                    );
                    ensure!(
                        plain,
                        "{}: entry {index}: {name:?} is no name of a folder",
                        path.display()
                    );
                    run.join("search").join(name)
                }
            };
            Ok(SearchConfig { folds: read_folds(&folder)?, entry })
        })
        .collect::<anyhow::Result<_>>()?;
    Ok(Some(Search { configs }))
}

fn read_folds(folder: &Path) -> anyhow::Result<Vec<Vec<EpochRow>>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let unreadable = || format!("cannot read {}", folder.display());
    let mut folds: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        if path.join("epochs.jsonl").exists() {
            folds.push(path);
        }
    }
    folds.sort();
    folds.iter().map(|fold| read_epochs(&fold.join("epochs.jsonl"))).collect()
}
