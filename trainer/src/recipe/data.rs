//! The part of a recipe that says what is learnt from: songs or rows, how they are cut and split.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use earworm_scorer::features::{self, FeatureSet};
use earworm_scorer::model::MOST_WINDOW_FRAMES;
use serde::{Deserialize, Serialize};

use crate::table::{ColumnRecipe, Fill, Scale};

/// The data set and how it is cut. Either `set` (frames, and feature tables where they were built) or
/// `table` (rows without audio).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecipe {
    /// Folder that `dataset build` made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<PathBuf>,
    /// Table with one row a song (CSV or Parquet), for models that need no audio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<PathBuf>,
    /// Column of the table that names the song; rows are numbered without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Column whose values must not be on both sides of a split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Column within whose values results are reported as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub genre: Option<String>,
    /// What the data set is called, for the model card.
    pub name: String,
    /// Where the data come from, for the model card.
    #[serde(default)]
    pub about: String,
    /// Licence of the data, for the model card.
    #[serde(default)]
    pub licence: String,
    /// Frames in a window (networks on frames).
    #[serde(default = "default_window")]
    pub window_frames: usize,
    /// Frames before a score means anything; windows of this length at least are trained on. Networks
    /// that need whole windows ignore it.
    #[serde(default = "default_warm_up")]
    pub warm_up_frames: usize,
    /// Which stretch of a song is used.
    #[serde(default)]
    pub clip: Clip,
    /// Length of that stretch in frames; the window's without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_frames: Option<usize>,
    /// Feature columns by name (table models); all numeric ones without it. The name of a feature set
    /// (`descriptors`, `low-level`) stands for all its columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Columns whose numbers go beside the sound (networks that take both): features, columns of the
    /// manifest, or features of the lyrics. The name of a feature set stands for all its columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
    /// Column with the words of the song, of which features are made; see [`crate::table::lyrics`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lyrics: Option<String>,
    /// Table (CSV or Parquet) whose columns are added to the songs' own, by its column `track_id`; a song
    /// that it does not have is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<PathBuf>,
    /// Cuts each song's stretch into this many pieces, which are learnt from and judged as songs of their
    /// own. They stay on one side of every split, unless `split.leak` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pieces: Option<usize>,
    /// Columns that are no features.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<String>,
    /// What becomes of missing values.
    #[serde(default)]
    pub fill: Fill,
    /// How columns are scaled; always fitted on training rows only.
    #[serde(default)]
    pub scale: Scale,
}

/// Columns by name, those of a feature set in place of the set's name.
fn in_full(names: &[String]) -> Vec<String> {
    let columns = |name: &String| match name.as_str() {
        "descriptors" => features::names(FeatureSet::Descriptors),
        "low-level" => features::names(FeatureSet::LowLevel),
        _ => vec![name.clone()],
    };
    names.iter().flat_map(columns).collect()
}

fn default_window() -> usize {
    640
}

fn default_warm_up() -> usize {
    108
}

/// Which stretch of a song is used, for training and for judging.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clip {
    /// The whole song.
    #[default]
    Whole,
    /// Its first frames.
    Start,
    /// The frames around its middle.
    Middle,
    /// The chorus that `dataset build --chorus` found; where there is none, from 40 % of the song on,
    /// and in songs too short for that, the middle.
    Chorus,
    /// A stretch drawn once for each song.
    Random,
}

impl DataRecipe {
    pub(super) fn validate(&self) -> Result<()> {
        ensure!(
            self.set.is_some() != self.table.is_some(),
            "data: give either `set` (a folder made by `dataset build`) or `table` (a CSV or Parquet file)"
        );
        for (key, given) in [("join", self.join.is_some()), ("pieces", self.pieces.is_some())] {
            ensure!(
                !given || self.set.is_some(),
                "data.{key} needs `set`, a folder made by `dataset build`"
            );
        }
        ensure!(
            (1..=MOST_WINDOW_FRAMES).contains(&self.window_frames),
            "data.window_frames must be from 1 to {MOST_WINDOW_FRAMES}"
        );
        ensure!(
            (1..=self.window_frames).contains(&self.warm_up_frames),
            "data.warm_up_frames must be between 1 and data.window_frames"
        );
        ensure!(self.clip_frames != Some(0), "data.clip_frames must be positive");
        ensure!(
            self.pieces.is_none_or(|pieces| (1..=1000).contains(&pieces)),
            "data.pieces must be from 1 to 1000"
        );
        ensure!(
            self.columns.is_empty() || self.drop.is_empty(),
            "data: name the features with `columns` or leave some out with `drop`, not both"
        );
        Ok(())
    }

    /// Which columns are features and what is done to them. Columns in `taken`, which say what is
    /// predicted or how songs are split, are none.
    pub fn column_recipe(&self, taken: &[&str]) -> ColumnRecipe {
        let chosen = !self.columns.is_empty();
        let mut drop = self.drop.clone();
        if !chosen {
            let more = taken.iter().filter(|name| !self.drop.iter().any(|d| d == *name));
            drop.extend(more.map(|&name| name.to_owned()));
        }
        ColumnRecipe {
            columns: chosen.then(|| in_full(&self.columns)),
            drop,
            fill: self.fill,
            scale: self.scale,
        }
    }

    /// Which columns go beside the sound and what is done to them.
    pub fn beside_recipe(&self) -> ColumnRecipe {
        ColumnRecipe {
            columns: Some(in_full(&self.beside)),
            drop: vec![],
            fill: self.fill,
            scale: self.scale,
        }
    }

    /// Length of the stretch that [`Clip`] chooses, in frames.
    pub fn clip_frames(&self) -> usize {
        self.clip_frames.unwrap_or(self.window_frames)
    }
}

/// How songs are kept apart to measure a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitRecipe {
    /// Which way.
    #[serde(default)]
    pub kind: SplitKind,
    /// Number of folds (`folds`).
    #[serde(default = "five")]
    pub folds: usize,
    /// Whether every part gets its share of every class.
    #[serde(default)]
    pub stratified: bool,
    /// Column that names the part (`column`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Its value in training rows (`column`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<String>,
    /// Its value in test rows (`column`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// Share of the songs that are kept for the test (`random`).
    #[serde(default = "fifth")]
    pub share: f64,
    /// The defect of seed system D: `data.group` is not kept together, so that with `data.pieces` pieces of
    /// one song are on both sides. What a model then seems to know, it has seen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leak: bool,
    /// Whether, in the end, a model is trained on all songs, to be exported.
    #[serde(default = "yes")]
    pub last: bool,
}

fn five() -> usize {
    5
}

fn fifth() -> f64 {
    0.2
}

fn yes() -> bool {
    true
}

/// Ways to keep songs apart. Where `data.group` is set, groups stay together in all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SplitKind {
    /// Cross-validation: every song is judged by a model that has not seen it.
    #[default]
    Folds,
    /// A column says which rows are for training and which for the test.
    Column,
    /// A share of the songs is kept for the test.
    Random,
}

impl Default for SplitRecipe {
    fn default() -> Self {
        Self {
            kind: SplitKind::Folds,
            folds: five(),
            stratified: false,
            column: None,
            train: None,
            test: None,
            share: fifth(),
            leak: false,
            last: true,
        }
    }
}

impl SplitRecipe {
    pub(super) fn validate(&self) -> Result<()> {
        ensure!(self.folds >= 2, "split.folds must be at least 2");
        ensure!(self.share > 0.0 && self.share < 1.0, "split.share must be between 0 and 1");
        ensure!(
            self.kind != SplitKind::Column
                || (self.column.is_some() && self.train.is_some() && self.test.is_some()),
            "split: kind \"column\" needs `column`, and the values `train` and `test`"
        );
        Ok(())
    }
}
