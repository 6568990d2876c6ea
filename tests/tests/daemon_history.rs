//! What is remembered survives rough handling: kills, a second instance, players that come and go.

mod common;
#[path = "common/daemon.rs"]
mod daemon;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use daemon::{Daemon, PATIENCE};
use serde_json::Value;

fn listen(history: &Path, args: &[&str]) -> Command {
    let mut command = common::program("earworm");
    command.args(["listen", "--json", "--history"]).arg(history);
    command.arg("--input").arg(common::in_checkout("demo/demo.ogg")).args(args);
    command.env("RUST_LOG", "earworm=info").env_remove("DBUS_SESSION_BUS_ADDRESS");
    command
}

/// Rows of `earworm history` with these arguments.
fn history(file: &Path, args: &[&str]) -> Vec<Value> {
    let mut command = common::program("earworm");
    command.args(["history", "--json", "--history"]).arg(file).args(args);
    let printed = common::stdout_of(&mut command);
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until there are so many seconds in the history.
fn wait_for_rows(file: &Path, least: usize) -> Vec<Value> {
    let start = Instant::now();
    loop {
        if file.exists() {
            let rows = history(file, &["--readings"]);
            if rows.len() >= least {
                return rows;
            }
        }
        assert!(start.elapsed() < PATIENCE, "the history does not grow");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_kill_at_any_moment_loses_a_second_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let mut kept = 0;
    for round in 0..8 {
        let mut daemon = Daemon::start(listen(&file, &[]));
        wait_for_rows(&file, kept + 2);
        // Somewhere in the next second.
        std::thread::sleep(Duration::from_millis(130 * round));
        let rows = history(&file, &["--readings"]).len();
        daemon.signal("KILL");
        assert_eq!(daemon.wait(), None);
        assert!(!daemon.log_so_far().contains("damaged"), "{}", daemon.log_so_far());
        kept = history(&file, &["--readings"]).len();
        assert!(kept >= rows, "{kept} of {rows} rows are left");
    }
    // Everything in it is whole.
    let rows = history(&file, &["--readings"]);
    let times: Vec<_> = rows.iter().map(|row| row["time"].as_i64().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().all(|name| !name.contains("damaged")), "{names:?}");
}

#[test]
fn the_end_writes_everything() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let mut daemon = Daemon::start(listen(&file, &[]));
    let start = Instant::now();
    daemon.wait_for_reading("twelve seconds of song", |r| r["t"].as_f64().unwrap() > 12.0);
    daemon.signal("TERM");
    assert_eq!(daemon.wait(), Some(130), "{}", daemon.log_so_far());
    let rows = history(&file, &["--readings"]).len() as f64;
    assert!((rows - start.elapsed().as_secs_f64()).abs() < 3.0, "{rows} rows");
    let songs = history(&file, &[]);
    assert_eq!(songs.len(), 1, "{songs:?}");
    assert!(songs[0]["heard_s"].as_f64().unwrap() > 9.0, "{songs:?}");
    assert!(songs[0]["score"].is_number(), "{songs:?}");

    let csv = |args: &[&str]| {
        let mut command = common::program("earworm");
        command.args(["history", "--csv", "--history"]).arg(&file).args(args);
        common::stdout_of(&mut command)
    };
    assert!(csv(&[]).starts_with("start,end,artist,title,album,score,heard_s,hook_score"));
    assert!(csv(&["--readings"]).starts_with("time,momentary,window,integrated,level_db"));
    let picture = folder.path().join("heard.png");
    let mut plot = common::program("earworm");
    plot.args(["history", "--days", "0.001", "--history"]).arg(&file).arg("plot").arg(&picture);
    common::stdout_of(&mut plot);
    assert!(std::fs::read(&picture).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn a_second_instance_steps_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let mut first = Daemon::start(listen(&file, &[]));
    first.wait_for_log("the history is");
    let output = listen(&file, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains(&first.id().to_string()), "{message}");
    assert!(message.contains("another Earworm"), "{message}");
    // The first goes on undisturbed.
    wait_for_rows(&file, 2);
}

#[test]
fn a_damaged_history_is_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    std::fs::write(&file, "no database at all\n".repeat(1000)).unwrap();
    let mut daemon = Daemon::start(listen(&file, &[]));
    let line = daemon.wait_for_log("is damaged");
    daemon.wait_for_log("the history is");
    let (_, aside) = line.split_once("it is now ").unwrap();
    let aside = PathBuf::from(aside.split(',').next().unwrap());
    assert!(std::fs::read_to_string(&aside).unwrap().starts_with("no database"), "{line}");
    wait_for_rows(&file, 1);
}

#[test]
fn a_history_that_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let output = listen(&file.join("history.db"), &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains(&file.display().to_string()), "{message}");
    let mut command = common::program("earworm");
    let output = command.args(["history", "--history", "no-such-file.db"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("no history yet"));
}
