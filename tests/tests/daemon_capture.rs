//! `earworm listen` on a real sound server: what it hears is what is played, whatever happens to the
//! devices meanwhile.
// The sound servers that tests drive are Linux's.
#![cfg(target_os = "linux")]

mod common;
#[path = "common/daemon.rs"]
mod daemon;
#[path = "common/sound.rs"]
mod sound;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

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
    let path = folder.join("excerpt.wav");
    let mut wav = common::wav(&path, format);
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
    // Titles are for other tests; a later --http wins.
    command.args(["listen", "--json", "--songs", "silence"]).args(args);
    if !args.contains(&"--http") {
        command.args(["--http", "off"]);
    }
    Daemon::start(command)
}

fn t(reading: &Value) -> f64 {
    reading["t"].as_f64().unwrap()
}

fn get(address: &str, path: &str) -> Value {
    let answer = ureq::get(format!("http://{address}{path}")).call().unwrap();
    answer.into_body().read_json().unwrap()
}

fn playing(reading: &Value) -> bool {
    reading["level_db"].as_f64().is_some_and(|level| level > -50.0)
}

#[test]
fn what_is_heard_is_what_is_played() {
    let Some(server) = server("what_is_heard_is_what_is_played") else { return };
    hear_a_song(&server);
}

#[test]
fn pipewire_is_heard_as_well() {
    match SoundServer::start_pipewire() {
        Ok(server) => hear_a_song(&server),
        Err(why) => common::skip("pipewire_is_heard_as_well", &why),
    }
}

/// Plays the start of the demo song to the server's default output, twice.
fn hear_a_song(server: &SoundServer) {
    server.add_sink("speakers", 48_000);
    let folder = tempfile::tempdir().unwrap();
    let song = excerpt(folder.path(), SECONDS);
    let mut daemon = listen(server, &[]);
    daemon.wait_for_log("speakers.monitor");

    let start = Instant::now();
    let playback = server.play(&song);
    let sound = daemon.wait_for_reading("sound", playing);
    println!(
        "the first reading came {:.2} s after the start of the player",
        start.elapsed().as_secs_f64()
    );
    let first = daemon.wait_for_reading("a first impression", |r| r["momentary"].is_number());
    println!(
        "the first momentary score {:.2} s after it, {:.2} s of sound after the first reading with \
         sound; it is {}",
        start.elapsed().as_secs_f64(),
        t(&first) - t(&sound),
        first["momentary"],
    );
    // It is not passed off as more than it is.
    assert_eq!(first["status"], "listening", "{first}");
    assert!(first["window"].is_null(), "{first}");
    // In seconds of sound, as nothing else is the same on every computer.
    assert!(t(&first) - t(&sound) < 1.0, "{sound} {first}");
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
    let start = Instant::now();
    let _again = server.play_promptly(&song);
    daemon.wait_for_reading("sound after the rest", playing);
    println!(
        "while it rests: sound {:.2} s after a prompt player's start",
        start.elapsed().as_secs_f64()
    );
    daemon.signal("TERM");
    assert_eq!(daemon.wait(), Some(0), "{}", daemon.log_so_far());
}

#[test]
fn devices_may_vanish_and_return() {
    let Some(server) = server("devices_may_vanish_and_return") else { return };
    let module = server.add_sink("speakers", 48_000);
    let folder = tempfile::tempdir().unwrap();
    let song = excerpt(folder.path(), SECONDS);
    let mut daemon = listen(&server, &["--rest-after", "0", "--http", "127.0.0.1:0"]);
    let address = daemon.wait_for_address();
    daemon.wait_for_log("speakers.monitor");
    let first = server.play(&song);
    daemon.wait_for_reading("some sound", |reading| playing(reading) && t(reading) > 3.0);

    // The only output goes, and comes back.
    server.control(&["unload-module", &module]);
    // The server says so twice: of the device, and of its stream. Either may come first.
    let what = "WARN earworm::capture::keeper: the device speakers.monitor ";
    daemon.wait_for_log(what);
    drop(first);
    let before = daemon.take_readings();
    assert!(before.iter().all(|reading| t(reading) > 2.0), "{before:?}");
    assert_eq!(get(&address, "/api/v1/reading")["source"]["state"], "waiting");
    server.add_sink("speakers", 44_100);
    let start = Instant::now();
    // The rate is another one, so the readings start anew.
    daemon.wait_for_reading("a reading after the device's return", |reading| t(reading) < 2.0);
    println!("readings resumed {:.2} s after the device's return", start.elapsed().as_secs_f64());
    // The event of its return opened it, at the first try: nothing was waited for.
    let line = daemon.wait_for_log("listening");
    assert!(line.contains("gap_s"), "{line}");
    let log = daemon.log_so_far();
    let (_, after) = log.rsplit_once(what).unwrap();
    assert!(!after.contains("cannot capture"), "{log}");
    let health = get(&address, "/api/v1/reading")["health"].clone();
    assert_eq!((&health["reconnects"], &health["gaps"]), (&1.into(), &1.into()), "{health}");
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

/// As when the computer goes to sleep: the device is there, but gives nothing.
#[test]
fn a_suspended_device_is_heard_again() {
    let Some(server) = server("a_suspended_device_is_heard_again") else { return };
    server.add_sink("speakers", 48_000);
    let folder = tempfile::tempdir().unwrap();
    let song = excerpt(folder.path(), SECONDS);
    let history = folder.path().join("history.db");
    let file = history.to_str().unwrap();
    let mut daemon = listen(&server, &["--http", "127.0.0.1:0", "--history", file]);
    let address = daemon.wait_for_address();
    daemon.wait_for_log("speakers.monitor");
    let _playing = server.play(&song);
    daemon.wait_for_reading("some sound", playing);
    server.control(&["suspend-sink", "speakers", "1"]);
    let nothing = "gives no audio any more";
    daemon.wait_for_log(nothing);
    let remembered = || {
        let mut command = common::program("earworm");
        command.args(["history", "--readings", "--json", "--history", file]);
        common::stdout_of(&mut command).lines().count()
    };
    let before = remembered();
    // It is tried again and again. That is said once, and the last reading is no sound that goes on.
    let start = Instant::now();
    while get(&address, "/api/v1/reading")["health"]["reconnects"].as_u64().unwrap() < 3 {
        assert!(start.elapsed() < daemon::PATIENCE, "{}", daemon.log_so_far());
        std::thread::sleep(Duration::from_millis(100));
    }
    let after = remembered();
    assert!(after <= before + 1, "{before} seconds remembered, then {after}");
    let log = daemon.log_so_far();
    assert_eq!(log.matches(nothing).count(), 1, "{log}");
    assert!(log.matches("listening device").count() <= 2, "{log}");
    server.control(&["suspend-sink", "speakers", "0"]);
    daemon.take_readings();
    let readings = daemon.readings_until("sound after the suspend", |reading| {
        playing(reading) && reading["momentary"].is_number()
    });
    assert!(readings.iter().all(|reading| reading["dropped"] == 0), "{readings:?}");
}

/// What somebody else closes is opened again at once, and what the user asks for is no gap.
#[test]
fn streams_are_opened_anew() {
    let Some(server) = server("streams_are_opened_anew") else { return };
    server.add_sink("speakers", 48_000);
    server.add_sink("headset", 44_100);
    server.control(&["set-default-sink", "speakers"]);
    let mut daemon = listen(&server, &["--rest-after", "0", "--http", "127.0.0.1:0"]);
    let address = daemon.wait_for_address();
    daemon.wait_for_log("speakers.monitor");
    let choose = |device: Value| {
        let url = format!("http://{address}/api/v1/device");
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let answer = agent.post(url).send_json(serde_json::json!({ "device": device })).unwrap();
        answer.status().as_u16()
    };
    assert_eq!(choose("headset".into()), 202);
    daemon.wait_for_log("listening device=\"headset.monitor\" rate=44100");
    let reading = get(&address, "/api/v1/reading");
    assert_eq!(reading["source"]["device"], "headset.monitor", "{reading}");
    assert_eq!(
        (&reading["source"]["chosen"], &reading["health"]["gaps"]),
        (&true.into(), &0.into())
    );
    assert_eq!(choose("nothing like it".into()), 404);
    assert_eq!(choose(Value::Null), 202);
    daemon.wait_for_log("listening device=\"speakers.monitor\" rate=48000");

    // The server ends the stream: that is told, not waited for.
    let streams = server.control(&["list", "short", "source-outputs"]);
    let number = streams.split_whitespace().next().unwrap();
    server.cli(&format!("kill-source-output {number}"));
    daemon.wait_for_log("the sound server closed the stream");
    daemon.wait_for_log("listening device=\"speakers.monitor\"");
    assert_eq!(get(&address, "/api/v1/reading")["health"]["gaps"], 1);
}

/// Threads and open files of a process.
#[cfg(target_os = "linux")]
fn belongings(process: u32) -> (usize, usize) {
    let count = |what: &str| std::fs::read_dir(format!("/proc/{process}/{what}")).unwrap().count();
    (count("task"), count("fd"))
}

/// Streams and lists of devices leave nothing behind, however many there are.
#[cfg(target_os = "linux")]
#[test]
fn nothing_is_left_behind() {
    let Some(server) = server("nothing_is_left_behind") else { return };
    server.add_sink("speakers", 48_000);
    server.add_sink("headset", 44_100);
    let mut daemon = listen(&server, &["--rest-after", "0", "--http", "127.0.0.1:0"]);
    let address = daemon.wait_for_address();
    daemon.wait_for_log("listening");
    let id = daemon.id();
    let clients = || server.control(&["list", "short", "clients"]).lines().count();
    let mut round = |round: usize| {
        let device = ["headset", "speakers"][round % 2];
        server.control(&["set-default-sink", device]);
        daemon.wait_for_log(&format!("listening device=\"{device}.monitor\""));
        let devices = get(&address, "/api/v1/devices");
        assert!(devices.as_array().unwrap().len() >= 4, "{devices}");
        daemon.take_readings();
    };
    (0..4).for_each(&mut round);
    // Threads that wait for work come and go; a leak of one a round is more than that.
    let before = (clients(), belongings(id));
    (4..34).for_each(&mut round);
    let after = (clients(), belongings(id));
    println!("(clients, threads, files): {before:?} before, {after:?} after 30 rounds");
    assert!(after.0 <= before.0 + 2, "clients of the server: {before:?} {after:?}");
    assert!(after.1.0 <= before.1.0 + 6, "threads: {before:?} {after:?}");
    assert!(after.1.1 <= before.1.1 + 6, "open files: {before:?} {after:?}");
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

/// A service without a scorer would run for ever and score nothing: it ends, so that its supervisor
/// starts it anew.
#[test]
fn a_model_that_fails_ends_the_service() {
    let test = "a_model_that_fails_ends_the_service";
    let Some(server) = server(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("failing.onnx");
    let Some(python) = std::env::var_os("EARWORM_PYTHON") else {
        return common::skip(test, "EARWORM_PYTHON is not set");
    };
    let mut make = Command::new(&python);
    make.arg(common::in_checkout("tests/python/failing_model.py"));
    make.arg(common::in_checkout(common::TINY_MODELS[0])).arg(&model);
    if !make.output().is_ok_and(|made| made.status.success()) {
        return common::skip(test, "EARWORM_PYTHON names no Python with onnx");
    }
    server.add_sink("speakers", 48_000);
    let song = excerpt(folder.path(), SECONDS);
    for json in [true, false] {
        let mut command = server.with(common::program("earworm"));
        command.args(["listen", "--http", "off", "--history", "off", "--songs", "silence"]);
        command.args(json.then_some("--json")).arg("--model").arg(&model);
        let mut daemon = Daemon::start(command);
        daemon.wait_for_log("listening");
        let _playing = server.play(&song);
        assert_eq!(daemon.wait(), Some(1), "{}", daemon.log_so_far());
        daemon.wait_for_log("earworm: scoring stopped: ");
    }
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
    // Its name may be written as one likes.
    let mut daemon = listen(&server, &["--host", "PulseAudio"]);
    daemon.wait_for_log("headset.monitor");
    drop(daemon);
    let run = |args: &[&str]| -> (Option<i32>, String) {
        let output = server.with(common::program("earworm")).args(args).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    // Sound systems without devices are named as well: here that is ALSA's card, if there is none.
    let output = server.with(common::program("earworm")).arg("devices").output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.lines().any(|line| line.contains("alsa")), "{table}");
    let (code, message) = run(&["devices", "--host", "pulse"]);
    assert_eq!(code, Some(1), "{message}");
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
