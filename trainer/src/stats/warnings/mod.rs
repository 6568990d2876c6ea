//! What one should know before trusting a data set.

mod audio;
mod columns;
mod splits;

use serde::Serialize;

pub(super) use audio::{audio, catalogues, unread};
pub(super) use columns::{categories, columns, redundant, targets};
pub(super) use splits::{filled_folds, group_leaks, same_audio, same_titles};

/// Beyond this share of one value, classes are far from balanced.
pub(crate) const MAJORITY: f64 = 0.8;
/// Songs named in a warning at most.
const NAMED: usize = 20;

/// What a warning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A group or the same audio is on both sides of a split.
    Leak,
    /// The same audio or the same title more than once.
    Double,
    /// A group makes up most of a fold.
    GroupFillsFold,
    /// Labels that are missing or no numbers.
    BadLabels,
    /// Classes are far from equally frequent, or there is only one.
    Imbalance,
    /// Clipped audio.
    Clipped,
    /// Silent or very short audio.
    Silent,
    /// Songs that could not be read, or have not been yet.
    Unread,
    /// A column has but one value.
    Constant,
    /// A column lacks values.
    Missing,
    /// Two columns say the same.
    Redundant,
    /// Catalogues can be told apart without hearing the music.
    Catalogues,
}

/// Something one should know before trusting a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// What it is about.
    pub kind: Kind,
    /// One line for people.
    pub message: String,
    /// The first of the songs, groups or columns concerned.
    pub names: Vec<String>,
}

impl Warning {
    fn new(kind: Kind, message: String, names: impl IntoIterator<Item = String>) -> Self {
        Self { kind, message, names: names.into_iter().take(NAMED).collect() }
    }
}
