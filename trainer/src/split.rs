//! Splits that keep all songs of a group (an artist) on one side.

#[cfg(test)]
mod tests;

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

/// Splits songs into a part for training and about `share` of them for validation, by group, each with its share
/// of every class where there are `classes`.
///
/// # Errors
/// When all songs are of one group, so that nothing would be left to learn from.
pub fn hold_out<S: AsRef<str>>(
    songs: &[usize],
    groups: &[S],
    classes: Option<&[usize]>,
    share: f64,
    seed: u64,
) -> Result<(Vec<usize>, Vec<usize>)> {
    let own: Vec<&str> = songs.iter().map(|&song| groups[song].as_ref()).collect();
    let class = |&song: &usize| classes.map_or(0, |classes| classes[song]);
    let own_classes: Vec<usize> = songs.iter().map(class).collect();
    let aside = kept_aside(&own, &own_classes, share, seed);
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
            let values: Vec<&str> = tracks
                .iter()
                .map(|track| track.text(column).map(str::trim))
                .collect::<Result<_>>()?;
            let with = |value: &Option<String>| -> Result<Vec<usize>> {
                let value = value.as_deref().unwrap_or_default().trim();
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

/// The songs, of so many, that some part learns from or is judged by: all but those that have another value
/// in the column of a split.
pub(crate) fn in_use(parts: &[Part], songs: usize) -> Vec<usize> {
    let mut used = vec![false; songs];
    for &song in parts.iter().flat_map(|part| part.seen.iter().chain(&part.unseen)) {
        used[song] = true;
    }
    (0..songs).filter(|&song| used[song]).collect()
}

/// What is to be said of songs that no part uses, where each was cut into `pieces`.
pub(crate) fn left_out(
    split: &SplitRecipe,
    parts: &[Part],
    songs: usize,
    pieces: usize,
) -> Option<String> {
    let left = (songs - in_use(parts, songs).len()) / pieces;
    let (songs, have) = if left == 1 { ("song", "has") } else { ("songs", "have") };
    let text = |value: &Option<String>| value.as_deref().unwrap_or_default().trim().to_owned();
    (left > 0).then(|| {
        format!(
            "{left} {songs} {have} another value than {:?} and {:?} in the column {:?}, and {} left out.",
            text(&split.train),
            text(&split.test),
            text(&split.column),
            if left == 1 { "is" } else { "are" }
        )
    })
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
