//! The shape of a spectrum in three numbers: centroid, bandwidth and roll-off, as librosa 0.11
//! defines them on magnitudes (`spectral_centroid`, `spectral_bandwidth` with p = 2,
//! `spectral_rolloff` with 85 %).

use super::lanes::{self, LANES, Lanes, ZERO};

/// Share of the summed magnitude that lies at or below the roll-off.
const ROLLOFF: f32 = 0.85;

/// Sums over frames of the three, in bins.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Shape {
    /// Where the magnitudes balance.
    pub(super) centroid: f64,
    /// Their standard deviation around the centroid.
    pub(super) bandwidth: f64,
    /// The first bin up to which there are 85 % of them.
    pub(super) rolloff: f64,
}

impl Shape {
    /// Adds the frames of one tile of magnitudes.
    #[inline(always)]
    pub(super) fn add(&mut self, magnitude: &[Lanes]) {
        // Moments about the middle rather than about zero: less cancels in the variance.
        let middle = (magnitude.len() / 2) as f32;
        let (mut sum, mut first) = (ZERO, ZERO);
        for (bin, m) in magnitude.iter().enumerate() {
            let at = bin as f32 - middle;
            for l in 0..LANES {
                sum[l] += m[l];
                first[l] += at * m[l];
            }
        }
        let mean =
            lanes::map2(&first, &sum, |first, sum| if sum > 0.0 { first / sum } else { 0.0 });
        let threshold = lanes::map(&sum, |sum| ROLLOFF * sum);
        let (mut second, mut so_far, mut below) = (ZERO, ZERO, ZERO);
        for (bin, m) in magnitude.iter().enumerate() {
            let at = bin as f32 - middle;
            for l in 0..LANES {
                let off = at - mean[l];
                second[l] += off * off * m[l];
                so_far[l] += m[l];
                below[l] += if so_far[l] < threshold[l] { 1.0 } else { 0.0 };
            }
        }
        for l in 0..LANES {
            if sum[l] > 0.0 {
                self.centroid += f64::from(mean[l] + middle);
                self.bandwidth += f64::from(second[l] / sum[l]).sqrt();
                self.rolloff += f64::from(below[l]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_bins_by_hand_and_silence() {
        let mut magnitude = vec![ZERO; 9];
        // Lane 0: weights 1, 2, 1 around bin 4. All other lanes are silent and add nothing.
        (magnitude[3][0], magnitude[4][0], magnitude[5][0]) = (1.0, 2.0, 1.0);
        let mut shape = Shape::default();
        shape.add(&magnitude);
        assert_eq!((shape.centroid, shape.rolloff), (4.0, 5.0));
        assert!((shape.bandwidth - 0.5f64.sqrt()).abs() < 1e-7);
    }
}
