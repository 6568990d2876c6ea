//! Decibels of many powers at once.

/// `10 log10(x)` of a normal positive number, to 3e-6 dB; straight-line code, so that it is
/// computed for all lanes at once, which the library's logarithm is not.
///
/// The exponent is taken apart, and the logarithm of the mantissa `m` in √½ … √2 is the series of
/// `2 artanh((m − 1) / (m + 1))`, whose sixth term is below 1e-9.
#[inline(always)]
pub(crate) fn decibels(x: f32) -> f32 {
    const DB_PER_OCTAVE: f32 = 3.010_3;
    const DB_PER_ARTANH: f32 = 8.685_89;
    const SQRT_HALF: u32 = 0x3f35_04f3;
    let above = x.to_bits().wrapping_sub(SQRT_HALF);
    let octaves = (above as i32) >> 23;
    let mantissa = f32::from_bits((above & 0x007f_ffff).wrapping_add(SQRT_HALF));
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let q = s * s;
    let series = 1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0))));
    octaves as f32 * DB_PER_OCTAVE + DB_PER_ARTANH * s * series
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decibels_are_ten_log_ten(exponent in -120f32..120.0, mantissa in 1f32..2.0) {
            let x = mantissa * exponent.floor().exp2();
            let exact = 10.0 * f64::from(x).log10();
            let off = (f64::from(decibels(x)) - exact).abs();
            prop_assert!(off <= 3e-6 + 2e-7 * exact.abs(), "{x:e}: off by {off:e}");
        }
    }
}
