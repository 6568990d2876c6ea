//! How far a song is from A = 440 Hz: peaks of the spectra, interpolated, and the fullest bin of a
//! histogram of their distances to the nearest note (librosa 0.11's `piptrack`, `estimate_tuning`).

use super::lanes::{self, LANES, Lanes};

/// Pitches are looked for between these frequencies in Hz.
const LOWEST_HZ: f64 = 150.0;
const HIGHEST_HZ: f64 = 4000.0;
/// Peaks below this share of the frame's strongest bin are no pitches.
const THRESHOLD: f32 = 0.1;
/// Parts of a histogram that spans one note.
const PARTS: usize = 100;
/// librosa counts octaves from here (A 440 / 16).
const OCTAVE_ZERO_HZ: f64 = 27.5;

/// Gathers the peaks of a song's spectra.
#[derive(Debug, Clone)]
pub(super) struct PitchPeaks {
    first: usize,
    end: usize,
    bin_hz: f32,
    pitch_hz: Vec<f32>,
    strength: Vec<f32>,
}

impl PitchPeaks {
    /// For spectra of `n_fft / 2 + 1` bins.
    pub(super) fn new(sample_rate: u32, n_fft: usize) -> Self {
        let bin_hz = f64::from(sample_rate) / n_fft as f64;
        let end = (HIGHEST_HZ.min(f64::from(sample_rate) / 2.0) / bin_hz).ceil() as usize;
        Self {
            // A peak needs a bin on either side.
            first: ((LOWEST_HZ / bin_hz).ceil() as usize).max(1),
            end: end.min(n_fft / 2),
            bin_hz: bin_hz as f32,
            pitch_hz: Vec::new(),
            strength: Vec::new(),
        }
    }

    /// Forgets all peaks.
    pub(super) fn clear(&mut self) {
        self.pitch_hz.clear();
        self.strength.clear();
    }

    /// Adds the peaks of one tile of spectra, whose strongest bins are `strongest`.
    #[inline(always)]
    pub(super) fn add(&mut self, spectrum: &[Lanes], strongest: &Lanes) {
        let least = lanes::map(strongest, |x| THRESHOLD * x);
        for bin in self.first..self.end {
            let [before, here, after] = &spectrum[bin - 1..bin + 2] else { unreachable!() };
            let mut hits = 0u32;
            for l in 0..LANES {
                let hit = here[l] > least[l] && here[l] > before[l] && here[l] >= after[l];
                hits |= u32::from(hit) << l;
            }
            while hits != 0 {
                let l = hits.trailing_zeros() as usize;
                hits &= hits - 1;
                self.add_peak(bin, before[l], here[l], after[l]);
            }
        }
    }

    /// Adds the peaks of one spectrum.
    #[inline(always)]
    pub(super) fn add_one(&mut self, spectrum: &[f32]) {
        let mut strongest = lanes::ZERO;
        let (pieces, rest) = spectrum.as_chunks::<LANES>();
        for piece in pieces {
            strongest = lanes::map2(&strongest, piece, lanes::larger);
        }
        let strongest = rest.iter().chain(&strongest).copied().fold(0.0, lanes::larger);
        for bin in self.first..self.end {
            let (before, here, after) = (spectrum[bin - 1], spectrum[bin], spectrum[bin + 1]);
            if here > THRESHOLD * strongest && here > before && here >= after {
                self.add_peak(bin, before, here, after);
            }
        }
    }

    /// A peak is where the parabola through three bins has its top.
    #[inline(always)]
    fn add_peak(&mut self, bin: usize, before: f32, here: f32, after: f32) {
        let curvature = after + before - 2.0 * here;
        let slope = 0.5 * (after - before);
        let shift = if slope.abs() >= curvature.abs() { 0.0 } else { -slope / curvature };
        self.pitch_hz.push((bin as f32 + shift) * self.bin_hz);
        self.strength.push(here + 0.5 * slope * shift);
    }

    /// The song's tuning in hundredths of a note, of which there are `notes` an octave:
    /// −50 to 49, zero where there is no pitch.
    pub(super) fn tuning_percent(&self, notes: u32) -> i32 {
        let Some(median) = median(&self.strength) else { return 0 };
        let mut counts = [0u32; PARTS];
        for (&hz, &strength) in self.pitch_hz.iter().zip(&self.strength) {
            if strength >= median && hz > 0.0 {
                let note = f64::from(notes) * (f64::from(hz) / OCTAVE_ZERO_HZ).log2();
                let off = note - note.floor();
                let off = if off >= 0.5 { off - 1.0 } else { off };
                counts[(((off + 0.5) * PARTS as f64) as usize).min(PARTS - 1)] += 1;
            }
        }
        let most = counts.iter().copied().max().unwrap_or(0);
        let fullest = counts.iter().position(|&count| count == most).unwrap_or(0);
        fullest as i32 - (PARTS / 2) as i32
    }
}

/// The median as numpy takes it: of an even number, the mean of the middle two.
fn median(values: &[f32]) -> Option<f32> {
    if values.is_empty() {
        return None;
    }
    let mut values = values.to_vec();
    let upper = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    let (below, &mut middle, _) = values.select_nth_unstable_by(upper, f32::total_cmp);
    if !even {
        return Some(middle);
    }
    let lower = below.iter().copied().max_by(f32::total_cmp).unwrap_or(middle);
    Some((lower + middle) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn a_tone_a_quarter_of_a_note_too_high() {
        let mut peaks = PitchPeaks::new(22_050, 2048);
        assert_eq!(peaks.tuning_percent(12), 0, "nothing has no tuning");
        let bin = 440.0 * 2f64.powf(0.255 / 12.0) / (22_050.0 / 2048.0);
        let spectrum: Vec<f32> =
            (0..1025).map(|b| (1.0 - 0.1 * (f64::from(b) - bin).powi(2)).max(0.0) as f32).collect();
        peaks.add_one(&spectrum);
        assert_eq!(peaks.tuning_percent(12), 25);
    }
}
