//! The session's curve as files: a table for spreadsheets, a picture for people.

mod picture;
mod table;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

pub use picture::picture;
pub use table::table;

/// Writes a file under a temporary name, then renames it, so that nobody sees half of it.
///
/// # Errors
/// Names the file that cannot be written.
pub fn write_whole(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let write = || -> anyhow::Result<()> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".earworm-");
        #[cfg(unix)]
        {
            // As for any new file; the umask takes its part away.
            use std::os::unix::fs::PermissionsExt as _;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let mut file = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
        file.write_all(content)?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Writes the curve: a picture where the name ends in `png`, else a table.
///
/// # Errors
/// Names the file that cannot be written.
pub fn export(session: &crate::session::Session, path: &Path) -> anyhow::Result<PathBuf> {
    let is_picture =
        path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    let content = if is_picture { picture(session)? } else { table(session)?.into_bytes() };
    write_whole(path, &content)?;
    Ok(path.to_owned())
}
