//! `earworm reload`: tells the Earworm that runs to read its configuration again.

use anyhow::Context;
use clap::Args;

use crate::config::{self, ConfigFile, HistoryFile};
use crate::exit::Outcome;
use crate::history;

/// What `earworm reload` takes.
#[derive(Debug, Args)]
pub(crate) struct ReloadArgs {
    /// Where the configuration is.
    #[command(flatten)]
    pub(crate) config: ConfigFile,
    /// The history that it writes, by which it is found.
    #[command(flatten)]
    pub(crate) file: HistoryFile,
}

/// Finds it by the history that it writes, and tells it.
///
/// # Errors
/// When there is none, or the configuration cannot be used: then it is not told.
pub(crate) fn run(args: &ReloadArgs) -> anyhow::Result<Outcome> {
    // It would refuse it as well, but only in its log.
    config::File::read(args.config.path.as_deref())?;
    let file = config::history_file(&args.file, args.config.path.as_deref())?;
    let process = history::writer(&file)
        .with_context(|| format!("no Earworm writes to {}; is it running?", file.display()))?;
    tell(process)?;
    Ok(Outcome::Done)
}

#[cfg(unix)]
fn tell(process: u32) -> anyhow::Result<()> {
    let id = libc::pid_t::try_from(process)?;
    // A hang-up would end one that runs in a terminal.
    // SAFETY: it only sends a signal.
    if unsafe { libc::kill(id, libc::SIGUSR1) } != 0 {
        let error = std::io::Error::last_os_error();
        return Err(error).with_context(|| format!("cannot tell process {process} to reload"));
    }
    Ok(())
}

#[cfg(not(unix))]
fn tell(process: u32) -> anyhow::Result<()> {
    anyhow::bail!("process {process} cannot be told on this system; start it again instead")
}
