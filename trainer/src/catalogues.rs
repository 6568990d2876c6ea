//! Catalogues that can be told apart without listening.
//!
//! Where songs of one class come from one catalogue and those of another from a second, a model need not
//! hear what people like: it is enough to hear that one catalogue is louder, was cut off at 8 kHz by a poor
//! encoder, or comes in another format. Whatever learns from such data looks good and knows nothing. Bandwidth
//! is seen as far as the frames of the data set reach, and no model hears more than they hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rayon::prelude::*;

use crate::Rng;
use crate::dataset::{Dataset, SongEntry};
use crate::metrics::bootstrap::{DRAWS, draw, interval};
use crate::metrics::{auc, mean};
use crate::split::grouped_folds;
use crate::table::{TableModel, TableModelRecipe};

/// Fewest songs of a catalogue that is looked at, and most catalogues: each takes a classifier a fold.
const FEWEST: usize = 10;
const MOST_CATALOGUES: usize = 24;
/// Most songs that are read for a warning on a column that nobody asked for: more would hardly move it, and all
/// have to be read before the first step.
const MOST_SONGS: usize = 2000;
/// Names that a column of catalogues may have.
const COLUMNS: [&str; 4] = ["catalogue", "catalog", "source", "collection"];
/// Folds of the classifier.
const FOLDS: usize = 5;
/// A catalogue is told apart where the whole interval of the AUC lies above this.
const TELLING: f64 = 0.6;
/// Decibels below the loudest band at which a band counts as empty.
const EMPTY_DB: f64 = 55.0;

/// What a catalogue may be told by.
const ASPECTS: [&str; 3] = ["level", "bandwidth", "codec"];

/// How well one catalogue is told from all others by one thing alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The catalogue.
    pub catalogue: String,
    /// By what.
    pub by: &'static str,
    /// AUC on songs that the classifier had not seen.
    pub auc: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Told {
    /// Whether the catalogue is told apart beyond chance.
    pub fn is_leak(&self) -> bool {
        self.low > TELLING
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogueReport {
    /// The column that names catalogues.
    pub column: String,
    /// Every catalogue by every aspect.
    pub told: Vec<Told>,
    /// Catalogues with too few songs to say anything.
    pub too_few: Vec<String>,
    /// Catalogues that were not looked at, because so many others have more songs.
    pub left_out: Vec<String>,
}

impl CatalogueReport {
    /// What a model could go by in place of the music; `None` where there is nothing.
    pub fn warning(&self) -> Option<String> {
        let leaks: Vec<String> = self
            .told
            .iter()
            .filter(|told| told.is_leak())
            .map(|told| format!("{} by {}", told.catalogue, told.by))
            .collect();
        (!leaks.is_empty()).then(|| {
            format!(
                "a model can tell {} without hearing the music ({}); take the songs of all classes from one catalogue, or bring level, bandwidth and format of all to the same",
                self.column,
                leaks.join(", ")
            )
        })
    }
}

impl fmt::Display for CatalogueReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widest = self.told.iter().map(|t| t.catalogue.chars().count()).max().unwrap_or(0);
        for told in &self.told {
            let Told { catalogue, by, auc, low, high } = told;
            let mark = if told.is_leak() { "  told apart without listening" } else { "" };
            writeln!(
                f,
                "{catalogue:<widest$}  by {by:<9}  AUC {auc:.3} ({low:.3} to {high:.3}){mark}"
            )?;
        }
        if !self.too_few.is_empty() {
            writeln!(f, "fewer than {FEWEST} songs: {}", self.too_few.join(", "))?;
        }
        if !self.left_out.is_empty() {
            writeln!(
                f,
                "not looked at beside the {MOST_CATALOGUES} with most songs: {}",
                self.left_out.join(", ")
            )?;
        }
        match self.warning() {
            None => {
                write!(f, "no {} is told apart by level, bandwidth or codec alone", self.column)
            }
            Some(warning) => write!(f, "warning: {warning}"),
        }
    }
}

/// Tries to tell the values of a column (catalogues, or the classes of a target) by level, bandwidth and
/// codec alone, with logistic regression in folds.
///
/// # Errors
/// When there is no such column, or not two catalogues with enough songs.
pub fn catalogues(set: &Dataset, column: &str) -> Result<CatalogueReport> {
    let all: Vec<usize> = (0..set.songs.len()).collect();
    let names = names(set, column, &all)?;
    ensure!(
        Counted::of(&names).can_be_told(&names),
        "{column} has not two values with {FEWEST} songs each"
    );
    report(column, &names, &aspects(set, &all))
}

/// What a column says of each of the songs.
fn names(set: &Dataset, column: &str, songs: &[usize]) -> Result<Vec<String>> {
    songs.iter().map(|&song| set.songs[song].track.text(column).map(str::to_owned)).collect()
}

/// Tries to tell catalogues, `names[song]`, by rows of numbers, `aspects[aspect][song]`.
fn report(column: &str, names: &[String], aspects: &Aspects) -> Result<CatalogueReport> {
    let Counted { looked_at, left_out, too_few } = Counted::of(names);
    let mut told = Vec::new();
    for (catalogue, _) in looked_at {
        let own: Vec<bool> = names.iter().map(|name| name == catalogue).collect();
        for (by, rows) in ASPECTS.into_iter().zip(aspects) {
            let judged =
                judge(rows, &own).with_context(|| format!("{catalogue} cannot be told by {by}"))?;
            let all: Vec<usize> = (0..own.len()).collect();
            let figure = |songs: &[usize]| {
                let pick = |s: &usize| (judged[*s], own[*s]);
                let (scores, truth): (Vec<f64>, Vec<bool>) = songs.iter().map(pick).unzip();
                auc(&scores, &truth)
            };
            let units: Vec<Vec<usize>> = all.iter().map(|&song| vec![song]).collect();
            let drawn = draw(&units, DRAWS, 0, |songs| vec![figure(songs)]);
            let (Some(auc), Some((low, high))) = (figure(&all), interval(&drawn[0])) else {
                continue;
            };
            told.push(Told { catalogue: catalogue.to_owned(), by, auc, low, high });
        }
    }
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    let (too_few, left_out) = (owned(too_few), owned(left_out));
    Ok(CatalogueReport { column: column.to_owned(), told, too_few, left_out })
}

/// Catalogues by their number of songs.
struct Counted<'a> {
    /// Those with most songs first, and how many they have.
    looked_at: Vec<(&'a str, usize)>,
    /// Those with enough songs, but fewer than so many others.
    left_out: Vec<&'a str>,
    too_few: Vec<&'a str>,
}

impl<'a> Counted<'a> {
    /// Counts the songs of each catalogue, from the catalogue of each song.
    fn of(names: &'a [String]) -> Self {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        names.iter().for_each(|name| *counts.entry(name).or_default() += 1);
        let (mut looked_at, few): (Vec<_>, Vec<_>) =
            counts.into_iter().partition(|&(_, n)| n >= FEWEST);
        // Stable: those that are as large stay in the order of their names.
        looked_at.sort_by_key(|&(_, n)| std::cmp::Reverse(n));
        let beyond = looked_at.split_off(looked_at.len().min(MOST_CATALOGUES));
        let names_of = |counted: Vec<(&'a str, usize)>| counted.into_iter().map(|c| c.0).collect();
        Self { looked_at, left_out: names_of(beyond), too_few: names_of(few) }
    }

    /// Whether one catalogue has enough songs, and all others together.
    fn can_be_told(&self, names: &[String]) -> bool {
        self.looked_at.first().is_some_and(|&(_, songs)| names.len() - songs >= FEWEST)
    }
}

/// Warnings on catalogues that are told apart by level, bandwidth or codec alone, each with its column:
/// those of the columns that are called after catalogues, and of `more`. Columns that are not there, and
/// catalogues with too few songs to say anything, are passed over. Of many songs a sample is read.
pub(crate) fn warnings(set: &Dataset, more: &[&str]) -> Vec<(String, String)> {
    warnings_of(set, more, MOST_SONGS)
}

fn warnings_of(set: &Dataset, more: &[&str], most: usize) -> Vec<(String, String)> {
    let mut columns: Vec<&str> = COLUMNS.iter().chain(more).copied().collect();
    columns.sort_unstable();
    columns.dedup();
    let all: Vec<usize> = (0..set.songs.len()).collect();
    let sampled: Vec<(&str, Vec<usize>)> = columns
        .into_iter()
        .filter(|column| set.songs.iter().all(|s| s.track.columns.contains_key(*column)))
        .filter_map(|column| Some((column, sample(&names(set, column, &all).ok()?, most)?)))
        .collect();
    let read: BTreeSet<usize> = sampled.iter().flat_map(|(_, songs)| songs).copied().collect();
    let read: Vec<usize> = read.into_iter().collect();
    // What takes the time: a song that several columns ask for is read once.
    let heard = aspects(set, &read);
    let of = |(column, songs): (&str, Vec<usize>)| {
        let rows: Vec<usize> = songs.iter().filter_map(|s| read.binary_search(s).ok()).collect();
        let own = |all: &Vec<Vec<f64>>| -> Vec<Vec<f64>> {
            rows.iter().map(|&row| all[row].clone()).collect()
        };
        let names = names(set, column, &songs).ok()?;
        let report = report(column, &names, &heard.each_ref().map(own)).ok()?;
        Some((column.to_owned(), report.warning()?))
    };
    sampled.into_iter().filter_map(of).collect()
}

/// About so many songs at most, drawn by lot: as many of each catalogue that is looked at, and of all others
/// together, as far as they have so many, so that a small one is not lost beside a large one. `None` where
/// no catalogue has songs enough.
fn sample(names: &[String], most: usize) -> Option<Vec<usize>> {
    let counted = Counted::of(names);
    if !counted.can_be_told(names) {
        return None;
    }
    let place: BTreeMap<&str, usize> = counted.looked_at.iter().map(|c| c.0).zip(1..).collect();
    let mut drawn = vec![Vec::new(); 1 + place.len()];
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.shuffle(&mut Rng::seed_from_u64(0));
    for song in order {
        drawn[place.get(names[song].as_str()).copied().unwrap_or(0)].push(song);
    }
    // What the small ones leave over is for the large ones.
    drawn.sort_by_key(Vec::len);
    let mut songs: Vec<usize> = Vec::new();
    for (n, own) in drawn.iter().enumerate() {
        let share = most.saturating_sub(songs.len()) / (drawn.len() - n);
        songs.extend(own.iter().take(share.max(FEWEST)));
    }
    songs.sort_unstable();
    Some(songs)
}

/// Rows of numbers for each aspect: `[aspect][song][number]`.
type Aspects = [Vec<Vec<f64>>; 3];

fn aspects(set: &Dataset, songs: &[usize]) -> Aspects {
    let codecs = codecs(&songs.iter().map(|&song| &set.songs[song]).collect::<Vec<_>>());
    let different: BTreeSet<&str> = codecs.iter().map(String::as_str).collect();
    let heard: Vec<[Vec<f64>; 2]> = songs.par_iter().map(|&song| of_sound(set, song)).collect();
    let (level, bandwidth): (Vec<_>, Vec<_>) =
        heard.into_iter().map(|[level, bandwidth]| (level, bandwidth)).unzip();
    let is = |codec: &String| -> Vec<f64> {
        different.iter().map(|c| f64::from(u8::from(*c == codec.as_str()))).collect()
    };
    [level, bandwidth, codecs.iter().map(is).collect()]
}

/// A song's level and bandwidth.
fn of_sound(set: &Dataset, song: usize) -> [Vec<f64>; 2] {
    let frames = set.frames(song);
    let gate = f64::from(set.front_end.level.gate_db);
    let audible: Vec<(&[f32], f64)> = frames
        .iter()
        .map(|(bands, level)| (bands, f64::from(level)))
        .filter(|&(_, level)| level >= gate)
        .collect();
    let levels: Vec<f64> = audible.iter().map(|&(_, level)| level).collect();
    let middle = if levels.is_empty() { gate } else { mean(&levels) };
    let spread = levels.iter().map(|l| (l - middle).powi(2)).sum::<f64>();
    let level = vec![
        middle,
        (spread / levels.len().max(1) as f64).sqrt(),
        levels.iter().copied().fold(gate, f64::max),
        set.songs[song].clipped,
    ];
    // What is left at the top: a song that is cut off has nothing there, however it is mixed.
    let means: Vec<f64> = (0..frames.bands)
        .map(|band| {
            let sum: f64 = audible.iter().map(|(bands, _)| f64::from(bands[band])).sum();
            sum / audible.len().max(1) as f64
        })
        .collect();
    let loudest = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let full = means.iter().rposition(|&band| band > loudest - EMPTY_DB).unwrap_or(0);
    let top = means.last().copied().unwrap_or(loudest) - loudest;
    [level, vec![full as f64, top]]
}

/// The codec of each song; the endings of the files' names where an older version built the data set.
fn codecs(songs: &[&SongEntry]) -> Vec<String> {
    let ending = |song: &&SongEntry| {
        let end = Path::new(song.track.file.trim()).extension().unwrap_or_default();
        end.to_string_lossy().to_ascii_lowercase()
    };
    // All or none: codecs of some beside endings of others would tell when songs were read.
    let known: Option<Vec<String>> = songs.iter().map(|song| song.codec.clone()).collect();
    known.unwrap_or_else(|| songs.iter().map(ending).collect())
}

/// Log-odds of being of the catalogue, for each song by a classifier that had not seen it.
fn judge(rows: &[Vec<f64>], own: &[bool]) -> Result<Vec<f64>> {
    let ids: Vec<String> = (0..rows.len()).map(|song| song.to_string()).collect();
    let fold_of = grouped_folds(&ids, FOLDS, 1);
    let mut judged = vec![0.0; rows.len()];
    for fold in 0..FOLDS {
        let seen: Vec<usize> = (0..rows.len()).filter(|&s| fold_of[s] != fold).collect();
        let unseen: Vec<usize> = (0..rows.len()).filter(|&s| fold_of[s] == fold).collect();
        let scaled = scaled(rows, &seen);
        let pick = |songs: &[usize]| songs.iter().map(|&s| scaled[s].clone()).collect::<Vec<_>>();
        let y: Vec<usize> = seen.iter().map(|&s| usize::from(own[s])).collect();
        let recipe = TableModelRecipe::Logistic { c: 1.0 };
        let model = TableModel::fit(&recipe, &pick(&seen), &y, 2, 1)?;
        for (&song, raw) in unseen.iter().zip(model.raw(&pick(&unseen))?) {
            judged[song] = f64::from(raw[0]);
        }
    }
    Ok(judged)
}

/// Each number less its mean, in units of its deviation, over the songs that were seen.
fn scaled(rows: &[Vec<f64>], seen: &[usize]) -> Vec<Vec<f64>> {
    let width = rows.first().map_or(0, Vec::len);
    let scales: Vec<(f64, f64)> = (0..width)
        .map(|column| {
            let values: Vec<f64> = seen.iter().map(|&song| rows[song][column]).collect();
            let middle = mean(&values);
            let squares = values.iter().map(|v| (v - middle).powi(2)).sum::<f64>();
            let deviation = (squares / values.len().max(1) as f64).sqrt();
            (middle, if deviation > 1e-9 { deviation } else { 1.0 })
        })
        .collect();
    let scale = |row: &Vec<f64>| row.iter().zip(&scales).map(|(v, (m, d))| (v - m) / d).collect();
    rows.iter().map(scale).collect()
}

#[cfg(test)]
mod tests;
