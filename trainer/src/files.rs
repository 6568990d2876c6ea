//! Files that are whole or not there, in folders that are made for them, and hashes of what they hold.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use earworm_kit::whole_file;
use sha2::{Digest, Sha256};

pub use whole_file::{Prepared, WRITING, sync_folder, temporary_for};

/// [`whole_file::prepare`], in a folder that is made if it is not there.
///
/// # Errors
/// When the file cannot be written; the message names it.
pub fn prepare(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<Prepared> {
    make_folder_of(path)?;
    whole_file::prepare(path, write)
}

/// [`whole_file::prepare_bytes`], in a folder that is made if it is not there.
///
/// # Errors
/// When the file cannot be written; the message names it.
pub fn prepare_bytes(path: &Path, content: impl AsRef<[u8]>) -> Result<Prepared> {
    make_folder_of(path)?;
    whole_file::prepare_bytes(path, content)
}

/// [`whole_file::write_whole`], in a folder that is made if it is not there.
///
/// # Errors
/// When the file cannot be written; the message names it.
pub fn write_whole(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    prepare(path, write)?.place()
}

/// [`whole_file::write_bytes`], in a folder that is made if it is not there.
///
/// # Errors
/// When the file cannot be written; the message names it.
pub fn write_bytes(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    prepare_bytes(path, content)?.place()
}

/// Makes the folder that a file is to lie in.
///
/// # Errors
/// When it cannot be made; the message names it.
pub fn make_folder_of(path: &Path) -> Result<()> {
    let folder = whole_file::folder_of(path);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))
}

/// How often a lock is asked for that another has, and the time between.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// A lock that keeps other processes out as long as it is held, by a file of this name; `None` while
/// another has it. Where the file system has no locks it is for the user to see to it.
///
/// # Errors
/// When the file cannot be written.
pub fn try_lock(path: &Path) -> std::io::Result<Option<File>> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    Ok(locks(&file).then_some(file))
}

/// Whether an open file is now locked by this process, as [`try_lock`] locks.
pub fn locks(file: &File) -> bool {
    (0..LOCK_TRIES).any(|_| {
        // A program that was just being started when the lock was given up has it for a moment longer.
        let taken = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        if taken {
            std::thread::sleep(LOCK_PAUSE);
        }
        !taken
    })
}

/// SHA-256 in hexadecimal.
pub fn sha256_hex(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

/// SHA-256 of a file in hexadecimal, read a piece at a time.
///
/// # Errors
/// When it cannot be read; the message names it.
pub fn hash_file(path: &Path) -> Result<String> {
    let read = || -> std::io::Result<String> {
        let mut file = std::fs::File::open(path)?;
        let mut hash = Sha256::new();
        let mut piece = vec![0; 1 << 18];
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(hex(&hash.finalize())),
                count => hash.update(&piece[..count]),
            }
        }
    };
    read().with_context(|| format!("cannot read {}", path.display()))
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
