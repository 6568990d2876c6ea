//! `cargo xtask install`: builds the programs and the plugin and copies them to where programs and DAWs look.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::bundle::{self, System};
use crate::cli::{InstallArgs, InstallPart};
use crate::system;
use crate::workspace::Workspace;

/// The programs, each with the name of its part.
const PROGRAMS: [(InstallPart, &str); 3] = [
    (InstallPart::Program, "earworm"),
    (InstallPart::Meter, "earworm-meter"),
    (InstallPart::Trainer, "earworm-train"),
];

/// Does it.
pub(crate) fn install(workspace: &Workspace, args: InstallArgs) -> Result<ExitCode> {
    let programs = programs(args.only);
    if !programs.is_empty() {
        let folder = match args.to {
            Some(folder) => folder,
            None => home()?.join(".local/bin"),
        };
        install_programs(workspace, &programs, &folder)?;
    }
    if args.only.is_none_or(|only| only == InstallPart::Plugin) {
        install_plugin(workspace, args.plugins_to.as_deref())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The programs of that part, or all.
fn programs(only: Option<InstallPart>) -> Vec<&'static str> {
    let wanted = PROGRAMS.iter().filter(|(part, _)| only.is_none_or(|only| only == *part));
    wanted.map(|(_, program)| *program).collect()
}

fn install_programs(workspace: &Workspace, programs: &[&str], folder: &Path) -> Result<()> {
    system::ensure(&system::for_program())?;
    for program in programs {
        if *program == bundle::PROGRAM {
            system::ensure(&system::for_plugin())?;
        }
        let program = workspace.release_program(program)?;
        let installed = replace(&program, folder)
            .with_context(|| format!("cannot install to {}", folder.display()))?;
        println!("installed {}", installed.display());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|entry| entry == folder) {
        println!("note: {} is not in PATH", folder.display());
    }
    Ok(())
}

fn install_plugin(workspace: &Workspace, to: Option<&Path>) -> Result<()> {
    let bundles = bundle::make(workspace, None, None)?;
    let (clap, vst3) = match to {
        Some(folder) => (folder.to_owned(), folder.to_owned()),
        None => plugin_folders(System::here(), &home()?, local_app_data().as_deref()),
    };
    for (bundle, folder) in [(&bundles.clap, &clap), (&bundles.vst3, &vst3)] {
        let installed = replace(bundle, folder)
            .with_context(|| format!("cannot install to {}", folder.display()))?;
        println!("installed {}", installed.display());
    }
    println!("let your DAW look for new plugins");
    Ok(())
}

/// Where DAWs look for CLAP and for VST3 plugins of one user.
fn plugin_folders(
    system: System,
    home: &Path,
    local_app_data: Option<&Path>,
) -> (PathBuf, PathBuf) {
    match system {
        System::Linux => (home.join(".clap"), home.join(".vst3")),
        System::Mac => {
            let folder = home.join("Library/Audio/Plug-Ins");
            (folder.join("CLAP"), folder.join("VST3"))
        }
        System::Windows => {
            let local = local_app_data.map_or_else(|| home.join("AppData/Local"), Path::to_owned);
            let folder = local.join("Programs/Common");
            (folder.join("CLAP"), folder.join("VST3"))
        }
    }
}

fn local_app_data() -> Option<PathBuf> {
    std::env::var_os("LOCALAPPDATA").map(PathBuf::from)
}

fn home() -> Result<PathBuf> {
    std::env::home_dir().context("there is no home folder: name folders with --to or --plugins-to")
}

/// Copies a file or folder into a folder under another name, then renames it, so that one that is in
/// use is replaced whole.
fn replace(what: &Path, folder: &Path) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let installed = folder.join(what.file_name().expect("what is installed has a name"));
    let copy = installed.with_extension("new");
    bundle::remove(&copy)?;
    copy_all(what, &copy)?;
    if installed.is_dir() {
        // A folder cannot be renamed onto another.
        bundle::remove(&installed)?;
    }
    std::fs::rename(&copy, &installed)?;
    Ok(installed)
}

/// Copies a file, or a folder with all that is in it.
pub(crate) fn copy_all(from: &Path, to: &Path) -> std::io::Result<()> {
    if !from.is_dir() {
        return std::fs::copy(from, to).map(drop);
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_program_can_be_had() {
        assert_eq!(programs(None), ["earworm", "earworm-meter", "earworm-train"]);
        assert_eq!(programs(Some(InstallPart::Trainer)), ["earworm-train"]);
        assert_eq!(programs(Some(InstallPart::Meter)), ["earworm-meter"]);
        assert!(programs(Some(InstallPart::Plugin)).is_empty());
    }

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

    #[test]
    fn a_bundle_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let (bundle, folder) = (dir.path().join("Earworm.vst3"), dir.path().join("plugins"));
        for name in ["old.so", "new.so"] {
            let _ = std::fs::remove_dir_all(&bundle);
            std::fs::create_dir_all(bundle.join("Contents")).unwrap();
            std::fs::write(bundle.join("Contents").join(name), name).unwrap();
            let installed = replace(&bundle, &folder).unwrap();
            let inside: Vec<_> = std::fs::read_dir(installed.join("Contents")).unwrap().collect();
            assert_eq!(inside.len(), 1);
            assert!(installed.join("Contents").join(name).exists());
        }
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn plugins_go_where_daws_look() {
        let home = Path::new("/home/ann");
        let linux = plugin_folders(System::Linux, home, None);
        assert_eq!(linux, (home.join(".clap"), home.join(".vst3")));
        let (clap, _) = plugin_folders(System::Mac, home, None);
        assert_eq!(clap, home.join("Library/Audio/Plug-Ins/CLAP"));
        let local = Path::new("/local");
        let (_, vst3) = plugin_folders(System::Windows, home, Some(local));
        assert_eq!(vst3, local.join("Programs/Common/VST3"));
    }
}
