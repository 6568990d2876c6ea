//! What one should know before trusting a data set.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::columns::{Categories, Numbers};
use super::recipe_view::Target;
use crate::catalogues;
use crate::dataset::{Dataset, SongEntry, Track};

/// Songs named in a warning at most.
const NAMED: usize = 20;
/// A song is clipped when this share of its samples is at full scale: more than a peak touched by chance.
const CLIPPED_SHARE: f64 = 0.001;
/// A song of which less than this share is audible is silent.
const AUDIBLE_SHARE: f64 = 0.1;
/// A song shorter than this, in seconds, is very short.
const SHORT_SECONDS: f64 = 5.0;
/// Beyond this share of one value, classes are far from balanced.
const MAJORITY: f64 = 0.8;
/// Beyond this correlation two columns say the same.
const SAME: f64 = 0.98;
/// A group with more than this share of a fold decides alone what the fold measures.
const FOLD_SHARE: f64 = 0.5;

/// What a warning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A group or the same audio is on both sides of a split.
    Leak,
    /// The same audio or the same title more than once.
    Double,
    /// A group makes up most of a fold.
    GroupFillsFold,
    /// Labels that are missing or no numbers.
    BadLabels,
    /// Classes are far from equally frequent, or there is only one.
    Imbalance,
    /// Clipped audio.
    Clipped,
    /// Silent or very short audio.
    Silent,
    /// Songs that could not be read, or have not been yet.
    Unread,
    /// A column has but one value.
    Constant,
    /// A column lacks values.
    Missing,
    /// Two columns say the same.
    Redundant,
    /// Catalogues can be told apart without hearing the music.
    Catalogues,
}

/// Something one should know before trusting a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// What it is about.
    pub kind: Kind,
    /// One line for people.
    pub message: String,
    /// The first of the songs, groups or columns concerned.
    pub names: Vec<String>,
}

impl Warning {
    fn new(kind: Kind, message: String, names: impl IntoIterator<Item = String>) -> Self {
        Self { kind, message, names: names.into_iter().take(NAMED).collect() }
    }
}

/// Catalogues that level, bandwidth or codec alone tell apart.
pub(super) fn catalogues(set: &Dataset) -> Vec<Warning> {
    let warning = |(column, message)| Warning::new(Kind::Catalogues, message, [column]);
    catalogues::warnings(set, &[]).into_iter().map(warning).collect()
}

/// Groups that are on several sides of a split, however they are spelled.
pub(super) fn group_leaks(
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
pub(super) fn same_audio(
    songs: &[SongEntry],
    sides: Option<&[String]>,
    split: &str,
) -> Vec<Warning> {
    let mut by_hash: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, song) in songs.iter().enumerate() {
        by_hash.entry(&song.sha256).or_default().push(at);
    }
    let doubles: Vec<&Vec<usize>> = by_hash.values().filter(|songs| songs.len() > 1).collect();
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
pub(super) fn same_titles(
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
pub(super) fn filled_folds(groups: &[&str], sides: &[String]) -> Option<Warning> {
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

/// What is wrong with targets.
pub(super) fn targets(targets: &[Target]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for target in targets {
        let name = &target.numbers.name;
        let sorted = target.numbers.sorted();
        let bad = target.numbers.values.len() - sorted.len();
        if let (true, Some(problem)) = (bad > 0, &target.problem) {
            let message = format!("{name}: {bad} songs have no label; {problem}");
            warnings.push(Warning::new(Kind::BadLabels, message, [name.clone()]));
        }
        if !sorted.is_empty() && sorted.first() == sorted.last() {
            let message =
                format!("{name} is {} for every song: there is nothing to learn", sorted[0]);
            warnings.push(Warning::new(Kind::Imbalance, message, [name.clone()]));
        } else if target.is_class {
            let ones = sorted.iter().filter(|value| **value > 0.5).count();
            let share = ones.max(sorted.len() - ones) as f64 / sorted.len().max(1) as f64;
            if share > MAJORITY {
                let message = format!(
                    "{name}: {:.1} % of the songs are of one class; that is what always answering so scores",
                    100.0 * share
                );
                warnings.push(Warning::new(Kind::Imbalance, message, [name.clone()]));
            }
        }
    }
    warnings
}

/// A column of categories of which one is nearly everything, or that has but one.
pub(super) fn categories(column: &Categories) -> Option<Warning> {
    let all: usize = column.counts.iter().map(|(_, count)| count).sum();
    let (text, count) = column.counts.first()?;
    let names = [column.name.clone()];
    if column.counts.len() == 1 {
        let message = format!("{:?} is {text:?} for every song", column.name);
        return Some(Warning::new(Kind::Constant, message, names));
    }
    (*count as f64 > MAJORITY * all as f64).then(|| {
        let share = 100.0 * *count as f64 / all as f64;
        let message = format!("{:?} is {text:?} for {share:.1} % of the songs", column.name);
        Warning::new(Kind::Imbalance, message, names)
    })
}

/// Columns without values, and columns with but one.
pub(super) fn columns(columns: &[&Numbers], categories: &[Categories]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let constant = columns.iter().filter(|column| {
        let sorted = column.sorted();
        sorted.len() > 1 && sorted.first() == sorted.last()
    });
    let constant: Vec<String> = constant.map(|column| column.name.clone()).collect();
    if !constant.is_empty() {
        let message = format!("{} columns have the same value everywhere", constant.len());
        warnings.push(Warning::new(Kind::Constant, message, constant));
    }
    let numbers = columns.iter().map(|column| {
        let missing = column.values.iter().filter(|value| value.is_none()).count();
        (column.name.as_str(), missing, column.values.len())
    });
    let texts = categories.iter().map(|column| {
        let there: usize = column.counts.iter().map(|(_, count)| count).sum();
        (column.name.as_str(), column.missing, column.missing + there)
    });
    let lacking: Vec<String> = numbers
        .chain(texts)
        .filter(|(_, missing, _)| *missing > 0)
        .map(|(name, missing, all)| {
            format!("{name}: {missing} of {all} ({:.1} %)", 100.0 * missing as f64 / all as f64)
        })
        .collect();
    if !lacking.is_empty() {
        let message = format!("{} columns lack values", lacking.len());
        warnings.push(Warning::new(Kind::Missing, message, lacking));
    }
    warnings
}

/// Pairs of columns that say the same.
pub(super) fn redundant(names: &[&str], matrix: &[Vec<Option<f64>>]) -> Option<Warning> {
    let mut pairs = Vec::new();
    for (row, values) in matrix.iter().enumerate() {
        for (column, value) in values.iter().enumerate().take(row) {
            if let Some(value) = value.filter(|value| value.abs() > SAME) {
                pairs.push(format!("{} and {} ({value:.3})", names[column], names[row]));
            }
        }
    }
    (!pairs.is_empty()).then(|| {
        let message = format!("{} pairs of columns say almost the same", pairs.len());
        Warning::new(Kind::Redundant, message, pairs)
    })
}

/// Songs whose audio is clipped, silent or very short.
pub(super) fn audio(songs: &[SongEntry], least_frames: Option<usize>) -> Vec<Warning> {
    let pick = |is: &dyn Fn(&SongEntry) -> bool, what: &dyn Fn(&SongEntry) -> String| {
        songs
            .iter()
            .filter(|song| is(song))
            .map(|song| format!("{} ({})", song.track.id, what(song)))
            .collect::<Vec<String>>()
    };
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    let audible = |song: &SongEntry| song.audible as f64 / song.frames.max(1) as f64;
    let clipped = pick(&|song| song.clipped > CLIPPED_SHARE, &|song| percent(song.clipped));
    let silent = pick(&|song| audible(song) < AUDIBLE_SHARE, &|song| {
        format!("{} audible", percent(audible(song)))
    });
    let short =
        pick(&|song| song.seconds < SHORT_SECONDS, &|song| format!("{:.1} s", song.seconds));
    let little = pick(&|song| least_frames.is_some_and(|least| song.audible < least), &|song| {
        format!("{} frames", song.audible)
    });
    let more = 100.0 * CLIPPED_SHARE;
    [
        (
            Kind::Clipped,
            clipped,
            format!("songs have more than {more} % of their samples at full scale"),
        ),
        (Kind::Silent, silent, "songs are all but silent".to_owned()),
        (Kind::Silent, short, format!("songs are shorter than {SHORT_SECONDS} s")),
        (Kind::Silent, little, "songs have too little sound for the recipe".to_owned()),
    ]
    .into_iter()
    .filter(|(_, songs, _)| !songs.is_empty())
    .map(|(kind, songs, what)| {
        let message = format!("{} {what}", songs.len());
        Warning::new(kind, message, songs)
    })
    .collect()
}

/// Songs that are not in the data set.
pub(super) fn unread(skipped: &[(String, String)], unread: &[(u64, Track)]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if !skipped.is_empty() {
        let message = format!("{} songs of the manifest could not be read", skipped.len());
        let names = skipped.iter().map(|(id, reason)| format!("{id}: {reason}"));
        warnings.push(Warning::new(Kind::Unread, message, names));
    }
    if !unread.is_empty() {
        let message = format!(
            "{} songs of the manifest were not read yet; run `dataset build` again to go on",
            unread.len()
        );
        warnings.push(Warning::new(
            Kind::Unread,
            message,
            unread.iter().map(|(_, track)| track.id.clone()),
        ));
    }
    warnings
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

    #[test]
    fn targets_that_cannot_be_learnt_are_told() {
        let target = |values: &[f64], is_class| Target {
            numbers: Numbers {
                name: "t".into(),
                origin: super::super::columns::Origin::Target,
                values: values.iter().map(|&v| v.is_finite().then_some(v)).collect(),
            },
            is_class,
            problem: Some("track 3: liked is \"nan\"".into()),
        };
        let kinds = |values: &[f64], is_class| {
            targets(&[target(values, is_class)]).iter().map(|w| w.kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds(&[1.0, 1.0, 1.0], true), [Kind::Imbalance]);
        assert_eq!(kinds(&[0.5, f64::NAN, 0.2], false), [Kind::BadLabels]);
        assert_eq!(kinds(&[0.0, 1.0, 0.0], true), []);
        let rare: Vec<f64> = (0..20).map(|n| f64::from(n == 3)).collect();
        assert_eq!(kinds(&rare, true), [Kind::Imbalance]);
        assert_eq!(kinds(&rare, false), []);
    }
}
