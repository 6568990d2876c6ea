//! Several sources of popularity as one target: each brought to 0–1, then averaged over those that know the
//! song.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::dataset::Track;

/// A mean of several sources, such as plays of one service and charts of another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blend {
    /// The sources.
    pub sources: Vec<Source>,
    /// Fewest sources that must know a song.
    #[serde(default = "one")]
    pub least: usize,
}

fn one() -> usize {
    1
}

/// One source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Column with its number; empty where it does not know the song.
    pub column: String,
    /// How much it counts.
    #[serde(default = "whole")]
    pub weight: f64,
    /// How its numbers are brought to 0–1.
    #[serde(default)]
    pub scale: SourceScale,
}

fn whole() -> f64 {
    1.0
}

/// How the numbers of a source are brought to 0–1. All are learnt from the training songs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceScale {
    /// The share of the training songs that the source knows and that have less (half of those with as
    /// much): plays of any two services are then alike, whatever their reach.
    #[default]
    Rank,
    /// From the least to the most.
    Range,
    /// The same for the logarithm of one more than the number, for counts.
    LogRange,
}

impl Blend {
    /// Checks what serde cannot.
    pub(super) fn validate(&self, name: &str) -> Result<()> {
        ensure!(!self.sources.is_empty(), "heads: {name} is a blend of nothing");
        ensure!(
            (1..=self.sources.len()).contains(&self.least),
            "heads: `least` of {name} must be between 1 and {}",
            self.sources.len()
        );
        ensure!(
            self.sources.iter().all(|s| s.weight > 0.0 && s.weight.is_finite()),
            "heads: the weights of the sources of {name} must be positive"
        );
        Ok(())
    }

    /// The blended value of each track, 0–1.
    ///
    /// # Errors
    /// When a column is missing or holds what is no number, a source knows none of the reference songs,
    /// or too few know a song.
    pub(super) fn values(&self, tracks: &[&Track], reference: &[usize]) -> Result<Vec<f64>> {
        let scaled: Vec<Vec<Option<f64>>> = self
            .sources
            .iter()
            .map(|source| source.scaled(tracks, reference))
            .collect::<Result<_>>()?;
        tracks
            .iter()
            .enumerate()
            .map(|(song, track)| {
                let (mut sum, mut weight, mut known) = (0.0, 0.0, 0);
                for (source, values) in self.sources.iter().zip(&scaled) {
                    if let Some(value) = values[song] {
                        sum += source.weight * value;
                        weight += source.weight;
                        known += 1;
                    }
                }
                self.check_known(track, known)?;
                Ok(sum / weight)
            })
            .collect()
    }

    /// Checks that enough sources know a song.
    ///
    /// # Errors
    /// When a column is missing or holds what is no number, or too few know it.
    pub(super) fn check_song(&self, track: &Track) -> Result<()> {
        let numbers = self.sources.iter().map(|source| source.number(track));
        let numbers: Vec<Option<f64>> = numbers.collect::<Result<_>>()?;
        self.check_known(track, numbers.iter().flatten().count())
    }

    fn check_known(&self, track: &Track, known: usize) -> Result<()> {
        ensure!(
            known >= self.least,
            "track {}: {known} of the sources {} know it, not {}; take it out of the manifest or lower `least`",
            track.id,
            self.columns().collect::<Vec<_>>().join(", "),
            self.least
        );
        Ok(())
    }

    /// The columns that the sources are in.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(|source| source.column.as_str())
    }
}

impl Source {
    /// The number that is scaled; `None` where the source does not know the song.
    fn number(&self, track: &Track) -> Result<Option<f64>> {
        let text = track.text(&self.column)?.trim();
        let missing = ["", "na", "n/a", "nan", "null", "none"];
        if missing.contains(&text.to_ascii_lowercase().as_str()) {
            return Ok(None);
        }
        let value = track.number(&self.column)?;
        match self.scale {
            SourceScale::LogRange => {
                ensure!(
                    value > -1.0,
                    "track {}: {} is {value}, which has no logarithm",
                    track.id,
                    self.column
                );
                Ok(Some(value.ln_1p()))
            }
            _ => Ok(Some(value)),
        }
    }

    fn scaled(&self, tracks: &[&Track], reference: &[usize]) -> Result<Vec<Option<f64>>> {
        let values: Vec<Option<f64>> =
            tracks.iter().map(|track| self.number(track)).collect::<Result<_>>()?;
        let mut known: Vec<f64> = reference.iter().filter_map(|&song| values[song]).collect();
        known.sort_by(f64::total_cmp);
        let (low, high) = known
            .first()
            .zip(known.last())
            .with_context(|| format!("heads: no training song has a number in {}", self.column))?;
        let scale = |value: f64| match self.scale {
            SourceScale::Rank => {
                let below = known.partition_point(|&other| other < value);
                let as_much = known.partition_point(|&other| other <= value) - below;
                (below as f64 + 0.5 * as_much as f64) / known.len() as f64
            }
            SourceScale::Range | SourceScale::LogRange if high > low => {
                ((value - low) / (high - low)).clamp(0.0, 1.0)
            }
            SourceScale::Range | SourceScale::LogRange => 0.5,
        };
        Ok(values.into_iter().map(|value| value.map(scale)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(id: &str, a: &str, b: &str) -> Track {
        Track {
            id: id.into(),
            file: String::new(),
            columns: [("a", a), ("b", b)].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        }
    }

    fn blend(text: &str) -> Blend {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn sources_are_averaged_where_they_know_a_song() {
        let tracks = [track("x", "10", "1"), track("y", "", "3"), track("z", "30", "nan")];
        let tracks: Vec<&Track> = tracks.iter().collect();
        let of = blend(
            "sources = [{ column = 'a', scale = 'range' }, { column = 'b', scale = 'range', weight = 3.0 }]",
        );
        assert_eq!(of.values(&tracks, &[0, 1, 2]).unwrap(), [0.0, 1.0, 1.0]);
        let of = blend("sources = [{ column = 'a' }, { column = 'b' }]");
        assert_eq!(of.values(&tracks, &[0, 1, 2]).unwrap(), [0.25, 0.75, 0.75]);
        // Scales come from the training songs alone, and hold what lies outside.
        let of = blend("sources = [{ column = 'b', scale = 'log-range' }]\nleast = 1");
        assert_eq!(of.values(&tracks[..2], &[0]).unwrap(), [0.5, 0.5]);
    }

    #[test]
    fn what_nobody_knows_is_an_error() {
        let tracks = [track("x", "1", "2"), track("y", "", "none")];
        let tracks: Vec<&Track> = tracks.iter().collect();
        let message =
            |text: &str| format!("{:#}", blend(text).values(&tracks, &[0, 1]).unwrap_err());
        assert!(message("sources = [{ column = 'a' }, { column = 'b' }]").contains("track y"));
        let one_knows = blend("sources = [{ column = 'a' }, { column = 'b' }]");
        assert!(one_knows.check_song(tracks[0]).is_ok());
        assert!(one_knows.check_song(tracks[1]).unwrap_err().to_string().contains("track y"));
        assert!(message("sources = [{ column = 'c' }]").contains("\"c\""));
        assert!(blend("sources = []").validate("x").is_err());
        assert!(blend("sources = [{ column = 'a', weight = 0.0 }]").validate("x").is_err());
        assert!(blend("sources = [{ column = 'a' }]\nleast = 2").validate("x").is_err());
    }
}
