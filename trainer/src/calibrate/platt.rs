//! Platt scaling: a logistic curve with a slope and an offset.

use earworm_scorer::model::Calibration;

/// Fits `P(high) = 1 / (1 + exp(−(slope · raw + intercept)))` by maximum likelihood among curves that do
/// not fall, with Platt's smoothed targets (J. Platt, "Probabilistic outputs for support vector
/// machines", 1999) so that it stays finite for separable data.
///
/// Where the songs would have the curve fall the model knows nothing that it could be trusted with: the
/// likeliest of the others is flat, and says of every song how common high ones are.
pub fn platt(raw: &[f64], high: &[bool]) -> Calibration {
    let positives = high.iter().filter(|&&h| h).count() as f64;
    let negatives = high.len() as f64 - positives;
    let target = |h: bool| {
        if h { (positives + 1.0) / (positives + 2.0) } else { 1.0 / (negatives + 2.0) }
    };
    // −t ln p − (1 − t) ln(1 − p) = ln(1 + exp(−|z|)) + max(z, 0) − t z
    let loss = |slope: f64, intercept: f64| -> f64 {
        raw.iter()
            .zip(high)
            .map(|(&x, &h)| {
                let z = slope * x + intercept;
                (-z.abs()).exp().ln_1p() + z.max(0.0) - target(h) * z
            })
            .sum()
    };
    // The likeliest flat curve: the mean of the targets. Without songs, a coin.
    let mean = (high.iter().map(|&h| target(h)).sum::<f64>() + 1e-9) / (high.len() as f64 + 2e-9);
    let level = (mean / (1.0 - mean)).ln();
    let (mut slope, mut intercept) = (0.0f64, level);
    let mut least = loss(slope, intercept);
    // Newton's method; the problem is convex in two unknowns.
    for _ in 0..100 {
        let (mut g0, mut g1, mut h00, mut h01, mut h11) = (0.0, 0.0, 1e-9, 0.0, 1e-9);
        for (&x, &h) in raw.iter().zip(high) {
            let p = 1.0 / (1.0 + (-(slope * x + intercept)).exp());
            let (error, weight) = (p - target(h), p * (1.0 - p));
            g0 += error * x;
            g1 += error;
            h00 += weight * x * x;
            h01 += weight * x;
            h11 += weight;
        }
        let determinant = h00 * h11 - h01 * h01;
        if determinant.abs() < 1e-12 {
            break;
        }
        let mut step = ((h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant);
        // A whole step can be too far where the curve is flat; a part of it never is.
        let mut after = loss(slope - step.0, intercept - step.1);
        for _ in 0..60 {
            if after <= least + 1e-9 * least.abs() {
                break;
            }
            step = (step.0 / 2.0, step.1 / 2.0);
            after = loss(slope - step.0, intercept - step.1);
        }
        if !after.is_finite() {
            break;
        }
        least = after;
        slope -= step.0;
        intercept -= step.1;
        if step.0.abs() + step.1.abs() < 1e-10 {
            break;
        }
    }
    // The loss is convex: the best slope that is not below 0 is 0.
    if slope < 0.0 {
        (slope, intercept) = (0.0, level);
    }
    Calibration::Platt { slope: slope as f32, intercept: intercept as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};

    fn fitted(raw: &[f64], high: &[bool]) -> (f32, f32) {
        let Calibration::Platt { slope, intercept } = platt(raw, high) else { unreachable!() };
        (slope, intercept)
    }

    #[test]
    fn a_known_curve_is_found_again() {
        let mut rng = Rng::seed_from_u64(5);
        let raw: Vec<f64> = (0..20_000).map(|_| rng.random_range(-3.0..3.0)).collect();
        let high: Vec<bool> =
            raw.iter().map(|x| rng.random_bool(1.0 / (1.0 + (-(1.5 * x - 0.5)).exp()))).collect();
        let (slope, intercept) = fitted(&raw, &high);
        assert!((slope - 1.5).abs() < 0.06, "{slope}");
        assert!((intercept + 0.5).abs() < 0.06, "{intercept}");
    }

    #[test]
    fn separable_data_stay_finite() {
        let (slope, _) = fitted(&[-2.0, -1.0, 1.0, 2.0], &[false, false, true, true]);
        assert!(slope.is_finite() && slope > 0.0);
    }

    #[test]
    fn a_ranking_is_never_turned_round() {
        let high = [true, true, false, false, false, false];
        let (slope, intercept) = fitted(&[-3.0, -1.0, 0.0, 1.0, 2.0, 2.5], &high);
        assert_eq!(slope, 0.0);
        // Targets are 3/4 and 1/6 for two high songs and four others: their mean is 13/36.
        assert!((intercept - (13.0f32 / 23.0).ln()).abs() < 1e-5, "{intercept}");
    }

    proptest! {
        #[test]
        fn whatever_was_said_the_curve_is_finite_and_does_not_fall(
            songs in prop::collection::vec((-1e4f64..1e4, any::<bool>()), 0..40),
        ) {
            let (raw, high): (Vec<f64>, Vec<bool>) = songs.into_iter().unzip();
            let (slope, intercept) = fitted(&raw, &high);
            prop_assert!(slope.is_finite() && intercept.is_finite(), "{} {}", slope, intercept);
            prop_assert!(slope >= 0.0, "{}", slope);
        }
    }
}
