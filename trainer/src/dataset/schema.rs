//! Which columns of a manifest hold what.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::nearest::nearest;
use super::toml_text;

/// The mapping of a manifest's columns, from a small TOML file:
///
/// ```toml
/// [columns]
/// id = "spotify_id"
/// file = "path"
/// group = "artist_name"
/// genre = "style"
/// ```
///
/// A column that is not named is looked for under its usual name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// The columns by what they mean.
    #[serde(default)]
    pub columns: SchemaColumns,
}

/// The columns by what they mean.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaColumns {
    /// The song's name in the data set; `track_id` where there is such a column, else the file's
    /// name without its ending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The audio file; `file` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What must not be on both sides of a split; `artist` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Within what results are reported as well; `genre` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub genre: Option<String>,
}

/// What a schema can say.
const KEYS: [&str; 4] = ["id", "file", "group", "genre"];

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// When the file cannot be read or has a key that means nothing; the message suggests one.
    pub fn load(path: &Path) -> Result<Self> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        Self::parse(&text).with_context(|| format!("cannot use {name}"))
    }

    /// Reads a schema from its text.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &str) -> Result<Self> {
        let table: toml::Table = toml_text::parse(text)?;
        for (key, value) in &table {
            if key != "columns" {
                bail!("unknown key {key:?}; a schema has one table, [columns]");
            }
            for key in value.as_table().into_iter().flat_map(toml::Table::keys) {
                if !KEYS.contains(&key.as_str()) {
                    let known = KEYS.join(", ");
                    bail!("unknown key columns.{key}{} (there are {known})", nearest(key, KEYS));
                }
            }
        }
        toml_text::parse(text)
    }

    /// The column with the song's name in the data set, and whether the schema asks for it.
    pub fn id(&self) -> (&str, bool) {
        (self.columns.id.as_deref().unwrap_or("track_id"), self.columns.id.is_some())
    }

    /// The column with the audio file.
    pub fn file(&self) -> &str {
        self.columns.file.as_deref().unwrap_or("file")
    }

    /// The column whose values must not be on both sides of a split.
    pub fn group(&self) -> &str {
        self.columns.group.as_deref().unwrap_or("artist")
    }

    /// The column within whose values results are reported as well.
    pub fn genre(&self) -> &str {
        self.columns.genre.as_deref().unwrap_or("genre")
    }

    /// Every column that the schema names outright.
    pub(crate) fn named(&self) -> impl Iterator<Item = &str> {
        let columns = &self.columns;
        [&columns.id, &columns.file, &columns.group, &columns.genre]
            .into_iter()
            .filter_map(Option::as_deref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_usual_names_and_can_be_mapped() {
        assert_eq!(Schema::default().file(), "file");
        let schema = Schema::parse("[columns]\nid = \"song\"\ngroup = \"band\"").unwrap();
        assert_eq!(
            (schema.id(), schema.group(), schema.genre()),
            (("song", true), "band", "genre")
        );
        assert_eq!(schema.named().collect::<Vec<_>>(), ["song", "band"]);
        let again: Schema = toml::from_str(&toml::to_string(&schema).unwrap()).unwrap();
        assert_eq!(again, schema);
    }

    #[test]
    fn a_typo_gets_a_suggestion() {
        let message = |text: &str| format!("{:#}", Schema::parse(text).unwrap_err());
        assert!(message("[columns]\ngorup = \"a\"").contains("columns.gorup; did you mean group?"));
        assert!(message("[column]\nid = \"a\"").contains("[columns]"));
        assert!(message("[columns]\nid = 3").contains("string"));
        assert!(message("[columns").contains("table") && message("[columns").lines().count() == 1);
    }
}
