//! What statistics are taken of: the songs of a data set, or the rows of a table.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::Source;
use super::columns::{Categories, Column, Numbers, Origin, column_of};
use super::warnings::{self, Warning};
use crate::dataset::{Dataset, RawTable, Schema, SongEntry, Track};

/// What is looked at, whichever source it comes from.
pub(super) struct Material {
    pub(super) source: PathBuf,
    pub(super) sha256: Option<String>,
    pub(super) schema: Schema,
    pub(super) header: Vec<String>,
    /// One row a song; of a table, a track without audio.
    pub(super) tracks: Vec<Track>,
    pub(super) songs: Option<Vec<SongEntry>>,
    pub(super) features: Vec<Numbers>,
    pub(super) unread: Vec<Warning>,
}

impl Material {
    pub(super) fn load(source: &Source) -> Result<Self> {
        match source {
            Source::Dataset(folder) => Self::of_dataset(folder),
            Source::Table { path, schema } => {
                let schema = schema.as_deref().map(Schema::load).transpose()?.unwrap_or_default();
                let table = RawTable::load(path)?;
                for column in schema.named() {
                    ensure!(
                        table.position(column).is_some(),
                        "{} has no column {column:?}, which the schema names",
                        path.display()
                    );
                }
                let id_at = table.position(schema.id().0);
                let tracks = table.rows.iter().enumerate().map(|(row, cells)| Track {
                    id: id_at.map_or_else(|| format!("row {}", row + 1), |at| cells[at].clone()),
                    file: String::new(),
                    columns: table.header.iter().cloned().zip(cells.iter().cloned()).collect(),
                });
                Ok(Self {
                    source: path.clone(),
                    sha256: None,
                    tracks: tracks.collect(),
                    header: table.header,
                    schema,
                    songs: None,
                    features: Vec::new(),
                    unread: Vec::new(),
                })
            }
        }
    }

    fn of_dataset(folder: &Path) -> Result<Self> {
        let dataset = Dataset::open(folder)?;
        let features = dataset.features()?;
        let features = features.iter().flat_map(|table| {
            table.names.iter().enumerate().map(|(at, name)| Numbers {
                name: name.clone(),
                origin: Origin::Features,
                values: table.rows.iter().map(|row| row[at]).collect(),
            })
        });
        Ok(Self {
            source: folder.to_owned(),
            sha256: Some(dataset.sha256.clone()),
            schema: dataset.description.schema.clone(),
            tracks: dataset.songs.iter().map(|song| song.track.clone()).collect(),
            features: features.collect(),
            unread: warnings::unread(&dataset.skipped, &dataset.unread)
                .into_iter()
                .chain(warnings::catalogues(&dataset))
                .collect(),
            header: dataset.header,
            songs: Some(dataset.songs),
        })
    }

    /// The cells of a column; `None` where there is no such column.
    pub(super) fn cells(&self, column: &str) -> Option<Vec<&str>> {
        self.tracks.iter().map(|track| track.columns.get(column).map(String::as_str)).collect()
    }

    /// The tracks with their features as columns, as targets can be made of them.
    pub(super) fn tracks_with_features(&self) -> Vec<Track> {
        let mut tracks = self.tracks.clone();
        for feature in &self.features {
            for (track, value) in tracks.iter_mut().zip(&feature.values) {
                if let Some(value) = value {
                    let column = track.columns.entry(feature.name.clone());
                    column.or_insert_with(|| value.to_string());
                }
            }
        }
        tracks
    }

    /// The manifest's columns that are worth a picture.
    pub(super) fn columns(&self) -> (Vec<Numbers>, Vec<Categories>) {
        let (mut numbers, mut categories) = (Vec::new(), Vec::new());
        for name in &self.header {
            if name == self.schema.id().0 || name == self.schema.file() {
                continue;
            }
            let Some(cells) = self.cells(name) else { continue };
            match column_of(name, cells.into_iter()) {
                Column::Numbers(column) => numbers.push(column),
                Column::Categories(column) => categories.push(column),
                Column::Texts => {}
            }
        }
        (numbers, categories)
    }

    /// What the audio itself says.
    pub(super) fn audio(&self) -> Vec<Numbers> {
        let Some(songs) = &self.songs else { return Vec::new() };
        let column = |name: &str, of: fn(&SongEntry) -> Option<f64>| Numbers {
            name: name.to_owned(),
            origin: Origin::Audio,
            values: songs.iter().map(of).collect(),
        };
        let mut columns = vec![
            column("length, s", |song| Some(song.seconds)),
            column("audible share", |song| Some(song.audible as f64 / song.frames.max(1) as f64)),
            column("samples at full scale, %", |song| Some(100.0 * song.clipped)),
        ];
        if songs.iter().any(|song| song.chorus.is_some()) {
            columns.push(column("chorus start, s", |song| song.chorus));
        }
        columns
    }
}
