//! `earworm service`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use earworm_kit::whole_file::{folder_of, write_bytes};
use earworm_scorer::model::LARGEST_FILE;

use super::unit;
use crate::config::{self, Options};
use crate::exit::{Outcome, complain, describe};

/// What `earworm service` takes.
#[derive(Debug, Args)]
pub(crate) struct ServiceArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: ServiceCommand,
}

/// The commands about the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Write the service's file, and start it.
    Install {
        /// Only print the file.
        #[arg(long)]
        print: bool,
        /// Only write the file.
        #[arg(long, conflicts_with = "print")]
        no_start: bool,
    },
    /// Stop the service and take its file away.
    Uninstall,
    /// Say how it does.
    Status,
}

/// Installs, takes away or shows the service.
///
/// # Errors
/// When there is no systemd for the user here, or it refuses.
pub(crate) fn run(args: &ServiceArgs) -> anyhow::Result<Outcome> {
    if !cfg!(target_os = "linux") {
        bail!("this is done for systemd only; docs/service.md tells how it goes on this system");
    }
    match args.command {
        ServiceCommand::Install { print, no_start } => install(print, no_start),
        ServiceCommand::Uninstall => uninstall(),
        ServiceCommand::Status => status(),
    }
}

fn install(print: bool, no_start: bool) -> anyhow::Result<Outcome> {
    let program = std::env::current_exe().context("cannot tell where this program lies")?;
    // The service knows the configuration, and nothing of what is set here.
    let configured = config::load(&Options::default(), None).map(|options| options.model);
    let model_bytes = model_bytes(configured).unwrap_or_else(|why| {
        complain(&format!(
            "the service may take up to {} MB of memory, as it is not known how large its model is \
             ({}); type `earworm service install` again once that is put right",
            unit::memory_mb(LARGEST_FILE),
            describe(&why)
        ));
        LARGEST_FILE
    });
    let text = unit::text(&program, model_bytes)?;
    if print {
        io::stdout().write_all(text.as_bytes())?;
        return Ok(Outcome::Done);
    }
    let path = unit::path()?;
    let folder = folder_of(&path);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    write_bytes(&path, &text)?;
    writeln!(io::stdout(), "wrote {}", path.display())?;
    if no_start {
        return Ok(Outcome::Done);
    }
    systemctl(&["daemon-reload"])?;
    systemctl(&["enable", unit::NAME])?;
    // One that runs already is of the program as it was before.
    systemctl(&["restart", unit::NAME])?;
    writeln!(io::stdout(), "started; it comes back with your next login")?;
    Ok(Outcome::Done)
}

/// How large the model is that is configured; nothing for the built-in one.
///
/// # Errors
/// Why that cannot be learnt: what is wrong may be put right later, and name any.
fn model_bytes(configured: anyhow::Result<Option<PathBuf>>) -> anyhow::Result<u64> {
    let Some(file) = configured? else { return Ok(0) };
    let found = std::fs::metadata(&file).with_context(|| file.display().to_string())?;
    Ok(found.len().min(LARGEST_FILE))
}

/// The file is there whole or not at all.
fn uninstall() -> anyhow::Result<Outcome> {
    let path = unit::path()?;
    if !path.exists() {
        bail!("there is no service: {} does not exist", path.display());
    }
    // It may not run, and there may be no systemd to ask any more.
    let stopped = systemctl(&["disable", "--now", unit::NAME]);
    std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    writeln!(io::stdout(), "removed {}", path.display())?;
    stopped?;
    systemctl(&["daemon-reload"])?;
    Ok(Outcome::Done)
}

fn status() -> anyhow::Result<Outcome> {
    let path = unit::path()?;
    if !path.exists() {
        writeln!(io::stdout(), "not installed; `earworm service install` does it")?;
        return Ok(Outcome::SomeFailed);
    }
    let mut command = Command::new("systemctl");
    command.args(["--user", "--no-pager", "status", unit::NAME]);
    let status = command.status().context("cannot run systemctl")?;
    Ok(if status.success() { Outcome::Done } else { Outcome::SomeFailed })
}

fn systemctl(args: &[&str]) -> anyhow::Result<()> {
    let line = format!("systemctl --user {}", args.join(" "));
    let output = Command::new("systemctl")
        .arg("--user")
        .args(args)
        .output()
        .with_context(|| format!("cannot run `{line}`: is there systemd on this system?"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}` failed: {}", said.trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_cannot_be_learnt_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("own.onnx");
        assert_eq!(model_bytes(Ok(None)).unwrap(), 0);
        let error = model_bytes(Ok(Some(file.clone()))).unwrap_err();
        assert!(describe(&error).contains("own.onnx"), "{error:#}");
        std::fs::write(&file, "model").unwrap();
        assert_eq!(model_bytes(Ok(Some(file))).unwrap(), 5);
        let error = model_bytes(Err(anyhow::anyhow!("no such key"))).unwrap_err();
        assert_eq!(describe(&error), "no such key");
    }
}
