//! The editor in a real window, on a virtual screen with Mesa's software OpenGL.
//!
//! That the number it shows is the engine's is tested where it is drawn (`editor/app.rs`); here, that
//! something is drawn at all, at two sizes, and that the window lives as long as it should.

#![cfg(target_os = "linux")]

mod common;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Length of the demo song.
const SONG_S: f64 = 64.0;

/// Ends a program when the test does.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// A virtual screen and its name.
fn screen() -> (Ends, String) {
    let mut server = Command::new("Xvfb");
    server.args(["-displayfd", "1", "-screen", "0", "1400x900x24", "-nolisten", "tcp"]);
    let mut server = server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut number = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
    (Ends(server), format!(":{}", number.trim()))
}

/// How long anything here may take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

/// Plays the demo song fast through a window and gives the last reading, with the window still open.
fn play(display: &str, size: &str, view: &str) -> (Ends, Value) {
    let mut meter = common::program("earworm-meter");
    meter.arg("--file").arg(common::in_checkout("demo/demo.ogg"));
    meter.args(["--speed", "8", "--print", "--size", size, "--view", view]);
    meter.env("DISPLAY", display).env("LIBGL_ALWAYS_SOFTWARE", "1").env_remove("WAYLAND_DISPLAY");
    let mut meter = meter.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(meter.stdout.take().unwrap()).lines();
    let meter = Ends(meter);
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    // One line a second of sound, and one at the end of the song.
    loop {
        let line = receive.recv_timeout(PATIENCE).expect("the window's program prints readings");
        let reading: Value = serde_json::from_str(&line).unwrap();
        if reading["time_s"].as_f64().unwrap() > SONG_S - 0.5 {
            return (meter, reading);
        }
    }
}

/// The screen as a picture, and how many colours it has.
fn picture(display: &str, path: &Path) -> usize {
    let mut import = Command::new("import");
    import.args(["-window", "root"]).arg(path).env("DISPLAY", display);
    common::stdout_of(&mut import);
    let mut identify = Command::new("identify");
    common::stdout_of(identify.args(["-format", "%k"]).arg(path)).trim().parse().unwrap()
}

#[test]
fn the_window_shows_the_song() {
    let needed = ["Xvfb", "import", "identify"];
    if let Some(missing) = needed.into_iter().find(|program| !has(program)) {
        let why = format!("there is no {missing} (packages xvfb and imagemagick)");
        return common::skip("the_window_shows_the_song", &why);
    }
    let folder = tempfile::tempdir().unwrap();
    let keep = std::env::var_os("EARWORM_PICTURES").map(PathBuf::from);
    let (_server, display) = screen();
    let empty = picture(&display, &folder.path().join("empty.png"));
    assert!(empty <= 2, "an empty screen has {empty} colours");
    for (size, view) in [("880x600", "meter"), ("560x380", "meter"), ("1200x760", "influence")] {
        let (meter, reading) = play(&display, size, view);
        assert!(reading["window"].is_number() && reading["dropped"] == 0, "{reading}");
        let to = keep.as_deref().unwrap_or(folder.path());
        let to = to.join(format!("plugin-{view}-{size}.png"));
        let until = Instant::now() + PATIENCE;
        while picture(&display, &to) <= 300 {
            assert!(Instant::now() < until, "{view} at {size} stays blank");
        }
        drop(meter);
    }
}
