//! How far the bands of songs spread: what networks standardise them by.

use super::{Songs, evenly};

/// Most songs that bands are measured on.
const MEASURED: usize = 2000;

/// Least deviation of a band in decibels. A band that holds nothing, as those above 8 kHz of files at 16 kHz, does
/// not leave the floor, and by its own deviation a song that has sound there would be thousands of deviations
/// away. scikit-learn's `StandardScaler` divides what does not vary by 1, too.
const LEAST_DEVIATION_DB: f64 = 1.0;

/// Largest variance of what counts as one value where values are no decibels.
const NO_VARIANCE: f64 = 1e-6;

impl Songs<'_> {
    /// Mean and standard deviation of each band over songs, each normalised as one window: over all of them, or
    /// 2,000 spread evenly where there are more, which no longer moves them but has to be read before the first step.
    /// No band deviates by less than a decibel.
    pub fn band_statistics(&self, songs: &[usize]) -> (Vec<f32>, Vec<f32>) {
        let bands = self.settings().n_mels;
        let (mut sum, mut squares, mut count) = (vec![0.0f64; bands], vec![0.0f64; bands], 0.0f64);
        for song in evenly(songs, MEASURED) {
            let window = self.as_one_window(song);
            for frame in window.chunks_exact(bands) {
                for (band, &value) in frame.iter().enumerate() {
                    sum[band] += f64::from(value);
                    squares[band] += f64::from(value) * f64::from(value);
                }
            }
            count += (window.len() / bands) as f64;
        }
        let are_decibels = self.are_decibels();
        let mean: Vec<f32> = sum.iter().map(|s| (s / count) as f32).collect();
        let deviation = squares
            .iter()
            .zip(&sum)
            .map(|(sq, s)| deviation(sq / count - (s / count).powi(2), are_decibels) as f32)
            .collect();
        (mean, deviation)
    }

    /// Number of bands that hold nothing in any of the songs (2,000 of them where there are more): their values are
    /// within a decibel of each other. Of embeddings that says nothing, and there are none.
    pub fn empty_bands(&self, songs: &[usize]) -> usize {
        if !self.are_decibels() {
            return 0;
        }
        let bands = self.settings().n_mels;
        let mut ranges = vec![(f32::INFINITY, f32::NEG_INFINITY); bands];
        let is_empty = |&&(low, high): &&(f32, f32)| f64::from(high - low) <= LEAST_DEVIATION_DB;
        for song in evenly(songs, MEASURED) {
            for frame in self.as_one_window(song).chunks_exact(bands) {
                for (range, &value) in ranges.iter_mut().zip(frame) {
                    *range = (range.0.min(value), range.1.max(value));
                }
            }
            // Mostly after the first song, so that asking costs next to nothing.
            if !ranges.iter().any(|range| is_empty(&range)) {
                return 0;
            }
        }
        ranges.iter().filter(is_empty).count()
    }

    /// What must be known of bands that hold nothing in any song, where there are some.
    pub fn note_of_empty_bands(&self) -> Option<String> {
        let all: Vec<usize> = (0..self.count()).collect();
        let (empty, bands) = (self.empty_bands(&all), self.settings().n_mels);
        (empty > 0).then(|| {
            format!(
                "Warning: {empty} of {bands} bands hold nothing in these songs, as those above 8 kHz of files at 16 kHz: the model learns nothing of sound there. Build the data set with a front end whose f_min and f_max leave them out, and the meter does not hear them either."
            )
        })
    }

    /// The frames of a song's stretch, normalised as one window.
    fn as_one_window(&self, song: usize) -> Vec<f32> {
        let stretch = self.stretch(song);
        stretch.window(self.settings(), 0, stretch.len())
    }

    /// Whether frames are decibels, and no embeddings.
    fn are_decibels(&self) -> bool {
        self.dataset.description.extraction.embedding.is_none()
    }
}

/// What a band of such a variance is divided by.
fn deviation(variance: f64, are_decibels: bool) -> f64 {
    if are_decibels {
        variance.max(LEAST_DEVIATION_DB * LEAST_DEVIATION_DB).sqrt()
    } else if variance > NO_VARIANCE {
        variance.sqrt()
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_vary_is_divided_by_one() {
        for (variance, of_decibels, of_embeddings) in
            [(0.0, 1.0, 1.0), (-1e-12, 1.0, 1.0), (0.0625, 1.0, 0.25), (36.0, 6.0, 6.0)]
        {
            assert_eq!(deviation(variance, true), of_decibels, "{variance}");
            assert_eq!(deviation(variance, false), of_embeddings, "{variance}");
        }
    }
}
