//! `cargo xtask bundle`: a place kept for the plugin.

use std::process::ExitCode;

/// Says that there is nothing to bundle yet.
pub(crate) fn bundle() -> ExitCode {
    eprintln!(
        "bundle: there is no plugin yet; the change that adds it brings this command to life"
    );
    ExitCode::from(2)
}
