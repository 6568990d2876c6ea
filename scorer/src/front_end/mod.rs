//! The front end: samples at the analysis rate in, mel frames in decibels out.
//!
//! The trainer and the meter both compute frames here, and nowhere else.

mod decibels;
mod level;
mod mel;
mod settings;
mod stft;

pub(crate) use decibels::decibels;
pub use level::{LevelNormaliser, is_silent};
pub use mel::MelBank;
pub use settings::{FrontEndSettings, LevelKind, LevelSettings, MelNorm, MelScale, SettingsError};
pub use stft::{Stft, hann};

/// The level reported for digital silence, in dBFS.
pub const SILENCE_DB: f32 = -120.0;

/// One mel frame.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Power of each mel band in dB, `10 log10(max(amin, power))`, lowest band first.
    pub mel_db: &'a [f32],
    /// Level of the frame between `f_min` and `f_max` in dBFS (a full-scale sine reads −3.01).
    pub level_db: f32,
}

/// Streams samples into mel frames. Any split into blocks gives bit for bit the same frames.
pub struct FrontEnd {
    settings: FrontEndSettings,
    stft: Stft,
    bank: MelBank,
    /// Bins between `f_min` and `f_max`, over which the level is taken.
    level_bins: std::ops::Range<usize>,
    /// Turns the summed power of one side of the spectrum into mean-square amplitude.
    level_scale: f64,
    /// What power at or below the least counts as.
    floor_db: f32,
    mel_db: Vec<f32>,
}

impl FrontEnd {
    /// Builds the front end that the settings describe.
    ///
    /// # Errors
    /// Names the first setting that cannot be honoured.
    pub fn new(settings: &FrontEndSettings) -> Result<Self, SettingsError> {
        settings.validate()?;
        let bin_hz = settings.sample_rate as f32 / settings.n_fft as f32;
        let bins = settings.n_fft / 2 + 1;
        // Bin 0 is the mean: an offset is not sound.
        let first = ((settings.f_min / bin_hz).ceil() as usize).max(1);
        let last = ((settings.f_max / bin_hz).floor() as usize).min(bins - 1);
        // Parseval: Σ|x·w|² = (2/n) Σ|X|² over one side, and Σw² stands for the window's own weight.
        let window_energy: f64 =
            hann(settings.n_fft).iter().map(|&w| f64::from(w) * f64::from(w)).sum();
        Ok(Self {
            stft: Stft::new(settings.n_fft, settings.hop),
            bank: MelBank::new(settings),
            level_bins: first.min(last)..last + 1,
            level_scale: 2.0 / (settings.n_fft as f64 * window_energy),
            floor_db: 10.0 * settings.amin.log10(),
            mel_db: vec![0.0; settings.n_mels],
            settings: settings.clone(),
        })
    }

    /// The settings this front end was built from.
    pub fn settings(&self) -> &FrontEndSettings {
        &self.settings
    }

    /// Takes samples at the analysis rate and calls `on_frame` for every frame they complete.
    pub fn push(&mut self, samples: &[f32], mut on_frame: impl FnMut(Frame<'_>)) {
        let Self { stft, bank, level_bins, level_scale, floor_db, mel_db, settings } = self;
        stft.push(samples, |power| {
            bank.apply(power, mel_db);
            for db in mel_db.iter_mut() {
                // The floor is the library's own, to the last digit.
                *db = if *db > settings.amin { decibels(*db) } else { *floor_db };
            }
            let mean_square =
                power[level_bins.clone()].iter().map(|&p| f64::from(p)).sum::<f64>() * *level_scale;
            let level_db = (10.0 * mean_square.log10()).max(f64::from(SILENCE_DB)) as f32;
            on_frame(Frame { mel_db, level_db });
        });
    }

    /// Forgets all samples, as if newly made.
    pub fn reset(&mut self) {
        self.stft.reset();
    }

    /// All frames of a whole signal at once.
    pub fn frames_of(&mut self, samples: &[f32]) -> Frames {
        self.reset();
        let mut frames = Frames::new(self.settings.n_mels);
        self.push(samples, |frame| frames.push(frame));
        self.reset();
        frames
    }
}

/// Mel frames one after another, as stored by the trainer and drawn by the meters.
#[derive(Debug, Clone, PartialEq)]
pub struct Frames {
    bands: usize,
    mel_db: Vec<f32>,
    level_db: Vec<f32>,
}

impl Frames {
    /// No frames yet, of `bands` mel bands each.
    pub fn new(bands: usize) -> Self {
        Self { bands, mel_db: Vec::new(), level_db: Vec::new() }
    }

    /// Adds one frame.
    ///
    /// # Panics
    /// When the frame has another number of bands.
    pub fn push(&mut self, frame: Frame<'_>) {
        assert_eq!(frame.mel_db.len(), self.bands, "frame has the wrong number of bands");
        self.mel_db.extend_from_slice(frame.mel_db);
        self.level_db.push(frame.level_db);
    }

    /// Number of frames.
    pub fn len(&self) -> usize {
        self.level_db.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.level_db.is_empty()
    }

    /// Number of mel bands in each frame.
    pub fn bands(&self) -> usize {
        self.bands
    }

    /// The frame at `index`.
    ///
    /// # Panics
    /// When there is no such frame.
    pub fn get(&self, index: usize) -> Frame<'_> {
        Frame {
            mel_db: &self.mel_db[index * self.bands..(index + 1) * self.bands],
            level_db: self.level_db[index],
        }
    }

    /// All frames in order.
    pub fn iter(&self) -> impl Iterator<Item = Frame<'_>> {
        self.mel_db
            .chunks_exact(self.bands)
            .zip(&self.level_db)
            .map(|(mel_db, &level_db)| Frame { mel_db, level_db })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The levels of a second of a sine in the default model's frames.
    fn levels_of_sine(hz: f64, peak: f64) -> Vec<f32> {
        let settings = FrontEndSettings::default_model();
        let step = std::f64::consts::TAU * hz / f64::from(settings.sample_rate);
        let samples: Vec<f32> = (0..settings.sample_rate)
            .map(|i| (peak * (step * f64::from(i)).sin()) as f32)
            .collect();
        let frames = FrontEnd::new(&settings).unwrap().frames_of(&samples);
        assert_eq!(frames.len(), 20);
        frames.iter().map(|frame| frame.level_db).collect()
    }

    #[test]
    fn a_full_scale_sine_reads_its_mean_square() {
        for hz in [100.0, 440.0, 1000.0, 9000.0] {
            for level_db in levels_of_sine(hz, 1.0) {
                assert!((level_db + 3.0103).abs() < 0.01, "{hz} Hz: {level_db} dBFS");
            }
        }
    }

    #[test]
    fn the_gate_lies_where_the_settings_say() {
        let settings = FrontEndSettings::default_model().level;
        for (beside_gate_db, silent) in [(-1.0, true), (1.0, false)] {
            let level_db = f64::from(settings.gate_db) + beside_gate_db;
            let peak = 10f64.powf((level_db + 3.0103) / 20.0);
            for found in levels_of_sine(1000.0, peak) {
                assert_eq!(is_silent(&settings, found), silent, "{found} dBFS for {level_db}");
            }
        }
    }
}
