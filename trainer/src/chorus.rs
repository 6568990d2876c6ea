//! `earworm-train chorus`: where a song's chorus is, and a picture of why.

mod plot;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use earworm_scorer::decode::AudioFile;
use earworm_scorer::features::{Analysis, Chorus, analyse_chorus};
use earworm_scorer::{Resampler, downmix_interleaved};

/// The rate that the method was made for, in Hz.
const RATE: u32 = 22_050;

/// Looks for the section of at least `clip_seconds` that comes again most often, and says where it
/// begins and ends and how clearly it stands out. Draws the time-lag matrix to `plot`, a PNG file.
///
/// # Errors
/// When the file cannot be decoded, when it is too short for a section to come twice, or when the
/// picture cannot be written. That nothing comes again is no error, but an answer.
pub fn run(file: &Path, clip_seconds: f64, plot: Option<&Path>) -> Result<String> {
    ensure!(
        clip_seconds.is_finite() && clip_seconds > 0.0,
        "a section of {clip_seconds} seconds cannot be looked for: ask for more than 0"
    );
    let samples = decode(file)?;
    let seconds = samples.len() as f64 / f64::from(RATE);
    let analysis = analyse_chorus(&samples, RATE, clip_seconds).with_context(|| {
        format!(
            "{}: {seconds:.1} s are too short for a section of {clip_seconds} s to come twice; \
             ask for a shorter one",
            file.display()
        )
    })?;
    let answer = answer(&analysis, clip_seconds);
    if let Some(png) = plot {
        let name = file.file_name().map_or_else(|| file.to_string_lossy(), |n| n.to_string_lossy());
        plot::draw(&analysis, seconds, &format!("{name}: {answer}"), png)?;
    }
    Ok(answer)
}

fn answer(analysis: &Analysis, clip_seconds: f64) -> String {
    match analysis.chorus {
        Some(Chorus { start, end, strength }) => {
            format!("chorus {} to {}, strength {strength:.2}", clock(start), clock(end))
        }
        None => format!("no section of {clip_seconds} s comes again"),
    }
}

/// `mm:ss.s`.
fn clock(seconds: f64) -> String {
    let tenths = (10.0 * seconds).round() as u64;
    format!("{:02}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
}

/// The whole file as one channel at [`RATE`].
fn decode(path: &Path) -> Result<Vec<f32>> {
    let mut file = AudioFile::open(path)?;
    let format = file.format();
    let mut resampler = Resampler::new(format.sample_rate, RATE)
        .with_context(|| format!("cannot use {}", path.display()))?;
    let (mut mono, mut samples) = (Vec::new(), Vec::new());
    while let Some(block) = file.next_block()? {
        downmix_interleaved(block, format.channels, &mut mono);
        resampler.push(&mono, |converted| samples.extend_from_slice(converted));
    }
    resampler.finish(|converted| samples.extend_from_slice(converted));
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks() {
        assert_eq!(clock(0.0), "00:00.0");
        assert_eq!(clock(59.96), "01:00.0");
        assert_eq!(clock(754.32), "12:34.3");
    }

    /// Two different noises, one after the other, twice: the second time they are a chorus.
    fn song(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("song.wav");
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: RATE,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut wav = hound::WavWriter::create(&path, spec).unwrap();
        let tones = [220.0, 277.2, 329.6, 392.0, 246.9, 440.0, 311.1, 349.2, 293.7, 233.1];
        for second in 0..40usize {
            // 8 s that are theirs alone, then 12 s that come again.
            let note = if second % 20 < 8 { second / 20 * 3 + second % 2 } else { second % 20 % 7 };
            for i in 0..RATE {
                let t = f64::from(i) / f64::from(RATE);
                let x = (std::f64::consts::TAU * tones[note + second % 3] * t).sin();
                wav.write_sample((x * 12_000.0) as i16).unwrap();
            }
        }
        wav.finalize().unwrap();
        path
    }

    #[test]
    fn a_song_gets_an_answer_and_a_picture() {
        let folder = tempfile::tempdir().unwrap();
        let (song, png) = (song(folder.path()), folder.path().join("lag.png"));
        let answer = run(&song, 8.0, Some(&png)).unwrap();
        assert!(answer.starts_with("chorus 00:2"), "{answer}");
        let picture = std::fs::read(&png).unwrap();
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > 5_000);
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 2, "no temporary file stays behind");
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let song = song(folder.path());
        let message = |seconds| run(&song, seconds, None).unwrap_err().to_string();
        assert!(message(30.0).contains("too short"), "{}", message(30.0));
        assert!(message(f64::NAN).contains("ask for more"));
        assert!(run(&folder.path().join("none.mp3"), 10.0, None).is_err());
        let error = |plot: &str| {
            format!("{:#}", run(&song, 8.0, Some(&folder.path().join(plot))).unwrap_err())
        };
        assert!(error("song.wav/lag.png").contains("song.wav"), "{}", error("song.wav/lag.png"));
        assert!(error("lag.jpg").contains("must end in .png"), "{}", error("lag.jpg"));
    }
}
