//! Causal level normalisation: what makes a mix at −20 dB the same song.

use super::settings::{LevelKind, LevelSettings};

/// The running mean power of a window, and the frames relative to it.
///
/// Each window (each lane of a streaming model) has its own, started from nothing, so that its
/// frames depend on nothing before the window. Gain adds the same decibels to a frame and to the
/// running level, so the difference does not change.
#[derive(Debug, Clone, Copy)]
pub struct LevelNormaliser {
    settings: LevelSettings,
    power_sum: f64,
    frames: u64,
}

impl LevelNormaliser {
    /// A normaliser at the start of a window.
    pub fn new(settings: LevelSettings) -> Self {
        Self { settings, power_sum: 0.0, frames: 0 }
    }

    /// Goes back to the start of a window.
    pub fn reset(&mut self) {
        *self = Self::new(self.settings);
    }

    /// Takes the window's next frame (mel bands in dB, band-limited level in dBFS) and writes what
    /// the model sees: decibels relative to the running level, never below the floor.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn next_frame(&mut self, mel_db: &[f32], level_db: f32, out: &mut [f32]) {
        assert_eq!(mel_db.len(), out.len(), "input and output differ in bands");
        let reference = match self.settings.kind {
            LevelKind::None => 0.0,
            LevelKind::RunningMean => {
                self.power_sum += 10f64.powf(f64::from(level_db) / 10.0);
                self.frames += 1;
                (10.0 * (self.power_sum / self.frames as f64).log10()) as f32
            }
        };
        for (out, &db) in out.iter_mut().zip(mel_db) {
            *out = (db - reference).max(-self.settings.floor_db);
        }
    }
}

/// Whether a frame of this level counts as silence.
pub fn is_silent(settings: &LevelSettings, level_db: f32) -> bool {
    level_db < settings.gate_db
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn gain_cancels_out(
            frames in prop::collection::vec((-60.0f32..0.0, -40.0f32..20.0), 1..50),
            gain in -12.0f32..12.0,
        ) {
            let settings =
                LevelSettings { kind: LevelKind::RunningMean, gate_db: -70.0, floor_db: 50.0 };
            let mut plain = LevelNormaliser::new(settings);
            let mut gained = LevelNormaliser::new(settings);
            for (level, offset) in frames {
                let (mut a, mut b) = ([0.0], [0.0]);
                plain.next_frame(&[level + offset], level, &mut a);
                gained.next_frame(&[level + offset + gain], level + gain, &mut b);
                prop_assert!((a[0] - b[0]).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn frames_are_relative_to_the_mean_power_so_far() {
        let settings =
            LevelSettings { kind: LevelKind::RunningMean, gate_db: -70.0, floor_db: 50.0 };
        let mut level = LevelNormaliser::new(settings);
        // 10 log10 of 0.01, 0.01, (0.01 + 0.01 + 0.1) / 3 and (0.01 + 0.01 + 0.1 + 0.1) / 4.
        let references = [(-20.0, -20.0), (-20.0, -20.0), (-10.0, -13.979_4), (-10.0, -12.596_373)];
        for start in 0..2 {
            for (level_db, reference) in references {
                let mut out = [0.0; 3];
                level.next_frame(&[-25.0, 0.0, -99.0], level_db, &mut out);
                let expected = [-25.0 - reference, -reference, -50.0f32];
                let near = out.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4);
                assert!(near, "start {start}: {out:?} is not {expected:?}");
            }
            level.reset();
        }
    }

    #[test]
    fn without_normalisation_only_the_floor_acts() {
        let settings = LevelSettings { kind: LevelKind::None, gate_db: -70.0, floor_db: 80.0 };
        let mut out = [0.0; 2];
        LevelNormaliser::new(settings).next_frame(&[-10.0, -99.0], -5.0, &mut out);
        assert_eq!(out, [-10.0, -80.0]);
    }
}
