//! Where the picture of each file goes.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// One name for each file: `out` itself for a single file, else `out-<name>.png`, numbered where
/// names come twice. Names that differ only in case are one and the same on macOS and Windows, and so
/// they are here.
pub(crate) fn plot_names(out: &Path, files: &[PathBuf]) -> Vec<PathBuf> {
    if files.len() == 1 {
        return vec![out.to_owned()];
    }
    let mut taken = HashSet::new();
    let name_for = |file: &PathBuf| {
        let stem = file.file_stem().unwrap_or(file.as_os_str());
        (1..)
            .map(|number| {
                let mut name = out.file_stem().map(OsString::from).unwrap_or_default();
                name.push("-");
                name.push(stem);
                if number > 1 {
                    name.push(format!("-{number}"));
                }
                name.push(".png");
                out.with_file_name(name)
            })
            .find(|name| taken.insert(name.to_string_lossy().to_lowercase()))
            .unwrap_or_else(|| out.to_owned())
    };
    files.iter().map(name_for).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_has_its_own_picture() {
        let out = Path::new("to/p.png");
        assert_eq!(plot_names(out, &["a.wav".into()]), [PathBuf::from("to/p.png")]);
        let files = ["a.wav", "x/a.mp3", "b.c.flac", ".."].map(PathBuf::from);
        let names = ["to/p-a.png", "to/p-a-2.png", "to/p-b.c.png", "to/p-...png"];
        assert_eq!(plot_names(out, &files), names.map(PathBuf::from));
    }

    #[test]
    fn names_that_differ_only_in_case_are_numbered() {
        let files = ["Mix.wav", "mix.wav", "MIX.flac", "Ärger.wav", "ärger.wav"].map(PathBuf::from);
        let names = ["p-Mix.png", "p-mix-2.png", "p-MIX-3.png", "p-Ärger.png", "p-ärger-2.png"];
        assert_eq!(plot_names(Path::new("p.png"), &files), names.map(PathBuf::from));
    }
}
