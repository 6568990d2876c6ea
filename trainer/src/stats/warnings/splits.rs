//! Songs that are on several sides of a split, and sides that are not what they seem.

use std::collections::{BTreeMap, BTreeSet};

use super::{Kind, Warning};
use crate::dataset::{SongEntry, same_recordings};

/// A group with more than this share of a fold decides alone what the fold measures.
const FOLD_SHARE: f64 = 0.5;

/// Groups that are on several sides of a split, however they are spelled.
pub(in crate::stats) fn group_leaks(
    column: &str,
    groups: &[&str],
    sides: &[String],
    split: &str,
) -> Option<Warning> {
    let mut sides_of: BTreeMap<String, (BTreeSet<&str>, &str, usize)> = BTreeMap::new();
    for (group, side) in groups.iter().zip(sides) {
        let spelled = plain(group);
        if spelled.is_empty() {
            continue;
        }
        let entry = sides_of.entry(spelled).or_insert((BTreeSet::new(), group, 0));
        entry.0.insert(side);
        entry.2 += 1;
    }
    let leaks: Vec<(&str, usize)> = sides_of
        .values()
        .filter(|(sides, ..)| sides.len() > 1)
        .map(|(_, group, songs)| (*group, *songs))
        .collect();
    let songs: usize = leaks.iter().map(|(_, songs)| songs).sum();
    (!leaks.is_empty()).then(|| {
        Warning::new(
            Kind::Leak,
            format!(
                "leak: {} values of {column:?}, with {songs} songs, are on several sides of {split}",
                leaks.len()
            ),
            leaks.iter().map(|(group, _)| (*group).to_owned()),
        )
    })
}

/// Songs with the same audio: across a split a leak, else doubles.
pub(in crate::stats) fn same_audio(
    songs: &[SongEntry],
    sides: Option<&[String]>,
    split: &str,
) -> Vec<Warning> {
    let doubles = same_recordings(songs);
    let doubles: Vec<&Vec<usize>> = doubles.iter().collect();
    let named = |sets: &[&Vec<usize>]| -> Vec<String> {
        let ids = |set: &&Vec<usize>| {
            set.iter().map(|&at| songs[at].track.id.as_str()).collect::<Vec<_>>().join(" = ")
        };
        sets.iter().map(ids).collect()
    };
    let mut warnings = Vec::new();
    if let Some(sides) = sides {
        let across = |set: &&&Vec<usize>| set.iter().any(|&at| sides[at] != sides[set[0]]);
        let leaks: Vec<&Vec<usize>> = doubles.iter().filter(across).copied().collect();
        if !leaks.is_empty() {
            let message =
                format!("leak: {} recordings are on several sides of {split}", leaks.len());
            warnings.push(Warning::new(Kind::Leak, message, named(&leaks)));
        }
    }
    if !doubles.is_empty() {
        let message = format!("{} recordings are in the data set several times", doubles.len());
        warnings.push(Warning::new(Kind::Double, message, named(&doubles)));
    }
    warnings
}

/// Songs of the same name that are on several sides of a split: versions of one song, perhaps.
pub(in crate::stats) fn same_titles(
    column: &str,
    titles: &[&str],
    groups: Option<&[&str]>,
    sides: &[String],
    split: &str,
) -> Option<Warning> {
    let mut by_title: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for (at, title) in titles.iter().enumerate() {
        // "Song (Remix)", "Song - Live" and "Song [feat. X]" are versions of "Song".
        let stem = title.split(['(', '[']).next().unwrap_or(title);
        let stem = plain(stem.split(" - ").next().unwrap_or(stem));
        let group = groups.map(|groups| plain(groups[at])).unwrap_or_default();
        if stem.len() >= 3 {
            by_title.entry((stem, group)).or_default().push(at);
        }
    }
    let leaks: Vec<String> = by_title
        .values()
        .filter(|set| set.iter().any(|&at| sides[at] != sides[set[0]]))
        .map(|set| titles[set[0]].to_owned())
        .collect();
    (!leaks.is_empty()).then(|| {
        let message = format!(
            "leak, perhaps: {} values of {column:?} that are alike are on several sides of {split}",
            leaks.len()
        );
        Warning::new(Kind::Leak, message, leaks)
    })
}

/// Text without case, punctuation and spaces around it.
fn plain(text: &str) -> String {
    let words = text.to_lowercase();
    let words = words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// Groups that make up most of a side of a split.
pub(in crate::stats) fn filled_folds(groups: &[&str], sides: &[String]) -> Option<Warning> {
    let mut counts: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for (group, side) in groups.iter().zip(sides) {
        *counts.entry(side).or_default().entry(group).or_default() += 1;
    }
    let full: Vec<String> = counts
        .iter()
        .filter_map(|(side, groups)| {
            let (group, songs) = groups.iter().max_by_key(|(_, songs)| **songs)?;
            let all: usize = groups.values().sum();
            (*songs as f64 > FOLD_SHARE * all as f64)
                .then(|| format!("{side}: {songs} of {all} songs are by {group:?}"))
        })
        .collect();
    (!full.is_empty()).then(|| {
        let message =
            format!("one group makes up most of {} of {} folds", full.len(), counts.len());
        Warning::new(Kind::GroupFillsFold, message, full)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(of: &[&str]) -> Vec<String> {
        of.iter().map(|side| (*side).to_owned()).collect()
    }

    #[test]
    fn groups_leak_however_they_are_spelled() {
        let sides = sides(&["a", "b", "a", "b"]);
        let leak = group_leaks("artist", &["The Kinks", "the kinks ", "Solo", ""], &sides, "x");
        let leak = leak.unwrap();
        assert_eq!((leak.kind, leak.names), (Kind::Leak, vec!["The Kinks".to_owned()]));
        assert!(leak.message.contains("1 values") && leak.message.contains("2 songs"));
        assert_eq!(group_leaks("artist", &["p", "q", "p", "q"], &sides, "x"), None);
    }

    #[test]
    fn versions_of_a_title_are_found() {
        let titles = ["Yesterday", "Yesterday (Live)", "Tomorrow", "Today - Remix"];
        let sides = sides(&["a", "b", "a", "b"]);
        let found = same_titles("title", &titles, None, &sides, "folds").unwrap();
        assert_eq!(found.names, ["Yesterday"]);
        let groups = ["p", "q", "p", "q"];
        assert_eq!(same_titles("title", &titles, Some(&groups), &sides, "folds"), None);
    }

    #[test]
    fn a_fold_of_one_group_is_told() {
        let sides = sides(&["fold 1", "fold 1", "fold 2", "fold 2"]);
        let warning = filled_folds(&["p", "p", "q", "r"], &sides).unwrap();
        assert_eq!(warning.names, ["fold 1: 2 of 2 songs are by \"p\""]);
        assert_eq!(filled_folds(&["p", "q", "r", "s"], &sides), None);
    }
}
