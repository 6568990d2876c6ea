//! What a ranking is worth, with intervals.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};

use crate::Rng;

/// Bootstrap draws behind each interval.
const DRAWS: usize = 1000;

/// Ranks from 1; ties share the mean of their ranks.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let value = values[order[start]];
        let end = (start..order.len()).find(|&i| values[order[i]] != value).unwrap_or(order.len());
        let mean = (start + end + 1) as f64 / 2.0;
        order[start..end].iter().for_each(|&i| ranks[i] = mean);
        start = end;
    }
    ranks
}

/// Pearson's correlation; `None` where a side does not vary.
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

/// Spearman's rank correlation; `None` where a side does not vary.
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

/// The median; the mean of the middle two for an even number.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    if n == 0 { f64::NAN } else { (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0 }
}

/// One song's prediction and truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// What the model said; any monotone scale.
    pub predicted: f64,
    /// The share it is compared with.
    pub share: f64,
    /// Whether the song belongs to the better half.
    pub high: bool,
    /// Its genre.
    pub genre: String,
    /// Its artist: the unit of the bootstrap.
    pub group: String,
    /// Its fold: songs of one fold were judged by one model.
    pub fold: usize,
}

/// A figure with its 95 % interval over artists.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The four figures of a model. Each is taken within the folds, whose songs were judged by the same
/// model, and averaged by number of songs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Spearman's correlation with the share.
    pub spearman: Estimate,
    /// AUC for the better half.
    pub auc: Estimate,
    /// Spearman's correlation within genre.
    pub spearman_within_genre: Estimate,
    /// AUC within genre.
    pub auc_within_genre: Estimate,
}

type Figure = fn(&[&Judged]) -> Option<f64>;

fn figure_spearman(songs: &[&Judged]) -> Option<f64> {
    let (predicted, share): (Vec<f64>, Vec<f64>) =
        songs.iter().map(|s| (s.predicted, s.share)).unzip();
    // A model that says the same of every song knows nothing of their order.
    spearman(&predicted, &share).or(Some(0.0))
}

fn figure_auc(songs: &[&Judged]) -> Option<f64> {
    let (predicted, high): (Vec<f64>, Vec<bool>) =
        songs.iter().map(|s| (s.predicted, s.high)).unzip();
    auc(&predicted, &high)
}

/// The figure in each part, averaged by number of songs; parts without one are left out.
fn averaged<'a, K: Ord>(
    songs: &[&'a Judged],
    key: impl Fn(&'a Judged) -> K,
    figure: impl Fn(&[&'a Judged]) -> Option<f64>,
) -> Option<f64> {
    let mut parts: BTreeMap<K, Vec<&Judged>> = BTreeMap::new();
    for song in songs {
        parts.entry(key(song)).or_default().push(song);
    }
    let (mut sum, mut weight) = (0.0, 0.0);
    for part in parts.values() {
        if let Some(value) = figure(part) {
            sum += value * part.len() as f64;
            weight += part.len() as f64;
        }
    }
    (weight > 0.0).then(|| sum / weight)
}

fn by_fold(songs: &[&Judged], figure: Figure) -> f64 {
    averaged(songs, |s| s.fold, figure).unwrap_or(f64::NAN)
}

fn by_fold_and_genre(songs: &[&Judged], figure: Figure) -> f64 {
    averaged(songs, |s| (s.fold, &s.genre), figure).unwrap_or(f64::NAN)
}

/// Measures a model's predictions for songs it had not seen.
pub fn summarise(songs: &[Judged], seed: u64) -> Summary {
    let mut groups: BTreeMap<&str, Vec<&Judged>> = BTreeMap::new();
    for song in songs {
        groups.entry(&song.group).or_default().push(song);
    }
    let groups: Vec<Vec<&Judged>> = groups.into_values().collect();
    let mut rng = Rng::seed_from_u64(seed);
    let draws: Vec<Vec<&Judged>> = (0..DRAWS)
        .map(|_| {
            (0..groups.len())
                .flat_map(|_| groups[rng.random_range(0..groups.len())].iter().copied())
                .collect()
        })
        .collect();
    let all: Vec<&Judged> = songs.iter().collect();
    let estimate = |figure: &dyn Fn(&[&Judged]) -> f64| {
        let mut values: Vec<f64> =
            draws.iter().map(|draw| figure(draw)).filter(|v| v.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            values.get((share * (values.len().max(1) - 1) as f64).round() as usize).copied()
        };
        Estimate {
            value: figure(&all),
            low: at(0.025).unwrap_or(f64::NAN),
            high: at(0.975).unwrap_or(f64::NAN),
        }
    };
    Summary {
        spearman: estimate(&|songs| by_fold(songs, figure_spearman)),
        auc: estimate(&|songs| by_fold(songs, figure_auc)),
        spearman_within_genre: estimate(&|songs| by_fold_and_genre(songs, figure_spearman)),
        auc_within_genre: estimate(&|songs| by_fold_and_genre(songs, figure_auc)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Values below were computed with scipy.stats.spearmanr and sklearn.metrics.roc_auc_score.
    #[test]
    fn known_values() {
        let a = [1.0, 2.0, 2.0, 4.0, 5.0];
        let b = [2.0, 1.0, 3.0, 5.0, 4.0];
        assert!((spearman(&a, &b).unwrap() - 0.718_184_846_5).abs() < 1e-9);
        let high = [false, true, false, true, true];
        assert!((auc(&a, &high).unwrap() - 0.916_666_666_7).abs() < 1e-9);
        assert_eq!(median(&[3.0, 1.0, 2.0, 10.0]), 2.5);
        assert_eq!(auc(&a, &[true; 5]), None);
        assert_eq!(spearman(&[1.0; 5], &b), None);
    }

    #[test]
    fn chance_is_a_half_and_perfection_is_one() {
        let song = |i: usize, predicted: f64| Judged {
            predicted,
            share: i as f64,
            high: i >= 50,
            genre: format!("{}", i % 3),
            group: format!("{}", i / 4),
            fold: i % 2,
        };
        let perfect: Vec<Judged> = (0..100).map(|i| song(i, i as f64)).collect();
        let summary = summarise(&perfect, 1);
        assert_eq!((summary.auc.value, summary.spearman.value), (1.0, 1.0));
        assert_eq!(summary.auc_within_genre.value, 1.0);
        let constant: Vec<Judged> = (0..100).map(|i| song(i, 0.0)).collect();
        let summary = summarise(&constant, 1);
        assert_eq!((summary.auc.value, summary.spearman.value), (0.5, 0.0));
    }
}
