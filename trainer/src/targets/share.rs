//! A share of people.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::OfSong;
use crate::dataset::Track;

/// A share of people, drawn towards the mean: `(count + prior · mean) / (of + prior)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Column with the number of people who said so.
    pub count: String,
    /// Column with the number of people asked.
    pub of: String,
    /// Votes of the mean opinion that are added to every song.
    #[serde(default)]
    pub prior: f64,
}

impl Share {
    pub(super) fn validate(&self, name: &str) -> Result<()> {
        ensure!(self.prior >= 0.0, "heads: the prior of {name} is below zero");
        Ok(())
    }

    /// The plain share, and the number of people behind it.
    pub(super) fn of_track(&self, track: &Track) -> Result<(f64, f64)> {
        let (count, of) = (track.number(&self.count)?, track.number(&self.of)?);
        ensure!(
            of > 0.0 && (0.0..=of).contains(&count),
            "track {}: {} = {count} of {} = {of} is no share",
            track.id,
            self.count,
            self.of
        );
        Ok((count / of, of))
    }

    /// The target of every song; the mean is that of the `reference` songs.
    pub(super) fn all(&self, tracks: &[&Track], reference: &[usize]) -> Result<Vec<OfSong>> {
        let plain: Vec<(f64, f64)> =
            tracks.iter().map(|track| self.of_track(track)).collect::<Result<_>>()?;
        let prior = self.prior;
        let total =
            |f: fn(&(f64, f64)) -> f64| reference.iter().map(|&i| f(&plain[i])).sum::<f64>();
        let mean = total(|(share, of)| share * of) / total(|(_, of)| *of);
        let smoothed = |x: f64, of: f64| match prior > 0.0 {
            true => (x * of + prior * mean) / (of + prior),
            false => x,
        };
        let of_song =
            |&(x, of): &(f64, f64)| OfSong { learnt: vec![smoothed(x, of)], truth: x, people: of };
        Ok(plain.iter().map(of_song).collect())
    }
}
