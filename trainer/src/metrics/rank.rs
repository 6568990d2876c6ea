//! How well one order agrees with another.

/// Ranks from 1; ties share the mean of their ranks.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let value = values[order[start]];
        let end = (start..order.len()).find(|&i| values[order[i]] != value).unwrap_or(order.len());
        // Not a number is equal to nothing, not even to itself.
        let end = end.max(start + 1);
        let mean = (start + end + 1) as f64 / 2.0;
        order[start..end].iter().for_each(|&i| ranks[i] = mean);
        start = end;
    }
    ranks
}

/// Pearson's correlation, −1 to 1; `None` where a side does not vary.
pub fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        ab += (x - mean_a) * (y - mean_b);
        aa += (x - mean_a).powi(2);
        bb += (y - mean_b).powi(2);
    }
    (aa > 0.0 && bb > 0.0).then(|| ab / (aa * bb).sqrt())
}

/// Spearman's rank correlation, −1 to 1; `None` where a side does not vary.
pub fn spearman(predicted: &[f64], truth: &[f64]) -> Option<f64> {
    pearson(&ranks(predicted), &ranks(truth))
}

/// Area under the ROC curve by ranks, ties counting half; `None` where one class is missing.
pub fn auc(predicted: &[f64], positive: &[bool]) -> Option<f64> {
    let positives = positive.iter().filter(|&&p| p).count() as f64;
    let negatives = positive.len() as f64 - positives;
    let rank_sum: f64 =
        ranks(predicted).iter().zip(positive).filter(|&(_, &p)| p).map(|(rank, _)| rank).sum();
    (positives > 0.0 && negatives > 0.0)
        .then(|| (rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives))
}

/// The ROC curve from (0, 0) to (1, 1): share of negatives and share of positives above a threshold
/// that falls from one distinct prediction to the next; `None` where one class is missing.
pub fn roc(predicted: &[f64], positive: &[bool]) -> Option<Vec<(f64, f64)>> {
    let positives = positive.iter().filter(|&&p| p).count();
    let negatives = positive.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    let mut order: Vec<usize> = (0..predicted.len()).collect();
    order.sort_by(|&a, &b| predicted[b].total_cmp(&predicted[a]));
    let (mut above, mut curve) = ((0usize, 0usize), vec![(0.0, 0.0)]);
    for tied in order.chunk_by(|&a, &b| predicted[a] == predicted[b]) {
        let hits = tied.iter().filter(|&&i| positive[i]).count();
        above = (above.0 + tied.len() - hits, above.1 + hits);
        curve.push((above.0 as f64 / negatives as f64, above.1 as f64 / positives as f64));
    }
    Some(curve)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // Values below were computed with scipy.stats.spearmanr and sklearn.metrics.roc_auc_score.
    #[test]
    fn known_values() {
        let a = [1.0, 2.0, 2.0, 4.0, 5.0];
        let b = [2.0, 1.0, 3.0, 5.0, 4.0];
        assert!((spearman(&a, &b).unwrap() - 0.718_184_846_5).abs() < 1e-9);
        let high = [false, true, false, true, true];
        assert!((auc(&a, &high).unwrap() - 0.916_666_666_7).abs() < 1e-9);
        assert_eq!(auc(&a, &[true; 5]), None);
        assert_eq!(spearman(&[1.0; 5], &b), None);
        assert_eq!((auc(&[], &[]), spearman(&[], &[]), roc(&[], &[])), (None, None, None));
    }

    proptest! {
        #[test]
        fn the_area_under_the_curve_is_the_auc(
            songs in prop::collection::vec((0u8..20, any::<bool>()), 2..60),
        ) {
            let predicted: Vec<f64> = songs.iter().map(|s| f64::from(s.0)).collect();
            let positive: Vec<bool> = songs.iter().map(|s| s.1).collect();
            let area = roc(&predicted, &positive).map(|curve| {
                let step = |w: &[(f64, f64)]| (w[1].0 - w[0].0) * (w[1].1 + w[0].1) / 2.0;
                curve.windows(2).map(step).sum::<f64>()
            });
            match (area, auc(&predicted, &positive)) {
                (Some(area), Some(auc)) => prop_assert!((area - auc).abs() < 1e-12),
                (area, auc) => prop_assert_eq!(area, auc),
            }
        }
    }
}
