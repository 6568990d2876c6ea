//! The other side of a comparison: a Python that has it, the script that runs it, and what either side prints.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::venv;
use crate::workspace::{Workspace, output};

/// A script or a list of requirements by its name.
pub(super) fn script(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.root.join("xtask/bench").join(name)
}

/// The Python that EARWORM_PYTHON names, else one in this folder of the target folder that has what these
/// requirements ask for.
pub(super) fn python(workspace: &Workspace, folder: &str, requirements: &str) -> Result<PathBuf> {
    venv::named_or_made(&workspace.target.join(folder), &script(workspace, requirements))
}

/// What the last line says that a program prints.
pub(super) fn last_line<T: for<'a> Deserialize<'a>>(command: &mut Command) -> Result<T> {
    last_line_of(output(command)?)
}

/// What the last line says of what a program has printed.
pub(super) fn last_line_of<T: for<'a> Deserialize<'a>>(printed: Vec<u8>) -> Result<T> {
    let text = String::from_utf8(printed)?;
    let line = text.lines().last().context("nothing was printed")?;
    serde_json::from_str(line).with_context(|| format!("not what was to be printed: {line}"))
}
