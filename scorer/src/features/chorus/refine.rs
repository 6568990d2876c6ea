//! Where exactly a section begins and ends: the lines' frames are 186 ms apart and smoothed over
//! seconds, so the edges are looked for again on short frames.

use std::ops::Range;

use realfft::RealFftPlanner;

use super::lines::Line;
use super::similarity::likeness;
use crate::features::chroma::{ChromaBank, NOTES};
use crate::features::pass::CentredStft;

/// Length of a short frame and from one to the next, in seconds.
const FRAME_SECONDS: f64 = 0.186;
const HOP_SECONDS: f64 = 0.0464;
/// The lag may be off by this many seconds.
const LAG_SECONDS: f64 = 0.4;
/// What is looked at before and behind a line.
const CONTEXT_SECONDS: f64 = 5.0;
/// How much of the variance a clear stretch explains.
const CLEAR: f64 = 0.4;
/// Deviation of likenesses that is always reckoned with.
const NOISE: f64 = 0.03;
/// Where none is clear, edges move by no more than this.
const REACH_SECONDS: f64 = 1.9;

/// A section found again on short frames, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Section {
    pub(super) start: f64,
    pub(super) end: f64,
}

/// Chroma on short frames, computed where they are asked for.
struct ShortFrames<'a> {
    samples: &'a [f32],
    stft: CentredStft,
    bank: ChromaBank,
    hop: usize,
    power: Vec<f32>,
    chroma: Vec<Option<[f32; NOTES]>>,
}

impl ShortFrames<'_> {
    #[inline(always)]
    fn at(&mut self, frame: usize) -> [f32; NOTES] {
        if let Some(chroma) = self.chroma[frame] {
            return chroma;
        }
        self.stft.power_at(self.samples, frame * self.hop, &mut self.power);
        // The root brings out the melody beside the bass.
        let chroma = self.bank.apply_one(&self.power).map(f32::sqrt);
        self.chroma[frame] = Some(chroma);
        chroma
    }

    /// How much frames are like those `lag` frames earlier.
    #[inline(always)]
    fn likeness(&mut self, frames: Range<usize>, lag: usize) -> Vec<f32> {
        let mut values = Vec::with_capacity(frames.len());
        for t in frames {
            values.push(likeness(&self.at(t), &self.at(t - lag)));
        }
        values
    }
}

/// Looks for the edges of a line whose frames are `frame_seconds` apart, and which is to be
/// `shortest` seconds long.
///
/// Along the line's lag, every moment is more or less like its earlier one. Where a stretch stands
/// out clearly from what is around it, it is the section, wherever the line began and ended: the
/// verse before a chorus often has enough in common with the one before to be part of the line.
/// Otherwise the clearest steps near the line's ends are taken.
#[inline(always)]
pub(super) fn refine(
    samples: &[f32],
    sample_rate: u32,
    tuning_percent: i32,
    line: Line,
    frame_seconds: f64,
    shortest: f64,
) -> Section {
    let rate = f64::from(sample_rate);
    let n_fft = ((rate * FRAME_SECONDS) as usize).next_power_of_two().max(64);
    let hop = ((rate * HOP_SECONDS).round() as usize).max(1);
    let count = 1 + samples.len() / hop;
    let mut frames = ShortFrames {
        samples,
        stft: CentredStft::hann(&mut RealFftPlanner::new(), n_fft),
        bank: ChromaBank::new(sample_rate, n_fft, tuning_percent),
        hop,
        power: vec![0.0; n_fft / 2 + 1],
        chroma: vec![None; count],
    };
    let hop_seconds = hop as f64 / rate;
    let short = |coarse: usize| (coarse as f64 * frame_seconds / hop_seconds) as usize;
    let (start, end) = (short(line.start).min(count), short(line.end).min(count));
    let around = (LAG_SECONDS / hop_seconds) as usize;
    let (mut lag, mut most) = (1, f32::MIN);
    for tried in short(line.lag).saturating_sub(around).max(1)..=short(line.lag) + around {
        let values = frames.likeness(start.max(tried)..end.max(start.max(tried)), tried);
        let mean = values.iter().sum::<f32>() / values.len().max(1) as f32;
        if mean > most {
            (lag, most) = (tried, mean);
        }
    }
    let seconds = |frame: usize| (frame as f64 * hop_seconds).min(samples.len() as f64 / rate);
    let frames_in = |seconds: f64| (seconds / hop_seconds) as usize;
    // The whole line and some more on either side.
    let from = start.saturating_sub(frames_in(CONTEXT_SECONDS)).max(lag);
    let to = (end + frames_in(CONTEXT_SECONDS)).min(count);
    let values = frames.likeness(from..to.max(from), lag);
    if let Some(plateau) = plateau(&values, frames_in(shortest))
        && plateau.share >= CLEAR
    {
        return Section { start: seconds(from + plateau.start), end: seconds(from + plateau.end) };
    }
    let reach = frames_in(REACH_SECONDS);
    let half = end.saturating_sub(start) / 2;
    let near = |at: usize, before: usize, behind: usize, rises: bool| {
        let first = at.saturating_sub(before).saturating_sub(from).min(values.len());
        let last = (at + behind).saturating_sub(from).clamp(first, values.len());
        step(&values[first..last], rises).map_or(at, |step| from + first + step)
    };
    // Never beyond the section's middle, so that both edges look at both of its sides.
    let new_start = near(start, reach, reach.min(half), true);
    let new_end = near(end, reach.min(half), reach, false);
    Section { start: seconds(new_start), end: seconds(new_end) }
}

/// A stretch of values that lie above those around it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Plateau {
    start: usize,
    end: usize,
    /// Share of the values' variance that is between those within and those outside.
    share: f64,
}

/// The stretch of at least `shortest` values that is most unlike what is around it: under two
/// normal distributions, one for the values within and one for those outside, all values together
/// are likeliest. What is repeated is alike throughout, what is not is alike only now and then, so
/// their variances tell them apart as much as their means do.
#[inline(always)]
fn plateau(values: &[f32], shortest: usize) -> Option<Plateau> {
    let n = values.len();
    let mut prefix = vec![(0.0f64, 0.0f64)];
    for &x in values {
        let (sum, squares) = prefix[prefix.len() - 1];
        let x = f64::from(x);
        prefix.push((sum + x, squares + x * x));
    }
    let (sum, squares) = prefix[n];
    let mean_and_variance = |sum: f64, squares: f64, count: usize| {
        let mean = sum / count as f64;
        (mean, squares / count as f64 - mean * mean)
    };
    let (mean, variance) = mean_and_variance(sum, squares, n.max(1));
    let mut best: Option<(f64, Plateau)> = None;
    for start in 0..n {
        for end in start + shortest.max(1)..=n {
            let inside = end - start;
            let outside = n - inside;
            if outside == 0 {
                continue;
            }
            let part = (prefix[end].0 - prefix[start].0, prefix[end].1 - prefix[start].1);
            let (high, within) = mean_and_variance(part.0, part.1, inside);
            let (low, without) = mean_and_variance(sum - part.0, squares - part.1, outside);
            let unlikelihood = inside as f64 * (within.max(0.0) + NOISE * NOISE).ln()
                + outside as f64 * (without.max(0.0) + NOISE * NOISE).ln();
            if high > low && best.is_none_or(|(least, _)| unlikelihood < least) {
                let between =
                    inside as f64 * (high - mean).powi(2) + outside as f64 * (low - mean).powi(2);
                let share = between / (n as f64 * variance);
                best = Some((unlikelihood, Plateau { start, end, share }));
            }
        }
    }
    best.map(|(_, plateau)| plateau)
}

/// Where the values step up (or down) most clearly: the place that splits them into two parts
/// with the least squared deviation from their means.
fn step(values: &[f32], rises: bool) -> Option<usize> {
    let n = values.len();
    let total: f64 = values.iter().map(|&x| f64::from(x)).sum();
    let mut before = 0.0;
    let mut best = None;
    for (at, &value) in values.iter().enumerate().take(n.saturating_sub(1)) {
        before += f64::from(value);
        let left = (at + 1) as f64;
        let right = (n - at - 1) as f64;
        let rise = (total - before) / right - before / left;
        let gain = rise * rise * left * right;
        let fits = if rises { rise > 0.0 } else { rise < 0.0 };
        if fits && best.is_none_or(|(most, _)| gain > most) {
            best = Some((gain, at + 1));
        }
    }
    best.map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps() {
        assert_eq!(step(&[0.1, 0.2, 0.1, 0.9, 0.8, 0.9], true), Some(3));
        assert_eq!(step(&[0.9, 0.8, 0.1, 0.2, 0.1, 0.1], false), Some(2));
        assert_eq!(step(&[0.9, 0.1], true), None);
        assert_eq!(step(&[], true), None);
    }
}
