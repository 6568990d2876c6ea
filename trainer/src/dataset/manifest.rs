//! The table of songs that comes with the audio.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use super::nearest::nearest;
use super::raw_table::RawTable;
use super::schema::Schema;
use crate::files;

/// One row of the manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Its name in the data set.
    pub id: String,
    /// Audio file relative to the audio folder, as it is written.
    pub file: String,
    /// All columns by name, those of id and file included.
    pub columns: BTreeMap<String, String>,
}

impl Track {
    /// Where its file is in a folder. Spaces around a path are no part of it, as `dataset fetch` reads it, unless a
    /// file is called so.
    pub(super) fn path_in(&self, audio: &Path) -> PathBuf {
        let (written, trimmed) = (audio.join(&self.file), audio.join(self.file.trim()));
        let spaces_around = self.file != self.file.trim();
        if spaces_around && !written.exists() && trimmed.exists() { trimmed } else { written }
    }

    /// The text in a column; empty where the manifest says nothing.
    ///
    /// # Errors
    /// When there is no such column; the message lists those there are.
    pub fn text(&self, column: &str) -> Result<&str> {
        match self.columns.get(column) {
            Some(text) => Ok(text),
            None => {
                let known: Vec<&str> = self.columns.keys().map(String::as_str).collect();
                let nearest = nearest(column, known.iter().copied());
                bail!(
                    "the manifest has no column {column:?}{nearest} (it has {})",
                    known.join(", ")
                )
            }
        }
    }

    /// The number in a column.
    ///
    /// # Errors
    /// When there is no such column, or no finite number in it.
    pub fn number(&self, column: &str) -> Result<f64> {
        let text = self.text(column)?;
        let number: f64 = text
            .trim()
            .parse()
            .with_context(|| format!("track {}: {column} is {text:?}, not a number", self.id))?;
        ensure!(number.is_finite(), "track {}: {column} is {text:?}, not a number", self.id);
        Ok(number)
    }
}

/// A manifest: a table with one row a song.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The names of its columns in their order.
    pub header: Vec<String>,
    /// The songs, in the order of the file.
    pub tracks: Vec<Track>,
}

impl Manifest {
    /// Reads a CSV or Parquet file; the schema says which columns name a song and its file.
    ///
    /// # Errors
    /// When the file cannot be read, has no rows, lacks a column, or names a track twice.
    pub fn load(path: &Path, schema: &Schema) -> Result<Self> {
        let table = RawTable::load(path)?;
        Self::from_table(table, schema).with_context(|| format!("cannot use {}", path.display()))
    }

    pub(super) fn from_table(table: RawTable, schema: &Schema) -> Result<Self> {
        let require = |column: &str| {
            let header = table.header.iter().map(String::as_str);
            table.position(column).with_context(|| {
                format!(
                    "there is no column {column:?}{} (it has {}; a schema can map columns)",
                    nearest(column, header),
                    table.header.join(", ")
                )
            })
        };
        for column in schema.named() {
            require(column)?;
        }
        let file = require(schema.file())?;
        let (id_column, _) = schema.id();
        let id_at = table.position(id_column);
        let mut seen = HashSet::new();
        let mut tracks = Vec::with_capacity(table.rows.len());
        for (row, cells) in table.rows.into_iter().enumerate() {
            let file = cells[file].clone();
            let id = match id_at {
                Some(at) => cells[at].clone(),
                None => {
                    let stem = Path::new(file.trim()).file_stem().unwrap_or_default();
                    stem.to_string_lossy().into_owned()
                }
            };
            let row = row + 1;
            ensure!(!id.is_empty(), "row {row} names no track: {id_column:?} is empty");
            let plain = !id.contains(char::is_control) && id.trim() == id;
            ensure!(
                plain,
                "row {row}: the track id {id:?} has spaces around it or control characters"
            );
            ensure!(seen.insert(id.clone()), "row {row} names the track {id} a second time");
            let columns = table.header.iter().cloned().zip(cells).collect();
            tracks.push(Track { id, file, columns });
        }
        Ok(Self { header: table.header, tracks })
    }

    /// SHA-256 over all rows, in hexadecimal: the same whether they came as CSV or as Parquet.
    pub(super) fn sha256(&self) -> Result<String> {
        let mut hash = Sha256::new();
        for track in &self.tracks {
            hash.update(serde_json::to_vec(&(&track.id, &track.file, &track.columns))?);
        }
        Ok(files::hex(&hash.finalize()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_with(text: &str, schema: &str) -> Result<Manifest> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tracks.csv");
        std::fs::write(&path, text).unwrap();
        Manifest::load(&path, &toml::from_str(schema).unwrap())
    }

    fn load(text: &str) -> Result<Manifest> {
        load_with(text, "")
    }

    #[test]
    fn columns_are_read_by_name() {
        let manifest = load("track_id,file,liked\n7,a.mp3,3\n8,b.mp3,x\n9,c.mp3,nan\n").unwrap();
        assert_eq!(manifest.tracks[0].number("liked").unwrap(), 3.0);
        for (track, word) in [(1, "x"), (2, "nan")] {
            let message = format!("{:#}", manifest.tracks[track].number("liked").unwrap_err());
            assert!(message.contains("liked") && message.contains(word), "{message}");
        }
        let message = manifest.tracks[0].text("like").unwrap_err().to_string();
        assert!(message.contains("did you mean liked?"), "{message}");
    }

    #[test]
    fn a_schema_maps_columns() {
        let text = "name,path,band\nx y,1/a.mp3,q\nspotify:z,1/b.mp3,q\n";
        let schema = "[columns]\nid = \"name\"\nfile = \"path\"\ngroup = \"band\"";
        let tracks = load_with(text, schema).unwrap().tracks;
        assert_eq!((tracks[0].id.as_str(), tracks[1].file.as_str()), ("x y", "1/b.mp3"));
        let plain = load("file\nfolder/a.mp3\n").unwrap();
        assert_eq!(plain.tracks[0].id, "a");
        assert_ne!(
            plain.sha256().unwrap(),
            load("file\nfolder/b.mp3\n").unwrap().sha256().unwrap()
        );
    }

    #[test]
    fn spaces_around_a_path_are_no_part_of_it_unless_a_file_is_called_so() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.mp3"), "a").unwrap();
        let track = load("file\n\" ./a.mp3 \"\n").unwrap().tracks.remove(0);
        assert_eq!(track.id, "a");
        assert_eq!(track.path_in(dir.path()), dir.path().join("a.mp3"));
        // Where neither is there, a message names the file as it is written.
        let track = load("file\n\"a.mp3 \"\n").unwrap().tracks.remove(0);
        assert_eq!(track.path_in(Path::new("none")), Path::new("none/a.mp3 "));
        #[cfg(unix)]
        {
            std::fs::write(dir.path().join("a.mp3 "), "b").unwrap();
            assert_eq!(track.path_in(dir.path()), dir.path().join("a.mp3 "));
        }
    }

    #[test]
    fn bad_manifests_say_what_is_wrong() {
        let message = |text: &str, schema: &str| {
            let message = format!("{:#}", load_with(text, schema).unwrap_err());
            assert!(message.contains("tracks.csv"), "{message}");
            message
        };
        assert!(message("track_id,files\n1,a\n", "").contains("did you mean files?"));
        assert!(message("track_id,file\n1,a\n1,b\n", "").contains("row 2 names the track 1"));
        assert!(message("track_id,file\n,a\n", "").contains("row 1 names no track"));
        assert!(message("track_id,file\n\"a\nb\",a\n", "").contains("control"));
        assert!(message("track_id,file\n", "").contains("no rows"));
        let schema = "[columns]\ngroup = \"band\"";
        assert!(message("track_id,file,bond\n1,a,b\n", schema).contains("did you mean bond?"));
    }
}
