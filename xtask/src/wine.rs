//! Tests built for Windows, run on Linux by Wine: `cargo xtask cross-check --run`.
//!
//! Wine is not Windows. But it refuses what Windows refuses where files are concerned, loads libraries as Windows does,
//! and has no signals.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::system;
use crate::test;
use crate::workspace::{Workspace, succeed};

/// Builds everything for Windows and runs its tests.
pub(crate) fn run_tests(workspace: &Workspace, triple: &str) -> Result<()> {
    system::ensure(&[&system::MINGW, &system::WINE, system::XVFB])?;
    let folder = workspace.target.join("cross");
    let wine = folder.join("wine");
    let libraries = wine.join("lib");
    std::fs::create_dir_all(&libraries)?;
    succeed(
        Command::new("x86_64-w64-mingw32-gcc")
            .args(["-shared", "-o"])
            .arg(libraries.join("bcryptprimitives.dll"))
            .arg(workspace.root.join("xtask/wine/bcryptprimitives.c"))
            .arg("-ladvapi32"),
    )?;
    let screen = Screen::start()?;
    let cargo = |arguments: &[&str]| {
        let mut cargo = workspace.cargo(arguments.iter().copied());
        cargo.args(["--target", triple]);
        cargo.env("CARGO_TARGET_DIR", &folder);
        // Linking a hundred programs with it takes most of the time.
        cargo.env("CARGO_PROFILE_DEV_DEBUG", "0");
        cargo.env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", "wine");
        cargo.env("WINEPREFIX", wine.join("prefix")).env("WINEDEBUG", "-all");
        cargo.env("WINEPATH", as_wine_names(&libraries)).env("DISPLAY", &screen.display);
        // The tests are not to call cargo themselves.
        cargo.env("EARWORM_BUILT", "1");
        cargo
    };
    succeed(&mut cargo(&["build", "--workspace", "--bins", "--tests"]))?;
    let mut tests = cargo(&["test", "--workspace", "--exclude", "xtask", "--no-fail-fast"]);
    succeed(tests.args(test::portable()))
}

/// What a path on this system is called in Wine.
fn as_wine_names(path: &Path) -> String {
    format!("Z:{}", path.display()).replace('/', "\\")
}

/// A virtual screen, without which Wine makes no windows, not even those that are never shown.
struct Screen {
    server: Child,
    display: String,
}

impl Screen {
    fn start() -> Result<Self> {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start Xvfb")?;
        let mut number = String::new();
        let stdout = server.stdout.take().context("it was piped")?;
        BufReader::new(stdout).read_line(&mut number)?;
        let screen = Self { server, display: format!(":{}", number.trim()) };
        ensure!(screen.display.len() > 1, "Xvfb did not start");
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_drive_that_is_the_root() {
        assert_eq!(as_wine_names(Path::new("/a b/c")), r"Z:\a b\c");
    }
}
