//! The streaming short-time Fourier transform: samples in, one power spectrum per hop out.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// Cuts a stream into overlapping Hann-windowed frames and gives the power spectrum of each.
///
/// Frames depend only on their own samples, so any split of a signal into blocks gives the same
/// spectra bit for bit.
pub struct Stft {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    hop: usize,
    /// The samples of the frame being collected; `filled` of them are valid.
    frame: Vec<f32>,
    filled: usize,
    windowed: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    power: Vec<f32>,
}

impl Stft {
    /// A transform with frames of `n_fft` samples every `hop` samples (`0 < hop <= n_fft`).
    pub fn new(n_fft: usize, hop: usize) -> Self {
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(n_fft);
        let spectrum = fft.make_output_vec();
        Self {
            window: hann(n_fft),
            hop,
            frame: vec![0.0; n_fft],
            filled: 0,
            windowed: vec![0.0; n_fft],
            power: vec![0.0; spectrum.len()],
            scratch: fft.make_scratch_vec(),
            spectrum,
            fft,
        }
    }

    /// Takes samples and calls `on_power` with the `n_fft / 2 + 1` powers of every frame they complete.
    pub fn push(&mut self, mut samples: &[f32], mut on_power: impl FnMut(&[f32])) {
        let n_fft = self.frame.len();
        while !samples.is_empty() {
            let taken = samples.len().min(n_fft - self.filled);
            let (now, later) = samples.split_at(taken);
            self.frame[self.filled..self.filled + taken].copy_from_slice(now);
            self.filled += taken;
            samples = later;
            if self.filled == n_fft {
                self.transform();
                on_power(&self.power);
                self.frame.copy_within(self.hop.., 0);
                self.filled = n_fft - self.hop;
            }
        }
    }

    /// Forgets all samples, as if newly made.
    pub fn reset(&mut self) {
        self.filled = 0;
    }

    fn transform(&mut self) {
        for ((out, &sample), &weight) in self.windowed.iter_mut().zip(&self.frame).zip(&self.window)
        {
            *out = sample * weight;
        }
        self.fft
            .process_with_scratch(&mut self.windowed, &mut self.spectrum, &mut self.scratch)
            .expect("all buffers were made by this transform");
        for (power, bin) in self.power.iter_mut().zip(&self.spectrum) {
            *power = bin.norm_sqr();
        }
    }
}

/// The periodic Hann window of `n` points: `0.5 − 0.5 cos(2πi/n)`.
pub fn hann(n: usize) -> Vec<f32> {
    (0..n)
        .map(|i| (0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / n as f64).cos()) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, in double precision and with no cleverness.
    fn naive_power(frame: &[f32]) -> Vec<f64> {
        let n = frame.len();
        let window = hann(n);
        (0..=n / 2)
            .map(|k| {
                let (mut re, mut im) = (0.0f64, 0.0f64);
                for i in 0..n {
                    let x = f64::from(frame[i]) * f64::from(window[i]);
                    let phase = std::f64::consts::TAU * ((k * i) % n) as f64 / n as f64;
                    re += x * phase.cos();
                    im -= x * phase.sin();
                }
                re * re + im * im
            })
            .collect()
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(
            samples in prop::collection::vec(-1.0f32..1.0, 300),
            half in 16usize..64,
        ) {
            let n_fft = 2 * half;
            let hop = half / 2 + 1;
            let mut frames = Vec::new();
            Stft::new(n_fft, hop).push(&samples, |p| frames.push(p.to_vec()));
            prop_assert_eq!(frames.len(), (samples.len() - n_fft) / hop + 1);
            for (k, frame) in frames.iter().enumerate() {
                let expected = naive_power(&samples[k * hop..k * hop + n_fft]);
                let total: f64 = expected.iter().sum();
                for (&got, &want) in frame.iter().zip(&expected) {
                    prop_assert!((f64::from(got) - want).abs() <= 1e-6 * total);
                }
            }
        }
    }
}
