//! A configuration file, read and written back.

use super::command;
use super::file::{self, File};

/// What a text sets.
#[derive(Debug)]
pub struct Read {
    /// The settings, one for one.
    pub settings: String,
    /// What the program makes of them.
    pub used: String,
    /// The token, if one is set.
    pub token: Option<String>,
    /// What `earworm config show` writes.
    pub shown: String,
}

/// Reads the text of a configuration file.
///
/// # Errors
/// Says what is wrong with it.
pub fn read(text: &str) -> Result<Read, String> {
    let (table, options) = file::parse(text)?;
    let used = (options.wish(), options.keep(), options.rules(), options.history.file());
    Ok(Read {
        settings: format!("{options:?}"),
        used: format!("{used:?}"),
        token: options.token,
        shown: command::show(&File { path: "config.toml".into(), exists: true, table }),
    })
}
