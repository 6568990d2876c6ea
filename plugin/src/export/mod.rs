//! The session's curve as files: a table for spreadsheets, a picture for people.

mod picture;
mod table;

use std::path::{Path, PathBuf};

use earworm_kit::whole_file::write_bytes;

pub use picture::picture;
pub use table::table;

/// Writes the curve: a picture where the name ends in `png`, else a table.
///
/// # Errors
/// Names the file that cannot be written.
pub fn export(session: &crate::session::Session, path: &Path) -> anyhow::Result<PathBuf> {
    let is_picture =
        path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    let content = if is_picture { picture(session)? } else { table(session)?.into_bytes() };
    write_bytes(path, &content)?;
    Ok(path.to_owned())
}
