//! What needs no spectrum: root mean square, zero crossings and the entropy of energy, on the same
//! centred frames as the spectra.

use super::pass::{HOP, N_FFT, frame_count};

/// Samples on either side of zero that count as zero (librosa's `zero_crossings`).
const NEAR_ZERO: f32 = 1e-10;
/// Parts of a frame whose energies the entropy is of (pyAudioAnalysis' `n_short_blocks`).
const PARTS: usize = 10;
/// Hops before a frame's centre, and as many behind it.
const HALF: usize = N_FFT / 2 / HOP;

/// Means over frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Waveform {
    /// Root mean square of each frame, zeros outside the song (librosa's `feature.rms`).
    pub(super) rms: f32,
    /// Share of samples whose sign is not that of the sample before (`zero_crossing_rate`).
    pub(super) zero_crossings: f32,
}

/// Root mean square and zero crossings, from the sums of each hop.
#[inline(always)]
pub(super) fn waveform(samples: &[f32]) -> Waveform {
    let frames = frame_count(samples.len());
    let mut energy = Vec::with_capacity(frames);
    let mut crossings = Vec::with_capacity(frames);
    for (block, chunk) in samples.chunks(HOP).enumerate() {
        energy.push(sum_of_squares(chunk));
        // Counted where the later of the two samples is; the first of all has none before it.
        let from = (block * HOP).max(1);
        let later = &samples[from..block * HOP + chunk.len()];
        let earlier = &samples[from - 1..];
        let count: u32 = later
            .iter()
            .zip(earlier)
            .map(|(&a, &b)| u32::from(is_negative(a) != is_negative(b)))
            .sum();
        crossings.push(count);
    }
    let (mut rms, mut crossed) = (0.0, 0u64);
    for frame in 0..frames {
        let blocks = frame.saturating_sub(HALF)..(frame + HALF).min(energy.len());
        let sum: f32 = energy[blocks.clone()].iter().sum();
        rms += f64::from(sum / N_FFT as f32).sqrt();
        crossed += crossings[blocks.clone()].iter().map(|&c| u64::from(c)).sum::<u64>();
        // The frame's own first sample is compared with nothing.
        let first = blocks.start * HOP;
        let is_inside = frame >= HALF && first > 0;
        if is_inside && is_negative(samples[first]) != is_negative(samples[first - 1]) {
            crossed -= 1;
        }
    }
    let frames = frames.max(1) as f64;
    Waveform {
        rms: (rms / frames) as f32,
        zero_crossings: (crossed as f64 / N_FFT as f64 / frames) as f32,
    }
}

#[inline(always)]
fn is_negative(sample: f32) -> bool {
    sample < -NEAR_ZERO
}

/// In sixteen sums side by side.
#[inline(always)]
pub(super) fn sum_of_squares(samples: &[f32]) -> f32 {
    let mut sums = [0.0f32; 16];
    let (chunks, rest) = samples.as_chunks::<16>();
    for chunk in chunks {
        for (sum, &x) in sums.iter_mut().zip(chunk) {
            *sum += x * x;
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|x| x * x).sum::<f32>()
}

/// The mean over frames of the entropy, in bits, of the energies of ten parts of each frame.
///
/// The formula is `energy_entropy` of pyAudioAnalysis (Giannakopoulos 2015): each part's energy
/// over the whole frame's, `−Σ s log2 s`. The last eight samples of a frame, more than ten equal
/// parts, belong to no part.
#[inline(always)]
pub(super) fn energy_entropy(samples: &[f32]) -> f32 {
    const EPSILON: f64 = f64::EPSILON;
    let frames = frame_count(samples.len());
    let part = N_FFT / PARTS;
    let mut padded = [0.0; N_FFT];
    let mut entropy = 0.0;
    for frame in 0..frames {
        let start = (frame * HOP) as isize - (N_FFT / 2) as isize;
        let whole = usize::try_from(start).ok().and_then(|from| samples.get(from..from + N_FFT));
        let window = match whole {
            Some(window) => window,
            None => {
                for (i, out) in padded.iter_mut().enumerate() {
                    let at = usize::try_from(start + i as isize).ok();
                    *out = at.and_then(|at| samples.get(at)).copied().unwrap_or(0.0);
                }
                &padded[..]
            }
        };
        let mut energies = [0.0f32; PARTS];
        for (energy, part) in energies.iter_mut().zip(window.chunks_exact(part)) {
            *energy = sum_of_squares(part);
        }
        let rest = sum_of_squares(&window[PARTS * part..]);
        let whole = energies.iter().map(|&e| f64::from(e)).sum::<f64>() + f64::from(rest) + EPSILON;
        for energy in energies {
            let share = f64::from(energy) / whole;
            entropy -= share * f64::from(((share + EPSILON) as f32).log2());
        }
    }
    (entropy / frames.max(1) as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_and_its_edges() {
        let got = waveform(&vec![0.5; 100 * HOP]);
        // All frames but the two at either end are full.
        assert!(got.rms > 0.48 && got.rms < 0.5, "{got:?}");
        assert_eq!(got.zero_crossings, 0.0);
        let even = energy_entropy(&vec![0.5; 200 * HOP]);
        assert!((even - 10f32.log2()).abs() < 0.03, "{even}");
        assert_eq!(energy_entropy(&[0.0; 5000]), 0.0);
    }

    #[test]
    fn alternating_samples_cross_zero_all_the_time() {
        let samples: Vec<f32> =
            (0..50 * N_FFT).map(|i| if i % 2 == 0 { 0.1 } else { -0.1 }).collect();
        let got = waveform(&samples);
        assert!((0.98..1.0).contains(&got.zero_crossings), "{got:?}");
    }
}
