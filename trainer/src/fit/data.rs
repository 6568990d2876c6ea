//! What a recipe's data are: songs of a data set, or rows of a table.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use earworm_scorer::front_end::FrontEndSettings;

use super::rows;
use crate::dataset::{Dataset, FeatureTable, Schema, Track};
use crate::files;
use crate::recipe::{Recipe, SplitKind};
use crate::run::DataInfo;
use crate::table::Table;

/// The songs of a recipe.
pub(crate) struct Data {
    /// Frames, where the data come from a data set.
    pub(crate) set: Option<Dataset>,
    /// Features, where there are any.
    pub(crate) rows: Option<Table>,
    /// Names and manifest columns.
    pub(crate) tracks: Vec<Track>,
    /// Group of each song; each its own where there is no column of groups.
    pub(crate) groups: Vec<String>,
    /// The column of groups: the recipe's, or the one that the data set's schema names.
    pub(crate) group: Option<String>,
    /// Genre of each song; empty where the recipe names no column.
    pub(crate) genres: Vec<String>,
    sha256: String,
    source: PathBuf,
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
                let features = set.features()?;
                if let Some(features) = &features {
                    add_columns(&mut tracks, features);
                }
                if let Some(path) = &data.join {
                    rows::join(&mut tracks, path)?;
                }
                let wanted = recipe.model.wants_rows(data) || !data.beside.is_empty();
                let mut rows = match wanted {
                    true => Some(rows::of_set(&tracks, features, data, folder)?),
                    false => None,
                };
                if let Some(pieces) = data.pieces {
                    tracks = rows::in_pieces(&tracks, pieces);
                    rows = rows.map(|table| rows::table_in_pieces(&table, pieces)).transpose()?;
                }
                let sha256 = set.sha256.clone();
                Self {
                    set: Some(set),
                    rows,
                    tracks,
                    group: None,
                    groups: vec![],
                    genres: vec![],
                    sha256,
                    source: folder.clone(),
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
                Self {
                    set: None,
                    rows: Some(table),
                    tracks,
                    group: None,
                    groups: vec![],
                    genres: vec![],
                    sha256,
                    source: path.clone(),
                }
            }
            (None, None) => bail!("data: give either `set` or `table`"),
        };
        let schema = opened.set.as_ref().map(|set| &set.description.schema);
        let tracks: Vec<&Track> = opened.tracks.iter().collect();
        let (group, groups) = groups(recipe, schema, &tracks)?;
        let genre = |track: &Track| match &data.genre {
            Some(column) => track.text(column).map(str::to_owned),
            None => Ok(String::new()),
        };
        opened.genres = opened.tracks.iter().map(genre).collect::<Result<_>>()?;
        (opened.group, opened.groups) = (group, groups);
        Ok(opened)
    }

    /// Settings of the frames, where there are any.
    pub(super) fn front_end(&self) -> Option<&FrontEndSettings> {
        self.set.as_ref().map(|set| &set.front_end)
    }

    /// What `run.json` says of them.
    pub(super) fn info(&self, name: &str) -> DataInfo {
        DataInfo {
            sha256: self.sha256.clone(),
            songs: self.tracks.len(),
            folder: self.source.clone(),
            name: name.to_owned(),
            front_end: self.front_end().cloned(),
        }
    }
}

/// The column of groups, and the group of each song, each its own where there is no column.
///
/// A recipe that names no column, and whose split is not one of a column, gets the one that the schema
/// names (by its usual name where there is no schema) if there is such a column; a song without an entry
/// there is a group of its own.
///
/// # Errors
/// When there is no column of the name that the recipe gives.
pub(crate) fn groups(
    recipe: &Recipe,
    schema: Option<&Schema>,
    tracks: &[&Track],
) -> Result<(Option<String>, Vec<String>)> {
    let own = || tracks.iter().map(|track| track.id.clone()).collect::<Vec<_>>();
    if let Some(column) = &recipe.data.group {
        let of_column = || {
            let texts = tracks.iter().map(|track| track.text(column).map(str::to_owned));
            texts.collect::<Result<Vec<_>>>()
        };
        let groups = if recipe.split.leak { own() } else { of_column()? };
        return Ok((Some(column.clone()), groups));
    }
    let usual = Schema::default();
    let column = schema.unwrap_or(&usual).group();
    let texts: Option<Vec<&String>> =
        tracks.iter().map(|track| track.columns.get(column)).collect();
    let wanted = recipe.split.kind != SplitKind::Column && !recipe.split.leak;
    let Some(texts) = texts.filter(|_| wanted) else { return Ok((None, own())) };
    let group = |(text, track): (&String, &&Track)| match text.trim() {
        "" => track.id.clone(),
        _ => text.clone(),
    };
    Ok((Some(column.to_owned()), texts.into_iter().zip(tracks).map(group).collect()))
}

/// Makes features columns of the tracks, so that targets can be made of them as well. Where the
/// manifest has a column of that name, it stays.
pub(crate) fn add_columns(tracks: &mut [Track], features: &FeatureTable) {
    for (track, row) in tracks.iter_mut().zip(&features.rows) {
        for (name, cell) in features.names.iter().zip(row) {
            if let Some(value) = cell {
                track.columns.entry(name.clone()).or_insert_with(|| value.to_string());
            }
        }
    }
}
