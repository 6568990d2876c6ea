//! How the program was called, as one would write it elsewhere: for reports, which are handed on.

use std::path::Path;

/// The command line with the program's plain name, and paths from where it was called. Of a path outside
/// that folder only the last part is told: where somebody keeps things is nobody else's matter.
pub(crate) fn command_line() -> String {
    let folder = std::env::current_dir().unwrap_or_default();
    // Not `args`, which panics on what is no UTF-8, such as the name of a folder from another system.
    let words = std::env::args_os().skip(1).map(|argument| {
        let argument = argument.to_string_lossy();
        match argument.split_once('=') {
            Some((key, value)) => format!("{key}={}", from_here(value, &folder)),
            None => from_here(&argument, &folder),
        }
    });
    std::iter::once("earworm-train".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// A word as it may be handed on: a path in `folder` from there, the last part of any other that is
/// absolute, and all else as it is.
pub(crate) fn from_here(word: &str, folder: &Path) -> String {
    let path = Path::new(word);
    if !path.is_absolute() {
        return word.to_owned();
    }
    let near = path.strip_prefix(folder).ok().filter(|rest| !rest.as_os_str().is_empty());
    match (near, path.file_name()) {
        (Some(near), _) => near.display().to_string(),
        (None, Some(name)) => format!("…/{}", name.display()),
        (None, None) => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn no_path_of_this_machine_is_told() {
        let folder = Path::new("/home/me/music");
        for (word, told) in [
            ("--quick", "--quick"),
            ("data/set", "data/set"),
            ("/home/me/music/data/set", "data/set"),
            ("/mnt/disk/set", "…/set"),
            ("/home/me/music", "…/music"),
        ] {
            assert_eq!(from_here(word, folder), told);
        }
    }

    #[test]
    fn the_program_is_called_by_its_name() {
        assert_eq!(command_line().split(' ').next(), Some("earworm-train"));
    }
}
