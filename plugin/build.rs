//! Keeps the plugin's code in memory once a host has loaded it on Linux: the worker that all
//! instances share outlives the last of them, and must not lose its code under its feet.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let os = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if matches!(os.as_str(), "linux" | "freebsd") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
