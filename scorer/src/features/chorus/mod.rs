//! Where the chorus is: the section of a song that comes again most often.
//!
//! The method is Goto's (2006), as pychorus made it known: chroma of long frames, their likeness by
//! time and lag, cleaned so that repeated sections stand out as lines, and of the lines the one
//! that most others support. pychorus answers on a grid of 186 ms; here the section's edges are
//! then looked for again on short frames.

mod lines;
mod refine;
mod similarity;

use pulp::{Arch, Simd, WithSimd};
use realfft::RealFftPlanner;

use super::chroma::{ChromaBank, NOTES};
use super::pass::CentredStft;
use super::tuning::PitchPeaks;
use lines::Line;

/// Length of a frame at 22 050 Hz; at other rates the power of two next to as many seconds.
const N_FFT: usize = 1 << 14;
const N_FFT_RATE: f64 = 22_050.0;
/// Frames overlap this many times.
const OVERLAP: usize = 4;
/// Averages over this many seconds tell lines from noise.
const SMOOTHING_SECONDS: f64 = 2.5;
/// Time and memory grow with the square of the number of frames. Songs with more than this (13
/// minutes) are looked at in frames further apart.
const MOST_FRAMES: usize = 4096;

/// A section that comes again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chorus {
    /// Where it begins, in seconds. Of its occurrences this is a later one, never the first.
    pub start: f64,
    /// Where it ends, in seconds.
    pub end: f64,
    /// How clearly the repetition stands out: the mean along its line in the cleaned time-lag
    /// matrix, about 0.1 to 0.5.
    pub strength: f32,
}

/// A line in the time-lag matrix: what sounds from `start` to `end` sounded `lag` earlier. Seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Repetition {
    /// Where it begins.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
    /// How much earlier it was.
    pub lag: f64,
}

/// All that the search for the chorus saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// The choice, if any section of the wanted length comes again.
    pub chorus: Option<Chorus>,
    /// The line that was chosen, on the grid of the matrix.
    pub chosen: Option<Repetition>,
    /// All lines.
    pub repetitions: Vec<Repetition>,
    /// The cleaned time-lag matrix, `frames * frames` values of 0 to 1, one row a lag. Values at
    /// times before their lag are zero.
    pub time_lag: Vec<f32>,
    /// Rows and columns of the matrix.
    pub frames: usize,
    /// Seconds from one row or column to the next.
    pub frame_seconds: f64,
}

/// The chorus of a mono signal: the most repeated section of at least `seconds` (10 to 15 do well).
///
/// `None` when nothing comes again, when the audio is shorter than twice `seconds`, when `seconds`
/// is not a positive number, or when a sample is no number.
pub fn find_chorus(samples: &[f32], sample_rate: u32, seconds: f64) -> Option<Chorus> {
    analyse(samples, sample_rate, seconds)?.chorus
}

/// As [`find_chorus`], with everything that led there. `None` when there was nothing to look at.
pub fn analyse(samples: &[f32], sample_rate: u32, seconds: f64) -> Option<Analysis> {
    let is_long_enough = seconds > 0.0
        && samples.len() as f64 >= 2.0 * seconds * f64::from(sample_rate)
        && sample_rate >= 1000;
    // As in `Extractor::extract`: what is louder is no audio, and its power no number.
    if !is_long_enough || samples.iter().any(|x| x.is_nan() || x.abs() > 1e4) {
        return None;
    }
    Arch::new().dispatch(Search { samples, sample_rate, seconds })
}

/// As in the extractor, no closure: it has to be inlined.
struct Search<'a> {
    samples: &'a [f32],
    sample_rate: u32,
    seconds: f64,
}

impl WithSimd for Search<'_> {
    type Output = Option<Analysis>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Option<Analysis> {
        search(self.samples, self.sample_rate, self.seconds)
    }
}

#[inline(always)]
fn search(samples: &[f32], sample_rate: u32, seconds: f64) -> Option<Analysis> {
    let song_seconds = samples.len() as f64 / f64::from(sample_rate);
    let (chroma, tuning) = long_frame_chroma(samples, sample_rate);
    let frames = chroma.len();
    let frame_seconds = song_seconds / frames as f64;
    let width = (SMOOTHING_SECONDS / frame_seconds) as usize;
    let shortest = (seconds / frame_seconds) as f32;
    if width == 0 || frames < 3 {
        return None;
    }
    let matrix = similarity::denoised_time_lag(&chroma, width);
    let found = lines::detect(&matrix, shortest);
    let chosen = lines::best(&found, shortest);
    // No closure here either: what it calls would be compiled without vector instructions.
    let chorus = match chosen {
        Some(line) => {
            let section =
                refine::refine(samples, sample_rate, tuning, line, frame_seconds, seconds);
            let along = &matrix.row(line.lag)[line.start..line.end];
            let strength = along.iter().sum::<f32>() / along.len() as f32;
            Some(Chorus { start: section.start, end: section.end, strength })
        }
        None => None,
    };
    let in_seconds = |line: Line| {
        let [start, end, lag] = [line.start, line.end, line.lag].map(|x| x as f64 * frame_seconds);
        Repetition { start, end, lag }
    };
    Some(Analysis {
        chorus,
        chosen: chosen.map(in_seconds),
        repetitions: found.into_iter().map(in_seconds).collect(),
        time_lag: matrix.values,
        frames,
        frame_seconds,
    })
}

/// Chroma of long frames, and the tuning in hundredths of a semitone.
#[inline(always)]
fn long_frame_chroma(samples: &[f32], sample_rate: u32) -> (Vec<[f32; NOTES]>, i32) {
    let wanted = N_FFT as f64 * f64::from(sample_rate) / N_FFT_RATE;
    let n_fft = 1usize << (wanted.log2().round() as u32).max(6);
    let mut hop = n_fft / OVERLAP;
    while samples.len() / hop >= MOST_FRAMES {
        hop *= 2;
    }
    let mut stft = CentredStft::hann(&mut RealFftPlanner::new(), n_fft);
    let bins = n_fft / 2 + 1;
    let mut powers = vec![0.0; (1 + samples.len() / hop) * bins];
    let mut peaks = PitchPeaks::new(sample_rate, n_fft);
    for (frame, power) in powers.chunks_exact_mut(bins).enumerate() {
        stft.power_at(samples, frame * hop, power);
        peaks.add_one(power);
    }
    let tuning = peaks.tuning_percent(NOTES as u32);
    let bank = ChromaBank::new(sample_rate, n_fft, tuning);
    let mut chroma = Vec::with_capacity(powers.len() / bins);
    for power in powers.chunks_exact(bins) {
        chroma.push(bank.apply_one(power));
    }
    (chroma, tuning)
}
