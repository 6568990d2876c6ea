//! What can be set. Each key is a flag, an environment variable and a key of the configuration file,
//! from one definition; flags win over the environment, and that over the file.

mod command;
mod file;
pub(crate) mod fuzzed;
mod options;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::Context;

pub(crate) use command::{ConfigArgs, run};
pub(crate) use file::{ConfigFile, File};
pub(crate) use options::{Address, HistoryFile, Options, SongsBy};

/// What is set: by flags and environment, and for the rest by the file.
///
/// # Errors
/// When the file cannot be used.
pub(crate) fn load(given: &Options, file: Option<&Path>) -> anyhow::Result<Options> {
    let (_, in_file) = File::read(file)?;
    Ok(given.clone().or(in_file))
}

/// The history that is meant: by flag, environment or configuration.
///
/// # Errors
/// When there is none, or the configuration cannot be used.
pub(crate) fn history_file(given: &HistoryFile, config: Option<&Path>) -> anyhow::Result<PathBuf> {
    let given = Options { history: given.clone(), ..Options::default() };
    let file = load(&given, config)?.history.file();
    file.context("the history is off; name its file with --history")
}

/// Lets environment variables of ours that are empty mean what those mean that are not there. For the
/// very start of the program.
pub(crate) fn forget_empty_variables() {
    for (name, value) in std::env::vars_os() {
        let ours = name.to_str().is_some_and(|name| name.starts_with("EARWORM_"));
        if ours && value.is_empty() {
            // SAFETY: there is no other thread yet that could read the environment meanwhile.
            unsafe { std::env::remove_var(name) };
        }
    }
}
