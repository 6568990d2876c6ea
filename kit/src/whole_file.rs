//! Files that are whole or not there: written under a temporary name, brought to the disk, then renamed.
//!
//! A file that is replaced keeps its place, which a symbolic link may lead to, and on Unix its mode. Into what is
//! no file, as a device or a pipe, all is written once it is whole.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::{NamedTempFile, TempPath};

/// Begins the names of files that are being written. What a process that died left behind can be told
/// by it.
pub const WRITING: &str = ".writing-";

/// As many symbolic links as Linux follows, one leading to the next.
const MOST_LINKS: usize = 40;

/// A file that is whole and on the disk, but has not got its name yet. Dropped, it is gone.
pub struct Prepared {
    temporary: TempPath,
    goal: Goal,
}

impl Prepared {
    /// Gives the file its name, in place of what had it before.
    ///
    /// # Errors
    /// When it cannot be renamed; the message names it.
    pub fn place(self) -> Result<()> {
        let Self { temporary, goal } = self;
        match goal {
            Goal::Name(path) => {
                temporary
                    .persist(&path)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                sync_folder(&folder_of(&path));
            }
            Goal::Stream(path) => pour(&temporary, &path)
                .with_context(|| format!("cannot write {}", path.display()))?,
        }
        Ok(())
    }
}

/// Where what is written goes.
enum Goal {
    /// The place of a file, there or not: the one that links lead to, as a rename would replace the link.
    Name(PathBuf),
    /// What has no content to lose and no place to give up: a device, a pipe.
    Stream(PathBuf),
}

impl Goal {
    fn of(path: &Path) -> std::io::Result<Self> {
        if descriptor(path).is_some() {
            return Ok(Self::Stream(path.to_owned()));
        }
        Ok(match std::fs::metadata(path) {
            Ok(found) if !found.is_file() && !found.is_dir() => Self::Stream(path.to_owned()),
            Ok(_) if path.is_symlink() => Self::Name(std::fs::canonicalize(path)?),
            Ok(_) => Self::Name(path.to_owned()),
            Err(_) => Self::Name(end_of_links(path)),
        })
    }
}

/// Where links lead that end at nothing yet.
fn end_of_links(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(next) = std::fs::read_link(&path) else { break };
        path = folder_of(&path).join(next);
    }
    path
}

/// The number of the open file that a path stands for, as `/dev/stdout` does for 1. What it leads to may be a plain
/// file, of which others hold on to what is there.
fn descriptor(path: &Path) -> Option<u32> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match path.to_str()? {
            "/dev/stdout" => return Some(1),
            "/dev/stderr" => return Some(2),
            text => {
                let number =
                    ["/dev/fd/", "/proc/self/fd/"].iter().find_map(|at| text.strip_prefix(at));
                if let Some(number) = number {
                    return number.parse().ok();
                }
            }
        }
        path = folder_of(&path).join(std::fs::read_link(&path).ok()?);
    }
    None
}

/// Copies a file into what is no file, or into an open one, behind what is in it.
fn pour(from: &Path, into: &Path) -> std::io::Result<()> {
    let mut from = File::open(from)?;
    match descriptor(into) {
        // Opened anew, it would not know what this process wrote before.
        Some(1) => {
            let mut out = std::io::stdout().lock();
            std::io::copy(&mut from, &mut out)?;
            out.flush()
        }
        Some(2) => std::io::copy(&mut from, &mut std::io::stderr().lock()).map(drop),
        _ => std::io::copy(&mut from, &mut File::options().append(true).open(into)?).map(drop),
    }
}

/// Writes a file beside the one it is to become, and waits until it is on the disk. The temporary name
/// ends like the final one, for libraries that go by it. The folder must be there.
///
/// # Errors
/// When the file cannot be written; the message names it.
pub fn prepare(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<Prepared> {
    written(path, write).with_context(|| format!("cannot write {}", path.display()))
}

fn written(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<Prepared> {
    let goal = Goal::of(path)?;
    let (temporary, mode) = match &goal {
        Goal::Name(path) => (temporary_for(path)?, mode::of(path)),
        // Beside a device is no place for files.
        Goal::Stream(path) => (builder(path, |builder| builder.tempfile())?, None),
    };
    if let Some(mode) = mode {
        // What only some may read, others shall not see while it is written either.
        mode::give(temporary.as_file(), mode | 0o200)?;
    }
    // Not held open while it is written: Windows lets nobody replace an open file.
    let temporary = temporary.into_temp_path();
    write(&temporary)?;
    // By its name: what was written may be another file than the one that was made. For writing: on Windows
    // only who may write to a file may bring it to the disk.
    let file = File::options().write(true).open(&temporary)?;
    if let Some(mode) = mode {
        mode::give(&file, mode)?;
    }
    file.sync_all()?;
    Ok(Prepared { temporary, goal })
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
    builder(path, |builder| {
        // Temporary files are private; what is written here is for all whom the umask lets read it.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        builder.tempfile_in(folder_of(path))
    })
}

/// A temporary file whose name ends like that of `path`.
fn builder(
    path: &Path,
    make: impl FnOnce(&mut tempfile::Builder<'_, '_>) -> std::io::Result<NamedTempFile>,
) -> std::io::Result<NamedTempFile> {
    let ending = path.extension().map(|ending| format!(".{}", ending.to_string_lossy()));
    let mut builder = tempfile::Builder::new();
    builder.prefix(WRITING).suffix(ending.as_deref().unwrap_or_default());
    make(&mut builder)
}

/// Who may do what with a file.
#[cfg(unix)]
mod mode {
    use std::fs::{File, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    /// That of a file that is there.
    pub(super) fn of(path: &Path) -> Option<u32> {
        Some(std::fs::metadata(path).ok()?.permissions().mode() & 0o777)
    }

    /// Gives it to a file that has another. Some file systems know one mode only.
    pub(super) fn give(file: &File, mode: u32) -> std::io::Result<()> {
        if file.metadata()?.permissions().mode() & 0o777 == mode {
            return Ok(());
        }
        file.set_permissions(Permissions::from_mode(mode))
    }
}

/// Other systems have none.
#[cfg(not(unix))]
mod mode {
    use std::fs::File;
    use std::path::Path;

    pub(super) fn of(_: &Path) -> Option<u32> {
        None
    }

    pub(super) fn give(_: &File, _: u32) -> std::io::Result<()> {
        Ok(())
    }
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

    /// The system has no disk for `/dev/null` to be brought to, and says so to whoever asks.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_does_not_come_to_the_disk_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("scores.csv");
        let prepared = prepare(&path, |temporary| {
            std::fs::remove_file(temporary)?;
            Ok(std::os::unix::fs::symlink("/dev/null", temporary)?)
        });
        let message = format!("{:#}", prepared.err().expect("nobody asked for the disk"));
        assert!(message.contains("scores.csv"), "{message}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
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

    #[cfg(unix)]
    #[test]
    fn links_stay_and_files_keep_their_mode() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("kept");
        std::fs::create_dir(&folder).unwrap();
        let (file, link) = (folder.join("scores.csv"), dir.path().join("link.csv"));
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o400)).unwrap();
        symlink("kept/scores.csv", &link).unwrap();
        write_bytes(&link, "new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o400);
        // One that leads to nothing yet, by way of another.
        let (first, second) = (dir.path().join("first"), dir.path().join("second"));
        symlink("second", &first).unwrap();
        symlink("kept/made", &second).unwrap();
        write_bytes(&first, "made").unwrap();
        assert!(first.is_symlink() && second.is_symlink());
        assert_eq!(std::fs::read(folder.join("made")).unwrap(), b"made");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 4);
    }

    /// Where output is redirected into a file, that is another's.
    #[cfg(target_os = "linux")]
    #[test]
    fn an_open_file_is_written_behind_what_is_in_it() {
        use std::os::fd::AsRawFd;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("all.csv");
        let file = File::create(&path).unwrap();
        std::fs::write(&path, "earlier\n").unwrap();
        let number = format!("/proc/self/fd/{}", file.as_raw_fd());
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&number, &link).unwrap();
        write_bytes(Path::new(&number), "now\n").unwrap();
        write_bytes(&link, "then\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "earlier\nnow\nthen\n");
        assert!(link.is_symlink());
        assert_eq!(descriptor(Path::new("/dev/stdout")), Some(1));
        assert_eq!(descriptor(Path::new("/dev/null")), None);
        assert_eq!(descriptor(&path), None);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_written_into() {
        use std::io::Read;
        use std::os::unix::ffi::OsStrExt;
        use std::os::unix::fs::FileTypeExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        let name = std::ffi::CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: the name is a string that ends in zero and outlives the call.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        // Open at both ends, so that nobody waits for the other.
        let mut pipe = File::options().read(true).write(true).open(&path).unwrap();
        let prepared = prepare_bytes(&path, "whole").unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing lies beside it");
        prepared.place().unwrap();
        assert!(std::fs::symlink_metadata(&path).unwrap().file_type().is_fifo());
        let mut read = [0; 5];
        pipe.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"whole");
    }
}
