//! The Debian package.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{TEXTS, files_below, place};
use crate::licences;
use crate::workspace::{output, succeed};

/// Packages of the libraries that windows look for when they are opened, and that programs do not name.
const OPENED_WHEN_RUNNING: &str =
    "libegl1, libgl1, libx11-6, libx11-xcb1, libxkbcommon-x11-0, libxcursor1";

/// The Debian package of what lies in `folder`.
pub(super) fn package(folder: &Path, version: &str, build: &Path, to: &Path) -> Result<PathBuf> {
    let arch = String::from_utf8(output(Command::new("dpkg").arg("--print-architecture"))?)?;
    let arch = arch.trim();
    let root = build.join("deb");
    let usr = root.join("usr");
    for part in ["bin", "share"] {
        place(&folder.join(part), &usr.join(part))?;
    }
    place(&folder.join("plugins/Earworm.clap"), &usr.join("lib/clap/Earworm.clap"))?;
    place(&folder.join("plugins/Earworm.vst3"), &usr.join("lib/vst3/Earworm.vst3"))?;
    let doc = usr.join("share/doc/earworm");
    for text in TEXTS.iter().chain(&[licences::FILE]) {
        place(&folder.join(text), &doc.join(text))?;
    }
    fs::write(doc.join("copyright"), copyright(&fs::read_to_string(folder.join("LICENSE-MIT"))?)?)?;
    let depends = depends(&root, build)?;
    let kilobytes: u64 = files_below(&usr)?
        .iter()
        .map(|file| fs::metadata(file).map(|meta| meta.len().div_ceil(1024)))
        .sum::<std::io::Result<u64>>()?;
    fs::create_dir_all(root.join("DEBIAN"))?;
    fs::write(root.join("DEBIAN/control"), control(version, arch, &depends, kilobytes))?;
    let file = to.join(format!("earworm_{version}_{arch}.deb"));
    let part = file.with_extension("part");
    let mut make = Command::new("dpkg-deb");
    make.args(["--root-owner-group", "--build"]).arg(&root).arg(&part);
    succeed(make.stdout(std::process::Stdio::null()))?;
    fs::rename(&part, &file)?;
    Ok(file)
}

/// What Debian wants to know about licences, in its own form, from the text of the MIT licence.
fn copyright(mit: &str) -> Result<String> {
    let holder = mit.lines().find_map(|line| line.strip_prefix("Copyright (c) "));
    let holder = holder.context("LICENSE-MIT names nobody")?;
    let (_, terms) = mit.split_once(holder).context("it was found in there")?;
    let paragraph = |text: &str| {
        let lines = text.trim().lines().map(str::trim_end);
        lines
            .map(|line| format!(" {}\n", if line.is_empty() { "." } else { line }))
            .collect::<String>()
    };
    Ok(format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Upstream-Name: earworm\n\
         Comment:\n \
         The programs and the plugin contain work of others, too. {file} in this folder lists it, with\n \
         the copyright notices and licences of each.\n\
         \n\
         Files: *\n\
         Copyright: {holder}\n\
         License: Expat or Apache-2.0\n\
         \n\
         License: Expat\n\
         {expat}\
         \n\
         License: Apache-2.0\n \
         The text is in /usr/share/common-licenses/Apache-2.0 and in LICENSE-APACHE in this folder.\n",
        file = licences::FILE,
        expat = paragraph(terms),
    ))
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

fn control(version: &str, arch: &str, depends: &str, kilobytes: u64) -> String {
    let depends = if depends.is_empty() { String::new() } else { format!("Depends: {depends}\n") };
    format!(
        "Package: earworm\n\
         Version: {version}\n\
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_are_told_in_debians_form() {
        let mit =
            "MIT License\n\nCopyright (c) 2026 Ann\n\nPermission is granted.\n\nNo warranty.\n";
        let text = copyright(mit).unwrap();
        assert!(text.starts_with("Format: https://www.debian.org/"), "{text}");
        assert!(text.contains("\nFiles: *\nCopyright: 2026 Ann\nLicense: Expat or Apache-2.0\n"));
        let expat =
            "\n\nLicense: Expat\n Permission is granted.\n .\n No warranty.\n\nLicense: Apache";
        assert!(text.contains(expat), "{text}");
        assert!(text.contains(licences::FILE) && copyright("MIT").is_err());
    }
}
