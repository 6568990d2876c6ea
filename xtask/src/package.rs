//! `cargo xtask package`: what is handed to others on Linux: a Debian package, a tarball with the programs
//! and both plugin bundles, and a tarball with the symbols that were taken out of them. The first two hold the
//! documentation and all licences, too.

mod debian;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::bundle::{self, Bundles, System};
use crate::cli::PackageArgs;
use crate::install::copy_all;
use crate::licences;
use crate::system;
use crate::workspace::{Workspace, output, succeed};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What is installed beside the plugin.
const PROGRAMS: [&str; 3] = ["earworm", "earworm-meter", "earworm-train"];
/// The packages that programs and plugin are built from.
const PACKAGES: [&str; 3] = ["earworm", "earworm-plugin", "earworm-train"];
/// What a reader finds in both: files, and folders with all that is in them.
const TEXTS: [&str; 10] = [
    "README.md",
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "docs",
    "examples",
    "models/README.md",
    "models/emotify-lstm/README.md",
    "plugin/README.md",
    "trainer/recipes",
];
/// What desktops list, and where they look for it.
const DESKTOP: [(&str, &str); 2] = [
    ("xtask/package/earworm-meter.desktop", "share/applications/earworm-meter.desktop"),
    ("daemon/src/http/assets/icon.svg", "share/icons/hicolor/scalable/apps/earworm-meter.svg"),
];

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
    let [build, to] = folders(&workspace.target, args.to)?;
    bundle::remove(&build)?;
    let contents = Contents {
        version: version(&workspace.root),
        programs,
        bundles: bundle::make(workspace, None, Some(build.join("bundles")))?,
        licences: licences::third_party(workspace, &PACKAGES)?,
    };
    for file in pack(&workspace.root, &contents, &build, &to)? {
        println!("{}\t{} kB", file.display(), fs::metadata(&file)?.len() / 1000);
    }
    bundle::remove(&build)?;
    Ok(ExitCode::SUCCESS)
}

/// Where to work, which is emptied, and where to put packages, which may have what is not ours.
fn folders(target: &Path, to: Option<PathBuf>) -> Result<[PathBuf; 2]> {
    let to = to.unwrap_or_else(|| target.join("packages"));
    // Not all tools run where this one does.
    let to = std::path::absolute(&to).with_context(|| format!("no folder {}", to.display()))?;
    Ok([target.join("tmp/earworm-packages"), to])
}

/// The version, with the commit where that is no release's.
fn version(root: &Path) -> String {
    let git = |args: &[&str]| {
        // No checkout of its own: an archive that was unpacked into another's.
        let is_ours = root.join(".git").exists();
        let answer = is_ours
            .then(|| output(Command::new("git").env("TZ", "UTC").arg("-C").arg(root).args(args)));
        answer.and_then(Result::ok).and_then(|answer| String::from_utf8(answer).ok())
    };
    let tags = git(&["tag", "--points-at", "HEAD"]);
    // To the second, as several may be packed on one day and the later one is to be the newer.
    let commit = git(&["log", "-1", "--date=format-local:%Y%m%d%H%M%S", "--format=%cd.%h"]);
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])
        .is_some_and(|changed| !changed.trim().is_empty());
    version_of(tags.as_deref(), commit.as_deref(), changed)
}

/// The version of a commit with these tags, one a line, and perhaps changes that no commit has; what git did not say
/// is `None`.
fn version_of(tags: Option<&str>, commit: Option<&str>, changed: bool) -> String {
    match (tags.map(str::trim), commit.map(str::trim)) {
        (Some(tags), Some(commit)) if !commit.is_empty() && (tags.is_empty() || changed) => {
            // Debian sorts what is behind a tilde before the release to come.
            format!("{VERSION}~git{commit}{}", if changed { ".changed" } else { "" })
        }
        _ => VERSION.to_owned(),
    }
}

/// What is packed.
struct Contents {
    version: String,
    programs: Vec<PathBuf>,
    bundles: Bundles,
    /// The licences of what others wrote.
    licences: String,
}

/// Makes the three files in `to`; `build` is scratch.
fn pack(root: &Path, contents: &Contents, build: &Path, to: &Path) -> Result<Vec<PathBuf>> {
    let Contents { version, programs, bundles, licences } = contents;
    let name = format!("earworm-{version}-{}-linux", std::env::consts::ARCH);
    let (folder, symbols) = (build.join(&name), build.join(format!("{name}-symbols")));
    fs::create_dir_all(folder.join("bin"))?;
    fs::create_dir_all(&symbols)?;
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
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
    place_texts(root, &folder)?;
    fs::write(folder.join(licences::FILE), licences)?;
    Ok(vec![
        debian::package(&folder, version, build, to)?,
        tarball(&folder, to)?,
        tarball(&symbols, to)?,
    ])
}

/// Copies what is in the packages as it is in the checkout.
fn place_texts(root: &Path, folder: &Path) -> Result<()> {
    for (from, at) in TEXTS.map(|text| (text, text)).into_iter().chain(DESKTOP) {
        place(&root.join(from), &folder.join(at)).with_context(|| format!("no {from}"))?;
    }
    Ok(())
}

/// Copies a file or folder to a place whose folder need not be there.
fn place(from: &Path, at: &Path) -> Result<()> {
    fs::create_dir_all(at.parent().context("it lies in a folder")?)?;
    Ok(copy_all(from, at)?)
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::workspace::succeeds;

    /// Parts of paths to source code, which is not packed.
    const SOURCE: [&str; 4] = ["/src/", "tests", "vendor/", "baselines/"];

    #[test]
    fn packages_hold_programs_bundles_and_texts() {
        let tools = ["dpkg-deb", "dpkg-shlibdeps", "objcopy", "strip"];
        if let Some(tool) = tools.iter().find(|t| !succeeds(Command::new(t).arg("--version"))) {
            return crate::test::skip("packages_hold_programs_bundles_and_texts", tool);
        }
        let dir = tempfile::tempdir().unwrap();
        let [build, to] = folders(dir.path(), None).unwrap();
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
        fs::copy(&this, &bundles.clap).unwrap();
        fs::copy(&this, inside.join("Earworm.so")).unwrap();
        // Documents of one line, which are packed fast.
        let root = dir.path().join("checkout");
        for text in TEXTS.into_iter().chain(DESKTOP.map(|(from, _)| from)) {
            fs::create_dir_all(root.join(text).parent().unwrap()).unwrap();
            fs::write(root.join(text), "Copyright (c) 2026 Ann\n").unwrap();
        }
        let (version, licences) = ("1.2~git3".to_owned(), "licences of others".to_owned());
        let contents = Contents { version, programs: vec![program], bundles, licences };
        let made = pack(&root, &contents, &build, &to).unwrap();

        let list = |command: &mut Command| String::from_utf8(output(command).unwrap()).unwrap();
        let deb = list(Command::new("dpkg-deb").arg("--contents").arg(&made[0]));
        for path in [
            "./usr/bin/earworm\n",
            "./usr/lib/clap/Earworm.clap\n",
            "./usr/lib/vst3/Earworm.vst3/Contents/x86_64-linux/Earworm.so\n",
            "./usr/share/doc/earworm/copyright\n",
            "./usr/share/doc/earworm/THIRD-PARTY-LICENSES.txt\n",
            "./usr/share/doc/earworm/docs\n",
            "./usr/share/applications/earworm-meter.desktop\n",
            "./usr/share/icons/hicolor/scalable/apps/earworm-meter.svg\n",
        ] {
            assert!(deb.contains(path), "{path} in {deb}");
        }
        let info = list(Command::new("dpkg-deb").arg("--info").arg(&made[0]));
        assert!(info.contains("Depends: libc6"), "{info}");
        assert!(info.contains("Version: 1.2~git3\n"), "{info}");
        let doc = build.join("deb/usr/share/doc/earworm");
        assert_eq!(fs::read_to_string(doc.join(licences::FILE)).unwrap(), "licences of others");
        assert!(fs::read_to_string(doc.join("copyright")).unwrap().starts_with("Format: "));
        let tar = list(Command::new("tar").arg("-tf").arg(&made[1]));
        assert!(tar.contains("/plugins/Earworm.vst3/Contents/x86_64-linux/Earworm.so\n"), "{tar}");
        assert!(tar.contains("-linux/THIRD-PARTY-LICENSES.txt\n"), "{tar}");
        let symbols = list(Command::new("tar").arg("-tf").arg(&made[2]));
        assert!(symbols.contains("/earworm.debug\n") && symbols.contains("/Earworm.so.debug\n"));
        // What was packed is smaller than what was built, and still runs.
        let packed = build.join("deb/usr/bin/earworm");
        assert!(fs::metadata(&packed).unwrap().len() < fs::metadata(&this).unwrap().len());
        assert!(succeeds(Command::new(&packed).arg("--list")));
        assert_eq!(fs::read_dir(&to).unwrap().count(), 3, "nothing half made is left");
    }

    #[test]
    fn links_of_packed_documents_lead_somewhere() {
        let dir = tempfile::tempdir().unwrap();
        place_texts(&Workspace::find().unwrap().root, dir.path()).unwrap();
        let files = files_below(dir.path()).unwrap();
        for file in files.iter().filter(|file| file.extension() == Some("md".as_ref())) {
            let text = fs::read_to_string(file).unwrap();
            for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
                let is_source = SOURCE.iter().any(|part| link.contains(part));
                let elsewhere = link.is_empty() || link.starts_with("http") || is_source;
                let leads = elsewhere || file.with_file_name(link).exists();
                assert!(leads, "{}: nothing is at {link}", file.display());
            }
        }
    }

    #[test]
    fn a_version_that_is_no_release_names_its_commit() {
        let commit = Some("20261122141149.70e31ed\n");
        let plain = version_of(Some(""), commit, false);
        assert_eq!(plain, format!("{VERSION}~git20261122141149.70e31ed"));
        assert_eq!(version_of(Some(""), commit, true), format!("{plain}.changed"));
        assert_eq!(version_of(Some("v0.1.0\n"), commit, false), VERSION);
        assert_eq!(version_of(None, None, false), VERSION, "there is no git");
        // A later commit of the day is newer, whatever its name.
        assert!(version_of(Some(""), Some("20261122150000.10cd675"), false) > plain);
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(version(dir.path()), VERSION, "this is no checkout");
    }

    #[test]
    fn nothing_is_emptied_where_packages_are_put() {
        let target = Path::new("/target");
        let [build, to] = folders(target, Some("/music".into())).unwrap();
        assert!(!build.starts_with(&to) && !to.starts_with(&build), "{}", build.display());
        let [build, to] = folders(target, None).unwrap();
        assert!(build.starts_with(target) && !build.starts_with(&to), "{}", build.display());
    }
}
