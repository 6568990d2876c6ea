//! `earworm listen` on a real sound server: what it hears is what is played, whatever happens to the
//! devices meanwhile.

mod common;
#[path = "common/daemon.rs"]
mod daemon;
#[path = "common/sound.rs"]
mod sound;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use daemon::Daemon;
use earworm_scorer::decode::AudioFile;
use serde_json::Value;
use sound::SoundServer;

/// Seconds of the demo song that are played: a window of the model, and a little.
const SECONDS: usize = 31;

/// The start of the demo song as a wav file.
fn excerpt(folder: &Path, seconds: usize) -> PathBuf {
    let mut file = AudioFile::open(common::in_checkout("demo/demo.ogg")).unwrap();
    let format = file.format();
    let spec = hound::WavSpec {
        channels: format.channels as u16,
        sample_rate: format.sample_rate,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let path = folder.join("excerpt.wav");
    let mut wav = hound::WavWriter::create(&path, spec).unwrap();
    let mut left = seconds * format.sample_rate as usize * format.channels;
    while let Some(block) = file.next_block().unwrap() {
        for &sample in &block[..block.len().min(left)] {
            wav.write_sample(sample).unwrap();
        }
        left -= block.len().min(left);
    }
    wav.finalize().unwrap();
    path
}

fn server(test: &str) -> Option<SoundServer> {
    SoundServer::start().map_err(|why| common::skip(test, &why)).ok()
}

fn listen(server: &SoundServer, args: &[&str]) -> Daemon {
    let mut command = server.with(common::program("earworm"));
    command.args(["listen", "--json", "--http", "off"]).args(args);
    Daemon::start(command)
}

fn playing(reading: &Value) -> bool {
    reading["level_db"].as_f64().is_some_and(|level| level > -50.0)
}

#[test]
fn what_is_heard_is_what_is_played() {
    let Some(server) = server("what_is_heard_is_what_is_played") else { return };
    server.add_sink("speakers", 48_000);
    let folder = tempfile::tempdir().unwrap();
    let song = excerpt(folder.path(), SECONDS);
    let mut daemon = listen(&server, &[]);
    daemon.wait_for_log("speakers.monitor");

    let start = Instant::now();
    let playback = server.play(&song);
    daemon.wait_for_reading("sound", playing);
    println!(
        "the first reading came {:.2} s after the start of the player",
        start.elapsed().as_secs_f64()
    );
    daemon.wait_for_reading("a momentary score", |reading| reading["momentary"].is_number());
    println!("the first momentary score {:.2} s after it", start.elapsed().as_secs_f64());
    playback.finish();
    let heard = daemon.readings_until("silence", |reading| reading["status"] == "silence");
    assert_eq!(heard.last().unwrap()["dropped"], 0, "{heard:?}");
    // The last whole window: what follows is part of the next one.
    let coverage = |reading: &&Value| (1e4 * reading["coverage"].as_f64().unwrap()) as u64;
    let last = heard.iter().max_by_key(coverage).unwrap();
    assert!(last["coverage"].as_f64().unwrap() > 0.99, "{last}");

    let scored = common::stdout_of(common::program("earworm").args(["score", "--json"]).arg(&song));
    let scored: Value = serde_json::from_str(&scored).unwrap();
    let (heard, scored) = (last["window"].as_f64().unwrap(), scored["score"].as_f64().unwrap());
    println!("heard {heard:.2}, scored {scored:.2}");
    assert!((heard - scored).abs() < 2.0, "heard {heard}, scored {scored}");

    // The rest: the device is let go, so that the sound server may sleep.
    daemon.wait_for_log("resting");
    assert_eq!(server.control(&["list", "short", "source-outputs"]), "");
    // And taken again as soon as something plays.
    daemon.take_readings();
    let _again = server.play(&song);
    daemon.wait_for_reading("sound after the rest", playing);
    daemon.signal("TERM");
    assert_eq!(daemon.wait(), Some(0), "{}", daemon.log_so_far());
}

#[test]
fn devices_may_vanish_and_return() {
    let Some(server) = server("devices_may_vanish_and_return") else { return };
    let module = server.add_sink("speakers", 48_000);
    let folder = tempfile::tempdir().unwrap();
    let song = excerpt(folder.path(), SECONDS);
    let mut daemon = listen(&server, &["--rest-after", "0"]);
    daemon.wait_for_log("speakers.monitor");
    let first = server.play(&song);
    daemon.wait_for_reading("some sound", |reading| {
        playing(reading) && reading["t"].as_f64().is_some_and(|t| t > 3.0)
    });

    // The only output goes, and comes back.
    server.control(&["unload-module", &module]);
    daemon.wait_for_log("is gone");
    drop(first);
    let before = daemon.take_readings();
    let t = |reading: &Value| reading["t"].as_f64().unwrap();
    assert!(before.iter().all(|reading| t(reading) > 2.0), "{before:?}");
    server.add_sink("speakers", 44_100);
    let start = Instant::now();
    // The rate is another one, so the readings start anew.
    daemon.wait_for_reading("a reading after the device's return", |reading| t(reading) < 2.0);
    println!("readings resumed {:.2} s after the device's return", start.elapsed().as_secs_f64());
    let second = server.play(&song);
    daemon.wait_for_reading("sound after the device's return", playing);

    // Another output becomes the default.
    server.add_sink("headset", 96_000);
    server.control(&["set-default-sink", "headset"]);
    daemon.wait_for_log("headset.monitor");
    drop(second);
    let third = server.play(&song);
    daemon.wait_for_reading("sound from the other output", playing);
    drop(third);
}

#[test]
fn the_server_itself_may_go() {
    let Some(mut server) = server("the_server_itself_may_go") else { return };
    server.add_sink("speakers", 48_000);
    let folder = tempfile::tempdir().unwrap();
    let song = excerpt(folder.path(), 5);
    let mut daemon = listen(&server, &["--rest-after", "0"]);
    daemon.wait_for_log("speakers.monitor");
    server.stop();
    daemon.wait_for_log("WARN");
    server.restart();
    server.add_sink("speakers", 48_000);
    daemon.wait_for_log("speakers.monitor");
    let _playing = server.play(&song);
    daemon.wait_for_reading("sound after the server's return", playing);
    daemon.signal("INT");
    assert_eq!(daemon.wait(), Some(0), "{}", daemon.log_so_far());
}

#[test]
fn devices_are_listed_and_named() {
    let Some(server) = server("devices_are_listed_and_named") else { return };
    server.add_sink("speakers", 48_000);
    server.add_sink("headset", 44_100);
    server.control(&["set-default-sink", "headset"]);
    let mut command = server.with(common::program("earworm"));
    let printed = common::stdout_of(command.args(["devices", "--json", "--host", "pulseaudio"]));
    let devices: Vec<Value> =
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let default: Vec<_> = devices.iter().filter(|device| device["default"] == true).collect();
    assert_eq!(default.len(), 1, "{printed}");
    assert_eq!(default[0]["id"], "headset.monitor");
    assert_eq!(default[0]["format"], "44100 Hz, 2 channels, f32");

    // One that is named is kept, whatever the default is.
    let mut daemon = listen(&server, &["--device", "speak"]);
    daemon.wait_for_log("speakers.monitor");
    drop(daemon);
    let run = |args: &[&str]| -> (Option<i32>, String) {
        let output = server.with(common::program("earworm")).args(args).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, message) = run(&["listen", "--http", "off", "--host", "oss"]);
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains("pulseaudio, alsa"), "{message}");
    // One that is not there is waited for.
    let mut daemon = listen(&server, &["--device", "nothing like it"]);
    daemon.wait_for_log("waiting for the device nothing like it");
}

/// Without a sound server, it waits for one.
#[test]
fn it_may_start_before_the_sound_server() {
    if Command::new("pulseaudio").arg("--version").output().is_err() {
        common::skip("it_may_start_before_the_sound_server", "no pulseaudio");
        return;
    }
    let mut server = SoundServer::start().unwrap();
    server.stop();
    let mut daemon = listen(&server, &[]);
    daemon.wait_for_log("WARN");
    server.restart();
    server.add_sink("speakers", 48_000);
    daemon.wait_for_log("speakers.monitor");
}
