//! The session's curve as files: a table for spreadsheets, a picture for people.

mod picture;
mod table;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use earworm_kit::whole_file::write_bytes;
use earworm_scorer::Model;

use crate::session::{Log, Session};

pub use picture::picture;
pub use table::table;

/// What the curve is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values.
    Table,
    /// A PNG.
    Picture,
}

impl Format {
    /// What names of such files end in.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Table => "csv",
            Self::Picture => "png",
        }
    }

    /// Whether a name ends so.
    fn is_ending_of(self, path: &Path) -> bool {
        path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(self.extension()))
    }
}

/// Writes the curve into the file that somebody chose. Its name is given the format's ending, unless it has
/// that; no file is replaced that goes by the longer name, as nobody has been asked about that one. Which file
/// was written.
///
/// # Errors
/// Names the file that cannot be written.
pub fn export(session: &Session, chosen: &Path, format: Format) -> anyhow::Result<PathBuf> {
    let path = with_ending(chosen, format);
    if path != chosen && path.symlink_metadata().is_ok() {
        anyhow::bail!("there is a {} already: choose it, or another name", path.display());
    }
    let content = match format {
        Format::Table => table(session)?.into_bytes(),
        Format::Picture => picture(session)?,
    };
    write_bytes(&path, &content)?;
    Ok(path)
}

/// Behind the whole name: what follows a dot in it may be part of a title.
fn with_ending(path: &Path, format: Format) -> PathBuf {
    if format.is_ending_of(path) {
        return path.to_owned();
    }
    let mut name = OsString::from(path);
    name.push(".");
    name.push(format.extension());
    name.into()
}

/// What there is to be seen, which while it is held is not the latest, and the model that scored it.
fn shown(session: &Session) -> (Log, Option<Arc<Model>>) {
    match session.held() {
        Some(held) => (held.log.clone(), Some(held.model.clone())),
        // Both at once, so that they are of one stream.
        None => session.with_log(|log| (log.clone(), session.model())),
    }
}

#[cfg(test)]
mod tests;
