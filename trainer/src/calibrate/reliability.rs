//! What was said against what was.

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
