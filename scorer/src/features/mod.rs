//! Features of whole songs for tables: the seven descriptors of the first seed system, the
//! low-level set of the second, and where the chorus is.
//!
//! All are means over frames of 2048 samples every 512 of a mono signal, with the definitions of
//! librosa 0.11 and its defaults (centred frames, zeros outside, periodic Hann window), from one
//! STFT that they share. Both seed systems worked at 22 050 Hz; for values like theirs bring the
//! audio to that rate first ([`crate::Resampler`]).
//!
//! ```
//! use earworm_scorer::features::{self, FeatureSet};
//!
//! let a_second_of_a: Vec<f32> =
//!     (0..22_050).map(|i| (0.12533 * i as f32).sin()).collect();
//! let values = features::extract(&a_second_of_a, 22_050, &[FeatureSet::Descriptors])?;
//! let names = features::names(FeatureSet::Descriptors);
//! assert_eq!(names[2], "spec_cent");
//! assert!((values[2] - 440.0).abs() < 60.0);
//! # Ok::<(), features::FeatureError>(())
//! ```

mod cepstrum;
mod chorus;
mod chroma;
mod constant_q;
mod contrast;
mod extractor;
mod lanes;
mod pass;
mod shape;
mod tonnetz;
mod tuning;
mod waveform;

pub use chorus::{Analysis, Chorus, Repetition, analyse as analyse_chorus, find_chorus};
pub use extractor::Extractor;

/// Cepstral coefficients of [`FeatureSet::Descriptors`], of which the mean is taken.
const DESCRIPTOR_MFCC: usize = 20;
/// Cepstral coefficients of [`FeatureSet::LowLevel`].
const LOW_LEVEL_MFCC: usize = 48;

/// A set of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FeatureSet {
    /// Seven numbers: `chroma_stft` (mean of all notes), `rmse` (root mean square), `spec_cent`
    /// (centroid in Hz), `spec_bw` (bandwidth in Hz), `rolloff` (85 % of the magnitude, in Hz),
    /// `zcr` (share of samples that change sign), `mfcc` (mean of 20 coefficients).
    Descriptors,
    /// 206 numbers: 48 MFCC, 12 chroma of a constant-Q transform, 128 mel powers, zero-crossing
    /// rate, 6 tonal centroids, centroid and bandwidth in Hz, 7 bands of spectral contrast in dB,
    /// roll-off in Hz, entropy of the energy in bits.
    LowLevel,
}

impl FeatureSet {
    /// Every set.
    pub const ALL: [Self; 2] = [Self::Descriptors, Self::LowLevel];
}

/// The sets that hold any of these features; unknown names are in none.
pub fn sets_of(wanted: &[String]) -> Vec<FeatureSet> {
    let holds = |set: &FeatureSet| names(*set).iter().any(|name| wanted.contains(name));
    FeatureSet::ALL.into_iter().filter(holds).collect()
}

/// Why a signal has no features.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FeatureError {
    /// There are no samples.
    #[error("there is no audio: 0 samples")]
    Empty,
    /// The sample at this place is NaN, infinite, or so large that it is no audio.
    #[error("sample {0} is not a number from -10000 to 10000")]
    NotAudio(usize),
    /// The sample rate is outside what the features are defined for.
    #[error("a sample rate of {rate} Hz is too low or too high: use {lowest} to 192000 Hz")]
    SampleRate {
        /// The rate in Hz.
        rate: u32,
        /// The lowest that would do.
        lowest: u32,
    },
}

/// Names of the features of a set, in the order in which [`extract`] gives them. No name is in
/// both sets.
pub fn names(set: FeatureSet) -> Vec<String> {
    let numbered = |name: &str, count: usize| -> Vec<String> {
        (0..count).map(|i| format!("{name}_{i}")).collect()
    };
    let one = |name: &str| vec![name.to_owned()];
    match set {
        FeatureSet::Descriptors => {
            ["chroma_stft", "rmse", "spec_cent", "spec_bw", "rolloff", "zcr", "mfcc"]
                .map(String::from)
                .to_vec()
        }
        FeatureSet::LowLevel => [
            numbered("mfcc", LOW_LEVEL_MFCC),
            numbered("chroma_cqt", chroma::NOTES),
            numbered("mel", cepstrum::MELS),
            one("zero_crossing_rate"),
            numbered("tonnetz", tonnetz::DIMENSIONS),
            one("spectral_centroid"),
            one("spectral_bandwidth"),
            numbered("contrast", contrast::BANDS),
            one("spectral_rolloff"),
            one("energy_entropy"),
        ]
        .concat(),
    }
}

/// Samples over which [`soften_ends`] fades a sound in, and out.
const FADE: usize = pass::HOP;

/// Fades the ends of a sound that was cut out of a song (23 ms at 22 050 Hz, a quarter of what is
/// shorter than four times that).
///
/// Songs begin and end softly. A hard cut is a click, and a click has power in bands where the song
/// has none, above an encoder's cut-off say: there the mean over half a minute comes out a hundred
/// times too high, and a model of whole songs takes that for a song of another world.
pub fn soften_ends(samples: &mut [f32]) {
    let fade = FADE.min(samples.len() / 4);
    for i in 0..fade {
        let phase = (i as f32 + 0.5) / fade as f32;
        let gain = 0.5 - 0.5 * (std::f32::consts::PI * phase).cos();
        samples[i] *= gain;
        let mirrored = samples.len() - 1 - i;
        samples[mirrored] *= gain;
    }
}

/// The features of a mono signal: those of each set, set after set in the order asked for.
///
/// For many songs make one [`Extractor`], which keeps its tables.
///
/// # Errors
/// When there is no sample or one is not a number from −10 000 to 10 000, and when the sample rate is below 8 kHz
/// (12.8 kHz for [`FeatureSet::LowLevel`]) or above 192 kHz.
pub fn extract(
    samples: &[f32],
    sample_rate: u32,
    sets: &[FeatureSet],
) -> Result<Vec<f32>, FeatureError> {
    Extractor::new(sample_rate, sets)?.extract(samples)
}
