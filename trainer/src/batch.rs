//! From songs to the tensors of a training step: crops, augmentation, normalisation.

use anyhow::Result;
use candle_core::{Device, Tensor};
use earworm_scorer::front_end::{FrontEndSettings, LevelNormaliser, is_silent};
use rand::RngExt;

use crate::Rng;
use crate::dataset::Song;
use crate::recipe::Augmentation;

/// A song's audible frames, as lanes of the scorer see them before level normalisation.
#[derive(Debug, Clone)]
pub struct Audible {
    bands: usize,
    mel_db: Vec<f32>,
    level_db: Vec<f32>,
}

impl Audible {
    /// Leaves out a song's silent frames.
    pub fn of(song: &Song, settings: &FrontEndSettings) -> Self {
        let mut audible = Self { bands: song.frames.bands(), mel_db: vec![], level_db: vec![] };
        for frame in song.frames.iter().filter(|f| !is_silent(&settings.level, f.level_db)) {
            audible.mel_db.extend_from_slice(frame.mel_db);
            audible.level_db.push(frame.level_db);
        }
        audible
    }

    /// Number of frames.
    pub fn len(&self) -> usize {
        self.level_db.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.level_db.is_empty()
    }

    /// Frames `start .. start + count`, normalised as a window that starts there: `[count, bands]`.
    ///
    /// # Panics
    /// When there are not that many frames.
    pub fn window(&self, settings: &FrontEndSettings, start: usize, count: usize) -> Vec<f32> {
        self.window_with(settings, start, count, |_, _| 0.0)
    }

    /// The same with `offset_db(frame, band)` added before normalisation.
    fn window_with(
        &self,
        settings: &FrontEndSettings,
        start: usize,
        count: usize,
        offset_db: impl Fn(usize, usize) -> f32,
    ) -> Vec<f32> {
        let bands = self.bands;
        let amin_db = 10.0 * settings.amin.log10();
        let mut level = LevelNormaliser::new(settings.level);
        let mut out = vec![0.0; count * bands];
        let mut shifted = vec![0.0; bands];
        for (n, out) in out.chunks_exact_mut(bands).enumerate() {
            let at = (start + n) * bands;
            for (band, (to, &db)) in
                shifted.iter_mut().zip(&self.mel_db[at..at + bands]).enumerate()
            {
                *to = (db + offset_db(n, band)).max(amin_db);
            }
            level.next_frame(&shifted, self.level_db[start + n], out);
        }
        out
    }

    /// A varied crop: see [`Augmentation`]. `blank` is what masked values become, one a band.
    pub fn varied(
        &self,
        settings: &FrontEndSettings,
        start: usize,
        count: usize,
        augmentation: &Augmentation,
        blank: &[f32],
        rng: &mut Rng,
    ) -> Vec<f32> {
        let bands = self.bands;
        let gain = symmetric(rng, augmentation.gain_db);
        let tilt = symmetric(rng, augmentation.tilt_db);
        let middle = (bands as f32 - 1.0) / 2.0;
        // Gain moves level and bands alike: all that it changes is what falls below `amin`.
        let slope = |band: usize| tilt * (band as f32 - middle) / (2.0 * middle).max(1.0);
        let mut gained = self.clone_range(start, count);
        gained.level_db.iter_mut().for_each(|db| *db += gain);
        let mut out = gained.window_with(settings, 0, count, |_, band| gain + slope(band));
        for _ in 0..augmentation.time_masks {
            let width = rng.random_range(0..=augmentation.time_mask_frames.min(count));
            let first = rng.random_range(0..=count - width);
            for frame in out[first * bands..(first + width) * bands].chunks_exact_mut(bands) {
                frame.copy_from_slice(blank);
            }
        }
        for _ in 0..augmentation.band_masks {
            let width = rng.random_range(0..=augmentation.band_mask_width.min(bands));
            let first = rng.random_range(0..=bands - width);
            for frame in out.chunks_exact_mut(bands) {
                frame[first..first + width].copy_from_slice(&blank[first..first + width]);
            }
        }
        out
    }

    fn clone_range(&self, start: usize, count: usize) -> Self {
        Self {
            bands: self.bands,
            mel_db: self.mel_db[start * self.bands..(start + count) * self.bands].to_vec(),
            level_db: self.level_db[start..start + count].to_vec(),
        }
    }
}

fn symmetric(rng: &mut Rng, limit: f32) -> f32 {
    if limit > 0.0 { rng.random_range(-limit..=limit) } else { 0.0 }
}

/// Puts sequences `[count, bands]` side by side: `[count, sequences, bands]`.
///
/// # Errors
/// When the device fails.
pub fn side_by_side(sequences: &[Vec<f32>], bands: usize, device: &Device) -> Result<Tensor> {
    let count = sequences.first().map_or(0, |s| s.len() / bands);
    let mut values = Vec::with_capacity(sequences.len() * count * bands);
    for frame in 0..count {
        for sequence in sequences {
            values.extend_from_slice(&sequence[frame * bands..(frame + 1) * bands]);
        }
    }
    Ok(Tensor::from_vec(values, (count, sequences.len(), bands), device)?)
}

/// Mean and standard deviation of each band over the whole songs, each normalised as one window.
pub fn band_statistics(songs: &[&Audible], settings: &FrontEndSettings) -> (Vec<f32>, Vec<f32>) {
    let bands = settings.n_mels;
    let (mut sum, mut squares, mut count) = (vec![0.0f64; bands], vec![0.0f64; bands], 0.0f64);
    for song in songs {
        let window = song.window(settings, 0, song.len());
        for frame in window.chunks_exact(bands) {
            for (band, &value) in frame.iter().enumerate() {
                sum[band] += f64::from(value);
                squares[band] += f64::from(value) * f64::from(value);
            }
        }
        count += song.len() as f64;
    }
    let mean: Vec<f32> = sum.iter().map(|s| (s / count) as f32).collect();
    let deviation = squares
        .iter()
        .zip(&sum)
        .map(|(sq, s)| ((sq / count - (s / count).powi(2)).max(1e-6).sqrt()) as f32)
        .collect();
    (mean, deviation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn audible() -> (Audible, FrontEndSettings) {
        let settings = FrontEndSettings::default_model();
        let bands = settings.n_mels;
        let mut rng = Rng::seed_from_u64(3);
        let mel_db = (0..200 * bands).map(|_| rng.random_range(-30.0f32..20.0)).collect();
        let level_db = (0..200).map(|_| rng.random_range(-40.0f32..-5.0)).collect();
        (Audible { bands, mel_db, level_db }, settings)
    }

    const NONE: Augmentation = Augmentation {
        gain_db: 0.0,
        tilt_db: 0.0,
        time_masks: 0,
        time_mask_frames: 0,
        band_masks: 0,
        band_mask_width: 0,
    };

    #[test]
    fn without_variation_a_crop_is_the_window() {
        let (song, settings) = audible();
        let blank = vec![0.0; 64];
        let varied = song.varied(&settings, 20, 100, &NONE, &blank, &mut Rng::seed_from_u64(1));
        assert_eq!(varied, song.window(&settings, 20, 100));
    }

    #[test]
    fn gain_changes_nothing_above_the_floor() {
        let (song, settings) = audible();
        let gain = Augmentation { gain_db: 12.0, ..NONE };
        let varied = song.varied(&settings, 0, 100, &gain, &[0.0; 64], &mut Rng::seed_from_u64(1));
        for (a, b) in varied.iter().zip(song.window(&settings, 0, 100)) {
            assert!((a - b).abs() < 1e-3);
        }
    }

    #[test]
    fn masks_blank_whole_bands() {
        let (song, settings) = audible();
        let mask = Augmentation { band_masks: 1, band_mask_width: 64, ..NONE };
        let varied = song.varied(&settings, 0, 50, &mask, &[99.0; 64], &mut Rng::seed_from_u64(2));
        let blanked = |frame: &[f32]| frame.iter().map(|&v| v == 99.0).collect::<Vec<_>>();
        let first = blanked(&varied[..64]);
        assert!(first.contains(&true));
        assert!(varied.chunks(64).all(|frame| blanked(frame) == first));
    }
}
