//! `cargo xtask miri`: code that is `unsafe`, or that threads race in, in Miri, which interprets it and sees what
//! no processor shows: accesses out of bounds or of what is not there any more, values that were never written,
//! and threads that touch the same memory with nothing between them.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::cli::MiriArgs;
use crate::steps::Steps;
use crate::system;
use crate::workspace::{Workspace, succeed, succeeds};

/// The toolchain that has Miri.
const TOOLCHAIN: &str = "nightly";

/// The package that has the files and nothing that Miri need not build.
const PACKAGE: &str = "earworm-interpreted";

/// Does it.
pub(crate) fn miri(workspace: &Workspace, args: MiriArgs) -> Result<ExitCode> {
    let mut steps = Steps::default();
    let result = all_steps(workspace, args, &mut steps);
    print!("{}", steps.summary());
    result.map(|()| ExitCode::SUCCESS)
}

fn all_steps(workspace: &Workspace, args: MiriArgs, steps: &mut Steps) -> Result<()> {
    steps.step("system packages", || system::ensure(&system::for_compiling()))?;
    steps.step("toolchain", toolchain)?;
    steps.step("tap, inlet, frames: races and memory", || {
        let seeds = format!("-Zmiri-many-seeds=0..{}", args.seeds);
        succeed(test(workspace, "live::").env("MIRIFLAGS", seeds))
    })?;
    steps.step("downmix: memory", || succeed(&mut test(workspace, "downmix::")))
}

/// A run of the tests whose names begin so.
fn test(workspace: &Workspace, tests: &str) -> Command {
    let mut cargo = nightly(workspace);
    cargo.args(["miri", "test", "--package", PACKAGE, "--lib", "--", tests]);
    cargo
}

/// Installs what is missing of it.
fn toolchain() -> Result<()> {
    if succeeds(Command::new("rustup").args(["run", TOOLCHAIN, "cargo", "miri", "--version"])) {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup.args(["toolchain", "install", TOOLCHAIN, "--profile", "minimal"]);
    succeed(rustup.args(["--component", "miri,rust-src"]))
        .context("Miri comes with a nightly toolchain, which rustup installs: https://rustup.rs")
}

/// A call of that toolchain's cargo. `CARGO` names this one's.
fn nightly(workspace: &Workspace) -> Command {
    let mut cargo = Command::new("rustup");
    cargo.args(["run", TOOLCHAIN, "cargo"]).current_dir(&workspace.root);
    cargo.env_remove("CARGO").env_remove("RUSTC").env_remove("RUSTUP_TOOLCHAIN");
    cargo
}
