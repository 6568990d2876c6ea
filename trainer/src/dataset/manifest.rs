//! The table of songs that comes with the audio.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// One row of the manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Its name in the data set: the column `track_id`, or the file's name without ending.
    pub id: String,
    /// Audio file relative to the audio folder.
    pub file: String,
    /// All columns by name.
    pub columns: BTreeMap<String, String>,
}

impl Track {
    /// The text in a column.
    ///
    /// # Errors
    /// When there is no such column; the message lists those there are.
    pub fn text(&self, column: &str) -> Result<&str> {
        match self.columns.get(column) {
            Some(text) => Ok(text),
            None => {
                let known: Vec<&str> = self.columns.keys().map(String::as_str).collect();
                bail!("the manifest has no column {column:?}; it has {}", known.join(", "))
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

/// A manifest: a CSV file with one row a song.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The songs, in the order of the file.
    pub tracks: Vec<Track>,
}

impl Manifest {
    /// Reads a CSV file with a header and at least the column `file`.
    ///
    /// # Errors
    /// When the file cannot be read, has no column `file`, or names a track twice.
    pub fn load(path: &Path) -> Result<Self> {
        let name = path.display();
        let mut reader =
            csv::Reader::from_path(path).with_context(|| format!("cannot read {name}"))?;
        let header = reader.headers().with_context(|| format!("cannot read {name}"))?.clone();
        ensure!(
            header.iter().any(|column| column == "file"),
            "{name} has no column \"file\" that names the audio of each song"
        );
        let mut seen = HashSet::new();
        let mut tracks = Vec::new();
        for row in reader.records() {
            let row = row.with_context(|| format!("cannot read {name}"))?;
            let columns: BTreeMap<String, String> =
                header.iter().map(str::to_owned).zip(row.iter().map(str::to_owned)).collect();
            let file = columns["file"].clone();
            let id = columns.get("track_id").cloned().unwrap_or_else(|| {
                Path::new(&file).file_stem().unwrap_or_default().to_string_lossy().into_owned()
            });
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            ensure!(
                !id.is_empty() && id.chars().all(plain) && !id.starts_with('.'),
                "{name}: the track id {id:?} is not made of letters, digits, '-', '_' and '.'"
            );
            ensure!(seen.insert(id.clone()), "{name} names the track {id} twice");
            tracks.push(Track { id, file, columns });
        }
        Ok(Self { tracks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Manifest> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tracks.csv");
        std::fs::write(&path, text).unwrap();
        Manifest::load(&path)
    }

    #[test]
    fn columns_are_read_by_name() {
        let manifest = load("track_id,file,liked\n7,a.mp3,3\n8,b.mp3,x\n").unwrap();
        assert_eq!(manifest.tracks[0].number("liked").unwrap(), 3.0);
        let message = format!("{:#}", manifest.tracks[1].number("liked").unwrap_err());
        assert!(message.contains("track 8") && message.contains("liked"), "{message}");
        assert!(manifest.tracks[0].text("plays").unwrap_err().to_string().contains("track_id"));
    }

    #[test]
    fn bad_manifests_say_what_is_wrong() {
        assert!(load("track_id,name\n1,a\n").unwrap_err().to_string().contains("\"file\""));
        assert!(load("track_id,file\n1,a\n1,b\n").unwrap_err().to_string().contains("twice"));
        assert!(load("track_id,file\n../x,a\n").unwrap_err().to_string().contains("track id"));
    }
}
