//! Results by genre and by group.

use serde::{Deserialize, Serialize};

use super::figure::Figure;
use super::figures::{measure, short_kinds};
use super::songs::Songs;
use crate::metrics::{accuracy, mean};
use crate::run::Task;

/// Most groups that are listed.
const MOST_GROUPS: usize = 12;
/// Fewest songs of a group that is listed.
const FEWEST_SONGS: usize = 2;

/// The songs of one genre or group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupResult {
    /// Its name.
    pub name: String,
    /// Its songs, or their pieces where they were cut.
    pub songs: usize,
    /// Mean of what is true: the share, the part of songs in the score's class, the value.
    pub truth: f64,
    /// Mean of what was said, on the same scale.
    pub said: f64,
    /// Share of songs whose class was named; absent where none was.
    pub accuracy: Option<f64>,
    /// A few figures with intervals; empty for groups, which are too small for them.
    pub figures: Vec<Figure>,
}

/// Results of each genre, the largest first.
pub(super) fn by_genre(songs: &Songs, draws: usize, seed: u64) -> Vec<GroupResult> {
    if !songs.has_genres() {
        return Vec::new();
    }
    let mut results: Vec<GroupResult> = songs
        .genres
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let chosen: Vec<usize> =
                (0..songs.len()).filter(|&song| songs.genre[song] == index).collect();
            let mut result = summary(songs, name, &chosen);
            result.figures = measure(songs, &chosen, &short_kinds(songs.task), draws, seed);
            result
        })
        .collect();
    results.sort_by_key(|result| std::cmp::Reverse(result.songs));
    results
}

/// Results of the groups with the most songs.
pub(super) fn by_group(songs: &Songs) -> Vec<GroupResult> {
    if !songs.grouped {
        return Vec::new();
    }
    let mut groups = songs.units_of(&songs.all());
    groups.retain(|chosen| chosen.len() >= FEWEST_SONGS);
    groups.sort_by_key(|chosen| std::cmp::Reverse(chosen.len()));
    groups.truncate(MOST_GROUPS);
    groups
        .iter()
        .map(|chosen| summary(songs, &songs.units[songs.unit[chosen[0]]], chosen))
        .collect()
}

fn summary(songs: &Songs, name: &str, chosen: &[usize]) -> GroupResult {
    let column = |f: &dyn Fn(usize) -> f64| mean(&chosen.iter().map(|&s| f(s)).collect::<Vec<_>>());
    let pick = |column: &[usize]| -> Vec<usize> { chosen.iter().map(|&s| column[s]).collect() };
    GroupResult {
        name: if name.is_empty() { "(none)".into() } else { name.into() },
        songs: chosen.len(),
        truth: match songs.task {
            Task::Classes => column(&|song| f64::from(u8::from(songs.is_score(song)))),
            _ => column(&|song| songs.truth[song]),
        },
        said: match songs.task {
            Task::Share | Task::Regression => column(&|song| songs.said[song]),
            Task::Binary | Task::Classes => column(&|song| songs.of_score(song)),
        },
        accuracy: match songs.decides() {
            true => accuracy(&pick(&songs.decided), &pick(&songs.label)),
            false => None,
        },
        figures: Vec::new(),
    }
}
