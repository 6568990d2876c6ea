//! `dataset.json`: what a data set was made from and how.

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use earworm_scorer::front_end::FrontEndSettings;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::schema::Schema;
use super::song_features::FeatureSet;
use crate::files;

/// Version of the files' layout. Another one is not read.
pub(super) const FORMAT: u32 = 2;

/// Rises whenever the same audio and settings give other frames or features than before.
pub(super) const EXTRACTION: u32 = 1;

/// What decides, beside its audio, what is kept of a song.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extraction {
    /// Version of the code that reads songs.
    pub version: u32,
    /// Settings of the mel frames.
    pub front_end: FrontEndSettings,
    /// Sets of features that are computed from each song.
    pub features: Vec<FeatureSet>,
    /// Length in seconds of the chorus that is looked for in each song.
    pub chorus_seconds: Option<f64>,
    /// SHA-256 of the model whose embeddings stand in place of mel frames, where they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<String>,
}

impl Extraction {
    /// A hash that every shard carries, so that frames of other settings are never mistaken.
    pub(super) fn hash(&self) -> Result<[u8; 32]> {
        Ok(Sha256::digest(serde_json::to_vec(self)?).into())
    }
}

/// One of several parts of a data set, built apart: `--shard index/of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Which part, from 0.
    pub index: u32,
    /// How many parts there are.
    pub of: u32,
}

impl Part {
    /// Whether a track belongs to this part: by a hash of its name, the same on every machine.
    pub fn holds(&self, track_id: &str) -> bool {
        let digest = Sha256::digest(track_id.as_bytes());
        let bytes = digest.first_chunk::<8>().copied().unwrap_or_default();
        u64::from_le_bytes(bytes) % u64::from(self.of) == u64::from(self.index)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "part-{}-of-{}", self.index, self.of)
    }
}

impl FromStr for Part {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let part = text.split_once('/').and_then(|(index, of)| {
            Some(Self { index: index.parse().ok()?, of: of.parse().ok()? })
        });
        match part {
            Some(part) if part.index < part.of => Ok(part),
            _ => bail!("a shard is written i/n with i from 0 to n − 1, such as 0/16"),
        }
    }
}

/// What a data set was made from and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Version of the files' layout.
    pub format: u32,
    /// How songs were read.
    pub extraction: Extraction,
    /// Names of the features of each song, in the order of their values.
    pub feature_names: Vec<String>,
    /// Which columns of the manifest hold what.
    #[serde(default)]
    pub schema: Schema,
    /// Hash over all rows of the manifest, those of other parts included.
    pub manifest_sha256: String,
    /// Number of those rows.
    pub manifest_rows: u64,
    /// Which part of the manifest this is; absent where it is all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
}

impl Description {
    /// Reads a data set's description.
    ///
    /// # Errors
    /// When the folder holds no data set, one of another version, or a damaged one.
    pub fn load(folder: &Path) -> Result<Self> {
        Self::find(folder)?.with_context(|| {
            format!(
                "{} is no data set; make it with `earworm-train dataset build`",
                folder.display()
            )
        })
    }

    /// The same, with `None` where the folder holds no data set.
    pub(super) fn find(folder: &Path) -> Result<Option<Self>> {
        let shown = folder.display();
        let path = folder.join("dataset.json");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                ensure!(
                    !folder.join("front_end.json").exists(),
                    "{shown} was made by an earlier version of earworm-train; delete it and build it again"
                );
                return Ok(None);
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let read = || -> Result<Self> {
            let value: serde_json::Value = serde_json::from_slice(&text)?;
            let format = value.get("format").and_then(serde_json::Value::as_u64);
            if let Some(format) = format.filter(|&format| format != u64::from(FORMAT)) {
                bail!(
                    "it was made by another version of earworm-train (format {format}, this one has {FORMAT}); delete it and build it again"
                );
            }
            let description: Self = serde_json::from_value(value)?;
            description.extraction.front_end.validate()?;
            Ok(description)
        };
        read().with_context(|| format!("cannot read the data set {shown}")).map(Some)
    }

    pub(super) fn save(&self, folder: &Path) -> Result<()> {
        files::write_bytes(&folder.join("dataset.json"), serde_json::to_vec_pretty(self)?)
    }

    /// What songs were read with here and not in `now`, as options of a build: at least one where the frames
    /// or features of the two differ.
    pub(super) fn other_options(&self, now: &Self) -> Vec<String> {
        let (old, new) = (&self.extraction, &now.extraction);
        let mut other = Vec::new();
        if old.version != new.version {
            other.push("another version of earworm-train".to_owned());
        }
        match (&old.embedding, &new.embedding) {
            // A model of embeddings brings its own frames.
            (Some(_), None) => other.push("--embedding".into()),
            (None, Some(_)) => other.push("no --embedding".into()),
            (a, b) if a != b => other.push("another --embedding".into()),
            _ if old.front_end != new.front_end => other.push("another --front-end".into()),
            _ => {}
        }
        if old.features != new.features {
            let names: Vec<String> = old.features.iter().map(ToString::to_string).collect();
            other.push(match names.is_empty() {
                true => "no --features".into(),
                false => format!("--features {}", names.join(",")),
            });
        }
        if old.chorus_seconds != new.chorus_seconds {
            other.push(match old.chorus_seconds {
                Some(seconds) => format!("--chorus {seconds}"),
                None => "no --chorus".into(),
            });
        }
        if other.is_empty() {
            other.push(format!(
                "{} features, not {}",
                self.feature_names.len(),
                now.feature_names.len()
            ));
        }
        other
    }

    /// What must agree for two parts to be parts of the same data set.
    pub(super) fn without_part(&self) -> Self {
        Self { part: None, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_written_i_of_n() {
        let part: Part = "3/8".parse().unwrap();
        assert_eq!((part, part.to_string().as_str()), (Part { index: 3, of: 8 }, "part-3-of-8"));
        for bad in ["8/8", "3", "-1/4", "0/0", "a/b", ""] {
            let message = bad.parse::<Part>().unwrap_err().to_string();
            assert!(message.contains("i/n"), "{message}");
        }
    }

    #[test]
    fn every_track_is_in_exactly_one_part() {
        let mut sizes = [0; 5];
        for id in (0..1000).map(|n| format!("track {n}")) {
            let homes: Vec<u32> =
                (0..5).filter(|&index| Part { index, of: 5 }.holds(&id)).collect();
            assert_eq!(homes.len(), 1);
            sizes[homes[0] as usize] += 1;
        }
        assert!(sizes.iter().all(|&size| (150..250).contains(&size)), "{sizes:?}");
    }

    #[test]
    fn what_is_no_data_set_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let message = || format!("{:#}", Description::load(dir.path()).unwrap_err());
        assert!(message().contains("is no data set"));
        std::fs::write(dir.path().join("front_end.json"), "{}").unwrap();
        assert!(message().contains("build it again"));
        for (content, word) in
            [("{\"format\": 99}", "format 99"), ("{", "EOF"), ("{\"format\": 2}", "extraction")]
        {
            std::fs::write(dir.path().join("dataset.json"), content).unwrap();
            assert!(message().contains(word), "{}", message());
        }
    }
}
