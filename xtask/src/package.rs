//! `cargo xtask package`: what is handed to others on Linux: a Debian package, a tarball with the programs
//! and both plugin bundles, and a tarball with the symbols that were taken out of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::bundle::{self, Bundles, System};
use crate::cli::PackageArgs;
use crate::install::copy_all;
use crate::system;
use crate::workspace::{Workspace, output, succeed};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What is installed beside the plugin.
const PROGRAMS: [&str; 3] = ["earworm", "earworm-meter", "earworm-train"];
/// What a reader finds in both.
const TEXTS: [&str; 4] = ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"];

/// Packages of the libraries that windows look for when they are opened, and that programs do not name.
const OPENED_WHEN_RUNNING: &str =
    "libegl1, libgl1, libx11-6, libx11-xcb1, libxkbcommon-x11-0, libxcursor1";

/// Does it.
pub(crate) fn package(workspace: &Workspace, args: PackageArgs) -> Result<ExitCode> {
    ensure!(System::here() == System::Linux, "packages are made on Linux only, so far");
    system::ensure(&system::for_program())?;
    system::ensure(&system::for_plugin())?;
    system::ensure(&[&system::DPKG_DEV])?;
    let programs = PROGRAMS
        .iter()
        .map(|program| workspace.release_program(program))
        .collect::<Result<Vec<_>>>()?;
    // Not all tools run where this one does.
    let to = args.to.unwrap_or_else(|| workspace.target.join("packages"));
    let to = std::path::absolute(&to).with_context(|| format!("no folder {}", to.display()))?;
    let build = to.join("build");
    bundle::remove(&build)?;
    let bundles = bundle::make(workspace, None, Some(build.join("bundles")))?;
    for file in pack(&workspace.root, &programs, &bundles, &build, &to)? {
        println!("{}\t{} kB", file.display(), fs::metadata(&file)?.len() / 1000);
    }
    bundle::remove(&build)?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the three files in `to`; `build` is scratch.
fn pack(
    root: &Path,
    programs: &[PathBuf],
    bundles: &Bundles,
    build: &Path,
    to: &Path,
) -> Result<Vec<PathBuf>> {
    let name = format!("earworm-{VERSION}-{}-linux", std::env::consts::ARCH);
    let (folder, symbols) = (build.join(&name), build.join(format!("{name}-symbols")));
    fs::create_dir_all(folder.join("bin"))?;
    fs::create_dir_all(&symbols)?;
    for program in programs {
        let file = program.file_name().context("a program has a name")?;
        let copy = folder.join("bin").join(file);
        fs::copy(program, &copy).with_context(|| format!("cannot copy {}", program.display()))?;
        take_symbols(&copy, &symbols)?;
    }
    for bundle in [&bundles.clap, &bundles.vst3] {
        let file = bundle.file_name().context("a bundle has a name")?;
        let copy = folder.join("plugins").join(file);
        fs::create_dir_all(folder.join("plugins"))?;
        copy_all(bundle, &copy)?;
        for library in files_below(&copy)? {
            take_symbols(&library, &symbols)?;
        }
    }
    for text in TEXTS {
        fs::copy(root.join(text), folder.join(text)).with_context(|| format!("no {text}"))?;
    }
    Ok(vec![debian(&folder, build, to)?, tarball(&folder, to)?, tarball(&symbols, to)?])
}

/// Moves a file's symbols into one beside it in `symbols`, where debuggers find them by name.
fn take_symbols(file: &Path, symbols: &Path) -> Result<()> {
    let name = file.file_name().context("a file has a name")?.to_string_lossy().into_owned();
    let apart = symbols.join(format!("{name}.debug"));
    succeed(Command::new("objcopy").arg("--only-keep-debug").arg(file).arg(&apart))?;
    succeed(Command::new("strip").arg("--strip-unneeded").arg(file))?;
    let link = format!("--add-gnu-debuglink={}", apart.display());
    succeed(Command::new("objcopy").arg(link).arg(file))
}

fn files_below(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        found.extend(files_below(&entry?.path())?);
    }
    Ok(found)
}

/// `folder` as a `.tar.gz` of its name in `to`.
fn tarball(folder: &Path, to: &Path) -> Result<PathBuf> {
    let name = folder.file_name().context("a folder has a name")?;
    let file = to.join(format!("{}.tar.gz", name.to_string_lossy()));
    let part = file.with_extension("part");
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(folder.parent().context("it lies in a folder")?);
    tar.args(["--owner=0", "--group=0", "--sort=name", "-czf"]).arg(&part).arg(name);
    succeed(&mut tar)?;
    fs::rename(&part, &file)?;
    Ok(file)
}

/// The Debian package of what lies in `folder`.
fn debian(folder: &Path, build: &Path, to: &Path) -> Result<PathBuf> {
    let arch = String::from_utf8(output(Command::new("dpkg").arg("--print-architecture"))?)?;
    let arch = arch.trim();
    let root = build.join("deb");
    let place = |from: PathBuf, at: &str| -> Result<()> {
        let at = root.join(at);
        fs::create_dir_all(at.parent().context("it lies in a folder")?)?;
        Ok(copy_all(&from, &at)?)
    };
    for program in fs::read_dir(folder.join("bin"))? {
        let program = program?;
        let at = format!("usr/bin/{}", program.file_name().to_string_lossy());
        place(program.path(), &at)?;
    }
    place(folder.join("plugins/Earworm.clap"), "usr/lib/clap/Earworm.clap")?;
    place(folder.join("plugins/Earworm.vst3"), "usr/lib/vst3/Earworm.vst3")?;
    for text in TEXTS {
        place(folder.join(text), &format!("usr/share/doc/earworm/{text}"))?;
    }
    place(folder.join("LICENSE-MIT"), "usr/share/doc/earworm/copyright")?;
    let depends = depends(&root, build)?;
    let kilobytes: u64 = files_below(&root.join("usr"))?
        .iter()
        .map(|file| fs::metadata(file).map(|meta| meta.len().div_ceil(1024)))
        .sum::<std::io::Result<u64>>()?;
    fs::create_dir_all(root.join("DEBIAN"))?;
    fs::write(root.join("DEBIAN/control"), control(arch, &depends, kilobytes))?;
    let file = to.join(format!("earworm_{VERSION}_{arch}.deb"));
    let part = file.with_extension("part");
    let mut make = Command::new("dpkg-deb");
    make.args(["--root-owner-group", "--build"]).arg(&root).arg(&part);
    succeed(make.stdout(std::process::Stdio::null()))?;
    fs::rename(&part, &file)?;
    Ok(file)
}

/// The packages that the programs' and the plugin's libraries come from.
fn depends(root: &Path, build: &Path) -> Result<String> {
    fs::create_dir_all(build.join("debian"))?;
    // dpkg-shlibdeps looks for a source package's control file where it runs.
    fs::write(
        build.join("debian/control"),
        "Source: earworm\n\nPackage: earworm\nArchitecture: any\n",
    )?;
    let mut ask = Command::new("dpkg-shlibdeps");
    ask.current_dir(build).args(["-O", "--ignore-missing-info"]);
    for file in
        files_below(&root.join("usr/bin"))?.iter().chain(&files_below(&root.join("usr/lib"))?)
    {
        ask.arg(file);
    }
    let answer = String::from_utf8(output(&mut ask)?)?;
    let depends = answer.lines().find_map(|line| line.strip_prefix("shlibs:Depends="));
    Ok(depends.unwrap_or_default().to_owned())
}

fn control(arch: &str, depends: &str, kilobytes: u64) -> String {
    let depends = if depends.is_empty() { String::new() } else { format!("Depends: {depends}\n") };
    format!(
        "Package: earworm\n\
         Version: {VERSION}\n\
         Architecture: {arch}\n\
         Maintainer: The Earworm developers <earworm@localhost>\n\
         Section: sound\n\
         Priority: optional\n\
         Installed-Size: {kilobytes}\n\
         {depends}\
         Recommends: {OPENED_WHEN_RUNNING}\n\
         Description: meter for how far a song will travel\n \
         A score from 0 to 100 by a model trained on listeners' reactions: for files and system audio\n \
         (earworm), as a CLAP and VST3 plugin, and in a window of its own (earworm-meter). Models are\n \
         trained with earworm-train.\n"
    )
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::workspace::succeeds;

    #[test]
    fn packages_hold_programs_bundles_and_texts() {
        let tools = ["dpkg-deb", "dpkg-shlibdeps", "objcopy", "strip"];
        if let Some(tool) = tools.iter().find(|t| !succeeds(Command::new(t).arg("--version"))) {
            return crate::test::skip("packages_hold_programs_bundles_and_texts", tool);
        }
        let dir = tempfile::tempdir().unwrap();
        let (build, to) = (dir.path().join("build"), dir.path().join("to"));
        // Any program will do in the place of ours; this one has symbols.
        let this = std::env::current_exe().unwrap();
        let program = dir.path().join("earworm");
        fs::copy(&this, &program).unwrap();
        let bundles = Bundles {
            clap: dir.path().join("Earworm.clap"),
            vst3: dir.path().join("Earworm.vst3"),
        };
        let inside = bundles.vst3.join("Contents/x86_64-linux");
        fs::create_dir_all(&inside).unwrap();
        fs::create_dir_all(&to).unwrap();
        fs::copy(&this, &bundles.clap).unwrap();
        fs::copy(&this, inside.join("Earworm.so")).unwrap();
        let root = Workspace::find().unwrap().root;
        let made = pack(&root, &[program], &bundles, &build, &to).unwrap();

        let list = |command: &mut Command| String::from_utf8(output(command).unwrap()).unwrap();
        let deb = list(Command::new("dpkg-deb").arg("--contents").arg(&made[0]));
        for path in [
            "./usr/bin/earworm\n",
            "./usr/lib/clap/Earworm.clap\n",
            "./usr/lib/vst3/Earworm.vst3/Contents/x86_64-linux/Earworm.so\n",
            "./usr/share/doc/earworm/copyright\n",
        ] {
            assert!(deb.contains(path), "{path} in {deb}");
        }
        let info = list(Command::new("dpkg-deb").arg("--info").arg(&made[0]));
        assert!(info.contains("Depends: libc6"), "{info}");
        let tar = list(Command::new("tar").arg("-tf").arg(&made[1]));
        assert!(tar.contains("/plugins/Earworm.vst3/Contents/x86_64-linux/Earworm.so\n"), "{tar}");
        let symbols = list(Command::new("tar").arg("-tf").arg(&made[2]));
        assert!(symbols.contains("/earworm.debug\n") && symbols.contains("/Earworm.so.debug\n"));
        // What was packed is smaller than what was built, and still runs.
        let packed = build.join("deb/usr/bin/earworm");
        assert!(fs::metadata(&packed).unwrap().len() < fs::metadata(&this).unwrap().len());
        assert!(succeeds(Command::new(&packed).arg("--list")));
        assert_eq!(fs::read_dir(&to).unwrap().count(), 3, "nothing half made is left");
    }
}
