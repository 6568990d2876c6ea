//! `cargo xtask cross-check`: whether everything compiles for Windows and macOS, as far as `cargo check`
//! tells on Linux: all of the Rust and the C in dependencies, but nothing is linked or run; with `--run`, tests
//! for Windows are, in Wine ([`wine`]).
//!
//! C for Windows is compiled by MinGW, for macOS by Zig, which brings Apple's headers along; both are
//! installed if they are missing.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::cli::{CrossCheckArgs, CrossTarget};
use crate::steps::Steps;
use crate::system;
use crate::venv;
use crate::wine;
use crate::workspace::{Workspace, succeed};

impl CrossTarget {
    fn triple(self) -> &'static str {
        match self {
            Self::Windows => "x86_64-pc-windows-gnu",
            Self::Macos => "aarch64-apple-darwin",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Windows => "Windows (x86_64)",
            Self::Macos => "macOS (Apple silicon)",
        }
    }
}

/// Does it.
pub(crate) fn cross_check(workspace: &Workspace, args: &CrossCheckArgs) -> Result<ExitCode> {
    let targets = match args.only {
        Some(only) => vec![only],
        None => vec![CrossTarget::Windows, CrossTarget::Macos],
    };
    let mut steps = Steps::default();
    // One that fails does not hide what the other has to say.
    let mut results: Vec<Result<()>> = targets
        .iter()
        .map(|target| steps.step(target.title(), || check(workspace, *target)))
        .collect();
    if args.run && targets.contains(&CrossTarget::Windows) {
        let run = || wine::run_tests(workspace, CrossTarget::Windows.triple());
        results.push(steps.step("Windows, in Wine", run));
    }
    print!("{}", steps.summary());
    results.into_iter().collect::<Result<()>>()?;
    Ok(ExitCode::SUCCESS)
}

fn check(workspace: &Workspace, target: CrossTarget) -> Result<()> {
    system::ensure(&[&system::C_COMPILER])?;
    let folder = workspace.target.join("cross");
    succeed(Command::new("rustup").args(["target", "add", target.triple()]))
        .context("rustup brings the standard library of other systems")?;
    let mut cargo = match target {
        CrossTarget::Windows => {
            system::ensure(&[&system::MINGW])?;
            workspace.cargo(["check"])
        }
        CrossTarget::Macos => {
            let requirements = workspace.root.join("xtask/cross/requirements.txt");
            let python = venv::ensure(&folder.join("python"), &requirements)?;
            let programs = python.parent().context("an interpreter lies in a folder")?;
            let mut check = Command::new(programs.join("cargo-zigbuild"));
            check.arg("check").current_dir(&workspace.root);
            check.env("PATH", first_in_path(programs.to_owned())?);
            check
        }
    };
    cargo.args(["--workspace", "--all-targets", "--target", target.triple()]);
    // Apart, so that host programs with other features do not undo each other.
    cargo.env("CARGO_TARGET_DIR", folder);
    succeed(&mut cargo)
}

/// The search path with this folder before all others.
fn first_in_path(folder: PathBuf) -> Result<std::ffi::OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&path)))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_searched_first() {
        let path = first_in_path("/somewhere/bin".into()).unwrap();
        let mut folders = std::env::split_paths(&path);
        assert_eq!(folders.next(), Some(PathBuf::from("/somewhere/bin")));
        assert!(folders.count() > 0, "what was searched before still is");
    }
}
