//! How far predicted values are from true ones.

/// The mean; not a number of no values.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The median; the mean of the middle two for an even number; not a number of no values.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    if n == 0 { f64::NAN } else { (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0 }
}

/// Coefficient of determination, `1 − Σ(y − ŷ)² / Σ(y − mean)²`, at most 1 and 0 for the mean itself;
/// `None` where the truth does not vary.
pub fn r_squared(predicted: &[f64], truth: &[f64]) -> Option<f64> {
    let centre = mean(truth);
    let total: f64 = truth.iter().map(|y| (y - centre).powi(2)).sum();
    let rest: f64 = predicted.iter().zip(truth).map(|(p, y)| (y - p).powi(2)).sum();
    (total > 0.0).then(|| 1.0 - rest / total)
}

/// Mean of `|y − ŷ|`, in the unit of the truth; `None` of no values.
pub fn mean_absolute_error(predicted: &[f64], truth: &[f64]) -> Option<f64> {
    let sum: f64 = predicted.iter().zip(truth).map(|(p, y)| (y - p).abs()).sum();
    (!truth.is_empty()).then(|| sum / truth.len() as f64)
}

/// Mean of `(y − ŷ)²`; `None` of no values.
pub fn mean_squared_error(predicted: &[f64], truth: &[f64]) -> Option<f64> {
    let sum: f64 = predicted.iter().zip(truth).map(|(p, y)| (y - p).powi(2)).sum();
    (!truth.is_empty()).then(|| sum / truth.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges() {
        assert_eq!(median(&[3.0, 1.0, 2.0, 10.0]), 2.5);
        assert!(median(&[]).is_nan());
        assert_eq!(r_squared(&[1.0, 2.0], &[5.0, 5.0]), None);
        assert_eq!(r_squared(&[], &[]), None);
        assert_eq!(r_squared(&[2.0, 2.0], &[1.0, 3.0]), Some(0.0));
        assert_eq!(mean_absolute_error(&[], &[]), None);
        assert_eq!(mean_squared_error(&[1.0], &[4.0]), Some(9.0));
    }
}
