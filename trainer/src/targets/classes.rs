//! One of several classes by the size of a number.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::OfSong;
use super::quantity::{quantile, quantity};
use crate::dataset::Track;

/// Classes between quantiles of the training songs, or between given values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classes {
    /// The column, or the ratio of two.
    pub column: String,
    /// Rising quantiles, 0–1, between the classes.
    #[serde(default)]
    pub quantiles: Vec<f64>,
    /// Or rising values between the classes; a value equal to one belongs to the class above it.
    #[serde(default)]
    pub limits: Vec<f64>,
    /// Their names, lowest first: one more than there are limits.
    pub names: Vec<String>,
}

impl Classes {
    pub(super) fn validate(&self, name: &str) -> Result<()> {
        let Self { quantiles, limits, names, .. } = self;
        ensure!(
            quantiles.is_empty() != limits.is_empty(),
            "heads: {name} is cut either at quantiles or at limits"
        );
        let cuts = quantiles.len() + limits.len();
        ensure!(
            names.len() == cuts + 1,
            "heads: {name} has {} names, but {cuts} cuts make {} classes",
            names.len(),
            cuts + 1
        );
        let rising = |v: &[f64]| v.is_sorted_by(|a, b| a < b);
        ensure!(rising(quantiles) && rising(limits), "heads: the cuts of {name} must rise");
        ensure!(
            quantiles.iter().all(|&q| q > 0.0 && q < 1.0),
            "heads: the quantiles of {name} must be between 0 and 1"
        );
        Ok(())
    }

    /// The target of every song; quantiles are those of the `reference` songs.
    pub(super) fn all(&self, tracks: &[&Track], reference: &[usize]) -> Result<Vec<OfSong>> {
        let plain: Vec<f64> =
            tracks.iter().map(|track| quantity(track, &self.column)).collect::<Result<_>>()?;
        let of_reference = || reference.iter().map(|&i| plain[i]).collect();
        let limits: Vec<f64> = match self.limits.is_empty() {
            true => self.quantiles.iter().map(|&q| quantile(of_reference(), q)).collect(),
            false => self.limits.clone(),
        };
        let of_song = |&x: &f64| {
            let class = limits.iter().filter(|&&limit| x >= limit).count();
            let is = |c: usize| f64::from(u8::from(c == class));
            OfSong {
                learnt: (0..self.names.len()).map(is).collect(),
                truth: class as f64,
                people: 1.0,
            }
        };
        Ok(plain.iter().map(of_song).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// HitMusicNet's: low < 25 <= medium < 65 <= high.
    #[test]
    fn a_value_on_a_limit_belongs_to_the_class_above_it() {
        let classes = Classes {
            column: "popularity".into(),
            quantiles: vec![],
            limits: vec![25.0, 65.0],
            names: ["low", "medium", "high"].map(str::to_owned).into(),
        };
        let track = |text: &str| Track {
            id: text.to_owned(),
            file: String::new(),
            columns: [("popularity".to_owned(), text.to_owned())].into(),
        };
        let tracks = ["24.9", "25", "64.9", "65"].map(track);
        let all = classes.all(&tracks.iter().collect::<Vec<_>>(), &[]).unwrap();
        assert_eq!(all.iter().map(|song| song.truth).collect::<Vec<_>>(), [0.0, 1.0, 1.0, 2.0]);
        let learnt: Vec<&[f64]> = all.iter().map(|song| song.learnt.as_slice()).collect();
        let (low, medium, high) = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]);
        assert_eq!(learnt, [low, medium, medium, high]);
    }
}
