//! The dashboard in a real browser: headless Chromium, driven by Playwright from Python.

#![cfg(target_os = "linux")]

mod common;
#[path = "common/daemon.rs"]
mod daemon;
#[path = "common/player.rs"]
mod player;

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use daemon::Daemon;
use earworm_scorer::decode::AudioFile;
use player::{Bus, Player};
use serde_json::Value;

/// Where pictures of the page are put, if they are wanted.
const PICTURES: &str = "EARWORM_PICTURES";

/// A browser that shows the page.
struct Browser {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Browser {
    fn open(python: &OsString, chromium: &str, url: &str, pictures: &Path) -> Self {
        let mut child = Command::new(python)
            .arg(common::in_checkout("tests/python/dashboard.py"))
            .args([chromium, url])
            .arg(pictures)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let commands = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, commands, answers }
    }

    fn ask(&mut self, command: &str) -> Value {
        writeln!(self.commands, "{command}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{command}: {line:?}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn chromium() -> Option<&'static str> {
    let there = |name: &&str| {
        Command::new(name)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            // What only says how to install it is there, too.
            .is_ok_and(|status| status.success())
    };
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(there)
}

fn has_playwright(python: &OsString) -> bool {
    let mut command = Command::new(python);
    command.args(["-c", "import playwright.sync_api"]).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn which(name: &str) -> String {
    let found = Command::new("sh").args(["-c", &format!("command -v {name}")]).output().unwrap();
    String::from_utf8(found.stdout).unwrap().trim().to_owned()
}

fn listen(history: &Path, address: &str, input: &Path) -> Command {
    let mut command = common::program("earworm");
    command.args(["listen", "--json", "--http", address]);
    command.arg("--history").arg(history);
    command.arg("--input").arg(input);
    command.env("RUST_LOG", "earworm=info");
    command
}

fn serve(history: &Path, address: &str, input: &Path, bus: Option<&Bus>) -> Daemon {
    let mut command = listen(history, address, input);
    if let Some(bus) = bus {
        command.args(["--songs", "players"]).env("DBUS_SESSION_BUS_ADDRESS", &bus.address);
    }
    Daemon::start(command)
}

fn demo() -> PathBuf {
    common::in_checkout("demo/demo.ogg")
}

/// A Python with Playwright, and the path of a browser; says what is missing.
fn tools(test: &str) -> Option<(OsString, String)> {
    let Some(python) = std::env::var_os("EARWORM_PYTHON").filter(has_playwright) else {
        common::skip(test, "EARWORM_PYTHON names no Python with playwright");
        return None;
    };
    let Some(chromium) = chromium() else {
        common::skip(test, "no chromium");
        return None;
    };
    Some((python, which(chromium)))
}

#[test]
fn the_page_lives() {
    let test = "the_page_lives";
    let Some((python, chromium)) = tools(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.db");

    let mut daemon = serve(&history, "127.0.0.1:0", &demo(), None);
    let address = daemon.wait_for_address();
    let url = format!("http://{address}/");
    let mut browser = Browser::open(&python, &chromium, &url, folder.path());
    assert_eq!(browser.ask("state open")["state"], "open");
    let numbers = browser.ask("numbers");
    assert!(numbers["song"].as_str().unwrap().starts_with("demo.ogg"), "{numbers}");
    // Long enough for a song to count as one.
    daemon.wait_for_reading("half a window", |r| r["t"].as_f64().unwrap() > 14.0);
    let pictures = browser.ask("pictures");
    assert!(pictures["mel"].as_u64().unwrap() > 50, "the picture is black: {pictures}");
    assert!(pictures["curve"].as_u64().unwrap() > 3, "there is no curve: {pictures}");
    assert!(pictures["classes"].as_u64().unwrap() > 2, "{pictures}");
    let keys = browser.ask("keys");
    assert_eq!((&keys["pressed"], &keys["theme"]), (&"true".into(), &"light".into()), "{keys}");

    let clocks = browser.ask("clocks");
    let set_back: Vec<u64> = (6400..6410).collect();
    assert_eq!(clocks["after"], serde_json::json!(set_back), "it goes on where it was set back to");
    let days = [26, 27, 28, 29, 30, 31, 1].map(|day| [day, 0]);
    assert_eq!(clocks["days"], serde_json::json!(days), "at midnight, in summer and winter");
    assert_eq!(clocks["hours"], serde_json::json!([0, 4, 8, 12]));

    let flow = browser.ask("flow");
    let expected = serde_json::json!({
        "moving": [true, true],
        "still": [true, false, false],
        "anew": [true, false, true],
        "gone": [false, true],
    });
    assert_eq!(flow, expected, "a reading that stands still is none of now");

    // A server that says nothing any more, and closes nothing either.
    daemon.signal("STOP");
    let lost = browser.ask("lost");
    assert_eq!(lost["dim"], true, "{lost}");
    assert!(lost["link"].as_str().unwrap().starts_with("no connection"), "{lost}");
    daemon.signal("CONT");
    browser.ask("state open");
    browser.ask("numbers");

    // The server goes, and comes back with another model: so does the page.
    drop(daemon);
    browser.ask("lost");
    browser.ask("state lost");
    let mut other = listen(&history, &address, &demo());
    other.arg("--model").arg(common::in_checkout(common::TINY_MODELS[0]));
    let mut daemon = Daemon::start(other);
    daemon.wait_for_address();
    browser.ask("state open");
    let model = browser.ask("model tiny-streaming");
    assert_eq!(model["classes"], serde_json::json!(["liked", "calm", "tense"]));
    browser.ask("numbers");
    let again = browser.ask("pictures");
    assert_eq!(again["songs"], 1, "what was heard before is still known: {again}");
    // What goes wrong with a request is told, and stays to be read.
    let notice = browser.ask("notice");
    assert_eq!(notice["text"], "this Earworm listens to a file, not to a device", "{notice}");
    take_pictures(&mut browser);
    let problems = browser.ask("problems");
    assert_eq!(problems["problems"].as_array().unwrap().len(), 0, "{problems}");
    assert_eq!(problems["foreign"].as_array().unwrap().len(), 0, "it works offline: {problems}");
}

/// A page that is left open for days, in its longest range.
#[test]
fn days_are_drawn_as_hours_are() {
    let Some((python, chromium)) = tools("days_are_drawn_as_hours_are") else { return };
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.db");
    let mut daemon = serve(&history, "127.0.0.1:0", &demo(), None);
    let url = format!("http://{}/", daemon.wait_for_address());
    let mut browser = Browser::open(&python, &chromium, &url, folder.path());
    browser.ask("state open");
    browser.ask("numbers");

    let days = browser.ask("days");
    let few = serde_json::json!({
        "few": true, "days": 7, "sorted": true, "old": [0, 30, 60, null], "fine": 60,
    });
    assert_eq!(days, few, "old rows become one, with their means");
    let latest = browser.ask("latest");
    let all = serde_json::json!({ "more": [1, 2, 3, 4, 5, 6], "all": [9] });
    assert_eq!(latest, all, "a poll leaves the songs of the range as they are");
    let mel = browser.ask("mel");
    assert_eq!(mel["range"], mel["sorted"], "as of sorted values: {mel}");
    assert_eq!(mel["silent"], serde_json::json!([-66, -30]), "{mel}");
    assert_eq!(mel["drawn"], serde_json::json!([1, 2]), "what is drawn is not drawn again: {mel}");
    assert_eq!(mel["left"], 64, "another meter's frames are counted alone: {mel}");

    // Seven days are asked for as a whole, at steps that all pages have in common.
    let range = browser.ask("range 4");
    let asked = |of: &Value| {
        let (_, from) = of.as_str().unwrap().split_once("?from=").unwrap();
        from.split_once('&').unwrap().0.parse::<u64>().unwrap()
    };
    let from = asked(&range["history"]);
    assert_eq!(asked(&range["songs"]), from, "{range}");
    assert!(from > 0 && from % 1008 == 0, "{range}");
    let listed = browser.ask("devices")["listed"].as_str().unwrap().to_owned();
    assert!(listed.contains("device-0") && listed.contains("device-1"), "{listed}");
}

/// Nor is anything complained about.
#[test]
fn without_a_history_none_is_asked_for() {
    let Some((python, chromium)) = tools("without_a_history_none_is_asked_for") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = serve(Path::new("off"), "127.0.0.1:0", &demo(), None);
    let url = format!("http://{}/", daemon.wait_for_address());
    let mut browser = Browser::open(&python, &chromium, &url, folder.path());
    browser.ask("state open");
    browser.ask("numbers");
    // Chooses another range, which would be asked for.
    browser.ask("keys");
    browser.ask("numbers");
    let problems = browser.ask("problems");
    for kind in ["problems", "refused"] {
        assert_eq!(problems[kind].as_array().unwrap().len(), 0, "{problems}");
    }
}

/// At once, and not when something else is asked for in its turn.
#[test]
fn the_token_is_asked_for() {
    let Some((python, chromium)) = tools("the_token_is_asked_for") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut command = listen(Path::new("off"), "127.0.0.1:0", &demo());
    command.args(["--token", "a-good~long-token"]);
    let mut daemon = Daemon::start(command);
    let url = format!("http://{}/", daemon.wait_for_address());
    let mut browser = Browser::open(&python, &chromium, &url, folder.path());
    let asked = browser.ask("asked");
    let mut paths = asked["before"].as_array().unwrap().iter();
    assert!(paths.all(|path| !path.as_str().unwrap().contains("songs?")), "{asked}");
    // Who has an old token tries it once, as a stream and as a request, and waits: more guesses would shut
    // out all pages of this computer.
    let stale = browser.ask("stale");
    assert_eq!((&stale["before"], &stale["after"]), (&2.into(), &2.into()), "{stale}");
    assert_eq!(browser.ask("token a-good~long-token")["asks"], false);
    browser.ask("numbers");
}

fn take_pictures(browser: &mut Browser) {
    for picture in [
        "dashboard 1280 900 dark",
        "dashboard-light 1280 900 light",
        "dashboard-phone 390 844 dark",
    ] {
        let overflow = browser.ask(&format!("picture {picture}"))["overflow"].as_i64().unwrap();
        assert!(overflow <= 0, "{picture}: it is {overflow} pixels too wide");
    }
}

/// Seconds of each song of the pictures: a window, and some more.
const SONG_S: usize = 46;
/// The songs of the pictures: the demo song, played at other speeds.
const SONGS: [(&str, f64); 4] = [
    ("Earworm demo", 1.0),
    ("Earworm demo, slower", 0.8),
    ("Earworm demo, faster", 1.3),
    ("Earworm demo, far too slow", 0.6),
];

/// The songs one after the other.
fn songs(folder: &Path) -> PathBuf {
    let mut file = AudioFile::open(demo()).unwrap();
    let format = file.format();
    let mut samples = Vec::new();
    while let Some(block) = file.next_block().unwrap() {
        samples.extend_from_slice(block);
    }
    let path = folder.join("songs.wav");
    let mut wav = common::wav(&path, format);
    let frames = samples.len() / format.channels;
    for (_, speed) in SONGS {
        for frame in 0..SONG_S * format.sample_rate as usize {
            let place = frame as f64 * speed;
            let (before, part) = (place as usize % frames, place.fract() as f32);
            for channel in 0..format.channels {
                let sample = |frame: usize| samples[frame % frames * format.channels + channel];
                let (a, b) = (sample(before), sample(before + 1));
                wav.write_sample(a + (b - a) * part).unwrap();
            }
        }
    }
    wav.finalize().unwrap();
    path
}

/// The pictures of the documentation: songs with names and hooks. Takes three minutes.
#[test]
fn pictures_for_the_documentation() {
    let test = "pictures_for_the_documentation";
    let Some(pictures) = std::env::var_os(PICTURES) else {
        return common::skip(test, "EARWORM_PICTURES names no folder for them");
    };
    let Some((python, chromium)) = tools(test) else { return };
    let Some(bus) = Bus::start() else { return common::skip(test, "no dbus-daemon") };
    let folder = tempfile::tempdir().unwrap();
    let input = songs(folder.path());
    let artist = "The Earworm authors";
    let mut player = Player::start(&bus, artist, SONGS[0].0);
    let mut daemon = serve(&folder.path().join("history.db"), "127.0.0.1:0", &input, Some(&bus));
    let url = format!("http://{}/", daemon.wait_for_address());
    let mut browser = Browser::open(&python, &chromium, &url, pictures.as_ref());
    for (title, _) in &SONGS[1..] {
        daemon.wait_for_reading("the end of a song", |r| r["t"].as_f64().unwrap() > SONG_S as f64);
        player.play(artist, title);
        daemon.wait_for_reading("the next song", |r| r["t"].as_f64().unwrap() < 3.0);
    }
    daemon.wait_for_reading("a hook", |r| r["t"].as_f64().unwrap() > 36.0);
    take_pictures(&mut browser);
}
