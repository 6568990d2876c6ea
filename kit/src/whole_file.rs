//! Files that are whole or not there: written under a temporary name, brought to the disk, then renamed.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::{NamedTempFile, TempPath};

/// Begins the names of files that are being written. What a process that died left behind can be told
/// by it.
pub const WRITING: &str = ".writing-";

/// A file that is whole and on the disk, but has not got its name yet. Dropped, it is gone.
pub struct Prepared {
    temporary: TempPath,
    path: PathBuf,
}

impl Prepared {
    /// Gives the file its name, in place of what had it before.
    ///
    /// # Errors
    /// When it cannot be renamed; the message names it.
    pub fn place(self) -> Result<()> {
        let Self { temporary, path } = self;
        temporary.persist(&path).with_context(|| format!("cannot write {}", path.display()))?;
        sync_folder(&folder_of(&path));
        Ok(())
    }
}

/// Writes a file beside the one it is to become, and waits until it is on the disk. The temporary name
/// ends like the final one, for libraries that go by it. The folder must be there.
///
/// # Errors
/// When the file cannot be written; the message names it.
pub fn prepare(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<Prepared> {
    // Not held open while it is written: Windows lets nobody replace an open file.
    let temporary = temporary_for(path)
        .with_context(|| format!("cannot write {}", path.display()))?
        .into_temp_path();
    write(&temporary)
        // By its name: what was written may be another file than the one that was made. For writing: on Windows
        // only who may write to a file may bring it to the disk.
        .and_then(|()| Ok(File::options().write(true).open(&temporary)?.sync_all()?))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Prepared { temporary, path: path.to_owned() })
}

/// Writes a file through a temporary one beside it, so that nobody ever sees half of it, and neither a
/// full disk nor a power cut loses what was there before.
///
/// # Errors
/// When the file cannot be written; the message names it.
pub fn write_whole(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    prepare(path, write)?.place()
}

/// Writes text or bytes as [`write_whole`] does.
///
/// # Errors
/// When the file cannot be written; the message names it.
pub fn write_bytes(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    prepare_bytes(path, content)?.place()
}

/// Writes text or bytes as [`prepare`] does.
///
/// # Errors
/// When the file cannot be written; the message names it.
pub fn prepare_bytes(path: &Path, content: impl AsRef<[u8]>) -> Result<Prepared> {
    prepare(path, |temporary| Ok(File::create(temporary)?.write_all(content.as_ref())?))
}

/// An empty file beside `path`, to be renamed to it.
///
/// # Errors
/// When it cannot be made, as where its folder is not there.
pub fn temporary_for(path: &Path) -> std::io::Result<NamedTempFile> {
    let ending = path.extension().map(|ending| format!(".{}", ending.to_string_lossy()));
    let mut builder = tempfile::Builder::new();
    builder.prefix(WRITING).suffix(ending.as_deref().unwrap_or_default());
    // Temporary files are private; what is written here is for all whom the umask lets read it.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder_of(path))
}

/// Brings the names in a folder to the disk.
pub fn sync_folder(folder: &Path) {
    // Not every system can open folders or bring them to the disk: then the name comes there later.
    if let Ok(folder) = File::open(folder) {
        folder.sync_all().ok();
    }
}

/// The folder a file lies in.
pub fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_whole_or_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("picture.png");
        write_bytes(&path, "first").unwrap();
        let failed = write_whole(&path, |temporary| {
            assert!(temporary.to_string_lossy().ends_with(".png"));
            std::fs::write(temporary, "half")?;
            anyhow::bail!("the disk is full")
        });
        let message = format!("{:#}", failed.unwrap_err());
        assert!(message.contains("picture.png") && message.contains("full"), "{message}");
        let prepared = prepare_bytes(&path, "second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        prepared.place().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        // A file that is replaced by the one who writes it is the one that gets the name.
        write_whole(&path, |temporary| {
            std::fs::write(temporary.with_extension("other"), "third")?;
            Ok(std::fs::rename(temporary.with_extension("other"), temporary)?)
        })
        .unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"third");
    }

    #[cfg(unix)]
    #[test]
    fn files_are_for_all_whom_the_umask_lets_read_them() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (own, plain) = (dir.path().join("own"), dir.path().join("plain"));
        write_bytes(&own, "x").unwrap();
        std::fs::write(&plain, "x").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&own), mode(&plain));
    }
}
