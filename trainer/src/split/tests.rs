//! Splits by group, class and column.

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
    let (train, validation) = hold_out(&songs, &groups, None, 0.2, 7).unwrap();
    assert_eq!(train.len() + validation.len(), songs.len());
    assert!(validation.len() > 5);
    assert!(train.iter().all(|&t| validation.iter().all(|&v| groups[t] != groups[v])));
}

#[test]
fn validation_songs_have_their_share_of_a_rare_class() {
    let groups: Vec<String> = (0..100).map(|song| song.to_string()).collect();
    let classes: Vec<usize> = (0..100).map(|song| usize::from(song % 10 == 0)).collect();
    let songs: Vec<usize> = (0..100).collect();
    for seed in 0..20 {
        let (_, validation) = hold_out(&songs, &groups, Some(&classes), 0.2, seed).unwrap();
        let rare = validation.iter().filter(|&&song| classes[song] == 1).count();
        assert_eq!((validation.len(), rare), (20, 2), "{seed}");
    }
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
    let one = hold_out(&[0, 1, 2], &groups, None, 0.2, 1).unwrap_err().to_string();
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
        let aside = kept_aside(&songs, &one, share, 3).into_iter().filter(|&aside| aside).count();
        let off = (aside as f64 / 400.0 - share).abs();
        assert!(off <= share.min(1.0 - share) / 20.0 + 1.0 / 400.0, "{share}: {aside} of 400");
    }
    assert_eq!(folds_for(1e-300, 12), (12, 1));
    assert_eq!(folds_for(1.0 - 1e-16, 12), (12, 11));
    let split = SplitRecipe { folds: 13, ..Default::default() };
    let all = tracks(12);
    let all: Vec<&Track> = all.iter().collect();
    let refused = parts(&split, &all, &songs[..12], &[0; 12], 1).unwrap_err().to_string();
    assert!(refused.contains("12 songs are too few for 13 folds"), "{refused}");
}

/// Something is left on both sides, however few groups there are, and the share is missed by less than one of
/// them.
#[test]
fn shares_of_few_groups_are_whole_groups() {
    let shares = [0.1, 0.3, 0.45, 0.6, 0.8, 0.95];
    let of_groups: [(u32, [usize; 6]); 6] = [
        (2, [1, 1, 1, 1, 1, 1]),
        (3, [1, 1, 2, 2, 2, 2]),
        // Two for 0.3: three folds come nearest to it, and the one with two groups is taken.
        (4, [1, 2, 2, 3, 3, 3]),
        (5, [1, 2, 3, 3, 4, 4]),
        (6, [1, 2, 3, 3, 4, 5]),
        (7, [1, 2, 3, 5, 6, 6]),
    ];
    for (groups, expected) in of_groups {
        let own: Vec<String> = (0..40).map(|song| (song % groups).to_string()).collect();
        for (share, expected) in shares.into_iter().zip(expected) {
            for seed in 0..10 {
                let aside = kept_aside(&own, &[0; 40], share, seed);
                let kept = aside.iter().filter(|&&aside| aside).count() as f64 / 40.0;
                let off = (kept - share).abs();
                assert!(off < 1.0 / f64::from(groups), "{groups}, {share}, {seed}: {kept}");
                let whole: BTreeSet<&String> =
                    own.iter().zip(&aside).filter(|(_, aside)| **aside).map(|(g, _)| g).collect();
                assert_eq!(whole.len(), expected, "{groups}, {share}, {seed}");
            }
        }
    }
}

fn tracks(n: usize) -> Vec<Track> {
    (0..n)
        .map(|i| Track {
            id: i.to_string(),
            file: String::new(),
            columns: [("side".to_owned(), if i % 4 == 0 { "b" } else { "a" }.to_owned())].into(),
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

#[test]
fn songs_with_another_value_are_left_out_and_counted() {
    let mut songs = tracks(8);
    for (song, side) in [(4, " b "), (1, "c"), (2, "")] {
        songs[song].columns.insert("side".into(), side.into());
    }
    let songs: Vec<&Track> = songs.iter().collect();
    let own: Vec<String> = (0..8).map(|i| i.to_string()).collect();
    let split = SplitRecipe { train: Some(" a".into()), ..column("b") };
    let made = parts(&split, &songs, &own, &[0; 8], 1).unwrap();
    assert_eq!(made[0].seen, [3, 5, 6, 7]);
    assert_eq!(made[0].unseen, [0, 4]);
    assert_eq!(in_use(&made, 8), [0, 3, 4, 5, 6, 7]);
    assert_eq!(
        left_out(&split, &made, 8, 1).unwrap(),
        "2 songs have another value than \"a\" and \"b\" in the column \"side\", and are left out."
    );
    assert!(left_out(&split, &made, 8, 2).unwrap().starts_with("1 song has another"));
    let folds = SplitRecipe { folds: 2, ..Default::default() };
    let made = parts(&folds, &songs, &own, &[0; 8], 1).unwrap();
    assert_eq!(left_out(&folds, &made, 8, 1), None);
}
