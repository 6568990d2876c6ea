//! What can be set. Each key is a flag, an environment variable and a key of the configuration file,
//! from one definition; flags win over the environment, and that over the file.

mod command;
mod file;
mod options;

use std::path::Path;

pub(crate) use command::run;
pub(crate) use file::File;
pub(crate) use options::{Address, HistoryFile, Options, SongsBy};

/// What is set: by flags and environment, and for the rest by the file.
///
/// # Errors
/// When the file cannot be used.
pub(crate) fn load(given: &Options, file: Option<&Path>) -> anyhow::Result<Options> {
    let (_, in_file) = File::read(file)?;
    Ok(given.clone().or(in_file))
}
