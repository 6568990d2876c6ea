//! What is fuzzed: one function a target. Each takes whatever bytes there are and panics when what comes
//! of them is not as it must be. `cargo xtask fuzz` looks for such bytes; tests/tests/fuzz_corpus.rs
//! replays those that are kept.

pub mod changes;
mod config;
mod decode;
mod http;
mod manifest;
mod model;
mod plugin_state;
mod recipe;
pub mod targets;

/// Something that is fuzzed.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// What its program and its folders are called.
    pub name: &'static str,
    /// What is done with an input.
    pub run: fn(&[u8]),
    /// Whether panics of other crates are turned into errors on the way, and are no faults therefore.
    pub guarded: bool,
}

/// Whether a panic at this place in the sources is one of our own code.
pub fn is_ours(file: &str) -> bool {
    let file = file.replace('\\', "/");
    ["scorer", "daemon", "plugin", "trainer", "tests"]
        .iter()
        .any(|folder| file.contains(&format!("{folder}/src/")) && !file.contains("/registry/"))
}

/// Checks that a message is fit for people: something, and not too much of it.
fn check_message(message: &str) {
    assert!(!message.trim().is_empty(), "an error says nothing");
    assert!(message.len() <= LONGEST_MESSAGE, "an error says too much: {} bytes", message.len());
}

/// Longest message, in bytes. It may quote what was read.
const LONGEST_MESSAGE: usize = 64 << 10;
