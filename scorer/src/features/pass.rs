//! Centred frames and their spectra, as librosa's `stft` cuts them: frame `k` has its middle at
//! sample `k * hop`, and outside the song there are zeros.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use super::lanes::{LANES, Lanes};
use crate::front_end::hann;

/// Samples of a frame of every feature.
pub(super) const N_FFT: usize = 2048;
/// Samples from one frame to the next.
pub(super) const HOP: usize = 512;
/// Values of a spectrum.
pub(super) const BINS: usize = N_FFT / 2 + 1;

/// Number of frames of a song.
pub(super) fn frame_count(samples: usize) -> usize {
    1 + samples / HOP
}

/// Transforms frames that are centred anywhere in a song.
pub(super) struct CentredStft {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    frame: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl CentredStft {
    /// Frames of `n_fft` samples under a periodic Hann window.
    pub(super) fn hann(planner: &mut RealFftPlanner<f32>, n_fft: usize) -> Self {
        Self::new(planner, hann(n_fft))
    }

    /// Frames of `n_fft` samples as they are.
    pub(super) fn rectangular(planner: &mut RealFftPlanner<f32>, n_fft: usize) -> Self {
        Self::new(planner, vec![1.0; n_fft])
    }

    fn new(planner: &mut RealFftPlanner<f32>, window: Vec<f32>) -> Self {
        let fft = planner.plan_fft_forward(window.len());
        Self {
            frame: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            window,
            fft,
        }
    }

    /// The spectrum of the frame whose middle is at sample `centre`.
    #[inline(always)]
    pub(super) fn at(&mut self, samples: &[f32], centre: usize) -> &[Complex<f32>] {
        let n_fft = self.frame.len();
        match centre.checked_sub(n_fft / 2).and_then(|from| samples.get(from..from + n_fft)) {
            Some(inside) => {
                for ((out, &x), &w) in self.frame.iter_mut().zip(inside).zip(&self.window) {
                    *out = x * w;
                }
            }
            None => self.fill_at_an_edge(samples, centre),
        }
        self.fft
            .process_with_scratch(&mut self.frame, &mut self.spectrum, &mut self.scratch)
            .expect("all buffers were made by this transform");
        &self.spectrum
    }

    /// The power spectrum of that frame.
    #[inline(always)]
    pub(super) fn power_at(&mut self, samples: &[f32], centre: usize, power: &mut [f32]) {
        for (power, bin) in power.iter_mut().zip(self.at(samples, centre)) {
            *power = bin.norm_sqr();
        }
    }

    #[cold]
    fn fill_at_an_edge(&mut self, samples: &[f32], centre: usize) {
        let half = self.frame.len() / 2;
        for (i, (out, &w)) in self.frame.iter_mut().zip(&self.window).enumerate() {
            let sample = (centre + i).checked_sub(half).and_then(|at| samples.get(at));
            *out = sample.copied().unwrap_or(0.0) * w;
        }
    }
}

/// The power spectra of up to [`LANES`] frames from frame `first` on; `look` sees each spectrum.
/// Lanes behind the last frame are silent.
#[inline(always)]
pub(super) fn fill_tile(
    stft: &mut CentredStft,
    samples: &[f32],
    first: usize,
    tile: &mut [Lanes],
    mut look: impl FnMut(usize, &[Complex<f32>]),
) {
    for lane in 0..LANES {
        let frame = first + lane;
        if frame < frame_count(samples.len()) {
            let spectrum = stft.at(samples, frame * HOP);
            look(frame, spectrum);
            for (bins, bin) in tile.iter_mut().zip(spectrum) {
                bins[lane] = bin.norm_sqr();
            }
        } else {
            tile.iter_mut().for_each(|bins| bins[lane] = 0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_centred_and_padded_with_zeros() {
        let mut stft = CentredStft::rectangular(&mut RealFftPlanner::new(), 8);
        let samples = [1.0f32, 2.0, 4.0, 8.0, 16.0, 32.0];
        // The zeroth bin is the sum of the frame.
        for (centre, sum) in [(0, 15.0), (1, 31.0), (3, 63.0), (5, 62.0), (9, 32.0), (10, 0.0)] {
            assert_eq!(stft.at(&samples, centre)[0].re, sum, "centre {centre}");
        }
    }
}
