//! The program in a window of its own, where it cannot do what it was asked to: it says why and ends.
#![cfg(feature = "standalone")]

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// What the program says on standard error before it fails, without a screen.
fn failure(args: &[&str], rust_log: Option<&str>) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_earworm-meter"));
    program.args(args).env_remove("NICE_LOG").env_remove("RUST_LOG");
    program.envs(rust_log.map(|asked| ("RUST_LOG", asked)));
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
    // With nothing but its own words asked for, too.
    for asked in [None, Some("earworm=debug")] {
        let said = failure(&["--input-device", "no such device"], asked);
        // Without any device there is no list to look it up in.
        assert!(said.contains("no such device") || said.contains("No audio input"), "{said}");
        assert!(!said.contains("dummy audio backend"), "{said}");
        assert!(!said.contains("either the JACK"), "JACK was not tried: {said}");
    }
}

/// Other systems have a screen always.
#[cfg(target_os = "linux")]
#[test]
fn without_a_screen_it_does_not_wait() {
    let said = failure(&["--backend", "dummy"], None);
    assert!(said.contains("Failed to open editor"), "{said}");
}

/// Started from a desktop's menu, nobody reads why no window opens.
#[cfg(target_os = "linux")]
#[test]
fn without_an_input_the_window_opens_all_the_same() {
    let said = failure(&[], None);
    assert!(said.contains("Failed to open editor"), "it did not come to the window: {said}");
}

#[cfg(target_os = "linux")]
#[test]
fn it_says_that_it_ends_even_where_no_log_is_wanted() {
    let said = failure(&["--backend", "dummy"], Some("off"));
    assert!(said.contains("The log says why"), "{said}");
}
