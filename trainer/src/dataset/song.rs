//! One audio file: to mel frames, features and what there is to warn of.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use earworm_scorer::decode::AudioFile;
use earworm_scorer::front_end::{FrontEnd, is_silent};
use earworm_scorer::{Resampler, downmix_interleaved};

use super::description::Extraction;
use super::song_features::FeatureSource;
use crate::embed::Embedder;

/// The largest sample of 16-bit audio: what reaches it has been cut off, or nearly.
const FULL_SCALE: f32 = 32767.0 / 32768.0;

/// Seconds of the longest song of which features, choruses or embeddings are made. All of it is held in
/// memory for that, an hour of it in about a gigabyte; without them only its frames are.
pub(super) const LONGEST_SECONDS: f64 = 3600.0;

/// What is kept of a song.
pub(super) struct SongContent {
    /// Mel frames in dB, then levels in dBFS, then features: as they lie in a shard.
    pub(super) values: Vec<f32>,
    /// Number of frames.
    pub(super) frames: usize,
    /// Frames that are not silent.
    pub(super) audible: usize,
    /// Length of the audio.
    pub(super) seconds: f64,
    /// Share of samples at full scale or beyond.
    pub(super) clipped: f64,
    /// Where the chorus starts, in seconds.
    pub(super) chorus: Option<f64>,
    /// What the audio is coded with.
    pub(super) codec: &'static str,
}

/// What the audio in a file is coded with; `None` where it cannot be read.
pub(super) fn codec_of(path: &Path) -> Option<String> {
    AudioFile::open(path).ok().map(|file| file.codec().to_owned())
}

/// What is missing of a file of which so many frames were heard.
fn damage(heard: u64, expected: Option<u64>, damaged_packets: u64) -> Option<String> {
    let missing = expected.filter(|&expected| heard < expected - expected / 50);
    match (missing, damaged_packets) {
        (Some(expected), _) => Some(format!(
            "cut off or damaged: {:.0} % of it are there",
            100.0 * heard as f64 / expected as f64
        )),
        (None, 0) => None,
        (None, packets) => Some(format!("{packets} damaged packets are left out")),
    }
}

/// Reads an audio file through the scorer's own path; with an embedder, its embeddings are the frames.
///
/// # Errors
/// When the file cannot be decoded or resampled, or is shorter than one frame, or than one patch of the
/// embedder, or when it is to be held in memory and longer than `longest` seconds.
pub(super) fn read(
    path: &Path,
    extraction: &Extraction,
    features: usize,
    source: &dyn FeatureSource,
    embedder: Option<&Embedder>,
    longest: f64,
) -> Result<SongContent> {
    let settings = &extraction.front_end;
    let mut file = AudioFile::open(path)?;
    let (format, codec) = (file.format(), file.codec());
    let mut resampler = Resampler::new(format.sample_rate, settings.sample_rate)
        .with_context(|| path.display().to_string())?;
    let mut front_end = match embedder {
        None => Some(FrontEnd::new(settings)?),
        Some(_) => None,
    };
    let keep_samples = features > 0 || extraction.chorus_seconds.is_some() || embedder.is_some();
    let (mut values, mut levels, mut samples) = (Vec::new(), Vec::new(), Vec::new());
    let mut take = |part: &[f32]| {
        if keep_samples {
            samples.extend_from_slice(part);
        }
        if let Some(front_end) = &mut front_end {
            front_end.push(part, |frame| {
                values.extend_from_slice(frame.mel_db);
                levels.push(frame.level_db);
            });
        }
    };
    let mut mono = Vec::new();
    let (mut length, mut total, mut clipped) = (0usize, 0usize, 0usize);
    while let Some(block) = file.next_block()? {
        clipped += block.iter().filter(|sample| sample.abs() >= FULL_SCALE).count();
        total += block.len();
        downmix_interleaved(block, format.channels, &mut mono);
        length += mono.len();
        // Heard, not announced: the length that a file names may be a guess.
        ensure!(
            !keep_samples || length as f64 <= longest * f64::from(format.sample_rate),
            "{} is longer than {longest} s, too long for features, choruses and embeddings",
            path.display()
        );
        resampler.push(&mono, &mut take);
    }
    resampler.finish(&mut take);
    if let Some(damage) = damage(length as u64, file.expected_frames(), file.damaged_packets()) {
        tracing::warn!(
            "{}: {damage}; what could be heard of it is taken as the song",
            path.display()
        );
    }
    if let Some(embedder) = embedder {
        values = embedder.embed(&samples).with_context(|| path.display().to_string())?;
        // Embeddings have no level; none of them counts as silence.
        levels = vec![0.0; values.len() / embedder.width()];
    }
    ensure!(!levels.is_empty(), "{} is shorter than one frame", path.display());

    let frames = levels.len();
    let audible = levels.iter().filter(|&&level| !is_silent(&settings.level, level)).count();
    values.append(&mut levels);
    if features > 0 {
        match source.extract(&samples, settings.sample_rate, &extraction.features) {
            Ok(found) => {
                ensure!(found.len() == features, "{} features, not {features}", found.len());
                values.extend(found.into_iter().map(|v| if v.is_finite() { v } else { f32::NAN }));
            }
            Err(error) => {
                tracing::warn!("{}: no features: {error:#}", path.display());
                values.resize(values.len() + features, f32::NAN);
            }
        }
    }
    let chorus = match extraction.chorus_seconds {
        Some(seconds) => source.chorus(&samples, settings.sample_rate, seconds)?,
        None => None,
    };
    Ok(SongContent {
        values,
        frames,
        audible,
        seconds: length as f64 / f64::from(format.sample_rate),
        clipped: clipped as f64 / total.max(1) as f64,
        chorus,
        codec,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_told() {
        assert_eq!(damage(1000, None, 0), None);
        assert_eq!(damage(990, Some(1000), 0), None);
        assert!(damage(500, Some(1000), 3).unwrap().contains("50 %"));
        assert!(damage(1000, Some(1000), 3).unwrap().contains("3 damaged"));
    }
}
