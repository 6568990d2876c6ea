//! Reading and writing a data set's files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use candle_core::{Device, Tensor};
use earworm_scorer::front_end::{Frame, Frames, FrontEndSettings};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::manifest::{Manifest, Track};
use crate::files;

/// What the index says of one song.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexRow {
    /// The track.
    pub track_id: String,
    /// Its number of frames.
    pub frames: usize,
    /// Its length in seconds.
    pub seconds: f64,
    /// Size of the audio file in bytes.
    pub bytes: u64,
    /// Time the audio file was last changed, in nanoseconds since 1970.
    pub modified_ns: u64,
    /// SHA-256 of the audio file in hexadecimal.
    pub sha256: String,
}

/// A song with its frames.
#[derive(Debug, Clone)]
pub struct Song {
    /// Its row in the manifest.
    pub track: Track,
    /// Its mel frames, silent ones included.
    pub frames: Frames,
}

/// A data set that was built.
#[derive(Debug)]
pub struct Dataset {
    /// Where it is.
    pub folder: PathBuf,
    /// Settings of all frames.
    pub front_end: FrontEndSettings,
    /// The songs that could be read, in the order of the manifest.
    pub songs: Vec<Song>,
    /// SHA-256 over settings, audio hashes and manifest rows, in hexadecimal.
    pub sha256: String,
}

pub(super) fn frames_path(folder: &Path, track_id: &str) -> PathBuf {
    folder.join("frames").join(format!("{track_id}.safetensors"))
}

pub(super) fn write_frames(folder: &Path, track_id: &str, frames: &Frames) -> Result<()> {
    let mel: Vec<f32> = frames.iter().flat_map(|frame| frame.mel_db.iter().copied()).collect();
    let level: Vec<f32> = frames.iter().map(|frame| frame.level_db).collect();
    let tensors = HashMap::from([
        ("mel_db", Tensor::from_vec(mel, (frames.len(), frames.bands()), &Device::Cpu)?),
        ("level_db", Tensor::from_vec(level, frames.len(), &Device::Cpu)?),
    ]);
    files::write_whole(&frames_path(folder, track_id), |path| {
        Ok(candle_core::safetensors::save(&tensors, path)?)
    })
}

fn read_frames(folder: &Path, track_id: &str, bands: usize) -> Result<Frames> {
    let path = frames_path(folder, track_id);
    let read = || -> Result<Frames> {
        let tensors = candle_core::safetensors::load(&path, &Device::Cpu)?;
        let tensor = |name: &str| tensors.get(name).with_context(|| format!("no tensor {name}"));
        let mel = tensor("mel_db")?.to_vec2::<f32>()?;
        let level = tensor("level_db")?.to_vec1::<f32>()?;
        ensure!(mel.len() == level.len(), "its tensors differ in length");
        let mut frames = Frames::new(bands);
        for (mel_db, level_db) in mel.iter().zip(level) {
            ensure!(mel_db.len() == bands, "its frames have {} bands, not {bands}", mel_db.len());
            frames.push(Frame { mel_db, level_db });
        }
        Ok(frames)
    };
    read().with_context(|| {
        format!("{} is damaged; delete it and run `dataset build` again", path.display())
    })
}

pub(super) fn index_path(folder: &Path) -> PathBuf {
    folder.join("index.csv")
}

/// The index as far as it has been written; empty when there is none yet.
pub(super) fn read_index(folder: &Path) -> Result<Vec<IndexRow>> {
    let path = index_path(folder);
    if !path.exists() {
        return Ok(Vec::new());
    }
    csv::Reader::from_path(&path)
        .and_then(|mut reader| reader.deserialize().collect())
        .with_context(|| format!("cannot read {}", path.display()))
}

pub(super) fn write_index(folder: &Path, rows: &[IndexRow]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row)?;
    }
    files::write_bytes(&index_path(folder), writer.into_inner().map_err(|e| e.into_error())?)
}

impl Dataset {
    /// Opens a data set and reads all its frames into memory.
    ///
    /// # Errors
    /// When the folder was not made by `dataset build`, or a file in it is damaged.
    pub fn open(folder: &Path) -> Result<Self> {
        let settings = folder.join("front_end.json");
        let text = std::fs::read(&settings).with_context(|| {
            format!(
                "{} is no data set; make it with `earworm-train dataset build`",
                folder.display()
            )
        })?;
        let front_end: FrontEndSettings = serde_json::from_slice(&text)
            .with_context(|| format!("cannot read {}", settings.display()))?;
        front_end.validate().with_context(|| format!("cannot use {}", settings.display()))?;
        let manifest = Manifest::load(&folder.join("tracks.csv"))?;
        let index = read_index(folder)?;
        let by_id: HashMap<&str, &IndexRow> =
            index.iter().map(|row| (row.track_id.as_str(), row)).collect();

        let mut hash = Sha256::new();
        hash.update(serde_json::to_vec(&front_end)?);
        let mut songs = Vec::new();
        for track in manifest.tracks {
            let Some(row) = by_id.get(track.id.as_str()) else { continue };
            hash.update(serde_json::to_vec(&(&row.sha256, &track.columns))?);
            let frames = read_frames(folder, &track.id, front_end.n_mels)?;
            songs.push(Song { track, frames });
        }
        if songs.is_empty() {
            bail!("the data set {} has no songs", folder.display());
        }
        let sha256 = files::hex(&hash.finalize());
        Ok(Self { folder: folder.to_owned(), front_end, songs, sha256 })
    }
}
