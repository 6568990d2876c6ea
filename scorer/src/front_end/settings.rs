//! What the front end needs to know, as it travels inside a model's metadata.

use serde::{Deserialize, Serialize};

use super::SILENCE_DB;

/// Most frames a second. Known front ends have up to about a hundred; what keeps and draws frames needs
/// memory for half a minute of them.
const MOST_FRAMES_A_SECOND: usize = 400;

/// A setting that this front end cannot honour.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("front_end.{field}: {problem}")]
pub struct SettingsError {
    /// The setting's name as it stands in the metadata.
    pub field: &'static str,
    /// What is wrong with its value, and what would be right.
    pub problem: String,
}

/// The scale on which mel bands are equally spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MelScale {
    /// Slaney's Auditory Toolbox: linear below 1 kHz, logarithmic above. librosa's default.
    Slaney,
    /// HTK: `2595 log10(1 + f / 700)`. torchaudio's default.
    Htk,
}

/// How the triangles of the filter bank are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MelNorm {
    /// Every triangle has the same area (`2 / bandwidth`). librosa's default.
    Slaney,
    /// Every triangle peaks at one. torchaudio's default.
    None,
}

/// How frames are made independent of playback level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LevelKind {
    /// Frames stay in decibels relative to full scale.
    None,
    /// The mean power since the start of the window is subtracted, so that gain cancels out.
    RunningMean,
}

/// Level normalisation and the gate for silence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelSettings {
    /// How level is removed.
    pub kind: LevelKind,
    /// Frames whose level is below this many dBFS count as silence and never reach the model.
    pub gate_db: f32,
    /// Values this many decibels below the reference level are raised to that floor.
    pub floor_db: f32,
}

/// Everything that defines the mel frames a model was trained on.
///
/// Frames are not centred: frame `k` covers samples `k * hop .. k * hop + n_fft`,
/// so that a frame is known as soon as its last sample has arrived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrontEndSettings {
    /// Sample rate of the analysis in Hz, 4 000 to 192 000; audio at any other rate is resampled.
    pub sample_rate: u32,
    /// Length of a frame and of its periodic Hann window in samples: even, 64 to 16 384.
    pub n_fft: usize,
    /// Samples from one frame to the next, at most `n_fft`, and enough for 400 frames a second or fewer.
    pub hop: usize,
    /// Number of mel bands, 1 to 512.
    pub n_mels: usize,
    /// Spacing of the bands.
    pub mel_scale: MelScale,
    /// Scaling of the bands.
    pub mel_norm: MelNorm,
    /// Lower edge of the lowest band in Hz.
    pub f_min: f32,
    /// Upper edge of the highest band in Hz, at most half the sample rate.
    pub f_max: f32,
    /// Mel power below this value is raised to it before decibels are taken.
    pub amin: f32,
    /// Level normalisation and gate.
    pub level: LevelSettings,
}

impl FrontEndSettings {
    /// The settings of the default model: 22 050 Hz, 93 ms frames every 46 ms, 64 Slaney bands.
    pub fn default_model() -> Self {
        Self {
            sample_rate: 22_050,
            n_fft: 2048,
            hop: 1024,
            n_mels: 64,
            mel_scale: MelScale::Slaney,
            mel_norm: MelNorm::Slaney,
            f_min: 30.0,
            f_max: 10_000.0,
            amin: 1e-10,
            level: LevelSettings { kind: LevelKind::RunningMean, gate_db: -70.0, floor_db: 50.0 },
        }
    }

    /// Frames per second.
    pub fn frame_rate(&self) -> f64 {
        f64::from(self.sample_rate) / self.hop as f64
    }

    /// Seconds of audio that `frames` successive frames cover, from first to last sample.
    pub fn seconds(&self, frames: usize) -> f64 {
        if frames == 0 {
            return 0.0;
        }
        ((frames - 1) * self.hop + self.n_fft) as f64 / f64::from(self.sample_rate)
    }

    /// Checks every field.
    ///
    /// # Errors
    /// Names the first field that cannot be honoured, and why.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let fail = |field, problem: String| Err(SettingsError { field, problem });
        if !(4_000..=192_000).contains(&self.sample_rate) {
            return fail(
                "sample_rate",
                format!("{} Hz is outside 4000 to 192000", self.sample_rate),
            );
        }
        if !(64..=16_384).contains(&self.n_fft) || !self.n_fft.is_multiple_of(2) {
            return fail("n_fft", format!("{} is not an even number from 64 to 16384", self.n_fft));
        }
        if self.hop == 0 || self.hop > self.n_fft {
            return fail(
                "hop",
                format!("{} is not between 1 and n_fft = {}", self.hop, self.n_fft),
            );
        }
        if self.sample_rate as usize > MOST_FRAMES_A_SECOND * self.hop {
            return fail(
                "hop",
                format!(
                    "{} at {} Hz makes {:.0} frames a second, more than {MOST_FRAMES_A_SECOND}",
                    self.hop,
                    self.sample_rate,
                    self.frame_rate().ceil()
                ),
            );
        }
        if !(1..=512).contains(&self.n_mels) {
            return fail("n_mels", format!("{} is not between 1 and 512", self.n_mels));
        }
        let nyquist = self.sample_rate as f32 / 2.0;
        if !(self.f_min.is_finite() && self.f_min >= 0.0) {
            return fail("f_min", format!("{} Hz is not zero or more", self.f_min));
        }
        if !(self.f_max.is_finite() && self.f_max > self.f_min && self.f_max <= nyquist) {
            return fail(
                "f_max",
                format!("{} Hz is not above f_min and at most {nyquist} Hz", self.f_max),
            );
        }
        if !(self.amin.is_finite() && self.amin > 0.0 && self.amin < 1.0) {
            return fail("amin", format!("{} is not between 0 and 1", self.amin));
        }
        // At the level of digital silence it would take that for sound.
        if !(self.level.gate_db > SILENCE_DB && self.level.gate_db < 0.0) {
            return fail(
                "level.gate_db",
                format!("{} is not between {SILENCE_DB} and 0 dBFS", self.level.gate_db),
            );
        }
        if !(self.level.floor_db.is_finite() && self.level.floor_db > 0.0) {
            return fail("level.floor_db", format!("{} is not above 0 dB", self.level.floor_db));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid() {
        FrontEndSettings::default_model().validate().unwrap();
    }

    #[test]
    fn each_bad_field_is_named() {
        let good = FrontEndSettings::default_model();
        let gated = |gate_db| FrontEndSettings {
            level: LevelSettings { gate_db, ..good.level },
            ..good.clone()
        };
        let cases: Vec<(&str, FrontEndSettings)> = vec![
            ("sample_rate", FrontEndSettings { sample_rate: 1, ..good.clone() }),
            ("n_fft", FrontEndSettings { n_fft: 1001, ..good.clone() }),
            ("hop", FrontEndSettings { hop: 0, ..good.clone() }),
            ("hop", FrontEndSettings { hop: 4096, ..good.clone() }),
            ("hop", FrontEndSettings { hop: 55, ..good.clone() }),
            ("n_mels", FrontEndSettings { n_mels: 0, ..good.clone() }),
            ("f_min", FrontEndSettings { f_min: f32::NAN, ..good.clone() }),
            ("f_max", FrontEndSettings { f_max: 20_000.0, ..good.clone() }),
            ("amin", FrontEndSettings { amin: 0.0, ..good.clone() }),
            ("level.gate_db", gated(SILENCE_DB)),
            ("level.gate_db", gated(f32::NAN)),
            ("level.gate_db", gated(0.0)),
        ];
        for (field, settings) in cases {
            assert_eq!(settings.validate().unwrap_err().field, field);
        }
    }

    #[test]
    fn the_fastest_front_end_is_valid() {
        FrontEndSettings { hop: 56, ..FrontEndSettings::default_model() }.validate().unwrap();
        // Descriptors are taken every 512 samples at any rate that they know.
        let settings = FrontEndSettings {
            sample_rate: 192_000,
            hop: 512,
            ..FrontEndSettings::default_model()
        };
        settings.validate().unwrap();
    }
}
