//! `cargo xtask install`: builds `earworm` and copies it to a folder for programs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::cli::InstallArgs;
use crate::system;
use crate::workspace::Workspace;

/// Does it.
pub(crate) fn install(workspace: &Workspace, args: InstallArgs) -> Result<ExitCode> {
    let folder = match args.to {
        Some(folder) => folder,
        None => default_folder()?,
    };
    system::ensure(&system::BUILD)?;
    let program = workspace.release_program("earworm")?;
    let installed = replace(&program, &folder)
        .with_context(|| format!("cannot install to {}", folder.display()))?;
    println!("installed {}", installed.display());
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|entry| entry == folder) {
        println!("note: {} is not in PATH", folder.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn default_folder() -> Result<PathBuf> {
    let home = std::env::var_os("HOME").context("HOME is not set: name a folder with --to")?;
    Ok(Path::new(&home).join(".local/bin"))
}

/// Copies a program into a folder under another name, then renames it, so that one that is running
/// is replaced whole.
fn replace(program: &Path, folder: &Path) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let installed = folder.join(program.file_name().expect("a program has a name"));
    let copy = installed.with_extension("new");
    std::fs::copy(program, &copy)?;
    std::fs::rename(&copy, &installed)?;
    Ok(installed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_replaced_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("earworm");
        let folder = dir.path().join("new/bin");
        for content in ["first", "second"] {
            std::fs::write(&program, content).unwrap();
            let installed = replace(&program, &folder).unwrap();
            assert_eq!(std::fs::read_to_string(installed).unwrap(), content);
        }
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    }
}
