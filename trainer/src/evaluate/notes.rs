//! What the recipe says that results are told with. It is read by its keys alone, so that recipes of
//! all kinds of runs can be.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::calibrate::Method;

/// Parts of `recipe.toml`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Notes {
    /// Seed of everything random.
    pub seed: u64,
    /// `calibration`: the method asked for.
    pub calibration: Method,
    /// `data.group`: what a group of songs is called, such as `artist`.
    pub group: Option<String>,
    /// `split.leak`: groups are on both sides of the split.
    pub leaks: bool,
    /// `data.about`: where the data come from.
    pub about: Option<String>,
    /// `data.licence`.
    pub licence: Option<String>,
    /// `heads[].meaning` of the score.
    pub meaning: Option<String>,
    /// The whole text.
    pub text: String,
}

impl Notes {
    /// Reads them from a run's folder; without a recipe, all are absent.
    ///
    /// # Errors
    /// When the recipe cannot be read or asks for a calibration there is none of.
    pub fn read(run: &Path, score: &str) -> Result<Self> {
        let path = run.join("recipe.toml");
        if !path.exists() {
            return Ok(Self::default());
        }
        let name = path.display();
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))?;
        let table: toml::Table = text.parse().with_context(|| format!("cannot read {name}"))?;
        let data = table.get("data").and_then(|data| data.as_table());
        let of_data = |key: &str| Some(data?.get(key)?.as_str()?.to_owned());
        let heads = table.get("heads").and_then(|heads| heads.as_array());
        let head = heads.into_iter().flatten().find(|head| {
            head.get("name").and_then(|name| name.as_str()).is_some_and(|name| name == score)
        });
        let calibration = match table.get("calibration") {
            None => Method::default(),
            Some(value) => Method::deserialize(value.clone())
                .with_context(|| format!("{name}: calibration = {value}"))?,
        };
        Ok(Self {
            seed: table.get("seed").and_then(|s| s.as_integer()).unwrap_or(0) as u64,
            calibration,
            group: of_data("group").filter(|group| !group.is_empty()),
            leaks: table
                .get("split")
                .and_then(|split| split.get("leak")?.as_bool())
                .unwrap_or(false),
            about: of_data("about"),
            licence: of_data("licence"),
            meaning: head.and_then(|h| Some(h.get("meaning")?.as_str()?.to_owned())),
            text,
        })
    }

    /// What a number of groups is called, such as `artists`.
    pub fn groups(&self) -> String {
        format!("{}s", self.group.as_deref().unwrap_or("group"))
    }
}
