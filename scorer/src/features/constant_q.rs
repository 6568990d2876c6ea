//! Chroma of a constant-Q transform, cheaply.
//!
//! The transform is librosa's: 36 bins an octave over seven octaves from C1, Hann-windowed atoms of
//! `Q = 52` periods, magnitudes weighted by the square root of an atom's length, three bins summed
//! to a note, every frame scaled to a largest value of one. How it is computed is not:
//!
//! - Atoms are applied to spectra (Brown and Puckette 1992). Around their middle they are
//!   symmetrical, so that their spectra are real but for alternating signs, and a few bins long.
//! - The upper octaves need no transform of their own. An atom shorter than a frame of the shared
//!   STFT is applied to that frame's Hann-windowed spectrum, after division by the window.
//! - The lower octaves are taken from the song at a quarter and at a sixteenth of its rate
//!   (Schörkhuber and Klapuri 2010), each from one transform rather than one an octave.
//! - Of a minute of music only every fourth frame is looked at, of less than half a minute more of
//!   them. The lower atoms last up to 1.6 s, so neighbouring frames say the same, and only means
//!   over a song are asked for.
//!
//! `tests/features.rs` holds the means to librosa's on real songs, and says how near they come.

use std::collections::HashMap;
use std::f64::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use super::chroma::{NOTES, scale_to_one};
use super::pass::{CentredStft, HOP, N_FFT, frame_count};

/// Bins an octave, three to a note, and octaves.
pub(super) const BINS_PER_OCTAVE: u32 = 36;
const OCTAVES: u32 = 7;
/// C1, the lowest bin, in Hz.
const LOWEST_HZ: f64 = 32.703_195_662_574_83;
/// At most so many frames lie from one that is looked at to the next …
const LONGEST_STRIDE: usize = 4;
/// … and fewer where that would leave less than this many.
const ENOUGH_FRAMES: usize = 500;
/// Each level has a quarter of the rate of the one before.
const DECIMATION: usize = 4;
/// Longest atom of the shared STFT's level: at its ends the Hann window is still 0.44.
const LONGEST_UNDER_HANN: f64 = 1100.0;
/// Longest atom of the middle level, whose frames have no window. The very ends of the longest
/// one, where it is below 2 %, are cut off.
const LONGEST_IN_MIDDLE: f64 = 1100.0;
/// Frame length of the middle level.
const MIDDLE_N_FFT: usize = 1024;
/// Frame length of the lowest level for songs of 22 050 Hz and less; the very ends of the eight longest atoms
/// are cut off.
const LOW_N_FFT: usize = 2048;
/// Bins of an atom's spectrum that are weaker than this share of its strongest are left out
/// where nothing stronger lies beyond them.
const NEGLIGIBLE: f32 = 0.01;
/// Atoms are applied in pieces of so many bins.
const PIECE: usize = 8;

/// One bin of the transform: where its spectrum starts, and its real weights, signs alternating.
#[derive(Debug, Clone)]
struct Atom {
    note: usize,
    first: usize,
    weights: Vec<[f32; PIECE]>,
}

/// The atoms of each level for one tuning.
type Atoms = [Vec<Atom>; 3];

/// Real and imaginary parts of a spectrum, each padded for whole pieces.
#[derive(Debug, Clone, Default)]
struct Parts {
    re: Vec<f32>,
    im: Vec<f32>,
}

impl Parts {
    #[inline(always)]
    fn set(&mut self, spectrum: &[Complex<f32>]) {
        self.re.clear();
        self.im.clear();
        self.re.extend(spectrum.iter().map(|x| x.re));
        self.im.extend(spectrum.iter().map(|x| x.im));
        self.re.resize(spectrum.len() + PIECE, 0.0);
        self.im.resize(spectrum.len() + PIECE, 0.0);
    }

    /// Adds the magnitude of each atom to its note.
    #[inline(always)]
    fn add_to(&self, chroma: &mut [f32; NOTES], atoms: &[Atom]) {
        for atom in atoms {
            chroma[atom.note] += self.magnitude(atom);
        }
    }

    #[inline(always)]
    fn magnitude(&self, atom: &Atom) -> f32 {
        let (mut re, mut im) = ([0.0f32; PIECE], [0.0f32; PIECE]);
        let end = atom.first + PIECE * atom.weights.len();
        let (parts_re, _) = self.re[atom.first..end].as_chunks::<PIECE>();
        let (parts_im, _) = self.im[atom.first..end].as_chunks::<PIECE>();
        for ((weights, x), y) in atom.weights.iter().zip(parts_re).zip(parts_im) {
            for i in 0..PIECE {
                re[i] += weights[i] * x[i];
                im[i] += weights[i] * y[i];
            }
        }
        let total =
            |[a, b, c, d, e, f, g, h]: [f32; PIECE]| ((a + e) + (b + f)) + ((c + g) + (d + h));
        let (re, im) = (total(re), total(im));
        (re * re + im * im).sqrt()
    }
}

/// Sums over the frames that were looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ChromaMeans {
    /// Chroma with a largest value of one in each frame.
    pub(super) largest_one: [f64; NOTES],
    /// Chroma that sums to one in each frame, for [`super::tonnetz`].
    pub(super) sum_one: [f64; NOTES],
}

/// Applies the transform to songs of one sample rate.
pub(super) struct ConstantQ {
    sample_rate: u32,
    middle: CentredStft,
    low: CentredStft,
    taps: [f32; 32],
    atoms: HashMap<i32, Arc<Atoms>>,
    /// Frame lengths of the levels, and what transforms atoms of theirs.
    n_fft: [usize; 3],
    kernels: [Arc<dyn RealToComplex<f32>>; 3],
    /// The shared spectra of the frames looked at, one after another.
    shared: Vec<Complex<f32>>,
    shared_bins: usize,
    stride: usize,
}

impl ConstantQ {
    /// `None` where the upper atoms would reach beyond half the sample rate.
    pub(super) fn new(planner: &mut RealFftPlanner<f32>, sample_rate: u32) -> Option<Self> {
        let highest = LOWEST_HZ * f64::from(1 << OCTAVES) * 1.05;
        if f64::from(sample_rate) / 2.0 < highest {
            return None;
        }
        // Atoms grow with the rate, those of the lowest level without end.
        let n_fft = [N_FFT, MIDDLE_N_FFT, LOW_N_FFT * times_22_050(sample_rate)];
        let bins = (highest * N_FFT as f64 / f64::from(sample_rate)).ceil() as usize;
        Some(Self {
            sample_rate,
            middle: CentredStft::rectangular(planner, n_fft[1]),
            low: CentredStft::rectangular(planner, n_fft[2]),
            taps: decimation_filter(),
            atoms: HashMap::new(),
            n_fft,
            kernels: n_fft.map(|n| planner.plan_fft_forward(n)),
            shared: Vec::new(),
            shared_bins: (bins + 4 * PIECE).min(N_FFT / 2 + 1),
            stride: 1,
        })
    }

    /// Forgets the song before and prepares for one of so many samples.
    pub(super) fn start(&mut self, samples: usize) {
        self.shared.clear();
        self.stride = (frame_count(samples) / ENOUGH_FRAMES).clamp(1, LONGEST_STRIDE);
    }

    /// Takes a spectrum of the shared STFT.
    #[inline(always)]
    pub(super) fn look(&mut self, frame: usize, spectrum: &[Complex<f32>]) {
        if frame.is_multiple_of(self.stride) {
            self.shared.extend_from_slice(&spectrum[..self.shared_bins]);
        }
    }

    /// Means over the frames looked at, of a song whose every spectrum was shown and whose tuning
    /// is `tuning_percent` hundredths of a bin.
    #[inline(always)]
    pub(super) fn means(&mut self, samples: &[f32], tuning_percent: i32) -> ChromaMeans {
        let atoms = self.atoms(tuning_percent);
        let quarter = decimate(samples, &self.taps);
        let sixteenth = decimate(&quarter, &self.taps);
        let mut means = ChromaMeans { largest_one: [0.0; NOTES], sum_one: [0.0; NOTES] };
        let mut parts = Parts::default();
        let frames = frame_count(samples.len()).div_ceil(self.stride);
        for frame in 0..frames {
            let mut chroma = [0.0f32; NOTES];
            let centre = frame * self.stride * HOP;
            parts.set(&self.shared[frame * self.shared_bins..][..self.shared_bins]);
            parts.add_to(&mut chroma, &atoms[0]);
            parts.set(self.middle.at(&quarter, centre / DECIMATION));
            parts.add_to(&mut chroma, &atoms[1]);
            parts.set(self.low.at(&sixteenth, centre / DECIMATION / DECIMATION));
            parts.add_to(&mut chroma, &atoms[2]);
            add(&mut means, chroma, frames);
        }
        means
    }

    fn atoms(&mut self, tuning_percent: i32) -> Arc<Atoms> {
        if let Some(atoms) = self.atoms.get(&tuning_percent) {
            return atoms.clone();
        }
        let mut atoms: Atoms = Default::default();
        let q = 1.0 / relative_bandwidth();
        let bins_per_octave = f64::from(BINS_PER_OCTAVE);
        for bin in 0..BINS_PER_OCTAVE * OCTAVES {
            let octaves = (f64::from(bin) + f64::from(tuning_percent) / 100.0) / bins_per_octave;
            let hz = LOWEST_HZ * octaves.exp2();
            let length = q * f64::from(self.sample_rate) / hz;
            let level = match length {
                short if short <= LONGEST_UNDER_HANN => 0,
                middle if middle / DECIMATION as f64 <= LONGEST_IN_MIDDLE => 1,
                _ => 2,
            };
            let note = (bin as usize + 1) / 3 % NOTES;
            atoms[level].push(self.atom(level, note, hz, length));
        }
        let atoms = Arc::new(atoms);
        self.atoms.insert(tuning_percent, atoms.clone());
        atoms
    }

    /// The spectrum of an atom of `length` samples at the full rate, ready for spectra of `level`.
    fn atom(&self, level: usize, note: usize, hz: f64, length: f64) -> Atom {
        let n_fft = self.n_fft[level];
        let slower = DECIMATION.pow(level as u32) as f64;
        let turn = TAU * hz * slower / f64::from(self.sample_rate);
        let hann = |m: f64, length: f64| 0.5 + 0.5 * (TAU * m / length).cos();
        let reach = ((length / slower / 2.0) as usize).min(n_fft / 2 - 1);
        // An even sequence has a real spectrum; half of it belongs to the frequency below zero.
        let mut sequence = vec![0.0f32; n_fft];
        let mut norm = 0.0;
        for m in 0..=reach {
            let weight = hann(m as f64, length / slower);
            let frame = if level == 0 { hann(m as f64, n_fft as f64) } else { 1.0 };
            let value = (2.0 * weight / frame * (turn * m as f64).cos()) as f32;
            sequence[m] = value;
            if m > 0 {
                sequence[n_fft - m] = value;
            }
            norm += if m > 0 { 2.0 * weight } else { weight };
        }
        let mut spectrum = self.kernels[level].make_output_vec();
        self.kernels[level]
            .process(&mut sequence, &mut spectrum)
            .expect("both buffers have the transform's length");
        let gain = (length.sqrt() / (n_fft as f64 * norm)) as f32;
        let strongest = spectrum.iter().map(|x| x.re.abs()).fold(0.0, f32::max);
        let counts = |x: &Complex<f32>| x.re.abs() >= NEGLIGIBLE * strongest;
        let first = spectrum.iter().position(counts).unwrap_or(0);
        let last = spectrum.iter().rposition(counts).unwrap_or(0);
        let mut weights = vec![[0.0; PIECE]; (last + 1 - first).div_ceil(PIECE)];
        for (k, x) in spectrum.iter().enumerate().take(last + 1).skip(first) {
            let sign = if k % 2 == 0 { gain } else { -gain };
            weights[(k - first) / PIECE][(k - first) % PIECE] = sign * x.re;
        }
        Atom { note, first, weights }
    }
}

/// How many times 22 050 Hz a rate is, as the next power of two.
fn times_22_050(sample_rate: u32) -> usize {
    sample_rate.div_ceil(22_050).next_power_of_two() as usize
}

/// librosa's relative bandwidth of bins this close to each other.
fn relative_bandwidth() -> f64 {
    let squared = (2.0 / f64::from(BINS_PER_OCTAVE)).exp2();
    (squared - 1.0) / (squared + 1.0)
}

fn add(means: &mut ChromaMeans, mut chroma: [f32; NOTES], frames: usize) {
    let share = 1.0 / frames as f64;
    let sum: f64 = chroma.iter().map(|&c| f64::from(c)).sum();
    if sum > f64::from(f32::MIN_POSITIVE) {
        for (mean, &c) in means.sum_one.iter_mut().zip(&chroma) {
            *mean += share * f64::from(c) / sum;
        }
    }
    scale_to_one(&mut chroma);
    for (mean, &c) in means.largest_one.iter_mut().zip(&chroma) {
        *mean += share * f64::from(c);
    }
}

/// A low-pass of 31 taps around an eighth of the rate (windowed sinc, Hamming: 53 dB). What folds
/// down onto the bins that are used, at most 0.05 of the rate, is suppressed by that much.
fn decimation_filter() -> [f32; 32] {
    let mut taps = [0.0f64; 32];
    for (i, tap) in taps.iter_mut().take(31).enumerate() {
        let m = i as f64 - 15.0;
        let sinc = if i == 15 { 0.25 } else { (TAU / 8.0 * m).sin() / (TAU / 2.0 * m) };
        *tap = sinc * (0.54 + 0.46 * (TAU * m / 32.0).cos());
    }
    let sum: f64 = taps.iter().sum();
    taps.map(|tap| (tap / sum) as f32)
}

/// Every fourth sample of the filtered signal; the first lies where the input's first lies.
///
/// The input is dealt out to four sequences first, so that what a tap weighs for successive output
/// samples lies side by side.
#[inline(always)]
fn decimate(samples: &[f32], taps: &[f32; 32]) -> Vec<f32> {
    const BLOCK: usize = 64;
    const AHEAD: usize = 15;
    let reach = taps.len() / DECIMATION;
    let count = samples.len().div_ceil(DECIMATION);
    let length = count.next_multiple_of(BLOCK) + reach;
    let mut dealt = vec![0.0f32; DECIMATION * length];
    for (phase, sequence) in dealt.chunks_exact_mut(length).enumerate() {
        // The output's first sample weighs from 15 before the input's first on.
        let zeros = AHEAD.saturating_sub(phase).div_ceil(DECIMATION);
        let from = (DECIMATION * zeros + phase - AHEAD).min(samples.len());
        let dealt = samples[from..].iter().step_by(DECIMATION);
        for (out, &x) in sequence[zeros..].iter_mut().zip(dealt) {
            *out = x;
        }
    }
    let mut decimated = vec![0.0f32; count.next_multiple_of(BLOCK)];
    for (block, out) in decimated.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        let mut sums = [0.0f32; BLOCK];
        for (tap, &weight) in taps.iter().enumerate() {
            let from = (tap % DECIMATION) * length + block * BLOCK + tap / DECIMATION;
            for (sum, &x) in sums.iter_mut().zip(&dealt[from..from + BLOCK]) {
                *sum += weight * x;
            }
        }
        *out = sums;
    }
    decimated.truncate(count);
    decimated
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean chroma of a tone, through all three levels.
    fn chroma_of(hz: f64) -> [f64; NOTES] {
        let samples: Vec<f32> =
            (0..66_150).map(|i| (TAU * hz * f64::from(i) / 22_050.0).sin() as f32).collect();
        let mut planner = RealFftPlanner::new();
        let mut transform = ConstantQ::new(&mut planner, 22_050).unwrap();
        let mut stft = CentredStft::hann(&mut planner, N_FFT);
        transform.start(samples.len());
        for frame in 0..frame_count(samples.len()) {
            transform.look(frame, stft.at(&samples, frame * HOP));
        }
        transform.means(&samples, 0).largest_one
    }

    #[test]
    fn every_note_of_every_octave_is_itself() {
        for semitone in 0..84 {
            let chroma = chroma_of(LOWEST_HZ * (f64::from(semitone) / 12.0).exp2());
            let note = semitone as usize % NOTES;
            assert!(chroma[note] > 0.95, "{semitone}: {chroma:?}");
            for far in [3, 6, 9] {
                assert!(chroma[(note + far) % NOTES] < 0.12, "{semitone}: {chroma:?}");
            }
        }
    }

    #[test]
    fn decimation_keeps_low_tones_in_place_and_stops_high_ones() {
        let tone = |turn: f64| -> Vec<f32> {
            (0..4000).map(|i| (turn * f64::from(i)).sin() as f32).collect()
        };
        let taps = decimation_filter();
        let low = decimate(&tone(0.2), &taps);
        for (n, &x) in low.iter().enumerate().take(900).skip(100) {
            assert!((f64::from(x) - (0.8 * n as f64).sin()).abs() < 0.01, "{n}");
        }
        let high = decimate(&tone(TAU * 0.21), &taps);
        assert!(high[100..900].iter().all(|x| x.abs() < 0.01));
        assert!(decimate(&[], &taps).is_empty());
    }

    #[test]
    fn low_rates_have_no_upper_octaves() {
        assert!(ConstantQ::new(&mut RealFftPlanner::new(), 8_000).is_none());
    }
}
