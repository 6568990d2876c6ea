//! Intervals around figures: a percentile bootstrap over independent units of songs.
//!
//! Songs of one artist are alike, so artists are drawn, not songs: drawing songs would make intervals
//! too narrow. (B. Efron, "Bootstrap methods: another look at the jackknife", 1979.)

use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

use crate::Rng;

/// Draws behind each interval.
pub const DRAWS: usize = 1000;
/// Fewest units that an interval is drawn over: of fewer there are so few different draws that they say
/// little of other songs, and of one all draws are the same.
pub const FEWEST_UNITS: usize = 8;
/// Least share of the draws that must have a figure: those without are no accident, and what the others
/// agree on is too narrow.
const DEFINED: f64 = 0.9;
/// Draws that are looked at side by side; their songs are in memory at the same time.
const SIDE_BY_SIDE: usize = 32;

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The songs of each unit, from the unit of each song: `unit[song]` is below `units`.
///
/// # Panics
/// When a unit is not below `units`.
pub fn units_of(unit: &[usize], units: usize) -> Vec<Vec<usize>> {
    let mut songs = vec![Vec::new(); units];
    for (song, &unit) in unit.iter().enumerate() {
        songs[unit].push(song);
    }
    songs.retain(|songs: &Vec<usize>| !songs.is_empty());
    songs
}

/// Draws as many units as there are, with repeats, `draws` times, and takes the figures of each draw:
/// `figures` gets the indices of the songs drawn and gives any number of figures, always as many. The
/// result holds one row a figure with its values in the order of the draws; `None` where the draw had
/// no such figure.
pub fn draw<F>(units: &[Vec<usize>], draws: usize, seed: u64, figures: F) -> Vec<Vec<Option<f64>>>
where
    F: Fn(&[usize]) -> Vec<Option<f64>> + Sync,
{
    let mut rng = Rng::seed_from_u64(seed);
    let mut rows: Vec<Vec<Option<f64>>> = Vec::new();
    let mut left = if units.is_empty() { 0 } else { draws };
    while left > 0 {
        let drawn: Vec<Vec<usize>> = (0..left.min(SIDE_BY_SIDE))
            .map(|_| {
                (0..units.len())
                    .flat_map(|_| units[rng.random_range(0..units.len())].iter().copied())
                    .collect()
            })
            .collect();
        left -= drawn.len();
        let values: Vec<Vec<Option<f64>>> = drawn.par_iter().map(|songs| figures(songs)).collect();
        for of_draw in values {
            rows.resize(rows.len().max(of_draw.len()), Vec::new());
            rows.iter_mut().zip(of_draw).for_each(|(row, value)| row.push(value));
        }
    }
    rows
}

/// The 95 % interval of drawn values, those that are none left out; `None` where fewer than nine in ten
/// are left.
pub fn interval(values: &[Option<f64>]) -> Option<(f64, f64)> {
    let mut sorted: Vec<f64> = values.iter().flatten().copied().filter(|v| v.is_finite()).collect();
    if (sorted.len() as f64) < DEFINED * values.len() as f64 {
        return None;
    }
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| {
        sorted.get((share * (sorted.len().max(1) - 1) as f64).round() as usize).copied()
    };
    Some((at(0.025)?, at(0.975)?))
}

/// The figure of each part (`key[song]`, below `keys`), averaged by number of songs; parts without one
/// are left out, and `None` is all without.
///
/// Rankings of different models cannot be mixed: each fold's songs were judged by one model, and only
/// within it do their raw outputs share a scale.
pub fn averaged(
    songs: &[usize],
    key: impl Fn(usize) -> usize,
    keys: usize,
    figure: impl Fn(&[usize]) -> Option<f64>,
) -> Option<f64> {
    let mut parts: Vec<Vec<usize>> = vec![Vec::new(); keys];
    songs.iter().for_each(|&song| parts[key(song)].push(song));
    let (mut sum, mut weight) = (0.0, 0.0);
    for part in parts.iter().filter(|part| !part.is_empty()) {
        if let Some(value) = figure(part) {
            sum += value * part.len() as f64;
            weight += part.len() as f64;
        }
    }
    (weight > 0.0).then(|| sum / weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_mean_has_the_width_that_theory_says() {
        // 400 songs that stand alone: the standard error of their mean is sd / √n.
        let values: Vec<f64> = (0..400).map(|i| f64::from(i * 7919 % 1000) / 1000.0).collect();
        let mean =
            |songs: &[usize]| songs.iter().map(|&i| values[i]).sum::<f64>() / songs.len() as f64;
        let alone: Vec<usize> = (0..400).collect();
        let width = |units: &[Vec<usize>]| {
            let rows = draw(units, 2000, 1, |songs| vec![Some(mean(songs))]);
            let (low, high) = interval(&rows[0]).unwrap();
            high - low
        };
        let centre = mean(&alone);
        let variance = values.iter().map(|v| (v - centre).powi(2)).sum::<f64>() / 400.0;
        let expected = 2.0 * 1.96 * (variance / 400.0).sqrt();
        let found = width(&units_of(&alone, 400));
        assert!((found / expected - 1.0).abs() < 0.1, "{found} {expected}");
        // Songs of an artist that are all alike count once.
        let copies: Vec<f64> = values.iter().take(100).flat_map(|&v| [v; 4]).collect();
        let of_artist: Vec<usize> = (0..400).map(|i| i / 4).collect();
        let mean =
            |songs: &[usize]| songs.iter().map(|&i| copies[i]).sum::<f64>() / songs.len() as f64;
        let width = |units: &[Vec<usize>]| {
            let rows = draw(units, 2000, 1, |songs| vec![Some(mean(songs))]);
            let (low, high) = interval(&rows[0]).unwrap();
            high - low
        };
        let ratio = width(&units_of(&of_artist, 100)) / width(&units_of(&alone, 400));
        assert!((ratio - 2.0).abs() < 0.25, "{ratio}");
    }

    #[test]
    fn an_interval_needs_most_of_its_draws() {
        let drawn = |defined: usize| -> Vec<Option<f64>> {
            (0..100).map(|i| (i < defined).then_some(0.5)).collect()
        };
        assert_eq!(interval(&drawn(90)), Some((0.5, 0.5)));
        assert_eq!(interval(&drawn(89)), None);
    }

    #[test]
    fn one_row_and_no_row() {
        let rows = draw(&[vec![0]], 10, 1, |songs| vec![Some(songs.len() as f64), None]);
        assert_eq!(interval(&rows[0]), Some((1.0, 1.0)));
        assert_eq!(interval(&rows[1]), None);
        assert!(draw(&[], 10, 1, |_| vec![Some(1.0)]).is_empty());
        assert_eq!(averaged(&[], |_| 0, 1, |_| Some(1.0)), None);
    }
}
