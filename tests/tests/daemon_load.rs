//! Many clients at once, and a long time: nothing is lost, and memory stays as it is. Short here;
//! `EARWORM_LOAD_SECONDS=60` and `EARWORM_SOAK_HOURS=24` make it as long as one likes.
// The sound servers that tests drive are Linux's.
#![cfg(target_os = "linux")]

mod common;
#[path = "common/daemon.rs"]
mod daemon;
#[path = "common/sound.rs"]
mod sound;

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use daemon::Daemon;
use earworm_scorer::decode::AudioFile;
use serde_json::Value;
use sound::SoundServer;

/// WebSockets at a time.
const CLIENTS: usize = 200;
/// Requests a second, and the threads that make them.
const REQUESTS: u64 = 1000;
const ASKERS: u64 = 4;
/// Readings a second of each stream.
const READINGS: f64 = 10.0;
/// Threads that ask for the history, and how often each does in a second, unless it is told to wait.
const HISTORIANS: u64 = 4;
const LOOKS: u64 = 10;
/// The part of all that is due that must come, however slow the computer.
const LEAST: f64 = 0.2;
/// Most that memory may grow by, in MB: a leak of a message a client is far more.
const GROWTH_MB: f64 = 24.0;
/// Most processor time that it may take, as parts of a core: many times what it does take, and still far less
/// than a loop that waits for nothing. That other programs run as well adds little to it.
const IN_SILENCE: f64 = 0.05;
const WITH_MUSIC: f64 = 0.25;

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

/// Memory of a process that is in use, in MB.
fn memory_mb(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kb: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kb / 1024.0
}

fn metric(url: &str, name: &str) -> f64 {
    let text = ureq::get(format!("{url}/metrics")).call().unwrap();
    let text = text.into_body().read_to_string().unwrap();
    let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name}")).rsplit_once(' ').unwrap().1.parse().unwrap()
}

/// Asks for this until told to stop, so many times a second; counts what was answered. All of it must be, or
/// be put off with a time to come back.
fn ask_for(url: &impl Fn(u64) -> String, a_second: u64, stop: &AtomicBool, answers: &AtomicU64) {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let start = Instant::now();
    for request in 0.. {
        let due = Duration::from_secs(request) / a_second as u32;
        std::thread::sleep(due.saturating_sub(start.elapsed()));
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let mut answer = agent.get(url(request)).call().unwrap();
        let put_off = answer.headers().contains_key("retry-after");
        let text = answer.body_mut().read_to_string().unwrap();
        match answer.status().as_u16() {
            200 => answers.fetch_add(1, Ordering::Relaxed),
            503 if put_off => 0,
            status => panic!("{status} {text}"),
        };
    }
}

#[test]
fn many_clients_disturb_nothing() {
    let server = match SoundServer::start() {
        Ok(server) => server,
        Err(why) => return common::skip("many_clients_disturb_nothing", &why),
    };
    server.add_sink("speakers", 48_000);
    let seconds = Duration::from_secs(setting("EARWORM_LOAD_SECONDS", 5));
    let mut command = server.with(common::program("earworm"));
    let folder = tempfile::tempdir().unwrap();
    command.args(["listen", "--http", "127.0.0.1:0", "--rest-after", "0", "--history"]);
    command.arg(folder.path().join("history.db"));
    let mut daemon = Daemon::start(command);
    let url = format!("http://{}", daemon.wait_for_address());
    daemon.wait_for_log("speakers.monitor");
    let _playing = server.play(&common::in_checkout("demo/demo.ogg"));

    let (stop, messages) = (&AtomicBool::new(false), &AtomicU64::new(0));
    let (answers, looks) = (&AtomicU64::new(0), &AtomicU64::new(0));
    let url = url.as_str();
    std::thread::scope(|scope| {
        let stream = url.replace("http://", "ws://") + "/api/v1/stream";
        for client in 0..CLIENTS {
            // Every tenth wants the picture as well.
            let stream = format!("{stream}?mel={}", u8::from(client % 10 == 0));
            let read = move || {
                let (mut socket, _) = tungstenite::connect(stream).unwrap();
                while !stop.load(Ordering::Relaxed) {
                    socket.read().unwrap();
                    messages.fetch_add(1, Ordering::Relaxed);
                }
            };
            std::thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, read).unwrap();
        }
        while metric(url, "earworm_websockets") < CLIENTS as f64 {
            std::thread::sleep(Duration::from_millis(20));
        }
        let before_mb = memory_mb(daemon.id());
        let sent_before = messages.load(Ordering::Relaxed);
        let start = Instant::now();
        for _ in 0..ASKERS {
            let reading = move |_: u64| format!("{url}/api/v1/reading");
            scope.spawn(move || ask_for(&reading, REQUESTS / ASKERS, stop, answers));
        }
        for historian in 0..HISTORIANS {
            let history = move |request: u64| {
                // Each time another one, so that each is looked for.
                let step = 1000 + HISTORIANS * request + historian;
                format!("{url}/api/v1/history?from=0&resolution={step}")
            };
            scope.spawn(move || ask_for(&history, LOOKS, stop, looks));
        }
        std::thread::sleep(seconds);
        let took = start.elapsed().as_secs_f64();
        let sent = (messages.load(Ordering::Relaxed) - sent_before) as f64 / took;
        let asked = answers.load(Ordering::Relaxed) as f64 / took;
        let looked = looks.load(Ordering::Relaxed) as f64 / took;
        let after_mb = memory_mb(daemon.id());
        let (dropped, slow) = (
            metric(url, "earworm_dropped_samples_total"),
            metric(url, "earworm_slow_clients_total"),
        );
        let samples = metric(url, "earworm_samples_total");
        stop.store(true, Ordering::Relaxed);
        println!(
            "{took:.1} s: {CLIENTS} streams got {sent:.0} messages a second, {asked:.0} requests \
             and {looked:.0} looks into the history a second were answered, {samples} samples came \
             in, {dropped} were dropped; {before_mb:.1} MB before, {after_mb:.1} MB after",
        );
        assert_eq!((dropped, slow), (0.0, 0.0));
        assert!(samples > 0.5 * 48_000.0 * took, "the capture went on: {samples}");
        assert!(after_mb - before_mb < GROWTH_MB, "{before_mb} MB became {after_mb} MB");
        for (what, a_second, due) in [
            ("messages", sent, CLIENTS as f64 * READINGS),
            ("requests", asked, REQUESTS as f64),
            ("looks into the history", looked, (HISTORIANS * LOOKS) as f64),
        ] {
            assert!(a_second > LEAST * due, "{a_second:.0} {what} of {due} came a second");
        }
    });
}

/// Seconds of processor time that a process has used.
fn processor_s(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The program's name may have blanks in it.
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |field: usize| fields[field].parse::<f64>().unwrap();
    // In hundredths of a second, on every Linux there is.
    (ticks(11) + ticks(12)) / 100.0
}

/// `EARWORM_COST_SECONDS=60` for figures that mean something.
#[test]
fn it_costs_little() {
    let server = match SoundServer::start() {
        Ok(server) => server,
        Err(why) => return common::skip("it_costs_little", &why),
    };
    server.add_sink("speakers", 48_000);
    let seconds = setting("EARWORM_COST_SECONDS", 6);
    let mut command = match std::env::var_os("EARWORM_PROGRAM") {
        Some(program) => server.with(std::process::Command::new(program)),
        None => server.with(common::program("earworm")),
    };
    let folder = tempfile::tempdir().unwrap();
    command.args(["listen", "--http", "127.0.0.1:0", "--rest-after", "1", "--history"]);
    command.arg(folder.path().join("history.db"));
    let mut daemon = Daemon::start(command);
    let url = format!("http://{}", daemon.wait_for_address());
    let measure = |what: &str, daemon: &Daemon| {
        let before = processor_s(daemon.id());
        std::thread::sleep(Duration::from_secs(seconds));
        let part = (processor_s(daemon.id()) - before) / seconds as f64;
        let memory = memory_mb(daemon.id());
        println!("{what}: {:.2} % of a core, {memory:.1} MB", 100.0 * part);
        (part, memory)
    };
    daemon.wait_for_log("resting");
    let (silence, _) = measure("nothing plays", &daemon);
    let start = Instant::now();
    let _playing = server.play_promptly(&common::in_checkout("demo/demo.ogg"));
    let reading = || -> Value {
        let answer = ureq::get(format!("{url}/api/v1/reading")).call().unwrap();
        answer.into_body().read_json().unwrap()
    };
    let mut sound_s = None;
    let momentary_s = loop {
        let now = reading();
        let now_s = start.elapsed().as_secs_f64();
        if sound_s.is_none() && now["level_db"].as_f64().is_some_and(|level| level > -50.0) {
            sound_s = Some(now_s);
        }
        if let (Some(sound_s), true) = (sound_s, now["momentary"].is_number()) {
            println!("after the rest, sound was heard {sound_s:.2} s after the player's start");
            break now_s - sound_s;
        }
        assert!(now_s < 60.0, "no sound is heard: {now}");
        std::thread::sleep(Duration::from_millis(10));
    };
    println!("and had a momentary score {momentary_s:.2} s later");
    let (listening, memory) = measure("music plays, dashboard closed", &daemon);
    assert!(silence < IN_SILENCE, "{silence} of a core while nothing plays");
    assert!(listening < WITH_MUSIC, "{listening} of a core while music plays");
    assert!(silence < listening, "{silence} < {listening}");
    assert!(memory <= 60.0, "{memory} MB");
}

#[test]
fn an_hour_leaves_memory_as_it_was() {
    let hours = setting("EARWORM_SOAK_HOURS", 1);
    let mut file = AudioFile::open(common::in_checkout("demo/demo.ogg")).unwrap();
    let format = file.format();
    let mut song = Vec::new();
    while let Some(block) = file.next_block().unwrap() {
        song.extend(block.iter().flat_map(|sample| sample.to_le_bytes()));
    }
    let second = format.sample_rate as usize * format.channels * 4;
    let folder = tempfile::tempdir().unwrap();
    let mut command = common::program("earworm");
    command.args(["listen", "--json", "--fast", "--http", "127.0.0.1:0", "--history"]);
    command.arg(folder.path().join("history.db"));
    command.args(["--input", "-", "--raw"]);
    command.arg(format!("{}:{}", format.sample_rate, format.channels));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (id, mut stdin) = (child.id(), child.stdin.take().unwrap());
    let start = Instant::now();
    let feed = std::thread::spawn(move || {
        let mut left = hours as usize * 3600 * second;
        let mut early_mb = None;
        let all = left;
        while left > 0 {
            let part = song.len().min(left);
            stdin.write_all(&song[..part]).unwrap();
            left -= part;
            if early_mb.is_none() && left < all - all / 10 {
                early_mb = Some(memory_mb(id));
            }
        }
        (early_mb.unwrap(), memory_mb(id))
    });
    let mut last = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        last = line.unwrap();
    }
    let (early_mb, late_mb) = feed.join().unwrap();
    assert!(child.wait().unwrap().success());
    let last: Value = serde_json::from_str(&last).unwrap();
    let heard_s = last["t"].as_f64().unwrap();
    println!(
        "{hours} h in {:.1} s; {early_mb:.1} MB after a tenth, {late_mb:.1} MB at the end",
        start.elapsed().as_secs_f64()
    );
    assert!((heard_s - 3600.0 * hours as f64).abs() < 1.0, "{heard_s} s");
    assert_eq!(last["dropped"], 0, "{last}");
    assert!(late_mb - early_mb < GROWTH_MB, "{early_mb} MB became {late_mb} MB");
}
