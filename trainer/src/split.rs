//! Splits that keep all songs of a group (an artist) on one side.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use anyhow::{Result, bail, ensure};
use rand::SeedableRng;
use rand::seq::SliceRandom;

use crate::Rng;
use crate::dataset::Track;
use crate::recipe::{SplitKind, SplitRecipe};

/// The fold, `0..folds`, of each song. Groups stay together; folds differ in size as little as that
/// allows; the same seed gives the same folds.
///
/// Groups are dealt in random order, the large ones first, each to the fold that is then smallest.
pub fn grouped_folds<S: AsRef<str>>(groups: &[S], folds: usize, seed: u64) -> Vec<usize> {
    stratified_folds(groups, &vec![0; groups.len()], folds, seed)
}

/// As [`grouped_folds`], and every fold gets about its share of every class: each group goes to the
/// fold that then lacks most of what the group has.
pub fn stratified_folds<S: AsRef<str>>(
    groups: &[S],
    classes: &[usize],
    folds: usize,
    seed: u64,
) -> Vec<usize> {
    let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (song, group) in groups.iter().enumerate() {
        members.entry(group.as_ref()).or_default().push(song);
    }
    let mut groups_in_order: Vec<&Vec<usize>> = members.values().collect();
    groups_in_order.shuffle(&mut Rng::seed_from_u64(seed));
    groups_in_order.sort_by_key(|songs| std::cmp::Reverse(songs.len()));
    let kinds = classes.iter().max().map_or(1, |&most| most + 1);
    let mut sizes = vec![vec![0usize; kinds]; folds];
    let mut fold_of = vec![0; groups.len()];
    for songs in groups_in_order {
        let crowd = |fold: &usize| -> (usize, usize) {
            let same_classes = songs.iter().map(|&song| sizes[*fold][classes[song]]).sum();
            (same_classes, sizes[*fold].iter().sum())
        };
        let fold = (0..folds).min_by_key(crowd).unwrap_or(0);
        for &song in songs {
            sizes[fold][classes[song]] += 1;
            fold_of[song] = fold;
        }
    }
    fold_of
}

/// Whether each song is in the part of about `share` of the songs that is kept aside, by group: the first
/// folds that have songs of two groups at least, since those of one say nothing of others.
///
/// The songs are dealt to as few folds as come within a twentieth of the share, but to no more than there are
/// groups. As groups are dealt the large ones first, the largest is kept aside unless it fills its fold.
fn kept_aside<S: AsRef<str>>(groups: &[S], classes: &[usize], share: f64, seed: u64) -> Vec<bool> {
    let distinct: BTreeSet<&str> = groups.iter().map(AsRef::as_ref).collect();
    let (folds, aside) = folds_for(share, distinct.len());
    let fold_of = stratified_folds(groups, classes, folds, seed);
    let groups_in = |range: &Range<usize>| {
        let inside = groups.iter().zip(&fold_of).filter(|(_, fold)| range.contains(fold));
        inside.map(|(group, _)| group.as_ref()).collect::<BTreeSet<&str>>().len()
    };
    let ranges = (0..=folds - aside).map(|first| first..first + aside);
    let range = ranges.clone().find(|range| groups_in(range) > 1).unwrap_or(0..aside);
    fold_of.iter().map(|fold| range.contains(fold)).collect()
}

/// The least number of folds, at most `most`, of which a whole number comes within a twentieth of a share (or
/// of the rest, where that is smaller), and that number; the nearest there is where none comes so near.
fn folds_for(share: f64, most: usize) -> (usize, usize) {
    let most = most.max(2);
    let aside = |folds: usize| {
        let aside = (share * folds as f64).round().clamp(1.0, folds as f64 - 1.0);
        ((aside / folds as f64 - share).abs(), folds, aside as usize)
    };
    let near = |&(off, ..): &(f64, usize, usize)| off <= share.min(1.0 - share) / 20.0;
    let found = (2..=most).map(aside).find(near);
    let nearest = || (2..=most).map(aside).min_by(|a, b| a.0.total_cmp(&b.0));
    found.or_else(nearest).map_or((2, 1), |(_, folds, aside)| (folds, aside))
}

/// Splits songs into a part for training and about `share` of them for validation, by group.
///
/// # Errors
/// When all songs are of one group, so that nothing would be left to learn from.
pub fn hold_out<S: AsRef<str>>(
    songs: &[usize],
    groups: &[S],
    share: f64,
    seed: u64,
) -> Result<(Vec<usize>, Vec<usize>)> {
    let own: Vec<&str> = songs.iter().map(|&song| groups[song].as_ref()).collect();
    let aside = kept_aside(&own, &vec![0; own.len()], share, seed);
    let pick = |wanted: bool| -> Vec<usize> {
        songs.iter().zip(&aside).filter(|&(_, &aside)| aside == wanted).map(|(&s, _)| s).collect()
    };
    let (train, validation) = (pick(false), pick(true));
    ensure!(
        !train.is_empty(),
        "split: the {} songs that may be learnt from are of one group, and validation needs another; leave budget.patience out, or choose a finer group",
        songs.len()
    );
    Ok((train, validation))
}

/// Songs of one group alone say nothing of other groups. `whose` names the songs.
fn ensure_two_groups(songs: &[usize], groups: &[String], whose: &str) -> Result<()> {
    let first = songs.first().map(|&song| &groups[song]);
    ensure!(
        songs.len() < 2 || songs.iter().any(|&song| Some(&groups[song]) != first),
        "split: the group {:?} fills {whose} by itself; choose another split or a finer group",
        first.map_or("", |group| group)
    );
    Ok(())
}

/// One model to be trained, and the songs that judge it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its folder in the run: `fold-0` …, or `test`.
    pub name: String,
    /// Songs that may be learnt from.
    pub seen: Vec<usize>,
    /// Songs it is judged by.
    pub unseen: Vec<usize>,
}

/// The parts that a recipe's split makes of the songs. `groups` are the songs' groups (each its own
/// where there are none); `classes` their classes, used for stratified splits.
///
/// # Errors
/// When a column is missing, a part would be empty, or a group is too large for the split.
pub fn parts(
    split: &SplitRecipe,
    tracks: &[&Track],
    groups: &[String],
    classes: &[usize],
    seed: u64,
) -> Result<Vec<Part>> {
    let classes = if split.stratified { classes.to_vec() } else { vec![0; tracks.len()] };
    let select =
        |wanted: &dyn Fn(usize) -> bool| (0..tracks.len()).filter(|&i| wanted(i)).collect();
    match split.kind {
        SplitKind::Folds => cross_validation(groups, &classes, split.folds, seed),
        SplitKind::Random => {
            let test = random_test(split, groups, &classes, seed);
            let part = Part {
                name: "test".into(),
                seen: select(&|i| !test[i]),
                unseen: select(&|i| test[i]),
            };
            ensure!(
                !part.seen.is_empty() && !part.unseen.is_empty(),
                "split: {} songs are too few for a test of {:.0} %",
                tracks.len(),
                split.share * 100.0
            );
            ensure_two_groups(&part.unseen, groups, "the test")?;
            Ok(vec![part])
        }
        SplitKind::Column => {
            let column = split.column.as_deref().unwrap_or_default();
            let values: Vec<&str> =
                tracks.iter().map(|track| track.text(column)).collect::<Result<_>>()?;
            let with = |value: &Option<String>| -> Result<Vec<usize>> {
                let value = value.as_deref().unwrap_or_default();
                let found: Vec<usize> = select(&|i| values[i] == value);
                ensure!(!found.is_empty(), "split: no song has {value:?} in the column {column}");
                Ok(found)
            };
            let part =
                Part { name: "test".into(), seen: with(&split.train)?, unseen: with(&split.test)? };
            let seen: BTreeSet<&String> = part.seen.iter().map(|&i| &groups[i]).collect();
            if let Some(leak) = part.unseen.iter().map(|&i| &groups[i]).find(|g| seen.contains(g)) {
                bail!("split: the group {leak:?} is on both sides of the column {column}");
            }
            ensure_two_groups(&part.unseen, groups, "the test")?;
            Ok(vec![part])
        }
    }
}

/// Whether each song is one of a random split's test songs. `classes` are all the same unless the split is
/// stratified.
pub(crate) fn random_test<S: AsRef<str>>(
    split: &SplitRecipe,
    groups: &[S],
    classes: &[usize],
    seed: u64,
) -> Vec<bool> {
    kept_aside(groups, classes, split.share, seed)
}

/// The parts of a cross-validation: folds as [`stratified_folds`] deals them.
///
/// # Errors
/// When there are more folds than songs, a fold is empty, or one group fills it.
pub(crate) fn cross_validation(
    groups: &[String],
    classes: &[usize],
    folds: usize,
    seed: u64,
) -> Result<Vec<Part>> {
    let songs = groups.len();
    ensure!(folds <= songs, "split: {songs} songs are too few for {folds} folds");
    folds_as_parts(&stratified_folds(groups, classes, folds, seed), folds, groups)
}

/// Parts of a cross-validation from the fold of each song.
///
/// # Errors
/// When a fold is empty, or one group fills it, so that it cannot say anything of other groups.
fn folds_as_parts(fold_of: &[usize], folds: usize, groups: &[String]) -> Result<Vec<Part>> {
    (0..folds)
        .map(|fold| {
            let side = |unseen: bool| -> Vec<usize> {
                (0..fold_of.len()).filter(|&i| (fold_of[i] == fold) == unseen).collect()
            };
            let part = Part { name: format!("fold-{fold}"), seen: side(false), unseen: side(true) };
            ensure!(
                !part.unseen.is_empty(),
                "split: fold {fold} of {folds} is empty; there are too few groups for so many folds"
            );
            ensure_two_groups(&part.unseen, groups, &format!("fold {fold} of {folds}"))?;
            Ok(part)
        })
        .collect()
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

        #[test]
        fn stratified_folds_share_every_class(
            classes in prop::collection::vec(0usize..3, 90..200),
            folds in 2usize..6,
            seed in 0u64..100,
        ) {
            let names: Vec<String> = (0..classes.len()).map(|i| i.to_string()).collect();
            let fold_of = stratified_folds(&names, &classes, folds, seed);
            for class in 0..3 {
                let mut counts = vec![0usize; folds];
                classes.iter().zip(&fold_of).filter(|(c, _)| **c == class).for_each(|(_, f)| counts[*f] += 1);
                prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1);
            }
        }
    }

    #[test]
    fn hold_out_is_disjoint_by_group() {
        let groups: Vec<String> = (0..100).map(|i| format!("{}", i / 5)).collect();
        let songs: Vec<usize> = (0..100).filter(|i| i % 3 != 0).collect();
        let (train, validation) = hold_out(&songs, &groups, 0.2, 7).unwrap();
        assert_eq!(train.len() + validation.len(), songs.len());
        assert!(validation.len() > 5);
        assert!(train.iter().all(|&t| validation.iter().all(|&v| groups[t] != groups[v])));
    }

    #[test]
    fn one_group_is_no_test_and_leaves_nothing_to_learn_from() {
        // Half of the songs are of one group.
        let groups: Vec<String> =
            (0..12).map(|i| if i < 6 { "a".into() } else { i.to_string() }).collect();
        let all = tracks(12);
        let all: Vec<&Track> = all.iter().collect();
        let random = SplitRecipe { kind: SplitKind::Random, ..Default::default() };
        // Its fold is no test, but another is.
        let made = parts(&random, &all, &groups, &[0; 12], 1).unwrap();
        assert!(made[0].unseen.len() > 1 && made[0].unseen.iter().all(|&song| song >= 6));
        let two: Vec<String> = (0..12).map(|i| if i < 6 { "a" } else { "b" }.into()).collect();
        let refused = parts(&random, &all, &two, &[0; 12], 1).unwrap_err().to_string();
        assert!(refused.contains("fills the test"), "{refused}");
        let one = hold_out(&[0, 1, 2], &groups, 0.2, 1).unwrap_err().to_string();
        assert!(one.contains("one group"), "{one}");
    }

    #[test]
    fn shares_are_what_they_say() {
        let songs: Vec<String> = (0..400).map(|i| i.to_string()).collect();
        let one = vec![0; songs.len()];
        for (share, folds) in [(0.1, 10), (0.15, 7), (0.2, 5), (0.25, 4), (0.05, 20)] {
            assert_eq!(folds_for(share, 400), (folds, 1), "{share}");
        }
        for share in [0.02, 0.15, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.8, 0.9, 0.97] {
            let aside =
                kept_aside(&songs, &one, share, 3).into_iter().filter(|&aside| aside).count();
            let off = (aside as f64 / 400.0 - share).abs();
            assert!(off <= share.min(1.0 - share) / 20.0 + 1.0 / 400.0, "{share}: {aside} of 400");
        }
        // Something is left on both sides, however few groups there are.
        for groups in 2..7usize {
            let own: Vec<String> = (0..40).map(|song| (song % groups).to_string()).collect();
            for share in [0.1, 0.3, 0.45, 0.6, 0.8, 0.95] {
                let aside = kept_aside(&own, &[0; 40], share, 3);
                let kept = aside.iter().filter(|&&aside| aside).count() as f64 / 40.0;
                assert!(kept > 0.0 && kept < 1.0, "{groups} groups, {share}");
                assert!(
                    (kept - share).abs() <= 0.5 / groups as f64 + 0.35,
                    "{groups}, {share}: {kept}"
                );
            }
        }
        assert_eq!(folds_for(1e-300, 12), (12, 1));
        assert_eq!(folds_for(1.0 - 1e-16, 12), (12, 11));
        let split = SplitRecipe { folds: 13, ..Default::default() };
        let all = tracks(12);
        let all: Vec<&Track> = all.iter().collect();
        let refused = parts(&split, &all, &songs[..12], &[0; 12], 1).unwrap_err().to_string();
        assert!(refused.contains("12 songs are too few for 13 folds"), "{refused}");
    }

    fn tracks(n: usize) -> Vec<Track> {
        (0..n)
            .map(|i| Track {
                id: i.to_string(),
                file: String::new(),
                columns: [("side".to_owned(), if i % 4 == 0 { "b" } else { "a" }.to_owned())]
                    .into(),
            })
            .collect()
    }

    fn column(test: &str) -> SplitRecipe {
        SplitRecipe {
            kind: SplitKind::Column,
            column: Some("side".into()),
            train: Some("a".into()),
            test: Some(test.into()),
            ..Default::default()
        }
    }

    #[test]
    fn a_column_splits_as_it_says_and_leaks_are_refused() {
        let songs = tracks(8);
        let songs: Vec<&Track> = songs.iter().collect();
        let own: Vec<String> = (0..8).map(|i| i.to_string()).collect();
        let made = parts(&column("b"), &songs, &own, &[0; 8], 1).unwrap();
        assert_eq!(made[0].unseen, [0, 4]);
        let error = |split: &SplitRecipe, groups: &[String]| {
            parts(split, &songs, groups, &[0; 8], 1).unwrap_err().to_string()
        };
        assert!(error(&column("c"), &own).contains("no song has \"c\""));
        let pairs: Vec<String> = (0..8).map(|i| (i / 2).to_string()).collect();
        assert!(error(&column("b"), &pairs).contains("both sides"));
    }

    #[test]
    fn a_group_that_fills_a_fold_is_refused() {
        let songs = tracks(12);
        let songs: Vec<&Track> = songs.iter().collect();
        let groups: Vec<String> =
            (0..12).map(|i| if i < 6 { "x".into() } else { i.to_string() }).collect();
        let split = SplitRecipe { folds: 2, ..Default::default() };
        let message = parts(&split, &songs, &groups, &[0; 12], 1).unwrap_err().to_string();
        assert!(message.contains("\"x\" fills fold"), "{message}");
    }
}
