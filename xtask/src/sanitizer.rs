//! The real-time sanitizer's runtime, which comes with Rust's own toolchains.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::workspace::output;

/// What rtsan-standalone's build script asks to switch the sanitizer on, and where its runtime is.
const ENABLE: &str = "RTSAN_ENABLE";
const LIBRARY: &str = "RTSAN_LIB_PATH";

/// The variables that switch it on, unless the toolchain has no runtime for this system.
pub(crate) fn variables() -> Result<Option<Vec<(&'static str, OsString)>>> {
    let rustc = || Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let libraries = output(rustc().args(["--print", "target-libdir"]))?;
    let folder = PathBuf::from(String::from_utf8_lossy(&libraries).trim_end());
    Ok(runtime(&folder).map(|library| vec![(ENABLE, "1".into()), (LIBRARY, library.into())]))
}

/// The runtime in a folder of Rust's libraries: `librustc-stable_rt.rtsan.a`, or another channel's.
fn runtime(folder: &Path) -> Option<PathBuf> {
    let extension = if cfg!(target_os = "linux") { "a" } else { "dylib" };
    let is_it = |name: &str| {
        name.starts_with("librustc-") && name.ends_with(&format!("_rt.rtsan.{extension}"))
    };
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_it))
        .collect();
    found.sort();
    found.into_iter().next()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_runtime_is_told_from_other_libraries() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(runtime(&dir.path().join("none")), None);
        for name in ["librustc-stable_rt.asan.a", "libstd-1.so", "librustc-stable_rt.rtsan.dylib"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(runtime(dir.path()), None);
        let library = dir.path().join("librustc-beta_rt.rtsan.a");
        std::fs::write(&library, "").unwrap();
        assert_eq!(runtime(dir.path()), Some(library));
    }
}
