//! The front end of VGGish, as published with it: 16 kHz, frames of 25 ms every 10 ms, magnitudes in 64 mel
//! bands from 125 to 7500 Hz, their logarithm, in patches of 96 frames.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// Samples a second.
pub const RATE: u32 = 16_000;
/// Frames of a patch.
pub const FRAMES: usize = crate::nn::VGGISH_FRAMES;
/// Mel bands of a frame.
pub const BANDS: usize = crate::nn::VGGISH_BANDS;
/// Samples from one frame to the next.
pub const HOP: usize = 160;
/// Samples from one patch to the next: 0.96 s.
pub const PATCH: usize = FRAMES * HOP;
/// Samples of a frame.
pub(super) const WINDOW: usize = 400;
/// Samples of a transform.
const N_FFT: usize = 512;
/// Added to magnitudes before the logarithm.
const OFFSET: f64 = 0.01;
/// Lowest and highest frequency of the bands in Hz.
const RANGE: (f64, f64) = (125.0, 7500.0);

/// Makes patches.
pub struct FrontEnd {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    /// `[bands][bins]`.
    bands: Vec<Vec<f64>>,
    frame: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
}

impl Default for FrontEnd {
    fn default() -> Self {
        Self::new()
    }
}

impl FrontEnd {
    /// Prepares window, bands and transform.
    pub fn new() -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(N_FFT);
        let hann = |n: usize| {
            let angle = std::f64::consts::TAU * n as f64 / WINDOW as f64;
            (0.5 - 0.5 * angle.cos()) as f32
        };
        Self {
            frame: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            window: (0..WINDOW).map(hann).collect(),
            bands: bands(),
            fft,
        }
    }

    /// The patch `[frames, bands]` that begins with the first sample; what is missing is silence.
    pub fn patch(&mut self, samples: &[f32]) -> Vec<f32> {
        let mut patch = Vec::with_capacity(FRAMES * BANDS);
        for start in (0..FRAMES).map(|frame| frame * HOP) {
            self.frame.fill(0.0);
            let from = samples.get(start..).unwrap_or_default();
            for ((out, &x), &w) in self.frame.iter_mut().zip(from).zip(&self.window) {
                *out = x * w;
            }
            self.fft
                .process(&mut self.frame, &mut self.spectrum)
                .expect("both buffers were made by this transform");
            let magnitudes: Vec<f64> =
                self.spectrum.iter().map(|bin| f64::from(bin.norm_sqr()).sqrt()).collect();
            for band in &self.bands {
                let sum: f64 = band.iter().zip(&magnitudes).map(|(w, m)| w * m).sum();
                patch.push((sum + OFFSET).ln() as f32);
            }
        }
        patch
    }
}

/// Hertz to mel as in HTK.
fn mel(hertz: f64) -> f64 {
    1127.0 * (hertz / 700.0).ln_1p()
}

/// Triangles on the mel scale that peak at one; the bin at 0 Hz is in none.
fn bands() -> Vec<Vec<f64>> {
    let (low, high) = (mel(RANGE.0), mel(RANGE.1));
    let edge = |n: usize| low + (high - low) * n as f64 / (BANDS + 1) as f64;
    let bin_mel = |bin: usize| mel(bin as f64 * f64::from(RATE) / N_FFT as f64);
    (0..BANDS)
        .map(|band| {
            let (from, middle, to) = (edge(band), edge(band + 1), edge(band + 2));
            let weight = |bin: usize| {
                let at = bin_mel(bin);
                let rising = (at - from) / (middle - from);
                let falling = (to - at) / (to - middle);
                if bin == 0 { 0.0 } else { rising.min(falling).max(0.0) }
            };
            (0..=N_FFT / 2).map(weight).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the published code, by `golden/vggish.py`: a few values of one patch.
    #[test]
    fn patches_are_those_of_the_published_front_end() {
        let samples: Vec<f32> = (0..PATCH + WINDOW)
            .map(|n| {
                let t = n as f64 / f64::from(RATE);
                (0.4 * (440.0 * t * std::f64::consts::TAU).sin()
                    + 0.1 * ((200.0 + 3000.0 * t) * t * std::f64::consts::TAU).sin())
                    as f32
            })
            .collect();
        let patch = FrontEnd::new().patch(&samples);
        let golden: Vec<(usize, usize, f64)> =
            serde_json::from_str(include_str!("golden/vggish.json")).unwrap();
        assert!(golden.len() > 50);
        for (frame, band, value) in golden {
            let own = f64::from(patch[frame * BANDS + band]);
            assert!((own - value).abs() < 1e-3, "{frame} {band}: {own} is not {value}");
        }
    }

    #[test]
    fn silence_is_the_logarithm_of_the_offset() {
        let patch = FrontEnd::new().patch(&[]);
        assert!(patch.iter().all(|&v| (f64::from(v) - OFFSET.ln()).abs() < 1e-6));
    }
}
