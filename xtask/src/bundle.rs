//! `cargo xtask bundle`: the plugin as hosts want it on each system.
//!
//! A CLAP plugin is the library under another name, in a bundle folder on macOS; a VST3 plugin is a
//! bundle folder everywhere.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::cli::BundleArgs;
use crate::licences;
use crate::system;
use crate::workspace::{Workspace, succeed};

/// What hosts list.
const NAME: &str = "Earworm";
/// The bundle identifier on macOS, without the format.
const IDENTIFIER: &str = "earworm.meter";
/// The program whose build makes the library as well.
pub(crate) const PROGRAM: &str = "earworm-meter";
/// The package of both.
const PACKAGE: &str = "earworm-plugin";
/// The library's name in cargo.
const LIBRARY: &str = "earworm_plugin";

/// Systems that lay bundles out differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    /// Linux and its like.
    Linux,
    /// macOS.
    Mac,
    /// Windows.
    Windows,
}

impl System {
    /// The one this runs on.
    pub(crate) fn here() -> Self {
        match std::env::consts::OS {
            "macos" => Self::Mac,
            "windows" => Self::Windows,
            _ => Self::Linux,
        }
    }
}

/// Both bundles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bundles {
    /// `Earworm.clap`.
    pub(crate) clap: PathBuf,
    /// `Earworm.vst3`.
    pub(crate) vst3: PathBuf,
}

/// Does it.
pub(crate) fn bundle(workspace: &Workspace, args: BundleArgs) -> Result<ExitCode> {
    // What is in a library that was built elsewhere, cargo does not know.
    let is_built_here = args.library.is_none();
    let bundles = make(workspace, args.library, args.to)?;
    println!("{}\n{}", bundles.clap.display(), bundles.vst3.display());
    if is_built_here {
        let licences = bundles.clap.with_file_name(licences::FILE);
        std::fs::write(&licences, licences::third_party(workspace, &[PACKAGE])?)
            .with_context(|| format!("cannot write {}", licences.display()))?;
        println!("{}", licences.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the library, unless there is one, and bundles it.
pub(crate) fn make(
    workspace: &Workspace,
    library: Option<PathBuf>,
    to: Option<PathBuf>,
) -> Result<Bundles> {
    let library = match library {
        Some(library) => library,
        None => {
            system::ensure(&system::for_plugin())?;
            workspace.release_library(PROGRAM, LIBRARY)?
        }
    };
    let folder = to.unwrap_or_else(|| workspace.target.join("bundled"));
    let bundles = lay_out(&library, &folder, System::here(), std::env::consts::ARCH)?;
    if System::here() == System::Mac {
        for bundle in [&bundles.clap, &bundles.vst3] {
            // Without a signature of any kind, Apple's processors load nothing.
            succeed(Command::new("codesign").args(["--force", "--sign", "-"]).arg(bundle))?;
        }
    }
    Ok(bundles)
}

/// Makes both bundles in a folder, in place of older ones.
fn lay_out(library: &Path, folder: &Path, system: System, arch: &str) -> Result<Bundles> {
    let bundles = Bundles {
        clap: folder.join(format!("{NAME}.clap")),
        vst3: folder.join(format!("{NAME}.vst3")),
    };
    let make = || -> Result<()> {
        std::fs::create_dir_all(folder)?;
        remove(&bundles.clap)?;
        remove(&bundles.vst3)?;
        match system {
            System::Mac => {
                mac_bundle(library, &bundles.clap, "clap")?;
                mac_bundle(library, &bundles.vst3, "vst3")?;
            }
            System::Linux | System::Windows => {
                std::fs::copy(library, &bundles.clap)?;
                let inside = bundles.vst3.join("Contents").join(vst3_folder(system, arch)?);
                std::fs::create_dir_all(&inside)?;
                let extension = if system == System::Windows { "vst3" } else { "so" };
                std::fs::copy(library, inside.join(format!("{NAME}.{extension}")))?;
            }
        }
        Ok(())
    };
    make().with_context(|| {
        format!("cannot bundle {} into {}", library.display(), folder.display())
    })?;
    Ok(bundles)
}

/// The folder that Steinberg's specification has for a system and processor.
fn vst3_folder(system: System, arch: &str) -> Result<String> {
    Ok(match (system, arch) {
        (System::Linux, arch) => format!("{arch}-linux"),
        (System::Windows, "x86_64") => "x86_64-win".into(),
        (System::Windows, "x86") => "x86-win".into(),
        (System::Windows, "aarch64") => "arm64-win".into(),
        (System::Windows, other) => bail!("VST3 knows no folder for Windows on {other}"),
        (System::Mac, _) => "MacOS".into(),
    })
}

fn mac_bundle(library: &Path, bundle: &Path, format: &str) -> Result<()> {
    let contents = bundle.join("Contents");
    std::fs::create_dir_all(contents.join("MacOS"))?;
    std::fs::copy(library, contents.join("MacOS").join(NAME))?;
    std::fs::write(contents.join("PkgInfo"), "BNDL????")?;
    let version = env!("CARGO_PKG_VERSION");
    let plist = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>CFBundleExecutable</key><string>{NAME}</string>
	<key>CFBundleIdentifier</key><string>{IDENTIFIER}.{format}</string>
	<key>CFBundleName</key><string>{NAME}</string>
	<key>CFBundlePackageType</key><string>BNDL</string>
	<key>CFBundleSignature</key><string>????</string>
	<key>CFBundleShortVersionString</key><string>{version}</string>
	<key>CFBundleVersion</key><string>{version}</string>
	<key>NSHighResolutionCapable</key><true/>
</dict>
</plist>
"#
    );
    std::fs::write(contents.join("Info.plist"), plist)?;
    Ok(())
}

/// Removes a file or folder, if it is there.
pub(crate) fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_system_gets_its_layout() {
        let dir = tempfile::tempdir().unwrap();
        let library = dir.path().join("library");
        std::fs::write(&library, "code").unwrap();
        let cases = [
            (System::Linux, "x86_64", "", "Contents/x86_64-linux/Earworm.so"),
            (System::Windows, "aarch64", "", "Contents/arm64-win/Earworm.vst3"),
            (System::Mac, "aarch64", "Contents/MacOS/Earworm", "Contents/MacOS/Earworm"),
        ];
        // In one folder: what an older bundle left behind goes.
        for (system, arch, clap, vst3) in cases {
            let folder = dir.path().join("bundles");
            let bundles = lay_out(&library, &folder, system, arch).unwrap();
            let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
            let clap = if clap.is_empty() { bundles.clap.clone() } else { bundles.clap.join(clap) };
            assert_eq!(read(clap), "code");
            assert_eq!(read(bundles.vst3.join(vst3)), "code");
            let contents = std::fs::read_dir(bundles.vst3.join("Contents")).unwrap().count();
            let has_list = bundles.vst3.join("Contents/Info.plist").exists();
            assert_eq!(
                (contents, has_list),
                if system == System::Mac { (3, true) } else { (1, false) }
            );
        }
        assert!(vst3_folder(System::Windows, "riscv64").is_err());
    }
}
