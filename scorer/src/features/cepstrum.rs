//! Mel bands and their cepstrum (librosa 0.11's `melspectrogram`, `power_to_db` and `mfcc`).

use super::lanes::{self, LANES, Lanes, ZERO};
use super::pass::{HOP, N_FFT};
use crate::front_end::{
    FrontEndSettings, LevelKind, LevelSettings, MelBank, MelNorm, MelScale, SettingsError, decibels,
};

/// Number of mel bands, from 0 Hz to half the sample rate on Slaney's scale.
pub(super) const MELS: usize = 128;
/// librosa's limits of a decibel: the least power, and how far below the strongest of all.
const AMIN: f32 = 1e-10;
const TOP_DB: f32 = 80.0;

/// Collects the mel bands of all frames; decibels are cut off relative to the strongest of all.
pub(super) struct Mel {
    bank: MelBank,
    power: Vec<[f64; LANES]>,
    /// Band after band, tile after tile.
    db: Vec<Lanes>,
}

impl Mel {
    pub(super) fn new(sample_rate: u32) -> Result<Self, SettingsError> {
        let settings = FrontEndSettings {
            sample_rate,
            n_fft: N_FFT,
            hop: HOP,
            n_mels: MELS,
            mel_scale: MelScale::Slaney,
            mel_norm: MelNorm::Slaney,
            f_min: 0.0,
            f_max: sample_rate as f32 / 2.0,
            amin: AMIN,
            level: LevelSettings { kind: LevelKind::None, gate_db: -70.0, floor_db: TOP_DB },
        };
        settings.validate()?;
        let bank = MelBank::new(&settings);
        Ok(Self { bank, power: vec![[0.0; LANES]; MELS], db: Vec::new() })
    }

    /// Forgets all frames.
    pub(super) fn clear(&mut self) {
        self.power.fill([0.0; LANES]);
        self.db.clear();
    }

    /// Adds the frames of one tile of power spectra.
    #[inline(always)]
    pub(super) fn add(&mut self, spectrum: &[Lanes]) {
        for ((first, weights), sums) in self.bank.bands().zip(&mut self.power) {
            let mut power = ZERO;
            for (&weight, bin) in weights.iter().zip(&spectrum[first..]) {
                lanes::add_scaled(&mut power, weight, bin);
            }
            for (sum, &power) in sums.iter_mut().zip(&power) {
                *sum += f64::from(power);
            }
            self.db.push(lanes::map(&power, |p| decibels(lanes::larger(p, AMIN))));
        }
    }

    /// The mean power of each band.
    pub(super) fn power_means(&self, frames: usize) -> Vec<f32> {
        let mean = |sums: &[f64; LANES]| (sums.iter().sum::<f64>() / frames as f64) as f32;
        self.power.iter().map(mean).collect()
    }

    /// The means of the first `count` cepstral coefficients. They are linear in the decibels, so
    /// the transform of the mean is taken instead of the mean of transforms.
    pub(super) fn cepstrum_means(&self, frames: usize, count: usize) -> Vec<f64> {
        dct(&self.db_means(frames), count)
    }

    fn db_means(&self, frames: usize) -> [f64; MELS] {
        let tiles = || self.db.chunks_exact(MELS).enumerate();
        let valid = |tile: usize| frames.saturating_sub(tile * LANES).min(LANES);
        let floor = -TOP_DB
            + tiles().fold(f32::MIN, |most, (tile, bands)| {
                let of_band = |most, band: &Lanes| {
                    band[..valid(tile)].iter().copied().fold(most, lanes::larger)
                };
                bands.iter().fold(most, of_band)
            });
        let mut sums = [0.0; MELS];
        for (tile, bands) in tiles() {
            for (sum, band) in sums.iter_mut().zip(bands) {
                let raised = band[..valid(tile)].iter().map(|&db| lanes::larger(db, floor));
                *sum += f64::from(raised.sum::<f32>());
            }
        }
        sums.map(|sum| sum / frames as f64)
    }
}

/// The orthonormal DCT-II of the bands, as far as `count`.
fn dct(bands: &[f64; MELS], count: usize) -> Vec<f64> {
    let n = MELS as f64;
    (0..count)
        .map(|k| {
            let angle = |m: usize| std::f64::consts::PI * k as f64 * (m as f64 + 0.5) / n;
            let sum: f64 = bands.iter().enumerate().map(|(m, x)| x * angle(m).cos()).sum();
            sum * if k == 0 { (1.0 / n).sqrt() } else { (2.0 / n).sqrt() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transform_is_orthonormal() {
        let bands: [f64; MELS] = std::array::from_fn(|m| ((m * 29) % 31) as f64);
        let coefficients = dct(&bands, MELS);
        let energy = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>();
        assert!((energy(&bands) - energy(&coefficients)).abs() < 1e-6 * energy(&bands));
        let flat = dct(&[-100.0; MELS], 3);
        assert!((flat[0] + 100.0 * (MELS as f64).sqrt()).abs() < 1e-9);
        assert!(flat[1].abs() < 1e-9 && flat[2].abs() < 1e-9);
    }
}
