//! What a recipe's data are: songs of a data set, or rows of a table.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use earworm_scorer::front_end::FrontEndSettings;

use super::rows;
use crate::dataset::{Dataset, FeatureTable, Track};
use crate::files;
use crate::recipe::Recipe;
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
    /// Group of each song; each its own where the recipe names no column.
    pub(crate) groups: Vec<String>,
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
                    groups: vec![],
                    genres: vec![],
                    sha256,
                    source: path.clone(),
                }
            }
            (None, None) => bail!("data: give either `set` or `table`"),
        };
        let column = |name: &Option<String>, without: &dyn Fn(&Track) -> String| {
            opened
                .tracks
                .iter()
                .map(|track| match name {
                    Some(column) => track.text(column).map(str::to_owned),
                    None => Ok(without(track)),
                })
                .collect::<Result<Vec<String>>>()
        };
        let (groups, genres) = (
            column(&data.group.clone().filter(|_| !recipe.split.leak), &|track| track.id.clone())?,
            column(&data.genre, &|_| String::new())?,
        );
        (opened.groups, opened.genres) = (groups, genres);
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
