//! The name of a picture to write, as the command line takes it.

use std::path::PathBuf;

/// The path, if it is that of a PNG.
pub(crate) fn png_path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let is_png = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("png"));
    if is_png { Ok(path) } else { Err("the picture's name must end in .png".into()) }
}
