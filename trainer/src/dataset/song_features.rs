//! Features of whole songs: where the builder gets them from.

use std::str::FromStr;

use anyhow::{Result, bail};
use earworm_scorer::features;
use serde::{Deserialize, Serialize};

use super::nearest::nearest;

/// A set of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeatureSet {
    /// The seven descriptors of the TikTok table.
    Descriptors,
    /// The low-level set of HitMusicNet.
    LowLevel,
}

impl FromStr for FeatureSet {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "descriptors" => Ok(Self::Descriptors),
            "low-level" => Ok(Self::LowLevel),
            _ => {
                let nearest = nearest(text, ["descriptors", "low-level"]);
                bail!(
                    "there is no feature set {text:?}{nearest} (there are descriptors, low-level)"
                )
            }
        }
    }
}

/// Computes features of songs.
pub trait FeatureSource: Sync {
    /// The names of a set's features.
    ///
    /// # Errors
    /// When the set cannot be computed.
    fn names(&self, set: FeatureSet) -> Result<Vec<String>>;

    /// The features of a song, those of the first set first: as many as the sets have names.
    ///
    /// # Errors
    /// When the song gives none, being too short, say. Its features then count as missing.
    fn extract(&self, samples: &[f32], sample_rate: u32, sets: &[FeatureSet]) -> Result<Vec<f32>>;

    /// Where the chorus starts, in seconds; `None` where none is found.
    ///
    /// # Errors
    /// When no chorus can be looked for.
    fn chorus(&self, samples: &[f32], sample_rate: u32, seconds: f64) -> Result<Option<f64>>;

    /// Whether choruses can be looked for at all.
    fn finds_choruses(&self) -> bool;
}

/// The features of [`earworm_scorer::features`].
#[derive(Debug, Clone, Copy, Default)]
pub struct ScorerFeatures;

impl From<FeatureSet> for features::FeatureSet {
    fn from(set: FeatureSet) -> Self {
        match set {
            FeatureSet::Descriptors => Self::Descriptors,
            FeatureSet::LowLevel => Self::LowLevel,
        }
    }
}

impl FeatureSource for ScorerFeatures {
    fn names(&self, set: FeatureSet) -> Result<Vec<String>> {
        Ok(features::names(set.into()))
    }

    fn extract(&self, samples: &[f32], sample_rate: u32, sets: &[FeatureSet]) -> Result<Vec<f32>> {
        let sets: Vec<features::FeatureSet> = sets.iter().map(|&set| set.into()).collect();
        Ok(features::extract(samples, sample_rate, &sets)?)
    }

    fn chorus(&self, samples: &[f32], sample_rate: u32, seconds: f64) -> Result<Option<f64>> {
        Ok(features::find_chorus(samples, sample_rate, seconds).map(|chorus| chorus.start))
    }

    fn finds_choruses(&self) -> bool {
        true
    }
}
