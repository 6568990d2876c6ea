//! How often the right class is named. Classes are indices below `classes`.

use super::rank::auc;

/// Share of songs whose class is named; `None` of no songs.
pub fn accuracy(decided: &[usize], truth: &[usize]) -> Option<f64> {
    let right = decided.iter().zip(truth).filter(|(a, b)| a == b).count();
    (!truth.is_empty()).then(|| right as f64 / truth.len() as f64)
}

/// Counts by true class (first index) and named class (second index).
///
/// # Panics
/// When a class is not below `classes`.
pub fn confusion(decided: &[usize], truth: &[usize], classes: usize) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0; classes]; classes];
    for (&decided, &truth) in decided.iter().zip(truth) {
        counts[truth][decided] += 1;
    }
    counts
}

/// Mean over the true classes of the share of their songs that is named rightly; `None` unless at
/// least two classes are there.
pub fn balanced_accuracy(decided: &[usize], truth: &[usize], classes: usize) -> Option<f64> {
    let (mut right, mut all) = (vec![0usize; classes], vec![0usize; classes]);
    for (&decided, &truth) in decided.iter().zip(truth) {
        all[truth] += 1;
        right[truth] += usize::from(decided == truth);
    }
    let recalls: Vec<f64> = right
        .iter()
        .zip(&all)
        .filter(|&(_, &all)| all > 0)
        .map(|(&right, &all)| right as f64 / all as f64)
        .collect();
    (recalls.len() >= 2).then(|| recalls.iter().sum::<f64>() / recalls.len() as f64)
}

/// Mean F1 over the classes that are true or named somewhere, as scikit-learn's
/// `f1_score(average="macro")`; `None` of no songs.
pub fn macro_f1(decided: &[usize], truth: &[usize], classes: usize) -> Option<f64> {
    let (mut right, mut named, mut all) =
        (vec![0usize; classes], vec![0usize; classes], vec![0usize; classes]);
    for (&decided, &truth) in decided.iter().zip(truth) {
        named[decided] += 1;
        all[truth] += 1;
        right[truth] += usize::from(decided == truth);
    }
    let scores: Vec<f64> = (0..classes)
        .filter(|&class| named[class] + all[class] > 0)
        .map(|class| 2.0 * right[class] as f64 / (named[class] + all[class]) as f64)
        .collect();
    (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
}

/// Mean over classes of the AUC of one against the rest; `probability` has `classes` values a song.
/// Classes that no song has, or all, are left out; `None` where none is left.
pub fn auc_one_vs_rest(probability: &[f64], truth: &[usize], classes: usize) -> Option<f64> {
    let areas: Vec<f64> = (0..classes)
        .filter_map(|class| {
            let of_class: Vec<f64> =
                probability.iter().skip(class).step_by(classes).copied().collect();
            let is_class: Vec<bool> = truth.iter().map(|&t| t == class).collect();
            auc(&of_class, &is_class)
        })
        .collect();
    (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64)
}

/// The class that most songs have, the first of equals, and how many have it; `None` of no songs.
pub fn most_common(truth: &[usize]) -> Option<(usize, usize)> {
    let mut counts = vec![0; truth.iter().max()? + 1];
    truth.iter().for_each(|&class| counts[class] += 1);
    let class = (0..counts.len()).rev().max_by_key(|&class| counts[class])?;
    Some((class, counts[class]))
}

/// The class with the largest output, the first of equals; 0 of none.
pub fn first_largest(raw: &[f32]) -> usize {
    (0..raw.len()).rev().max_by(|&a, &b| raw[a].total_cmp(&raw[b])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges() {
        assert_eq!(accuracy(&[], &[]), None);
        assert_eq!(macro_f1(&[], &[], 2), None);
        assert_eq!(balanced_accuracy(&[1, 0], &[1, 1], 2), None);
        assert_eq!(auc_one_vs_rest(&[0.5, 0.5], &[1], 2), None);
        assert_eq!(accuracy(&[1], &[1]), Some(1.0));
        assert_eq!(macro_f1(&[1], &[1], 3), Some(1.0));
        assert_eq!(most_common(&[]), None);
        assert_eq!(most_common(&[2, 1, 1, 2, 0]), Some((1, 2)));
        assert_eq!((first_largest(&[0.0, 2.0, 2.0]), first_largest(&[])), (1, 0));
        assert_eq!(confusion(&[0, 1, 1], &[0, 0, 1], 2), [[1, 1], [0, 1]]);
    }
}
