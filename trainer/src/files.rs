//! Files that are whole or not there: written under a temporary name, then renamed.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// Writes a file through a temporary one beside it, so that nobody ever sees half of it and a full
/// disk loses nothing that was there before.
///
/// # Errors
/// When the file cannot be written; the message names it.
pub fn write_whole(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".writing-");
    // Temporary files are private; what is written here is for all whom the umask lets read it.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let temporary = builder
        .tempfile_in(folder)
        .with_context(|| format!("cannot write in {}", folder.display()))?;
    write(temporary.path()).with_context(|| format!("cannot write {}", path.display()))?;
    temporary.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

/// Writes text or bytes as [`write_whole`] does.
///
/// # Errors
/// When the file cannot be written; the message names it.
pub fn write_bytes(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    write_whole(path, |temporary| {
        let mut file = std::fs::File::create(temporary)?;
        file.write_all(content.as_ref())?;
        file.sync_all()?;
        Ok(())
    })
}

/// SHA-256 in hexadecimal.
pub fn sha256_hex(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
