//! A finished data set, opened to learn from it.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use earworm_scorer::front_end::FrontEndSettings;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::construction::{layout_of, reader_lock};
use super::description::Description;
use super::index::{self, BuiltSong, Entry};
use super::manifest::Track;
use super::shard::{self, FramesView, Place, Record, Shard};
use super::table_file::{self, Cells, Kind, ROWS_AT_A_TIME};
use super::tracks;
use crate::files;

/// A song of a data set.
#[derive(Debug, Clone, PartialEq)]
pub struct SongEntry {
    /// Its row in the manifest.
    pub track: Track,
    /// Its number of frames.
    pub frames: usize,
    /// Frames that are not silent.
    pub audible: usize,
    /// Its length.
    pub seconds: f64,
    /// SHA-256 of its audio file in hexadecimal.
    pub sha256: String,
    /// Where its chorus starts, in seconds; `None` where none was looked for or found.
    pub chorus: Option<f64>,
    /// Share of its samples at full scale or beyond, from 0 to 1.
    pub clipped: f64,
    /// What its audio is coded with: `mp3`, `flac`, `pcm_s16le` and so on. `None` where an older version built
    /// the data set.
    pub codec: Option<String>,
}

/// Places of songs whose audio is the same to the byte: two or more in each list, in the songs' order.
pub(crate) fn same_recordings(songs: &[SongEntry]) -> Vec<Vec<usize>> {
    let mut by_hash: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, song) in songs.iter().enumerate() {
        by_hash.entry(&song.sha256).or_default().push(at);
    }
    by_hash.into_values().filter(|songs| songs.len() > 1).collect()
}

/// Features of songs: one row a song.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureTable {
    /// The features' names.
    pub names: Vec<String>,
    /// The songs in the data set's order, each with a value for every name; `None` where the song
    /// gives none.
    pub rows: Vec<Vec<Option<f64>>>,
}

/// A data set that was built. Its index is in memory, its frames are mapped: memory does not grow with
/// the length of the songs.
#[derive(Debug)]
pub struct Dataset {
    /// Where it is.
    pub folder: PathBuf,
    /// Settings of all frames.
    pub front_end: FrontEndSettings,
    /// The songs that could be read, in the order of the manifest.
    pub songs: Vec<SongEntry>,
    /// SHA-256 over settings, audio hashes and manifest rows, in hexadecimal: the same however the data
    /// set was built.
    pub sha256: String,
    /// What it was made from and how.
    pub description: Description,
    /// Songs that could not be read, with the reason.
    pub skipped: Vec<(String, String)>,
    /// The manifest's columns in their order.
    pub(crate) header: Vec<String>,
    /// Of each song: its row in the manifest and what the index says.
    pub(super) built: Vec<(u64, BuiltSong)>,
    /// Rows of tracks that were neither read nor skipped.
    pub(crate) unread: Vec<(u64, Track)>,
    /// Rows of tracks that were skipped.
    pub(super) skipped_rows: Vec<(u64, Track)>,
    shards: BTreeMap<u32, Shard>,
    _lock: Option<File>,
}

impl Dataset {
    /// Opens a data set. Its shards are mapped and their lengths checked; the frames themselves are not
    /// read (see [`Dataset::verify`]).
    ///
    /// # Errors
    /// When the folder was not made by `dataset build`, was made by another version, holds no songs, or
    /// a file in it is damaged; the message says what to do.
    pub fn open(folder: &Path) -> Result<Self> {
        let dataset = Self::open_any(folder)?;
        ensure!(!dataset.songs.is_empty(), "the data set {} has no songs", folder.display());
        Ok(dataset)
    }

    /// The same for a data set that may be empty.
    pub(super) fn open_any(folder: &Path) -> Result<Self> {
        let description = Description::load(folder)?;
        let lock = reader_lock(folder);
        let layout = layout_of(&description)?;
        let tracks::Rows { header, tracks } = tracks::read(folder, &description.schema)?;
        let mut entries: HashMap<String, Entry> = index::read(folder)?.into_iter().collect();

        let mut dataset = Self {
            folder: folder.to_owned(),
            front_end: description.extraction.front_end.clone(),
            songs: Vec::new(),
            sha256: String::new(),
            description,
            skipped: Vec::new(),
            header,
            built: Vec::new(),
            unread: Vec::new(),
            skipped_rows: Vec::new(),
            shards: BTreeMap::new(),
            _lock: lock,
        };
        let mut hash = Sha256::new();
        hash.update(serde_json::to_vec(&dataset.description.extraction)?);
        for (row, track) in tracks {
            match entries.remove(&track.id) {
                None => dataset.unread.push((row, track)),
                Some(Entry::Skipped { reason }) => {
                    dataset.skipped.push((track.id.clone(), reason));
                    dataset.skipped_rows.push((row, track));
                }
                Some(Entry::Built(song)) => {
                    hash.update(serde_json::to_vec(&(
                        &track.id,
                        &song.audio_sha256,
                        &track.columns,
                    ))?);
                    let number = song.place.shard;
                    if let std::collections::btree_map::Entry::Vacant(slot) =
                        dataset.shards.entry(number)
                    {
                        let path = shard::path_of(folder, number, &layout);
                        slot.insert(Shard::open(&path, layout).with_context(|| damaged(folder))?);
                    }
                    dataset.shards[&number]
                        .record(song.place.offset, song.frames)
                        .with_context(|| {
                            shard::path_of(folder, number, &layout).display().to_string()
                        })
                        .with_context(|| damaged(folder))?;
                    dataset.songs.push(SongEntry {
                        track,
                        frames: song.frames as usize,
                        audible: song.audible as usize,
                        seconds: song.seconds,
                        sha256: song.audio_sha256.clone(),
                        chorus: song.chorus,
                        clipped: song.clipped,
                        codec: song.codec.clone(),
                    });
                    dataset.built.push((row, song));
                }
            }
        }
        dataset.sha256 = files::hex(&hash.finalize());
        Ok(dataset)
    }

    /// Number of songs of the manifest that no build has come to yet.
    pub fn unread(&self) -> usize {
        self.unread.len()
    }

    /// All frames of a song, silent ones included, as they lie on the disk.
    ///
    /// # Panics
    /// When there is no such song.
    pub fn frames(&self, song: usize) -> FramesView<'_> {
        self.record(song).frames
    }

    pub(super) fn record(&self, song: usize) -> Record<'_> {
        let (_, entry) = &self.built[song];
        let Place { shard, offset } = entry.place;
        match self.shards[&shard].record(offset, entry.frames) {
            Ok(record) => record,
            Err(_) => unreachable!("every song's place was checked when the data set was opened"),
        }
    }

    /// The numbers of the shards that hold songs.
    pub(super) fn shard_numbers(&self) -> impl Iterator<Item = u32> {
        self.shards.keys().copied()
    }

    /// Bytes of all shards, and of what songs take up in them.
    pub fn bytes(&self) -> (u64, u64) {
        let all = self.shards.values().map(Shard::len).sum();
        let used = (0..self.songs.len()).map(|song| self.record(song).bytes.len() as u64).sum();
        (all, used)
    }

    /// Reads all frames and compares them with the hashes they were written with.
    ///
    /// # Errors
    /// When frames are damaged; the message names the first such song and says what to do.
    pub fn verify(&self) -> Result<()> {
        let damaged: Vec<&str> = (0..self.songs.len())
            .into_par_iter()
            .filter(|&song| {
                files::sha256_hex(self.record(song).bytes) != self.built[song].1.content_sha256
            })
            .map(|song| self.songs[song].track.id.as_str())
            .collect();
        match damaged.as_slice() {
            [] => Ok(()),
            [first, others @ ..] => bail!(
                "the frames of track {first}{} in {} are damaged; run `dataset build` again with --verify",
                if others.is_empty() {
                    String::new()
                } else {
                    format!(" and {} more", others.len())
                },
                self.folder.display()
            ),
        }
    }

    /// The features of all songs; `None` where the data set was built without any.
    ///
    /// # Errors
    /// When the file with the features is damaged or does not belong to the songs.
    pub fn features(&self) -> Result<Option<FeatureTable>> {
        let names = &self.description.feature_names;
        if names.is_empty() {
            return Ok(None);
        }
        let read = || -> Result<FeatureTable> {
            let mut table = table_file::read(&self.features_path())?;
            ensure!(
                table.notes.get(SONGS_NOTE) == Some(&self.content_hash())
                    && table.rows == self.songs.len(),
                "its features are not those of its songs"
            );
            let mut rows = vec![Vec::with_capacity(names.len()); self.songs.len()];
            for name in names {
                for (row, cell) in rows.iter_mut().zip(table.real(name)?) {
                    row.push(cell);
                }
            }
            Ok(FeatureTable { names: names.clone(), rows })
        };
        read().map(Some).with_context(|| damaged(&self.folder))
    }

    fn features_path(&self) -> PathBuf {
        self.folder.join("features.parquet")
    }

    /// A hash over the songs' frames and features, in their order.
    fn content_hash(&self) -> String {
        let mut hash = Sha256::new();
        for (entry, (_, song)) in self.songs.iter().zip(&self.built) {
            hash.update(entry.track.id.as_bytes());
            hash.update([0]);
            hash.update(song.content_sha256.as_bytes());
        }
        files::hex(&hash.finalize())
    }

    /// Writes `features.parquet` from the shards, or takes it away where there are no features.
    pub(super) fn write_features(&self) -> Result<()> {
        let names = &self.description.feature_names;
        let path = self.features_path();
        if names.is_empty() {
            std::fs::remove_file(path).ok();
            return Ok(());
        }
        let hash = self.content_hash();
        let noted = table_file::notes(&path).ok();
        if noted.is_some_and(|notes| notes.get(SONGS_NOTE) == Some(&hash)) {
            return Ok(());
        }
        let mut columns = vec![("track_id", Kind::Text)];
        columns.extend(names.iter().map(|name| (name.as_str(), Kind::Real)));
        let songs: Vec<usize> = (0..self.songs.len()).collect();
        let batches = songs.chunks(ROWS_AT_A_TIME).map(|songs| {
            let id = |&song: &usize| Some(self.songs[song].track.id.clone());
            let mut cells = vec![Cells::Text(songs.iter().map(id).collect())];
            cells.extend((0..names.len()).map(|feature| {
                let value = |&song: &usize| {
                    let value = self.record(song).features[feature];
                    value.is_finite().then_some(f64::from(value))
                };
                Cells::Real(songs.iter().map(value).collect())
            }));
            Ok(cells)
        });
        table_file::write(&path, &columns, &[(SONGS_NOTE, hash)], batches)
    }
}

/// Note in `features.parquet`: the hash of the songs whose features it holds.
const SONGS_NOTE: &str = "earworm.songs";

fn damaged(folder: &Path) -> String {
    format!("the data set {} is damaged; run `dataset build` again", folder.display())
}
