//! Python environments inside the target folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::system;
use crate::workspace::{output, succeed};

/// Names an interpreter that has all that is needed.
pub(crate) const NAMED: &str = "EARWORM_PYTHON";

/// Inside an environment: what it was made from. It is written last, so half an environment has none.
const STAMP: &str = "earworm-stamp.txt";

/// The interpreter that `EARWORM_PYTHON` names, which has all that is needed; else that of [`ensure`].
pub(crate) fn named_or_made(dir: &Path, requirements: &Path) -> Result<PathBuf> {
    match std::env::var_os(NAMED) {
        Some(python) => {
            println!("{NAMED} names {}", Path::new(&python).display());
            Ok(PathBuf::from(python))
        }
        None => ensure(dir, requirements),
    }
}

/// Makes the environment in `dir` hold what `requirements` asks for and gives its interpreter.
/// Nothing is done where it was made from the same requirements with the same Python.
pub(crate) fn ensure(dir: &Path, requirements: &Path) -> Result<PathBuf> {
    system::ensure(&[&system::PYTHON])?;
    let version = output(Command::new("python3").arg("--version"))?;
    let stamp = stamp(&String::from_utf8_lossy(&version), requirements)?;
    let python = dir.join("bin/python");
    if is_current(dir, &stamp) && python.exists() {
        return Ok(python);
    }
    eprintln!("installing {} into {}", requirements.display(), dir.display());
    succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(dir))?;
    succeed(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["--only-binary", ":all:", "--requirement"])
            .arg(requirements),
    )
    .context("cannot install the packages (their versions ask for Python 3.11 or later)")?;
    std::fs::write(dir.join(STAMP), stamp)?;
    Ok(python)
}

/// What an environment is made from: the version of Python and the requirements.
fn stamp(version: &str, requirements: &Path) -> Result<String> {
    let wanted = std::fs::read_to_string(requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    Ok(format!("{version}{wanted}"))
}

fn is_current(dir: &Path, stamp: &str) -> bool {
    std::fs::read_to_string(dir.join(STAMP)).is_ok_and(|made_from| made_from == stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_current_until_its_requirements_change() {
        let dir = tempfile::tempdir().unwrap();
        let requirements = dir.path().join("requirements.txt");
        std::fs::write(&requirements, "numpy==2.4.6\n").unwrap();
        let made_from = |version| stamp(version, &requirements).unwrap();
        let first = made_from("Python 3.11.2\n");
        assert!(!is_current(dir.path(), &first), "nothing was made yet");
        std::fs::write(dir.path().join(STAMP), &first).unwrap();
        assert!(is_current(dir.path(), &made_from("Python 3.11.2\n")));
        assert!(!is_current(dir.path(), &made_from("Python 3.12.1\n")));
        std::fs::write(&requirements, "numpy==2.4.7\n").unwrap();
        assert!(!is_current(dir.path(), &made_from("Python 3.11.2\n")));
    }
}
