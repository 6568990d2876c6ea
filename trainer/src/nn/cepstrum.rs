//! Cepstral coefficients of mel bands.

use anyhow::Result;
use candle_core::{Device, Tensor};

/// The first `count` rows of the orthonormal discrete cosine transform (type II), as columns
/// `[bands, count]`: what librosa makes of decibels to get MFCC.
pub(super) fn cosines(bands: usize, count: usize, device: &Device) -> Result<Tensor> {
    let value = |at: usize| {
        let (band, coefficient) = (at / count, at % count);
        let scale = if coefficient == 0 { 1.0 } else { 2.0f64.sqrt() } / (bands as f64).sqrt();
        let angle = std::f64::consts::PI * coefficient as f64 * (band as f64 + 0.5) / bands as f64;
        (scale * angle.cos()) as f32
    };
    let values: Vec<f32> = (0..bands * count).map(value).collect();
    Ok(Tensor::from_vec(values, (bands, count), device)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transform_keeps_lengths_and_angles() {
        let all = cosines(8, 8, &Device::Cpu).unwrap();
        let product = all.t().unwrap().matmul(&all).unwrap().to_vec2::<f32>().unwrap();
        for (i, row) in product.iter().enumerate() {
            for (j, value) in row.iter().enumerate() {
                assert!((value - f32::from(u8::from(i == j))).abs() < 1e-5, "{i} {j} {value}");
            }
        }
        let first = cosines(4, 1, &Device::Cpu).unwrap().flatten_all().unwrap();
        assert_eq!(first.to_vec1::<f32>().unwrap(), [0.5; 4]);
    }
}
