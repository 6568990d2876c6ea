//! Devices that go, come back, give nothing, are chosen and are named.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{SECONDS, common, daemon, excerpt, get, listen, playing, server, t};

/// What `/api/v1/reading` says of its health, once that is as wanted.
fn health(address: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    loop {
        let health = get(address, "/api/v1/reading")["health"].clone();
        if wanted(&health) {
            return health;
        }
        assert!(start.elapsed() < daemon::PATIENCE, "{health}");
        std::thread::sleep(Duration::from_millis(50));
    }
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
    let what = "WARN earworm::capture::keeper::telling: the device speakers.monitor ";
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
    let health = health(&address, |health| health["gaps"] != 0);
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
    let (start, mut streams) = (Instant::now(), BTreeSet::new());
    while streams.len() < 3 {
        let listed = server.control(&["list", "short", "source-outputs"]);
        streams.extend(listed.split_whitespace().next().map(str::to_owned));
        assert!(start.elapsed() < daemon::PATIENCE, "{}", daemon.log_so_far());
        std::thread::sleep(Duration::from_millis(100));
    }
    let told = get(&address, "/api/v1/reading")["health"].clone();
    assert_eq!((&told["reconnects"], &told["gaps"]), (&0.into(), &0.into()), "it is not over");
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
    // From the last samples to the next ones, however many streams were opened meanwhile.
    let told = health(&address, |health| health["gaps"] != 0);
    assert_eq!((&told["reconnects"], &told["gaps"]), (&1.into(), &1.into()), "{told}");
    assert!(told["gap_s"].as_f64().unwrap() > 6.0, "{told}");
}

/// Chooses a device as the dashboard does; the status of the answer.
fn choose(address: &str, device: Value) -> u16 {
    let url = format!("http://{address}/api/v1/device");
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let answer = agent.post(url).send_json(serde_json::json!({ "device": device })).unwrap();
    answer.status().as_u16()
}

/// The file knows nothing of it.
#[test]
fn a_reload_keeps_the_device_that_was_chosen() {
    let Some(server) = server("a_reload_keeps_the_device_that_was_chosen") else { return };
    server.add_sink("speakers", 48_000);
    server.add_sink("headset", 44_100);
    server.control(&["set-default-sink", "speakers"]);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    std::fs::write(&config, "rest_after = 0\n").unwrap();
    let file = config.to_str().unwrap();
    let mut daemon = listen(&server, &["--http", "127.0.0.1:0", "--config", file]);
    let address = daemon.wait_for_address();
    daemon.wait_for_log("speakers.monitor");
    assert_eq!(choose(&address, "headset".into()), 202);
    daemon.wait_for_log("listening device=\"headset.monitor\"");
    std::fs::write(&config, "rest_after = 0.5\n").unwrap();
    daemon.signal("USR1");
    let line = daemon.wait_for_log("nothing plays; resting");
    assert!(line.contains("headset.monitor"), "{line}");
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
    assert_eq!(choose(&address, "headset".into()), 202);
    daemon.wait_for_log("listening device=\"headset.monitor\" rate=44100");
    let reading = get(&address, "/api/v1/reading");
    assert_eq!(reading["source"]["device"], "headset.monitor", "{reading}");
    assert_eq!(
        (&reading["source"]["chosen"], &reading["health"]["gaps"]),
        (&true.into(), &0.into())
    );
    assert_eq!(choose(&address, "nothing like it".into()), 404);
    assert_eq!(choose(&address, Value::Null), 202);
    daemon.wait_for_log("listening device=\"speakers.monitor\" rate=48000");

    // The server ends the stream: that is told, not waited for.
    let streams = server.control(&["list", "short", "source-outputs"]);
    let number = streams.split_whitespace().next().unwrap();
    server.cli(&format!("kill-source-output {number}"));
    daemon.wait_for_log("the sound server closed the stream");
    daemon.wait_for_log("listening device=\"speakers.monitor\"");
    assert_eq!(health(&address, |health| health["gaps"] != 0)["gaps"], 1);
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
    assert_eq!(code, Some(3), "{message}");
    // A service is not started again and again for that.
    let (code, message) = run(&["listen", "--http", "off", "--host", "oss"]);
    assert_eq!(code, Some(3), "{message}");
    assert!(message.contains("pulseaudio, alsa"), "{message}");
    // One that is not there is waited for.
    let mut daemon = listen(&server, &["--device", "nothing like it"]);
    daemon.wait_for_log("waiting for the device nothing like it");
}
