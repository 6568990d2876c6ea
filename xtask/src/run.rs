//! `cargo xtask run`: builds the meter and plays the demo song through it.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::cli::RunArgs;
use crate::system;
use crate::workspace::Workspace;

/// Does it. On Unix it does not come back: the meter takes this process's place, so that the
/// terminal and Ctrl-C are its own.
pub(crate) fn run(workspace: &Workspace, args: RunArgs) -> Result<ExitCode> {
    system::ensure(&system::for_program())?;
    let mut meter = Command::new(workspace.release_program("earworm")?);
    meter.args(listen_args(&workspace.demo(), args.listen));
    start(&mut meter).with_context(|| format!("cannot start {:?}", meter.get_program()))
}

/// The arguments of the meter: those given, and the demo song unless they name an input.
fn listen_args(demo: &Path, given: Vec<OsString>) -> Vec<OsString> {
    let names_input = |arg: &OsString| {
        arg.to_str().is_some_and(|arg| arg == "--input" || arg.starts_with("--input="))
    };
    let mut args = vec![OsString::from("listen")];
    if !given.iter().any(names_input) {
        args.extend(["--input".into(), demo.into()]);
    }
    args.extend(given);
    args
}

#[cfg(unix)]
fn start(meter: &mut Command) -> std::io::Result<ExitCode> {
    Err(std::os::unix::process::CommandExt::exec(meter))
}

#[cfg(not(unix))]
fn start(meter: &mut Command) -> std::io::Result<ExitCode> {
    let status = meter.status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(given: &[&str]) -> Vec<OsString> {
        listen_args(Path::new("demo.ogg"), given.iter().map(OsString::from).collect())
    }

    #[test]
    fn the_demo_song_plays_unless_an_input_is_named() {
        assert_eq!(args(&[]), ["listen", "--input", "demo.ogg"]);
        assert_eq!(args(&["--fast"]), ["listen", "--input", "demo.ogg", "--fast"]);
        assert_eq!(args(&["--input", "my.wav"]), ["listen", "--input", "my.wav"]);
        assert_eq!(args(&["--input=my.wav"]), ["listen", "--input=my.wav"]);
    }
}
