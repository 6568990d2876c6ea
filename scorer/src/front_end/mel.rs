//! The mel filter bank: triangles on the Slaney or HTK scale, as librosa and torchaudio define them.

use super::settings::{FrontEndSettings, MelNorm, MelScale};

/// Slaney's scale is linear up to this frequency …
const SLANEY_LINEAR_HZ: f64 = 1000.0;
/// … at this many Hz per mel …
const SLANEY_HZ_PER_MEL: f64 = 200.0 / 3.0;
/// … and from there each mel multiplies frequency by `exp(this)`: 27 mels for a factor of 6.4.
fn slaney_log_step() -> f64 {
    6.4f64.ln() / 27.0
}

impl MelScale {
    /// The position of a frequency in Hz on this scale, in mels.
    pub fn from_hz(self, hz: f64) -> f64 {
        match self {
            Self::Htk => 2595.0 * (1.0 + hz / 700.0).log10(),
            Self::Slaney if hz < SLANEY_LINEAR_HZ => hz / SLANEY_HZ_PER_MEL,
            Self::Slaney => {
                SLANEY_LINEAR_HZ / SLANEY_HZ_PER_MEL
                    + (hz / SLANEY_LINEAR_HZ).ln() / slaney_log_step()
            }
        }
    }

    /// The frequency in Hz at a position on this scale.
    pub fn to_hz(self, mel: f64) -> f64 {
        let linear_mels = SLANEY_LINEAR_HZ / SLANEY_HZ_PER_MEL;
        match self {
            Self::Htk => 700.0 * (10f64.powf(mel / 2595.0) - 1.0),
            Self::Slaney if mel < linear_mels => mel * SLANEY_HZ_PER_MEL,
            Self::Slaney => SLANEY_LINEAR_HZ * ((mel - linear_mels) * slaney_log_step()).exp(),
        }
    }
}

/// One triangle: weights for the bins from `first` on; all other bins weigh nothing.
#[derive(Debug, Clone)]
struct Band {
    first: usize,
    weights: Vec<f32>,
}

/// A bank of triangular filters over the bins of a power spectrum.
#[derive(Debug, Clone)]
pub struct MelBank {
    bands: Vec<Band>,
    bins: usize,
}

impl MelBank {
    /// Builds the bank that the settings describe, for `n_fft / 2 + 1` bins.
    pub fn new(settings: &FrontEndSettings) -> Self {
        let bins = settings.n_fft / 2 + 1;
        let scale = settings.mel_scale;
        let low = scale.from_hz(f64::from(settings.f_min));
        let high = scale.from_hz(f64::from(settings.f_max));
        let edges: Vec<f64> = (0..settings.n_mels + 2)
            .map(|i| scale.to_hz(low + (high - low) * i as f64 / (settings.n_mels + 1) as f64))
            .collect();
        let bin_hz = f64::from(settings.sample_rate) / settings.n_fft as f64;
        let bands = edges
            .windows(3)
            .map(|edge| {
                let gain = match settings.mel_norm {
                    MelNorm::Slaney => 2.0 / (edge[2] - edge[0]),
                    MelNorm::None => 1.0,
                };
                let weight = |bin: usize| {
                    let hz = bin as f64 * bin_hz;
                    let rising = (hz - edge[0]) / (edge[1] - edge[0]);
                    let falling = (edge[2] - hz) / (edge[2] - edge[1]);
                    (gain * rising.min(falling).max(0.0)) as f32
                };
                let first = (0..bins).find(|&b| weight(b) > 0.0).unwrap_or(0);
                let weights = (first..bins).map(weight).take_while(|&w| w > 0.0).collect();
                Band { first, weights }
            })
            .collect();
        Self { bands, bins }
    }

    /// Number of mel bands.
    pub fn len(&self) -> usize {
        self.bands.len()
    }

    /// Whether the bank has no band (it never does when built from valid settings).
    pub fn is_empty(&self) -> bool {
        self.bands.is_empty()
    }

    /// Sums a power spectrum into the bands.
    ///
    /// # Panics
    /// When `power` has not `n_fft / 2 + 1` values or `out` not one value a band.
    pub fn apply(&self, power: &[f32], out: &mut [f32]) {
        assert_eq!(power.len(), self.bins, "power spectrum has the wrong number of bins");
        assert_eq!(out.len(), self.bands.len(), "output has the wrong number of bands");
        for (band, out) in self.bands.iter().zip(out) {
            let bins = &power[band.first..band.first + band.weights.len()];
            *out = weighted_sum(&band.weights, bins);
        }
    }

    /// Of each band, its first bin and the weights from there on.
    pub(crate) fn bands(&self) -> impl Iterator<Item = (usize, &[f32])> {
        self.bands.iter().map(|band| (band.first, &band.weights[..]))
    }

    /// The weights as a dense matrix, one row of `n_fft / 2 + 1` values a band.
    pub fn to_dense(&self) -> Vec<Vec<f32>> {
        self.bands
            .iter()
            .map(|band| {
                let mut row = vec![0.0; self.bins];
                row[band.first..band.first + band.weights.len()].copy_from_slice(&band.weights);
                row
            })
            .collect()
    }
}

/// In eight sums side by side, so that no addition waits for the one before.
fn weighted_sum(weights: &[f32], bins: &[f32]) -> f32 {
    let (weight_pieces, last_weights) = weights.as_chunks::<8>();
    let (bin_pieces, last_bins) = bins.as_chunks::<8>();
    let mut sums = [0.0f32; 8];
    for (weights, bins) in weight_pieces.iter().zip(bin_pieces) {
        for i in 0..8 {
            sums[i] += weights[i] * bins[i];
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    let rest: f32 = last_weights.iter().zip(last_bins).map(|(w, p)| w * p).sum();
    ((a + e) + (b + f)) + ((c + g) + (d + h)) + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_points_of_both_scales() {
        // 1 kHz is 15 mels on Slaney's scale and 1000 mels (to within rounding) on HTK's.
        assert!((MelScale::Slaney.from_hz(1000.0) - 15.0).abs() < 1e-12);
        assert!((MelScale::Slaney.from_hz(6400.0) - 42.0).abs() < 1e-12);
        assert!((MelScale::Htk.from_hz(1000.0) - 999.985_5).abs() < 1e-3);
    }

    proptest! {
        #[test]
        fn scales_invert(hz in 0.0f64..24_000.0) {
            for scale in [MelScale::Slaney, MelScale::Htk] {
                prop_assert!((scale.to_hz(scale.from_hz(hz)) - hz).abs() < 1e-6);
            }
        }
    }
}
