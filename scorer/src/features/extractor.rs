//! The one pass over a song's spectra that every feature is gathered in.

use std::collections::HashMap;

use pulp::{Arch, Simd, WithSimd};
use realfft::RealFftPlanner;

use super::cepstrum::Mel;
use super::chroma::{ChromaBank, NOTES};
use super::constant_q::{BINS_PER_OCTAVE, ConstantQ};
use super::contrast::Contrast;
use super::lanes::{self, LANES, Lanes, ZERO};
use super::pass::{self, BINS, CentredStft, N_FFT, frame_count};
use super::shape::Shape;
use super::tonnetz::tonnetz;
use super::tuning::PitchPeaks;
use super::waveform::{energy_entropy, waveform};
use super::{DESCRIPTOR_MFCC, FeatureError, FeatureSet, LOW_LEVEL_MFCC};

/// Lowest sample rates in Hz of the two sets: mel bands need the first, the highest band of
/// spectral contrast must begin below half of the second.
const LOWEST_RATE: u32 = 8_000;
const LOWEST_RATE_LOW_LEVEL: u32 = 12_801;
const HIGHEST_RATE: u32 = 192_000;
/// 80 dB over full scale is no audio, and the sums of larger powers would not stay finite.
const LOUDEST: f32 = 1e4;

/// Extracts features from any number of songs of one sample rate.
///
/// It keeps filters, transforms and buffers from song to song. The buffers hold 180 kB a second of
/// the longest song so far.
pub struct Extractor {
    sample_rate: u32,
    sets: Vec<FeatureSet>,
    arch: Arch,
    stft: CentredStft,
    mel: Mel,
    magnitude: Vec<Lanes>,
    chroma: Option<StftChroma>,
    low_level: Option<LowLevel>,
}

/// What only the seven descriptors need. The chroma filters depend on the song's tuning, which is
/// known at the end: until then the power spectra are kept.
struct StftChroma {
    peaks: PitchPeaks,
    power: Vec<Lanes>,
    banks: HashMap<i32, ChromaBank>,
}

/// What only the low-level set needs.
struct LowLevel {
    peaks: PitchPeaks,
    contrast: Contrast,
    constant_q: ConstantQ,
}

impl Extractor {
    /// Prepares for songs of `sample_rate` Hz.
    ///
    /// # Errors
    /// When the sample rate does not suit one of the sets; see [`super::extract`].
    pub fn new(sample_rate: u32, sets: &[FeatureSet]) -> Result<Self, FeatureError> {
        let wants_low_level = sets.contains(&FeatureSet::LowLevel);
        let lowest = if wants_low_level { LOWEST_RATE_LOW_LEVEL } else { LOWEST_RATE };
        let bad_rate = FeatureError::SampleRate { rate: sample_rate, lowest };
        if !(lowest..=HIGHEST_RATE).contains(&sample_rate) {
            return Err(bad_rate);
        }
        let mut planner = RealFftPlanner::new();
        let low_level = if wants_low_level {
            Some(LowLevel {
                peaks: PitchPeaks::new(sample_rate, N_FFT),
                contrast: Contrast::new(sample_rate, N_FFT).ok_or(bad_rate.clone())?,
                constant_q: ConstantQ::new(&mut planner, sample_rate).ok_or(bad_rate.clone())?,
            })
        } else {
            None
        };
        let chroma = sets.contains(&FeatureSet::Descriptors).then(|| StftChroma {
            peaks: PitchPeaks::new(sample_rate, N_FFT),
            power: Vec::new(),
            banks: HashMap::new(),
        });
        Ok(Self {
            sample_rate,
            sets: sets.to_vec(),
            arch: Arch::new(),
            stft: CentredStft::hann(&mut planner, N_FFT),
            mel: Mel::new(sample_rate).map_err(|_| bad_rate)?,
            magnitude: vec![ZERO; BINS],
            chroma,
            low_level,
        })
    }

    /// The features of a mono signal, set after set in the order asked for.
    ///
    /// # Errors
    /// When there is no sample, or one is not a number from −10 000 to 10 000.
    pub fn extract(&mut self, samples: &[f32]) -> Result<Vec<f32>, FeatureError> {
        if samples.is_empty() {
            return Err(FeatureError::Empty);
        }
        let is_audio = |x: &f32| x.abs() <= LOUDEST;
        if let Some(at) = samples.iter().position(|x| !is_audio(x)) {
            return Err(FeatureError::NotAudio(at));
        }
        let arch = self.arch;
        Ok(arch.dispatch(Run { extractor: self, samples }))
    }

    #[inline(always)]
    fn run(&mut self, samples: &[f32]) -> Vec<f32> {
        let shape = self.pass(samples);
        let frames = frame_count(samples.len());
        let waveform = waveform(samples);
        let bin_hz = f64::from(self.sample_rate) / N_FFT as f64 / frames as f64;
        let [centroid, bandwidth, rolloff] =
            [shape.centroid, shape.bandwidth, shape.rolloff].map(|sum| (sum * bin_hz) as f32);
        let mut values = Vec::new();
        for set in &self.sets {
            match set {
                FeatureSet::Descriptors => {
                    let chroma = match &mut self.chroma {
                        Some(chroma) => chroma.mean(self.sample_rate, frames),
                        None => 0.0,
                    };
                    let cepstrum = self.mel.cepstrum_means(frames, DESCRIPTOR_MFCC);
                    let mfcc = cepstrum.iter().sum::<f64>() / DESCRIPTOR_MFCC as f64;
                    values.extend([chroma, waveform.rms, centroid, bandwidth, rolloff]);
                    values.extend([waveform.zero_crossings, mfcc as f32]);
                }
                FeatureSet::LowLevel => {
                    let Some(low_level) = &mut self.low_level else { continue };
                    let tuning = low_level.peaks.tuning_percent(BINS_PER_OCTAVE);
                    let chroma = low_level.constant_q.means(samples, tuning);
                    let cepstrum = self.mel.cepstrum_means(frames, LOW_LEVEL_MFCC);
                    values.extend(cepstrum.iter().map(|&c| c as f32));
                    values.extend(chroma.largest_one.map(|c| c as f32));
                    values.extend(self.mel.power_means(frames));
                    values.push(waveform.zero_crossings);
                    values.extend(tonnetz(&chroma.sum_one));
                    values.extend([centroid, bandwidth]);
                    values.extend(low_level.contrast.means(frames));
                    values.extend([rolloff, energy_entropy(samples)]);
                }
            }
        }
        values
    }

    /// Shows every frame to everything that wants it.
    #[inline(always)]
    fn pass(&mut self, samples: &[f32]) -> Shape {
        let Self { stft, mel, magnitude, chroma, low_level, .. } = self;
        let tiles = frame_count(samples.len()).div_ceil(LANES);
        let mut shape = Shape::default();
        let mut one_tile = vec![ZERO; BINS];
        mel.clear();
        if let Some(chroma) = chroma {
            chroma.peaks.clear();
            chroma.power.resize(tiles * BINS, ZERO);
        }
        if let Some(LowLevel { peaks, contrast, constant_q }) = low_level {
            peaks.clear();
            contrast.clear();
            constant_q.start(samples.len());
        }
        for tile in 0..tiles {
            let power = match chroma {
                Some(chroma) => &mut chroma.power[tile * BINS..(tile + 1) * BINS],
                None => &mut one_tile[..],
            };
            pass::fill_tile(stft, samples, tile * LANES, power, |frame, spectrum| {
                if let Some(low_level) = low_level {
                    low_level.constant_q.look(frame, spectrum);
                }
            });
            let mut strongest = ZERO;
            for (magnitude, power) in magnitude.iter_mut().zip(&*power) {
                *magnitude = lanes::map(power, f32::sqrt);
                strongest = lanes::map2(&strongest, power, lanes::larger);
            }
            mel.add(power);
            shape.add(magnitude);
            if let Some(chroma) = chroma {
                let power = &chroma.power[tile * BINS..(tile + 1) * BINS];
                chroma.peaks.add(power, &strongest);
            }
            if let Some(low_level) = low_level {
                low_level.peaks.add(magnitude, &lanes::map(&strongest, f32::sqrt));
                low_level.contrast.add(magnitude);
            }
        }
        shape
    }
}

/// A closure would not do: only what is inlined is compiled for the instructions at hand, and
/// nothing makes a closure inline.
struct Run<'a> {
    extractor: &'a mut Extractor,
    samples: &'a [f32],
}

impl WithSimd for Run<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Vec<f32> {
        self.extractor.run(self.samples)
    }
}

impl StftChroma {
    /// The mean of all notes over all frames.
    #[inline(always)]
    fn mean(&mut self, sample_rate: u32, frames: usize) -> f32 {
        let tuning = self.peaks.tuning_percent(NOTES as u32);
        let bank = (self.banks.entry(tuning))
            .or_insert_with(|| ChromaBank::new(sample_rate, N_FFT, tuning));
        let mut sum = 0.0;
        for power in self.power.chunks_exact(BINS) {
            sum += bank.apply(power).iter().map(lanes::total).sum::<f64>();
        }
        (sum / (NOTES * frames) as f64) as f32
    }
}
