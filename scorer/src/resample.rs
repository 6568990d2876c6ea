//! Streaming sample-rate conversion to the analysis rate.

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{
    Async, Fft, FixedAsync, FixedSync, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};

/// Lowest and highest sample rate that audio may come in with, in Hz.
pub const RATES: std::ops::RangeInclusive<u32> = 8_000..=384_000;

/// About as many input frames are handed to rubato at a time. A fixed number, so that results do
/// not depend on how the audio is cut into blocks; small, so that little audio waits.
const CHUNK: usize = 1024;

/// The FFT method works in blocks of `rate / gcd` samples. Pairs of rates that would need larger
/// blocks than this (44 099 → 22 050, say) go through sinc interpolation instead.
const LARGEST_FFT_BLOCK: u32 = 4096;

/// Input samples that sinc interpolation weighs for each output sample.
const SINC_LENGTH: usize = 128;

/// Why audio cannot be converted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ResampleError {
    /// The audio's sample rate is outside [`RATES`].
    #[error("a sample rate of {0} Hz is outside the supported 8000 to 384000 Hz")]
    Rate(u32),
    /// rubato refused the pair of rates.
    #[error("cannot convert {from} Hz to {to} Hz: {reason}")]
    Unsupported {
        /// Rate of the audio in Hz.
        from: u32,
        /// Rate of the analysis in Hz.
        to: u32,
        /// rubato's own words.
        reason: String,
    },
}

/// Converts one channel to the analysis rate, with the converter's delay removed.
pub struct Resampler {
    ratio: f64,
    /// `None` when both rates are the same.
    converter: Option<Converter>,
}

struct Converter {
    inner: Box<dyn rubato::Resampler<f32>>,
    waiting: Vec<f32>,
    output: Vec<f32>,
    /// Output samples that lie before the first input sample, and how many of them are still to be
    /// thrown away.
    delay: usize,
    delay_left: usize,
    received: u64,
    delivered: u64,
}

impl Resampler {
    /// A converter from `from` Hz to `to` Hz.
    ///
    /// # Errors
    /// When `from` is outside [`RATES`] or the pair cannot be converted.
    pub fn new(from: u32, to: u32) -> Result<Self, ResampleError> {
        if !RATES.contains(&from) {
            return Err(ResampleError::Rate(from));
        }
        let ratio = f64::from(to) / f64::from(from);
        if from == to {
            return Ok(Self { ratio, converter: None });
        }
        let (inner, delay) = make_converter(from, to)
            .map_err(|reason| ResampleError::Unsupported { from, to, reason })?;
        let converter = Converter {
            waiting: Vec::with_capacity(2 * CHUNK),
            output: vec![0.0; inner.output_frames_max()],
            delay,
            delay_left: delay,
            received: 0,
            delivered: 0,
            inner,
        };
        Ok(Self { ratio, converter: Some(converter) })
    }

    /// Output samples per input sample.
    pub fn ratio(&self) -> f64 {
        self.ratio
    }

    /// Takes samples and calls `on_output` with converted ones as they become ready.
    pub fn push(&mut self, samples: &[f32], mut on_output: impl FnMut(&[f32])) {
        match &mut self.converter {
            None => on_output(samples),
            Some(converter) => {
                converter.received += samples.len() as u64;
                converter.push(samples, &mut on_output);
            }
        }
    }

    /// Delivers what is still inside, so that the whole input has been converted, and starts anew.
    pub fn finish(&mut self, mut on_output: impl FnMut(&[f32])) {
        let Some(converter) = &mut self.converter else { return };
        let total = (converter.received as f64 * self.ratio).round() as u64;
        let silence = [0.0; CHUNK];
        while converter.delivered < total {
            let before = converter.delivered;
            converter.push(&silence, &mut |output: &[f32]| {
                // The silence pushed in behind the end is not part of the audio.
                let wanted = (total - before).min(output.len() as u64) as usize;
                on_output(&output[..wanted]);
            });
        }
        self.reset();
    }

    /// Forgets all samples, as if newly made.
    pub fn reset(&mut self) {
        if let Some(converter) = &mut self.converter {
            converter.inner.reset();
            converter.waiting.clear();
            converter.delay_left = converter.delay;
            converter.received = 0;
            converter.delivered = 0;
        }
    }
}

impl Converter {
    fn push(&mut self, mut samples: &[f32], on_output: &mut impl FnMut(&[f32])) {
        while !samples.is_empty() {
            let needed = self.inner.input_frames_next();
            let taken = samples.len().min(needed - self.waiting.len());
            let (now, later) = samples.split_at(taken);
            self.waiting.extend_from_slice(now);
            samples = later;
            if self.waiting.len() == needed {
                let written = self.convert();
                self.waiting.clear();
                let skipped = self.delay_left.min(written);
                self.delay_left -= skipped;
                self.delivered += (written - skipped) as u64;
                on_output(&self.output[skipped..written]);
            }
        }
    }

    fn convert(&mut self) -> usize {
        let frames = self.output.len();
        let input = SequentialSlice::new(&self.waiting, 1, self.waiting.len());
        let output = SequentialSlice::new_mut(&mut self.output, 1, frames);
        let (Ok(input), Ok(mut output)) = (input, output) else {
            unreachable!("one channel of a slice's own length always fits")
        };
        let (_, written) = self
            .inner
            .process_into_buffer(&input, &mut output, None)
            .expect("both buffers have the sizes the converter asked for");
        written
    }
}

/// A converter and its delay in output samples.
fn make_converter(from: u32, to: u32) -> Result<(Box<dyn rubato::Resampler<f32>>, usize), String> {
    let divisor = gcd(from, to);
    if from.max(to) / divisor <= LARGEST_FFT_BLOCK {
        // An even number of blocks, so that the delay, half the transform, is a whole number of
        // samples and can be taken out exactly.
        let block = (from / divisor) as usize;
        let chunk = block * CHUNK.div_ceil(block).next_multiple_of(2);
        let window = WindowFunction::BlackmanHarris2;
        let (from, to) = (from as usize, to as usize);
        let fft = Fft::<f32>::new_custom(from, to, chunk, 1, 1, window, FixedSync::Both);
        let fft: Box<dyn rubato::Resampler<f32>> = Box::new(fft.map_err(|e| e.to_string())?);
        let delay = fft.output_delay();
        return Ok((fft, delay));
    }
    let parameters = SincInterpolationParameters {
        sinc_len: SINC_LENGTH,
        f_cutoff: Some(0.94),
        oversampling_factor: 256,
        interpolation: SincInterpolationType::Linear,
        window: WindowFunction::BlackmanHarris2,
    };
    let ratio = f64::from(to) / f64::from(from);
    // rubato's own figure is one too many: its first output already lies one step behind half a
    // sinc before the first input. What is left after rounding is at most half an output sample.
    let delay = (SINC_LENGTH as f64 / 2.0 * ratio).round() as usize;
    let delay = delay.saturating_sub(1);
    let sinc = Async::<f32>::new_sinc(ratio, 1.0, &parameters, CHUNK, 1, FixedAsync::Input)
        .map_err(|e| e.to_string())?;
    Ok((Box::new(sinc), delay))
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn convert(
        from: u32,
        to: u32,
        samples: &[f32],
        blocks: impl Iterator<Item = usize>,
    ) -> Vec<f32> {
        let mut resampler = Resampler::new(from, to).unwrap();
        let mut output = Vec::new();
        let mut rest = samples;
        for block in blocks {
            let (now, later) = rest.split_at(block.min(rest.len()));
            resampler.push(now, |out| output.extend_from_slice(out));
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        resampler.finish(|out| output.extend_from_slice(out));
        output
    }

    fn sine(rate: u32, hz: f64, seconds: f64) -> Vec<f32> {
        (0..(f64::from(rate) * seconds) as usize)
            .map(|i| (std::f64::consts::TAU * hz * i as f64 / f64::from(rate)).sin() as f32)
            .collect()
    }

    #[test]
    fn a_sine_stays_where_it_was_at_every_rate() {
        for from in
            [8_000, 11_025, 16_000, 22_050, 44_099, 44_100, 48_000, 96_000, 192_000, 384_000]
        {
            let to = 22_050;
            let output = convert(from, to, &sine(from, 1000.0, 1.0), std::iter::repeat(777));
            assert!((output.len() as i64 - i64::from(to)).abs() <= 1, "{from}: {}", output.len());
            let expected = sine(to, 1000.0, 1.0);
            let middle = 2_000..20_000;
            let worst = middle.map(|i| (output[i] - expected[i]).abs()).fold(0.0f32, f32::max);
            assert!(worst < 2e-3, "{from} Hz: off by {worst}");
        }
    }

    /// Pairs of rates without a common block go through sinc interpolation, whose delay is a whole
    /// number of samples only by accident: there a sine may be off by half an output sample.
    #[test]
    fn odd_rates_are_late_by_at_most_half_a_sample() {
        for from in [8_001, 12_347, 44_101, 48_017, 96_001, 191_999] {
            let to = 22_050;
            let output = convert(from, to, &sine(from, 200.0, 1.0), std::iter::repeat(777));
            let half_a_sample = std::f64::consts::TAU * 200.0 / f64::from(to) * 0.51;
            for (i, &sample) in output[2_000..20_000].iter().enumerate() {
                let phase = std::f64::consts::TAU * 200.0 * (i + 2_000) as f64 / f64::from(to);
                let off = (f64::from(sample) - phase.sin()).abs();
                assert!(off < half_a_sample, "{from} Hz: off by {off}");
            }
        }
    }

    #[test]
    fn rates_out_of_range_are_refused() {
        assert_eq!(Resampler::new(7_999, 22_050).err(), Some(ResampleError::Rate(7_999)));
        assert_eq!(Resampler::new(384_001, 22_050).err(), Some(ResampleError::Rate(384_001)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn blocks_do_not_matter(
            blocks in prop::collection::vec(1usize..3000, 1..40),
            from in prop::sample::select(vec![8_000u32, 44_100, 44_099, 48_000, 96_000]),
        ) {
            let samples = sine(from, 440.0, 0.4);
            let whole = convert(from, 22_050, &samples, std::iter::once(samples.len()));
            let cut = convert(from, 22_050, &samples, blocks.into_iter().chain(std::iter::repeat(512)));
            prop_assert_eq!(whole, cut);
        }
    }
}
