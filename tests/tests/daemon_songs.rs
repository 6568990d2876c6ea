//! Songs by what a media player says.

#![cfg(target_os = "linux")]

mod common;
#[path = "common/daemon.rs"]
mod daemon;
#[path = "common/player.rs"]
mod player;

use std::path::{Path, PathBuf};
use std::process::Command;

use daemon::Daemon;
use earworm_scorer::decode::AudioFile;
use player::{Bus, Player};
use serde_json::Value;

fn listen(bus: &Bus, history: &Path, input: &Path) -> Command {
    let mut command = common::program("earworm");
    command.args(["listen", "--json", "--songs", "players", "--http", "127.0.0.1:0"]);
    command.arg("--history").arg(history).arg("--input").arg(input);
    command.env("RUST_LOG", "earworm=info").env("DBUS_SESSION_BUS_ADDRESS", &bus.address);
    command
}

fn songs(history: &Path) -> Vec<Value> {
    let mut command = common::program("earworm");
    let printed = common::stdout_of(command.args(["history", "--json", "--history"]).arg(history));
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn t(reading: &Value) -> f64 {
    reading["t"].as_f64().unwrap()
}

#[test]
#[cfg_attr(not(unix), ignore = "signals are sent, which this system has not")]
fn a_player_gives_songs_their_names() {
    let Some(bus) = Bus::start() else {
        return common::skip("a_player_gives_songs_their_names", "no dbus-daemon");
    };
    let mut player = Player::start(&bus, "Somebody", "The First");
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.db");
    let mut daemon = Daemon::start(listen(&bus, &history, &common::in_checkout("demo/demo.ogg")));
    let address = daemon.wait_for_address();
    daemon.wait_for_reading("twelve seconds", |r| t(r) > 12.0);
    let url = format!("http://{address}/api/v1/reading");
    let reading: Value = ureq::get(&url).call().unwrap().body_mut().read_json().unwrap();
    assert_eq!(reading["song"]["title"], "The First", "{reading}");
    assert_eq!(reading["song"]["artist"], "Somebody", "{reading}");

    player.play("Somebody", "The Second One");
    // Each song has a score of its own: readings start anew.
    daemon.wait_for_reading("a new start", |r| t(r) < 3.0);
    daemon.wait_for_reading("twelve seconds more", |r| t(r) > 12.0);
    daemon.signal("TERM");
    daemon.wait();
    let songs = songs(&history);
    let titles: Vec<_> = songs.iter().map(|song| song["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["The Second One", "The First"], "{songs:#?}");
    assert!(songs.iter().all(|song| song["score"].is_number()), "{songs:#?}");
}

/// Fourteen seconds of the demo song, eight of nothing, and what follows.
fn interrupted_song(folder: &Path) -> PathBuf {
    let mut file = AudioFile::open(common::in_checkout("demo/demo.ogg")).unwrap();
    let format = file.format();
    let path = folder.join("interrupted.wav");
    let mut wav = common::wav(&path, format);
    let second = format.sample_rate as usize * format.channels;
    let mut written = 0;
    while let Some(block) = file.next_block().unwrap() {
        for &sample in block {
            if written == 14 * second {
                (0..8 * second).for_each(|_| wav.write_sample(0.0f32).unwrap());
            }
            wav.write_sample(sample).unwrap();
            written += 1;
        }
    }
    wav.finalize().unwrap();
    path
}

#[test]
#[cfg_attr(not(unix), ignore = "signals are sent, which this system has not")]
fn a_pause_does_not_split_a_song() {
    let Some(bus) = Bus::start() else {
        return common::skip("a_pause_does_not_split_a_song", "no dbus-daemon");
    };
    let mut player = Player::start(&bus, "Somebody", "Held");
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.db");
    let mut daemon = Daemon::start(listen(&bus, &history, &interrupted_song(folder.path())));
    let address = daemon.wait_for_address();
    daemon.wait_for_reading("the pause", |r| t(r) > 14.0 && r["status"] == "silence");
    player.pause();
    daemon.wait_for_reading("more of it", |r| t(r) > 20.0);
    let url = format!("http://{address}/api/v1/reading");
    let reading: Value = ureq::get(&url).call().unwrap().body_mut().read_json().unwrap();
    assert_eq!(reading["song"]["paused"], true, "{reading}");
    player.resume();
    // Were it another song, readings would start anew.
    let after = daemon.readings_until("what follows", |r| t(r) > 34.0);
    assert!(after.iter().all(|r| t(r) > 18.0), "{after:?}");
    daemon.signal("TERM");
    daemon.wait();
    let songs = songs(&history);
    assert_eq!(songs.len(), 1, "{songs:#?}");
    assert!(songs[0]["heard_s"].as_f64().unwrap() > 20.0, "{songs:#?}");
}
