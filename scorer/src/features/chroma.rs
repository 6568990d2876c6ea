//! Chroma of an STFT: the energy of the twelve notes, whatever their octave (librosa 0.11's
//! `filters.chroma` and `feature.chroma_stft`).

use super::lanes::{self, LANES, Lanes, ZERO};

/// Notes of an octave, C first.
pub(super) const NOTES: usize = 12;
/// Octave, from 27.5 Hz, around which the filters weigh most, and the width of that weight.
const CENTRE_OCTAVE: f64 = 5.0;
const OCTAVE_WIDTH: f64 = 2.0;
/// Weights that are smaller than this beside the largest of their bin are left out: together they
/// are less than a hundred-thousandth of it.
const NEGLIGIBLE: f64 = 1e-6;
/// So many widths from a note its weight is far below that: the nearest note is within one.
const FARTHEST: f64 = 6.0;

/// The filters, as the weights of each bin; behind the notes there are zeros, so that all notes of one
/// frame are one vector.
#[derive(Debug, Clone)]
pub(super) struct ChromaBank {
    weights: Vec<[f32; LANES]>,
}

impl ChromaBank {
    /// For spectra of `n_fft / 2 + 1` bins of a song tuned `tuning_percent` hundredths of a
    /// semitone above A 440.
    pub(super) fn new(sample_rate: u32, n_fft: usize, tuning_percent: i32) -> Self {
        let notes = NOTES as f64;
        let a4 = 440.0 * 2f64.powf(f64::from(tuning_percent) / 100.0 / notes);
        let bin_hz = f64::from(sample_rate) / n_fft as f64;
        // Notes above A0; the bin at 0 Hz stands one and a half octaves below the first.
        let note = |bin: usize| match bin {
            0 => notes * (bin_hz / (a4 / 16.0)).log2() - 1.5 * notes,
            bin => notes * (bin as f64 * bin_hz / (a4 / 16.0)).log2(),
        };
        let of_bin = |bin: usize| {
            let at = note(bin);
            let width = (note(bin + 1) - at).max(1.0);
            // Counted from A by the octave's definition, from C in the result.
            let bump = |c: usize| {
                let octaves = ((at - c as f64 + 6.0) / notes).floor();
                let off = (at - c as f64) - notes * octaves;
                let widths = 2.0 * off / width;
                if widths.abs() > FARTHEST { 0.0 } else { (-0.5 * widths * widths).exp() }
            };
            let bumps: [f64; NOTES] = std::array::from_fn(|c| bump((c + 3) % NOTES));
            let norm = bumps.iter().map(|b| b * b).sum::<f64>().sqrt();
            let octave = (at / notes - CENTRE_OCTAVE) / OCTAVE_WIDTH;
            let gain = (-0.5 * octave * octave).exp() / norm;
            let least = NEGLIGIBLE * bumps.iter().copied().fold(0.0, f64::max);
            let mut weights = [0.0; LANES];
            for (weight, bump) in weights.iter_mut().zip(bumps) {
                *weight = if bump < least { 0.0 } else { (bump * gain) as f32 };
            }
            weights
        };
        Self { weights: (0..=n_fft / 2).map(of_bin).collect() }
    }

    /// The chroma of one tile of power spectra, each frame scaled to a largest value of one.
    #[inline(always)]
    pub(super) fn apply(&self, power: &[Lanes]) -> [Lanes; NOTES] {
        let mut sums = [ZERO; NOTES];
        for (power, weights) in power.iter().zip(&self.weights) {
            for (sum, &weight) in sums.iter_mut().zip(weights) {
                // About half of the notes, always neighbours.
                if weight != 0.0 {
                    lanes::add_scaled(sum, weight, power);
                }
            }
        }
        let mut most = ZERO;
        for sum in &sums {
            most = lanes::map2(&most, sum, lanes::larger);
        }
        let gain =
            lanes::map(&most, |most| if most > f32::MIN_POSITIVE { 1.0 / most } else { 1.0 });
        sums.map(|sum| lanes::map2(&sum, &gain, |sum, gain| sum * gain))
    }

    /// The chroma of one power spectrum, scaled to a largest value of one.
    #[inline(always)]
    pub(super) fn apply_one(&self, power: &[f32]) -> [f32; NOTES] {
        // One sum, though each addition waits for the one before: with several the compiler makes
        // vectors of bins instead and gathers their notes, which takes fifty times as long.
        let mut sums = ZERO;
        for (&power, weights) in power.iter().zip(&self.weights) {
            lanes::add_scaled(&mut sums, power, weights);
        }
        let mut chroma = std::array::from_fn(|c| sums[c]);
        scale_to_one(&mut chroma);
        chroma
    }
}

/// Divides by the largest value, where there is one.
pub(super) fn scale_to_one(chroma: &mut [f32; NOTES]) {
    let most = chroma.iter().copied().fold(0.0, f32::max);
    if most > f32::MIN_POSITIVE {
        chroma.iter_mut().for_each(|c| *c /= most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_a_is_an_a_in_every_octave_and_tuning() {
        for (hz, tuning) in [(220.0, 0), (880.0, 0), (1760.0 * 2f64.powf(0.3 / 12.0), 30)] {
            let mut power = vec![0.0; 8193];
            power[(hz * 16_384.0 / 22_050.0f64).round() as usize] = 3.0;
            let chroma = ChromaBank::new(22_050, 16_384, tuning).apply_one(&power);
            let strongest = (0..NOTES).max_by(|&a, &b| chroma[a].total_cmp(&chroma[b]));
            assert_eq!(strongest, Some(9), "{hz} Hz: {chroma:?}");
            assert_eq!(chroma[9], 1.0);
        }
    }

    #[test]
    fn lanes_agree_with_one_frame() {
        let bank = ChromaBank::new(22_050, 2048, -12);
        let one: Vec<f32> = (0..1025).map(|b| ((b * 7919) % 1013) as f32).collect();
        let mut tile = vec![ZERO; 1025];
        tile.iter_mut().zip(&one).for_each(|(lanes, &x)| lanes[5] = x);
        let (tile, one) = (bank.apply(&tile), bank.apply_one(&one));
        for c in 0..NOTES {
            assert!((tile[c][5] - one[c]).abs() < 1e-5);
            assert_eq!(tile[c][0], 0.0, "silence has no chroma");
        }
    }
}
