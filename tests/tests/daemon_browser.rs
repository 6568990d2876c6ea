//! The dashboard in a real browser: headless Chromium, driven by Playwright from Python.

mod common;
#[path = "common/daemon.rs"]
mod daemon;

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use daemon::Daemon;
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
            .is_ok()
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

fn serve(history: &Path, address: &str) -> Daemon {
    let mut command = common::program("earworm");
    command.args(["listen", "--json", "--http", address]);
    command.arg("--history").arg(history);
    command.arg("--input").arg(common::in_checkout("demo/demo.ogg"));
    command.env("RUST_LOG", "earworm=info");
    Daemon::start(command)
}

#[test]
fn the_page_lives() {
    let test = "the_page_lives";
    let Some(python) = std::env::var_os("EARWORM_PYTHON").filter(has_playwright) else {
        return common::skip(test, "EARWORM_PYTHON names no Python with playwright");
    };
    let Some(chromium) = chromium() else { return common::skip(test, "no chromium") };
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.db");
    let pictures = std::env::var_os(PICTURES).map_or(folder.path().to_owned(), Into::into);

    let mut daemon = serve(&history, "127.0.0.1:0");
    let address = daemon.wait_for_address();
    let url = format!("http://{address}/");
    let mut browser = Browser::open(&python, &which(chromium), &url, &pictures);
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

    // The server goes, and comes back: so does the page.
    drop(daemon);
    browser.ask("state lost");
    let mut daemon = serve(&history, &address);
    daemon.wait_for_address();
    browser.ask("state open");
    browser.ask("numbers");
    let again = browser.ask("pictures");
    assert_eq!(again["songs"], 1, "what was heard before is still known: {again}");
    if std::env::var_os(PICTURES).is_some() {
        daemon.wait_for_reading("a window", |r| r["t"].as_f64().unwrap() > 35.0);
    }
    for picture in [
        "dashboard 1280 900 dark",
        "dashboard-light 1280 900 light",
        "dashboard-phone 390 844 dark",
    ] {
        let overflow = browser.ask(&format!("picture {picture}"))["overflow"].as_i64().unwrap();
        assert!(overflow <= 0, "{picture}: it is {overflow} pixels too wide");
    }
    let problems = browser.ask("problems");
    assert_eq!(problems["problems"].as_array().unwrap().len(), 0, "{problems}");
    assert_eq!(problems["foreign"].as_array().unwrap().len(), 0, "it works offline: {problems}");
}
