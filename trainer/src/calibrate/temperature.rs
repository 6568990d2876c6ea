//! Temperature scaling: one number by which all raw outputs are divided.

use earworm_scorer::model::Calibration;

/// Temperatures outside these say that the songs fitted on are all right, all wrong or too few.
const RANGE: (f64, f64) = (0.01, 100.0);

/// Fits the temperature by maximum likelihood. Each song has its raw outputs, one a class, and the
/// index of its class; for a yes or no give `[0, raw]` and 0 or 1.
///
/// The loss is convex in `1/t`, so its slope changes sign once, and halving finds where.
/// (C. Guo et al., "On calibration of modern neural networks", 2017.)
pub fn temperature(raw: &[Vec<f64>], truth: &[usize]) -> Calibration {
    // d/da Σ [ln Σ exp(a z) − a z_true] at a = 1/t
    let slope = |a: f64| -> f64 {
        raw.iter()
            .zip(truth)
            .map(|(z, &truth)| {
                let max = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let (mut sum, mut moment) = (0.0, 0.0);
                for &z in z {
                    let e = (a * (z - max)).exp();
                    sum += e;
                    moment += e * z;
                }
                moment / sum - z[truth]
            })
            .sum()
    };
    let (mut low, mut high) = (1.0 / RANGE.1, 1.0 / RANGE.0);
    for _ in 0..200 {
        let middle = (low * high).sqrt();
        if slope(middle) > 0.0 { high = middle } else { low = middle }
    }
    Calibration::Temperature { t: (1.0 / (low * high).sqrt()) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::golden::{golden, numbers};

    fn t(raw: &[Vec<f64>], truth: &[usize]) -> f64 {
        let Calibration::Temperature { t } = temperature(raw, truth) else { unreachable!() };
        f64::from(t)
    }

    #[test]
    fn as_scipy_finds_it() {
        let golden = golden();
        let indices = |case: &serde_json::Value| -> Vec<usize> {
            numbers(case).into_iter().map(|v| v as usize).collect()
        };
        let binary = &golden["binary"];
        let raw: Vec<Vec<f64>> = numbers(&binary["raw"]).iter().map(|&x| vec![0.0, x]).collect();
        let found = t(&raw, &indices(&binary["yes"]));
        assert!((found / binary["temperature"].as_f64().unwrap() - 1.0).abs() < 1e-5, "{found}");
        let classes = &golden["classes"];
        let raw: Vec<Vec<f64>> = classes["raw"].as_array().unwrap().iter().map(numbers).collect();
        let found = t(&raw, &indices(&classes["truth"]));
        assert!((found / classes["temperature"].as_f64().unwrap() - 1.0).abs() < 1e-5, "{found}");
    }

    #[test]
    fn it_stays_in_its_range() {
        let sure = [vec![0.0, 3.0], vec![3.0, 0.0]];
        assert!((t(&sure, &[1, 0]) - 0.01).abs() < 1e-4);
        assert!((t(&sure, &[0, 1]) - 100.0).abs() < 1e-2);
        assert!(t(&[], &[]).is_finite());
    }
}
