//! What is remembered survives rough handling: kills, a second instance, players that come and go.

mod common;
#[path = "common/daemon.rs"]
mod daemon;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use daemon::{Daemon, PATIENCE};
use earworm_scorer::decode::AudioFormat;
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
#[cfg_attr(not(unix), ignore = "signals are sent, which this system has not")]
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
    // Long enough for a song: what is kept of it lags behind what was heard by little.
    let mut daemon = Daemon::start(listen(&file, &[]));
    let last = daemon.wait_for_reading("sixteen seconds", |r| r["t"].as_f64().unwrap() > 16.0);
    daemon.signal("KILL");
    assert_eq!(daemon.wait(), None);
    let heard_s = last["t"].as_f64().unwrap();
    let songs = history(&file, &[]);
    assert_eq!(songs.len(), 1, "{songs:?}");
    let kept_s = songs[0]["heard_s"].as_f64().unwrap();
    println!("of {heard_s:.1} s heard, {kept_s:.1} s of the song were kept");
    // A second that was not written yet, and one until the song was noticed and looked at.
    assert!(heard_s - kept_s < 3.0, "of {heard_s} s heard, {kept_s} s were kept");
    assert!(songs[0]["score"].is_number(), "{songs:?}");
    let rows = history(&file, &["--readings"]);
    let new = (rows.len() - kept) as f64;
    assert!(heard_s - new < 3.0, "of {heard_s} s heard, {new} rows were kept");

    // Everything in it is whole.
    let times: Vec<_> = rows.iter().map(|row| row["time"].as_i64().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().all(|name| !name.contains("damaged")), "{names:?}");
}

/// Starts it so that files may only grow to `blocks` of 512 bytes, as on a full disk: writing fails, in
/// the system's own words. The limit can be lifted later.
#[cfg(target_os = "linux")]
fn listen_with_little_room(history: &Path, blocks: &str) -> Daemon {
    let inner = listen(history, &["--http", "127.0.0.1:0"]);
    let mut command = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -S -f {blocks}; exec \"$0\" \"$@\"");
    command.args(["-c", &script]).arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Daemon::start(command)
}

/// Changes how large files may get, in bytes.
#[cfg(target_os = "linux")]
fn give_room(daemon: &Daemon, bytes: &str) {
    let mut command = Command::new("prlimit");
    command.arg("--pid").arg(daemon.id().to_string());
    common::stdout_of(command.arg(format!("--fsize={bytes}:unlimited")));
}

#[cfg(target_os = "linux")]
fn health(address: &str) -> Value {
    let mut answer = ureq::get(format!("http://{address}/api/v1/reading")).call().unwrap();
    answer.body_mut().read_json::<Value>().unwrap()["health"].clone()
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_nothing() {
    if Command::new("prlimit").arg("--version").output().is_err() {
        return common::skip("a_full_disk_stops_nothing", "no prlimit");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    // Full from the start: it listens all the same, and says what is the matter.
    let mut daemon = listen_with_little_room(&file, "0");
    let line = daemon.wait_for_log("cannot be written at the moment");
    assert!(line.contains("history.db"), "{line}");
    let address = daemon.wait_for_address();
    daemon.wait_for_reading("a reading", |r| r["t"].as_f64().unwrap() > 2.0);
    let told = health(&address);
    assert_eq!(told["history"], "failing", "{told}");
    assert!(told["history_problem"].is_string(), "{told}");
    give_room(&daemon, "unlimited");
    daemon.wait_for_log("the history is written again");
    assert_eq!(health(&address)["history"], "writing");

    // Full while it runs: what waited is written when there is room again.
    give_room(&daemon, "4096");
    daemon.wait_for_log("cannot be written at the moment");
    give_room(&daemon, "unlimited");
    daemon.wait_for_log("the history is written again");
    let last = daemon.take_readings().pop().expect("it went on");
    daemon.signal("TERM");
    daemon.wait();
    let rows = history(&file, &["--readings"]);
    let heard_s = last["t"].as_f64().unwrap();
    assert!(rows.len() as f64 > heard_s - 4.0, "{} rows of {heard_s} s", rows.len());
    assert!(!daemon.log_so_far().contains("damaged"), "{}", daemon.log_so_far());
}

#[test]
#[cfg_attr(not(unix), ignore = "signals are sent, which this system has not")]
fn the_end_writes_everything() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let mut daemon = Daemon::start(listen(&file, &[]));
    let twelve = |r: &Value| r["t"].as_f64().unwrap() > 12.0;
    let last = daemon.wait_for_reading("twelve seconds of song", twelve);
    daemon.signal("TERM");
    assert_eq!(daemon.wait(), Some(130), "{}", daemon.log_so_far());
    let last = daemon.take_readings().pop().unwrap_or(last);
    let heard_s = last["t"].as_f64().unwrap();
    let rows = history(&file, &["--readings"]).len();
    assert!(rows as f64 > heard_s - 4.0, "{rows} rows of {heard_s} s");
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

/// Where nobody may make files, whoever the tests run as, it says so before it listens.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_to_is_told() {
    for file in ["/sys/earworm/history.db", "/sys/earworm-history.db"] {
        let output = listen(Path::new(file), &[]).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains("/sys/earworm"), "{message}");
        assert!(output.stdout.is_empty(), "it does not listen");
    }
}

#[test]
fn a_history_without_songs_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (file, sound) = (folder.path().join("history.db"), folder.path().join("silence.wav"));
    let format = AudioFormat { sample_rate: 48_000, channels: 1 };
    let mut wav = common::wav(&sound, format);
    (0..48_000).for_each(|_| wav.write_sample(0.0f32).unwrap());
    wav.finalize().unwrap();
    let mut listen = common::program("earworm");
    listen.args(["listen", "--fast", "--json", "--history"]).arg(&file).arg("--input").arg(&sound);
    common::stdout_of(&mut listen);
    let mut earworm = common::program("earworm");
    let told = earworm.args(["history", "--history"]).arg(&file).output().unwrap();
    assert!(told.status.success() && told.stdout.is_empty(), "{told:?}");
    assert!(String::from_utf8(told.stderr).unwrap().contains("nothing was heard"));
    // Programs are told nothing, but what the columns are.
    assert!(history(&file, &[]).is_empty());
    let mut table = common::program("earworm");
    let csv = common::stdout_of(table.args(["history", "--csv", "--history"]).arg(&file));
    assert!(csv.starts_with("start,end,artist") && csv.lines().count() == 1, "{csv}");
}
