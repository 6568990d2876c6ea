//! What a recipe's data are: songs of a data set, or rows of a table.

#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use earworm_scorer::front_end::FrontEndSettings;

use super::rows::{self, Doubled};
use super::search;
use crate::dataset::{Dataset, FeatureTable, Schema, Track};
use crate::files;
use crate::recipe::{Model, Recipe, SplitKind};
use crate::run::{DataInfo, RunInfo};
use crate::table::Table;

/// The songs of a recipe.
pub(crate) struct Data {
    /// Frames, where the data come from a data set.
    pub(crate) set: Option<Dataset>,
    /// Features, where there are any.
    pub(crate) rows: Option<Table>,
    /// Names and manifest columns.
    pub(crate) tracks: Vec<Track>,
    /// Group of each song, which pieces of it share; each its own where there is no column of groups.
    pub(crate) groups: Vec<String>,
    /// What a split keeps together: the groups, or each song or piece alone where it is to leak.
    pub(crate) together: Vec<String>,
    /// The column of groups: the recipe's, or the one that the data set's schema names.
    pub(crate) group: Option<String>,
    /// Genre of each song; empty where there is no column of genres.
    pub(crate) genres: Vec<String>,
    /// Pieces of each song, which the tracks and all that is as long are counted by.
    pieces: Option<usize>,
    sha256: String,
    /// SHA-256 of other files by the recipe's key.
    others: BTreeMap<String, String>,
    /// Columns of `data.join` that the songs had already.
    pub(super) doubled: Doubled,
    source: PathBuf,
    join: Option<PathBuf>,
}

impl Data {
    /// Opens what `data.set` or `data.table` names.
    pub(crate) fn open(recipe: &Recipe) -> Result<Self> {
        let data = &recipe.data;
        let mut opened = match (&data.set, &data.table) {
            (Some(folder), _) => {
                let set = Dataset::open(folder)?;
                let mut tracks: Vec<Track> =
                    set.songs.iter().map(|song| song.track.clone()).collect();
                let searched = search::recipes(recipe)?;
                // No configuration of a search changes them.
                let read = read_of_tracks(recipe);
                let features = set.features()?;
                if let Some(features) = &features {
                    // Another table may have what is not there yet.
                    match data.join.is_some() || are_there(&read, &tracks, &features.names) {
                        true => add_some(&mut tracks, features, |name| read.contains(&name)),
                        // An error follows, and lists them.
                        false => add_columns(&mut tracks, features),
                    }
                }
                let doubled = match &data.join {
                    Some(path) => {
                        let names = rows::features_of(features.as_ref(), data.lyrics.as_deref());
                        rows::join(&mut tracks, path, &names)?
                    }
                    None => Doubled::default(),
                };
                let recipes = || std::iter::once(recipe).chain(&searched);
                let wants = |r: &Recipe| r.model.wants_rows(&r.data) || !r.data.beside.is_empty();
                // What any configuration names; all of them learn from the same rows.
                let named = recipes().flat_map(|r| r.data.columns.iter().chain(&r.data.beside));
                let mut rows = match recipes().any(wants) {
                    true => {
                        let named = named.collect::<Vec<_>>();
                        Some(rows::of_set(
                            &tracks,
                            features,
                            &named,
                            data.lyrics.as_deref(),
                            folder,
                        )?)
                    }
                    false => None,
                };
                let (group, mut groups) = groups(recipe, Some(&set.description.schema), &tracks)?;
                if let Some(pieces) = data.pieces {
                    keep_read(&mut tracks, &read, &set.description.schema);
                    tracks = rows::in_pieces(&tracks, pieces);
                    groups = groups.into_iter().flat_map(|g| vec![g; pieces]).collect();
                    rows = rows.map(|table| rows::table_in_pieces(&table, pieces)).transpose()?;
                }
                let sha256 = set.sha256.clone();
                Self {
                    set: Some(set),
                    rows,
                    tracks,
                    group,
                    groups,
                    together: vec![],
                    genres: vec![],
                    pieces: data.pieces,
                    sha256,
                    others: others(recipe)?,
                    doubled,
                    source: folder.clone(),
                    join: data.join.clone(),
                }
            }
            (None, Some(path)) => {
                let table = Table::load(path, data.id.as_deref())?;
                let table = match &data.lyrics {
                    Some(column) => rows::with_lyrics(table, column)?,
                    None => table,
                };
                let content = std::fs::read(path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                let sha256 = files::sha256_hex(&content);
                let tracks = table.tracks();
                let (group, groups) = groups(recipe, None, &tracks)?;
                Self {
                    set: None,
                    rows: Some(table),
                    tracks,
                    group,
                    groups,
                    together: vec![],
                    genres: vec![],
                    pieces: None,
                    sha256,
                    others: others(recipe)?,
                    doubled: Doubled::default(),
                    source: path.clone(),
                    join: None,
                }
            }
            (None, None) => bail!("data: give either `set` or `table`"),
        };
        opened.together = together(recipe, &opened.tracks, &opened.groups);
        let schema = opened.set.as_ref().map(|set| &set.description.schema);
        opened.genres = genres(data.genre.as_deref(), schema, &opened.tracks)?;
        Ok(opened)
    }

    /// Checks what runs of former versions may have, but no new one: a target would be made of what a joined table
    /// says, and the rows beside it of the feature of the same name.
    ///
    /// # Errors
    /// Names the columns.
    pub(super) fn check_new(&self) -> Result<()> {
        let features = &self.doubled.features;
        ensure!(
            features.is_empty(),
            "data.join: {} has columns with the names of features: {}; give them other names, or take them out",
            self.join.as_deref().unwrap_or(Path::new("")).display(),
            features.join(", ")
        );
        Ok(())
    }

    /// Checks that a run was made of these data.
    ///
    /// # Errors
    /// Tells what has changed since.
    pub(crate) fn is_that_of(&self, run: &RunInfo, folder: &Path) -> Result<()> {
        let since = format!("changed since {} was begun", folder.display());
        ensure!(run.data.sha256 == self.sha256, "the data have {since}");
        for (key, hash) in &self.others {
            let same = run.data.others.get(key).is_none_or(|before| before == hash);
            ensure!(same, "the file of {key} has {since}");
        }
        Ok(())
    }

    /// Settings of the frames, where there are any.
    pub(super) fn front_end(&self) -> Option<&FrontEndSettings> {
        self.set.as_ref().map(|set| &set.front_end)
    }

    /// What `run.json` says of them.
    pub(super) fn info(&self, name: &str) -> DataInfo {
        DataInfo {
            sha256: self.sha256.clone(),
            others: self.others.clone(),
            songs: self.tracks.len() / self.pieces.unwrap_or(1),
            pieces: self.pieces,
            folder: self.source.clone(),
            join: self.join.clone(),
            name: name.to_owned(),
            front_end: self.front_end().cloned(),
        }
    }
}

/// Hashes of the files that a recipe names beside its data. One that is gone is not missed here: weights
/// that others have been learnt from are no longer needed.
fn others(recipe: &Recipe) -> Result<BTreeMap<String, String>> {
    let weights = match &recipe.model {
        Model::Network(network) => network.pretrained().map(|(path, _)| path),
        Model::Table(_) => None,
    };
    let files = [("data.join", recipe.data.join.as_deref()), ("model.weights", weights)];
    let named = files.into_iter().filter_map(|(key, path)| Some((key, path?)));
    let named = named.filter(|(_, path)| path.exists());
    named.map(|(key, path)| Ok((key.to_owned(), files::hash_file(path).context(key)?))).collect()
}

/// The column of groups, and the group of each song: its own id where there is no column, or nothing in
/// it.
///
/// A recipe that names no column, and whose split is not one of a column, gets the one that the schema
/// names (by its usual name where there is no schema) if there is such a column.
///
/// # Errors
/// When there is no column of the name that the recipe gives.
pub(crate) fn groups<T: Borrow<Track>>(
    recipe: &Recipe,
    schema: Option<&Schema>,
    tracks: &[T],
) -> Result<(Option<String>, Vec<String>)> {
    let usual = Schema::default();
    let named = recipe.data.group.as_deref();
    let column = named.unwrap_or_else(|| schema.unwrap_or(&usual).group());
    let texts: Vec<&str> = if named.is_some() {
        tracks.iter().map(|track| track.borrow().text(column)).collect::<Result<_>>()?
    } else {
        let found: Option<Vec<&str>> = tracks
            .iter()
            .map(|track| track.borrow().columns.get(column).map(String::as_str))
            .collect();
        match found.filter(|_| recipe.split.kind != SplitKind::Column) {
            Some(texts) => texts,
            None => return Ok((None, tracks.iter().map(|t| t.borrow().id.clone()).collect())),
        }
    };
    let group = |(text, track): (&str, &T)| match text.trim() {
        "" => track.borrow().id.clone(),
        text => text.to_owned(),
    };
    Ok((Some(column.to_owned()), texts.into_iter().zip(tracks).map(group).collect()))
}

/// The genre of each song: what its column `named` says, else that of the schema (of the usual name where there
/// is none) if there is such a column.
///
/// # Errors
/// When there is no column `named`.
fn genres(named: Option<&str>, schema: Option<&Schema>, tracks: &[Track]) -> Result<Vec<String>> {
    if let Some(column) = named {
        return tracks.iter().map(|track| track.text(column).map(str::to_owned)).collect();
    }
    let usual = Schema::default();
    let column = schema.unwrap_or(&usual).genre();
    let found: Option<Vec<String>> =
        tracks.iter().map(|track| track.columns.get(column).cloned()).collect();
    Ok(found.unwrap_or_else(|| vec![String::new(); tracks.len()]))
}

/// What the recipe's split keeps together: the groups, or each track alone where it is to leak.
pub(crate) fn together<T: Borrow<Track>>(
    recipe: &Recipe,
    tracks: &[T],
    groups: &[String],
) -> Vec<String> {
    match recipe.split.leak {
        true => tracks.iter().map(|track| track.borrow().id.clone()).collect(),
        false => groups.to_vec(),
    }
}

/// The columns that are read of tracks, which hold them as text; those of rows are numbers.
fn read_of_tracks(recipe: &Recipe) -> Vec<&str> {
    let mut columns = recipe.taken_columns();
    columns.extend(recipe.data.lyrics.as_deref());
    columns
}

/// Whether all these columns are there, in the tracks or as features. What is written as the ratio of two need not be
/// one.
fn are_there(columns: &[&str], tracks: &[Track], features: &[String]) -> bool {
    let has = |track: &Track, name: &str| track.columns.contains_key(name);
    columns.iter().all(|&name| {
        name.contains('/')
            || features.iter().any(|feature| feature == name)
            || tracks.iter().all(|track| has(track, name))
    })
}

/// Makes features columns of the tracks, so that targets can be made of them as well. Where the
/// manifest has a column of that name, it stays.
pub(crate) fn add_columns(tracks: &mut [Track], features: &FeatureTable) {
    add_some(tracks, features, |_| true);
}

/// The same with some of the features: hundreds of texts a song take more memory than all else that is known of it.
fn add_some(tracks: &mut [Track], features: &FeatureTable, is_wanted: impl Fn(&str) -> bool) {
    let names = features.names.iter().enumerate();
    let wanted: Vec<(usize, &String)> = names.filter(|(_, name)| is_wanted(name)).collect();
    for (track, row) in tracks.iter_mut().zip(&features.rows) {
        for &(feature, name) in &wanted {
            if let Some(value) = row[feature] {
                track.columns.entry(name.clone()).or_insert_with(|| value.to_string());
            }
        }
    }
}

/// Takes away what is not read of tracks, before each becomes several. Where something that is read is not there,
/// all stays: an error follows, and lists it.
fn keep_read(tracks: &mut [Track], read: &[&str], schema: &Schema) {
    if !are_there(read, tracks, &[]) {
        return;
    }
    let others = [schema.group(), schema.genre()];
    let is_read = |name: &str| read.contains(&name) || others.contains(&name);
    for track in tracks {
        track.columns.retain(|name, _| is_read(name));
    }
}
