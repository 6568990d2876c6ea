//! What was said against what was.

/// One bin of a reliability diagram: mean predicted probability, observed share, songs.
pub type ReliabilityBin = (f64, f64, usize);

/// Cuts predictions into `bins` of equal size and compares prediction with outcome in each. Equal
/// predictions stay together, so that it does not depend on the order of the songs.
pub fn reliability(probability: &[f64], high: &[bool], bins: usize) -> Vec<ReliabilityBin> {
    equal_bins(probability, bins)
        .into_iter()
        .map(|bin| {
            let n = bin.len() as f64;
            let predicted = bin.iter().map(|&i| probability[i]).sum::<f64>() / n;
            let observed = bin.iter().filter(|&&i| high[i]).count() as f64 / n;
            (predicted, observed, bin.len())
        })
        .collect()
}

/// Indices by rising value in `bins` of equal size. A bin goes on to the last of equal values, so that
/// there may be fewer of them.
pub(crate) fn equal_bins(values: &[f64], bins: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let size = order.len().div_ceil(bins.max(1)).max(1);
    let mut cut: Vec<Vec<usize>> = Vec::new();
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        match cut.last_mut().filter(|bin| bin.len() < size) {
            Some(bin) => bin.extend(equal),
            None => cut.push(equal.to_vec()),
        }
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_probabilities_are_never_parted() {
        // As a flat calibration says it: half of the songs are high, the first ones.
        let high: Vec<bool> = (0..100).map(|song| song < 50).collect();
        assert_eq!(reliability(&[0.5; 100], &high, 5), [(0.5, 0.5, 100)]);
        // Two values, whichever comes first.
        let said: Vec<f64> = (0..100).map(|song| [0.25, 0.75][song % 2]).collect();
        assert_eq!(reliability(&said, &high, 5), [(0.25, 0.5, 50), (0.75, 0.5, 50)]);
    }

    #[test]
    fn different_ones_are_cut_evenly() {
        let values: Vec<f64> = (0..23).rev().map(f64::from).collect();
        let sizes: Vec<usize> = equal_bins(&values, 5).iter().map(Vec::len).collect();
        assert_eq!(sizes, [5, 5, 5, 5, 3]);
        // The tie of two begins in the first bin, and ends there.
        assert_eq!(equal_bins(&[1.0, 2.0, 2.0, 3.0], 2), [vec![0, 1, 2], vec![3]]);
        assert!(equal_bins(&[], 5).is_empty());
    }
}
