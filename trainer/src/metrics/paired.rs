//! Tests between two models that judged the same songs.

/// McNemar's exact test, two-sided: how likely a split of the songs that only one of two models got
/// right at least as uneven as `only_first` to `only_second` is, when each such song is a coin toss.
/// It gives 1 where there is no such song. (Q. McNemar, 1947; exact binomial form.)
pub fn mcnemar_exact(only_first: usize, only_second: usize) -> f64 {
    let tosses = only_first + only_second;
    // Binomial probabilities in logarithms, each from the one before: C(n, k+1) = C(n, k)(n−k)/(k+1).
    let mut log = -(tosses as f64) * std::f64::consts::LN_2;
    let mut tail = 0.0;
    for k in 0..=only_first.min(only_second) {
        tail += log.exp();
        log += ((tosses - k) as f64).ln() - ((k + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

/// Holm's correction: p-values of several tests, made so that each can be read as if it stood alone.
/// (S. Holm, "A simple sequentially rejective multiple test procedure", 1979.)
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let (mut corrected, mut largest) = (vec![0.0; p.len()], 0.0f64);
    for (rank, &test) in order.iter().enumerate() {
        largest = largest.max((p[test] * (p.len() - rank) as f64).min(1.0));
        corrected[test] = largest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_models_do_not_differ() {
        assert_eq!(mcnemar_exact(0, 0), 1.0);
        assert_eq!(mcnemar_exact(7, 7), 1.0);
        assert_eq!(mcnemar_exact(3, 9), mcnemar_exact(9, 3));
        // A thousandth power of a half does not vanish before it is summed.
        assert!((mcnemar_exact(2500, 2500) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn correction_keeps_the_order() {
        let corrected = holm(&[0.01, 0.04, 0.03, 0.5]);
        let expected = [0.04, 0.09, 0.09, 0.5];
        assert!(corrected.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12));
        assert!(holm(&[]).is_empty());
    }
}
