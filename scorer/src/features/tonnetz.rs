//! Tonal centroids: chroma on the circles of fifths, minor and major thirds (Harte, Sandler and
//! Gasser 2006, with librosa 0.11's scaling).

use super::chroma::NOTES;

/// Two coordinates on each of three circles.
pub(super) const DIMENSIONS: usize = 6;
/// Half turns of the circle from one note to the next, and radius.
const CIRCLES: [(f64, f64); 3] = [(7.0 / 6.0, 1.0), (3.0 / 2.0, 1.0), (2.0 / 3.0, 0.5)];

/// The centroid of a chroma whose values sum to one; it is linear, so that the centroid of a mean
/// is the mean of centroids.
pub(super) fn tonnetz(chroma: &[f64; NOTES]) -> [f32; DIMENSIONS] {
    std::array::from_fn(|d| {
        let (step, radius) = CIRCLES[d / 2];
        let shift = if d % 2 == 0 { 0.5 } else { 0.0 };
        let sum: f64 = (chroma.iter().enumerate())
            .map(|(c, x)| x * (std::f64::consts::PI * (step * c as f64 - shift)).cos())
            .sum();
        (radius * sum) as f32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_c_lies_at_the_start_of_each_circle() {
        let mut chroma = [0.0; NOTES];
        chroma[0] = 1.0;
        let got = tonnetz(&chroma);
        for (got, want) in got.iter().zip([0.0, 1.0, 0.0, 1.0, 0.0, 0.5]) {
            assert!((got - want).abs() < 1e-7);
        }
        assert!(tonnetz(&[1.0 / 12.0; NOTES]).iter().all(|x| x.abs() < 1e-7));
    }
}
