//! Features of whole songs: where the builder gets them from.

use std::cell::RefCell;
use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail};
use earworm_scorer::features::{self, Extractor};
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

impl fmt::Display for FeatureSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Descriptors => "descriptors",
            Self::LowLevel => "low-level",
        })
    }
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

/// What an extractor's tables were made for.
type MadeFor = (u32, Vec<features::FeatureSet>);

thread_local! {
    /// The extractor of this thread: its tables take longer to make than a song to describe.
    static EXTRACTOR: RefCell<Option<(MadeFor, Extractor)>> = const { RefCell::new(None) };
}

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
        let wanted: MadeFor = (sample_rate, sets.iter().map(|&set| set.into()).collect());
        // Taken out while it is at work: the thread may turn to another song in between.
        let kept = EXTRACTOR.take().filter(|(made_for, _)| *made_for == wanted);
        let mut extractor = match kept {
            Some((_, extractor)) => extractor,
            None => Extractor::new(wanted.0, &wanted.1)?,
        };
        let values = extractor.extract(samples);
        EXTRACTOR.set(Some((wanted, extractor)));
        Ok(values?)
    }

    fn chorus(&self, samples: &[f32], sample_rate: u32, seconds: f64) -> Result<Option<f64>> {
        Ok(features::find_chorus(samples, sample_rate, seconds).map(|chorus| chorus.start))
    }

    fn finds_choruses(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_extractor_says_what_a_new_one_does() {
        let song = |length: u32, seed: u32| -> Vec<f32> {
            let mut state = seed;
            let mut noise = move || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state as f32 / u32::MAX as f32 - 0.5
            };
            (0..length).map(|_| noise()).collect()
        };
        let both = [FeatureSet::Descriptors, FeatureSet::LowLevel];
        let calls: [(u32, &[FeatureSet]); 5] = [
            (16_000, &both),
            (16_000, &both),
            (22_050, &both),
            (22_050, &both[..1]),
            (16_000, &both),
        ];
        for (n, (rate, sets)) in calls.into_iter().enumerate() {
            let song = song(20_000 + 3_000 * n as u32, n as u32);
            let wanted: Vec<features::FeatureSet> = sets.iter().map(|&set| set.into()).collect();
            let expected = features::extract(&song, rate, &wanted).unwrap();
            assert_eq!(ScorerFeatures.extract(&song, rate, sets).unwrap(), expected, "call {n}");
            // A song that gives none leaves the next one as it is.
            assert!(ScorerFeatures.extract(&[], rate, sets).is_err());
        }
    }
}
