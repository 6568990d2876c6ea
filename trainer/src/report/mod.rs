//! One self-contained HTML page a run: it needs no network, no scripts and no other file.

mod html;
mod page;
mod pictures;
mod sections;
pub(crate) mod svg;
mod wrong;

use std::path::Path;

use anyhow::Result;

use crate::evaluate::{Evaluation, Measured, measure};
use crate::files;

pub(crate) use html::{document, interval_bar, seconds, thousands};
pub use page::html;
pub use pictures::pictures;
pub use svg::Picture;

/// The name of a figure as a heading writes it.
pub(crate) fn capital(name: &str) -> String {
    page::Capital::to_uppercase_first(name)
}

/// Reads a run and measures it as its recipe says; writes `evaluation.json`, `report.html` and the
/// pictures in `plots` beside its other files.
///
/// # Errors
/// When the run is not complete or makes no sense; the message names file and row.
pub fn evaluate(run: &Path) -> Result<Evaluation> {
    let measured = measure(run, None)?;
    let json = serde_json::to_vec_pretty(&measured.evaluation)?;
    files::write_bytes(&run.join("evaluation.json"), json)?;
    for (name, picture) in pictures(&measured)? {
        files::write_bytes(&run.join("plots").join(format!("{name}.svg")), picture.alone())?;
    }
    files::write_bytes(&run.join("report.html"), html(&measured)?)?;
    Ok(measured.evaluation)
}

/// Measures a run and writes its page to `out`, or to `report.html` in the run.
///
/// # Errors
/// When the run is not complete or makes no sense, or the page cannot be written.
pub fn report(run: &Path, out: Option<&Path>) -> Result<std::path::PathBuf> {
    let measured: Measured = measure(run, None)?;
    let out = out.map_or_else(|| run.join("report.html"), Path::to_owned);
    files::write_bytes(&out, html(&measured)?)?;
    Ok(out)
}
