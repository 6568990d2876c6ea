//! `earworm listen` on ALSA without a sound server.
#![cfg(target_os = "linux")]

mod common;
#[path = "common/daemon.rs"]
mod daemon;

use std::path::Path;
use std::process::Command;

use daemon::Daemon;

/// An ALSA that knows two devices: one with nothing behind it, and one that reads what it records from
/// this file as soon as it is opened.
fn configuration(file: &Path) -> String {
    format!(
        r#"pcm.nothing {{
            type null
            hint {{ show on description "Nothing" }}
        }}
        pcm.tape {{
            type file
            slave.pcm "nothing"
            file "/dev/null"
            infile "{}"
            format raw
            hint {{ show on description "Tape" }}
        }}"#,
        file.display()
    )
}

/// It is looked for a device several times a second: none must be opened for that, as others may want to
/// use them.
#[test]
fn looking_for_a_device_opens_none() {
    let folder = tempfile::tempdir().unwrap();
    let (tape, settings) = (folder.path().join("tape"), folder.path().join("asound.conf"));
    // Nobody writes to it: whoever opens it waits for ever.
    if !Command::new("mkfifo").arg(&tape).status().is_ok_and(|made| made.success()) {
        return common::skip("looking_for_a_device_opens_none", "no mkfifo");
    }
    std::fs::write(&settings, configuration(&tape)).unwrap();
    let mut command = common::program("earworm");
    command.args(["listen", "--json", "--http", "off", "--history", "off", "--songs", "silence"]);
    command.args(["--host", "alsa", "--device", "t"]);
    command.env("ALSA_CONFIG_PATH", &settings).env("HOME", folder.path());
    command.env_remove("XDG_CONFIG_HOME").env_remove("XDG_DATA_HOME");
    let mut daemon = Daemon::start(command);
    // Both were seen, by their names alone.
    let line = daemon.wait_for_log("\"t\" may be any of");
    assert!(line.contains("nothing") && line.contains("tape"), "{line}");
}
