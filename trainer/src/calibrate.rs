//! Platt scaling: from raw outputs to probabilities.

use earworm_scorer::model::Calibration;

/// Fits `P(high) = 1 / (1 + exp(−(slope · raw + intercept)))` by maximum likelihood, with Platt's
/// smoothed targets (J. Platt, "Probabilistic outputs for support vector machines", 1999) so that it
/// stays finite for separable data.
pub fn platt(raw: &[f64], high: &[bool]) -> Calibration {
    let positives = high.iter().filter(|&&h| h).count() as f64;
    let negatives = high.len() as f64 - positives;
    let target = |h: bool| {
        if h { (positives + 1.0) / (positives + 2.0) } else { 1.0 / (negatives + 2.0) }
    };
    let (mut slope, mut intercept) = (0.0f64, ((positives + 1.0) / (negatives + 1.0)).ln());
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
        let step = ((h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant);
        slope -= step.0;
        intercept -= step.1;
        if step.0.abs() + step.1.abs() < 1e-10 {
            break;
        }
    }
    Calibration::Platt { slope: slope as f32, intercept: intercept as f32 }
}

/// One bin of a reliability diagram: mean predicted probability, observed share, songs.
pub type ReliabilityBin = (f64, f64, usize);

/// Cuts predictions into `bins` of equal size and compares prediction with outcome in each.
pub fn reliability(probability: &[f64], high: &[bool], bins: usize) -> Vec<ReliabilityBin> {
    let mut order: Vec<usize> = (0..probability.len()).collect();
    order.sort_by(|&a, &b| probability[a].total_cmp(&probability[b]));
    let size = order.len().div_ceil(bins.max(1)).max(1);
    order
        .chunks(size)
        .map(|bin| {
            let n = bin.len() as f64;
            let predicted = bin.iter().map(|&i| probability[i]).sum::<f64>() / n;
            let observed = bin.iter().filter(|&&i| high[i]).count() as f64 / n;
            (predicted, observed, bin.len())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use rand::{RngExt, SeedableRng};

    #[test]
    fn a_known_curve_is_found_again() {
        let mut rng = Rng::seed_from_u64(5);
        let raw: Vec<f64> = (0..20_000).map(|_| rng.random_range(-3.0..3.0)).collect();
        let high: Vec<bool> =
            raw.iter().map(|x| rng.random_bool(1.0 / (1.0 + (-(1.5 * x - 0.5)).exp()))).collect();
        let Calibration::Platt { slope, intercept } = platt(&raw, &high) else { unreachable!() };
        assert!((slope - 1.5).abs() < 0.06, "{slope}");
        assert!((intercept + 0.5).abs() < 0.06, "{intercept}");
    }

    #[test]
    fn separable_data_stay_finite() {
        let raw = [-2.0, -1.0, 1.0, 2.0];
        let Calibration::Platt { slope, .. } = platt(&raw, &[false, false, true, true]) else {
            unreachable!()
        };
        assert!(slope.is_finite() && slope > 0.0);
    }
}
