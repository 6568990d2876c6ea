//! Splits that keep all songs of a group (an artist) on one side.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;

use crate::Rng;

/// The fold, `0..folds`, of each song. Groups stay together; folds differ in size as little as that
/// allows; the same seed gives the same folds.
///
/// Groups are dealt in random order, the large ones first, each to the fold that is then smallest.
pub fn grouped_folds<S: AsRef<str>>(groups: &[S], folds: usize, seed: u64) -> Vec<usize> {
    let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (song, group) in groups.iter().enumerate() {
        members.entry(group.as_ref()).or_default().push(song);
    }
    let mut groups_in_order: Vec<&Vec<usize>> = members.values().collect();
    groups_in_order.shuffle(&mut Rng::seed_from_u64(seed));
    groups_in_order.sort_by_key(|songs| std::cmp::Reverse(songs.len()));
    let mut sizes = vec![0; folds];
    let mut fold_of = vec![0; groups.len()];
    for songs in groups_in_order {
        let fold = (0..folds).min_by_key(|&fold| sizes[fold]).unwrap_or(0);
        sizes[fold] += songs.len();
        for &song in songs {
            fold_of[song] = fold;
        }
    }
    fold_of
}

/// Splits songs into a part for training and about `share` of them for validation, by group.
pub fn hold_out<S: AsRef<str>>(
    songs: &[usize],
    groups: &[S],
    share: f64,
    seed: u64,
) -> (Vec<usize>, Vec<usize>) {
    let parts = (1.0 / share).round().max(2.0) as usize;
    let own: Vec<&str> = songs.iter().map(|&song| groups[song].as_ref()).collect();
    let folds = grouped_folds(&own, parts, seed);
    let pick = |wanted: bool| {
        songs
            .iter()
            .zip(&folds)
            .filter(|&(_, &fold)| (fold == 0) == wanted)
            .map(|(&s, _)| s)
            .collect()
    };
    (pick(false), pick(true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn groups_stay_together_and_folds_are_even(
            groups in prop::collection::vec(0u8..40, 60..200),
            folds in 2usize..6,
            seed in 0u64..100,
        ) {
            let names: Vec<String> = groups.iter().map(u8::to_string).collect();
            let fold_of = grouped_folds(&names, folds, seed);
            prop_assert_eq!(&fold_of, &grouped_folds(&names, folds, seed));
            let mut of_group = BTreeMap::new();
            let mut sizes = vec![0usize; folds];
            let mut largest = BTreeMap::new();
            for (name, &fold) in names.iter().zip(&fold_of) {
                prop_assert_eq!(*of_group.entry(name).or_insert(fold), fold);
                sizes[fold] += 1;
                *largest.entry(name).or_insert(0usize) += 1;
            }
            let spread = sizes.iter().max().unwrap() - sizes.iter().min().unwrap();
            prop_assert!(spread <= *largest.values().max().unwrap());
        }
    }

    #[test]
    fn hold_out_is_disjoint_by_group() {
        let groups: Vec<String> = (0..100).map(|i| format!("{}", i / 5)).collect();
        let songs: Vec<usize> = (0..100).filter(|i| i % 3 != 0).collect();
        let (train, validation) = hold_out(&songs, &groups, 0.2, 7);
        assert_eq!(train.len() + validation.len(), songs.len());
        assert!(validation.len() > 5);
        assert!(train.iter().all(|&t| validation.iter().all(|&v| groups[t] != groups[v])));
    }
}
