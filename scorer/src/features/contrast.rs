//! Spectral contrast: in each octave, how far the strongest bins stand above the weakest
//! (Jiang et al. 2002, as librosa 0.11 computes it on magnitudes).

use std::ops::Range;

use super::lanes::{self, LANES, Lanes, ZERO};
use crate::front_end::decibels;

/// Bands: below 200 Hz, six octaves from there, the last one up to half the sample rate.
pub(super) const BANDS: usize = 7;
/// Upper edge of the lowest band in Hz.
const FIRST_EDGE_HZ: f64 = 200.0;
/// Share of a band's bins that are averaged at either end.
const QUANTILE: f64 = 0.02;
/// librosa's limits of a decibel: the least magnitude, and how far below the strongest of all.
const AMIN: f32 = 1e-10;
const TOP_DB: f32 = 80.0;
/// At most so many bins are averaged at either end: their share of all bins of `n_fft` 2048.
const MOST: usize = 21;

/// One band: its bins and how many of them count as peak and as valley.
#[derive(Debug, Clone)]
struct Band {
    bins: Range<usize>,
    ends: usize,
}

/// Collects peaks and valleys of all frames; decibels are cut off relative to the strongest of all.
#[derive(Debug, Clone)]
pub(super) struct Contrast {
    bands: Vec<Band>,
    /// Band after band, tile after tile: in dB.
    peaks: Vec<[Lanes; BANDS]>,
    valleys: Vec<[Lanes; BANDS]>,
}

impl Contrast {
    /// For spectra of `n_fft / 2 + 1` bins; `None` where a band would lie above half the rate.
    pub(super) fn new(sample_rate: u32, n_fft: usize) -> Option<Self> {
        let bins = n_fft / 2 + 1;
        let hz = |bin: usize| bin as f64 * f64::from(sample_rate) / n_fft as f64;
        let edge = |k: usize| if k == 0 { 0.0 } else { FIRST_EDGE_HZ * f64::from(1 << (k - 1)) };
        if edge(BANDS - 1) >= f64::from(sample_rate) / 2.0 {
            return None;
        }
        let bands = (0..BANDS)
            .map(|k| {
                // As librosa: both edges belong to the band, a band takes the bin below its first
                // one as well, and all but the last give up their last bin.
                let first = (0..bins).find(|&b| hz(b) >= edge(k))?;
                let last = (0..bins).rev().find(|&b| hz(b) <= edge(k + 1))?;
                let first = if k > 0 { first - 1 } else { first };
                let end = if k + 1 < BANDS { last + 1 } else { bins };
                // The share is counted before the last bin is given up; halves round to even.
                let ends = ((QUANTILE * (end - first) as f64).round_ties_even() as usize).max(1);
                let bins = first..if k + 1 < BANDS { end - 1 } else { end };
                (ends <= MOST && bins.len() >= ends).then_some(Band { bins, ends })
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Self { bands, peaks: Vec::new(), valleys: Vec::new() })
    }

    /// Forgets all frames.
    pub(super) fn clear(&mut self) {
        self.peaks.clear();
        self.valleys.clear();
    }

    /// Adds the frames of one tile of magnitudes.
    #[inline(always)]
    pub(super) fn add(&mut self, magnitude: &[Lanes]) {
        let (mut peaks, mut valleys) = ([ZERO; BANDS], [ZERO; BANDS]);
        for ((band, peak), valley) in self.bands.iter().zip(&mut peaks).zip(&mut valleys) {
            let bins = &magnitude[band.bins.clone()];
            (*peak, *valley) = match band.ends {
                1 => ends::<1>(bins),
                2 => ends::<2>(bins),
                3 => ends::<3>(bins),
                4 => ends::<4>(bins),
                6 => ends::<6>(bins),
                9 => ends::<9>(bins),
                n => ends_of(bins, n),
            };
        }
        self.peaks.push(peaks);
        self.valleys.push(valleys);
    }

    /// The mean contrast of each band over the first `frames` frames, in dB.
    pub(super) fn means(&self, frames: usize) -> [f32; BANDS] {
        let peaks = cut_off_sums(&self.peaks, frames);
        let valleys = cut_off_sums(&self.valleys, frames);
        std::array::from_fn(|k| ((peaks[k] - valleys[k]) / frames.max(1) as f64) as f32)
    }
}

/// Means of the `N` largest and the `N` smallest of the bins, in dB, lane by lane.
///
/// Each bin moves through two short sorted lists by exchanges without branches.
#[inline(always)]
fn ends<const N: usize>(bins: &[Lanes]) -> (Lanes, Lanes) {
    let (mut top, mut bottom) = ([[f32::MIN; LANES]; N], [[f32::MAX; LANES]; N]);
    for bin in bins {
        let (mut up, mut down) = (*bin, *bin);
        for n in 0..N {
            for l in 0..LANES {
                let (a, b) = (top[n][l], up[l]);
                (top[n][l], up[l]) = (lanes::larger(a, b), lanes::smaller(a, b));
                let (a, b) = (bottom[n][l], down[l]);
                (bottom[n][l], down[l]) = (lanes::smaller(a, b), lanes::larger(a, b));
            }
        }
    }
    (mean_db(&top), mean_db(&bottom))
}

/// The same for any number up to [`MOST`], for unusual sample rates.
#[inline(always)]
fn ends_of(bins: &[Lanes], n: usize) -> (Lanes, Lanes) {
    let (mut top, mut bottom) = ([ZERO; MOST], [ZERO; MOST]);
    let mut column: Vec<f32> = Vec::with_capacity(bins.len());
    for l in 0..LANES {
        column.clear();
        column.extend(bins.iter().map(|bin| bin[l]));
        column.sort_unstable_by(f32::total_cmp);
        for i in 0..n {
            (top[i][l], bottom[i][l]) = (column[column.len() - 1 - i], column[i]);
        }
    }
    (mean_db(&top[..n]), mean_db(&bottom[..n]))
}

#[inline(always)]
fn mean_db(rows: &[Lanes]) -> Lanes {
    let mut sum = ZERO;
    for row in rows {
        lanes::add_scaled(&mut sum, 1.0 / rows.len() as f32, row);
    }
    lanes::map(&sum, |x| decibels(lanes::larger(x, AMIN)))
}

/// Sums over frames, nothing being further below the strongest value than [`TOP_DB`].
fn cut_off_sums(tiles: &[[Lanes; BANDS]], frames: usize) -> [f64; BANDS] {
    let strongest = tiles.iter().flatten().flatten().copied().fold(f32::MIN, f32::max);
    let mut sums = [0.0; BANDS];
    for (tile, bands) in tiles.iter().enumerate() {
        let valid = frames.saturating_sub(tile * LANES).min(LANES);
        for (sum, band) in sums.iter_mut().zip(bands) {
            *sum +=
                band[..valid].iter().map(|&db| f64::from(db.max(strongest - TOP_DB))).sum::<f64>();
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_librosas() {
        let contrast = Contrast::new(22_050, 2048).unwrap();
        let bands: Vec<_> = contrast.bands.iter().map(|b| (b.bins.clone(), b.ends)).collect();
        let want = [
            (0..18, 1),
            (18..37, 1),
            (37..74, 1),
            (74..148, 2),
            (148..297, 3),
            (297..594, 6),
            (594..1025, 9),
        ];
        assert_eq!(bands, want);
        assert!(Contrast::new(12_800, 2048).is_none());
        assert!(Contrast::new(12_801, 2048).is_some());
        assert!(Contrast::new(192_000, 2048).is_some());
    }

    #[test]
    fn lists_of_any_length_agree_with_sorting() {
        let bins: Vec<Lanes> = (0..97u32)
            .map(|i| std::array::from_fn(|l| ((i * 37 + l as u32 * 11) % 101) as f32 + 1.0))
            .collect();
        assert_eq!(ends::<6>(&bins), ends_of(&bins, 6));
        assert_eq!(ends::<1>(&bins), ends_of(&bins, 1));
    }
}
