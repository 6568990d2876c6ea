//! The program in a window of its own, where it cannot do what it was asked to: it says why and ends.
#![cfg(feature = "standalone")]

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// What the program says on standard error before it fails, without a screen.
fn failure(args: &[&str]) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_earworm-meter"));
    program.args(args).env_remove("NICE_LOG").env_remove("RUST_LOG");
    program.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    let mut child = program.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let mut said = String::new();
        let _ = stderr.read_to_string(&mut said);
        let _ = send.send(said);
    });
    let said = receive.recv_timeout(PATIENCE);
    if said.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().unwrap();
    let said = said.unwrap_or_else(|_| panic!("{args:?} does not end"));
    assert_eq!(status.code(), Some(1), "{said}");
    said
}

#[test]
fn a_device_that_is_not_there_is_named() {
    let said = failure(&["--input-device", "no such device"]);
    // Without any device there is no list to look it up in.
    assert!(said.contains("no such device") || said.contains("No audio input"), "{said}");
    assert!(!said.contains("dummy audio backend"), "{said}");
}

/// Other systems have a screen always.
#[cfg(target_os = "linux")]
#[test]
fn without_a_screen_it_does_not_wait() {
    let said = failure(&["--backend", "dummy"]);
    assert!(said.contains("Failed to open editor"), "{said}");
}
