//! The editor in a real window, on a virtual screen with Mesa's software OpenGL: the number on the
//! screen is the engine's, at two sizes and two scales; files may be dropped onto it; what it costs.

#![cfg(target_os = "linux")]

mod common;
#[path = "common/digits.rs"]
mod digits;
#[path = "common/drag.rs"]
mod drag;
#[path = "common/screen.rs"]
mod screen;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use screen::{Ends, PATIENCE, Screen, next};

/// Length of the demo song.
const SONG_S: f64 = 64.0;
/// Where the number is in a window of this width in every view, in pixels: left, top, right, bottom.
fn number_place(width: f32, scale: u32) -> (usize, usize, usize, usize) {
    let panel = ((width - 16.0) * 0.26).clamp(206.0, 300.0);
    let pixels = |points: f32| points as usize * scale as usize;
    (pixels(16.0), pixels(76.0), pixels(panel), pixels(168.0))
}
/// Its size in points.
const NUMBER_SIZE: f32 = 82.0;

/// Plays the demo song fast through a window and gives the last reading, with the window still open.
fn play(screen: &Screen, size: &str, view: &str) -> (Ends, Value) {
    let (meter, readings) = screen.meter(&["--speed", "8", "--size", size, "--view", view]);
    // One line a second of sound, and one at the end of the song.
    loop {
        let reading = next(&readings);
        if reading["time_s"].as_f64().unwrap() > SONG_S - 0.5 {
            return (meter, reading);
        }
    }
}

#[test]
fn the_window_shows_the_engines_number() {
    let keep = std::env::var_os("EARWORM_PICTURES").map(PathBuf::from);
    for (scale, size, view) in [
        (1, "880x600", "meter"),
        (1, "560x380", "meter"),
        (1, "1200x760", "influence"),
        (1, "560x380", "compare"),
        (2, "560x380", "influence"),
        (2, "640x430", "meter"),
    ] {
        let screen = match Screen::open(1300, 880, scale) {
            Ok(screen) => screen,
            Err(why) => return common::skip("the_window_shows_the_engines_number", &why),
        };
        let empty = screen.pixels().colours();
        assert!(empty <= 2, "an empty screen has {empty} colours");
        let (_meter, reading) = play(&screen, size, view);
        assert!(reading["dropped"] == 0, "{reading}");
        // Rounded as the editor does it.
        let want = format!("{:.0}", reading["window"].as_f64().unwrap() as f32).parse().unwrap();
        let place = number_place(size.split('x').next().unwrap().parse().unwrap(), scale);
        let until = Instant::now() + PATIENCE;
        let mut shown = None;
        while shown != Some(want) {
            assert!(
                Instant::now() < until,
                "{shown:?} on the screen, {want} in the engine, {size}"
            );
            let pixels = screen.pixels();
            if pixels.colours() > 200 {
                shown = digits::number_at(&pixels, place, NUMBER_SIZE, scale as f32);
            }
        }
        if let Some(folder) = &keep {
            screen.picture(&folder.join(format!("plugin-{view}-{size}@{scale}.png")));
        }
    }
}

/// What the test above rests on: no number is taken for another.
#[test]
fn numbers_are_told_apart() {
    for scale in [1.0, 2.0] {
        for number in 0..=100 {
            let pixels = digits::painted(number, NUMBER_SIZE, scale);
            let all = (0, 0, pixels.width, pixels.height);
            assert_eq!(digits::number_at(&pixels, all, NUMBER_SIZE, scale), Some(number));
        }
        let mut blank = digits::painted(8, NUMBER_SIZE, scale);
        let ground = blank.at(0, 0);
        blank.rgb.fill(ground);
        let all = (0, 0, blank.width, blank.height);
        assert_eq!(digits::number_at(&blank, all, NUMBER_SIZE, scale), None);
    }
}

#[test]
fn a_model_dropped_onto_the_window_is_used() {
    let screen = match Screen::open(900, 620, 1) {
        Ok(screen) => screen,
        Err(why) => return common::skip("a_model_dropped_onto_the_window_is_used", &why),
    };
    let (_meter, readings) = screen.meter(&["--speed", "1"]);
    let classes = |reading: &Value| reading["details"].as_array().unwrap().len();
    let mut reading = next(&readings);
    while classes(&reading) == 0 {
        reading = next(&readings);
    }
    assert_ne!(classes(&reading), 3, "the built-in model: {reading}");
    drag::drop_file(&screen.display, &common::in_checkout("scorer/tests/fixtures/tiny_lstm.onnx"));
    while classes(&reading) != 3 {
        assert!(reading["time_s"].as_f64().unwrap() < SONG_S - 1.0, "the model was not taken");
        reading = next(&readings);
    }
}

/// The window that listens, ended from the terminal that it was started in.
#[test]
fn an_interrupt_ends_the_window() {
    use std::os::unix::process::ExitStatusExt as _;

    let screen = match Screen::open(900, 620, 1) {
        Ok(screen) => screen,
        Err(why) => return common::skip("an_interrupt_ends_the_window", &why),
    };
    let mut meter = screen.program();
    meter.args(["--backend", "dummy"]);
    common::with_usual_signals(&mut meter);
    let mut meter = Ends(meter.spawn().unwrap());
    let until = Instant::now() + PATIENCE;
    while screen.pixels().colours() <= 50 {
        assert!(Instant::now() < until, "no window opens");
    }
    // SAFETY: a plain call.
    assert_eq!(unsafe { libc::kill(meter.0.id() as libc::pid_t, libc::SIGINT) }, 0);
    let until = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = meter.0.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < until, "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(status.signal(), Some(libc::SIGINT), "it ended by itself: {status}");
}

/// Measures and prints, in percent of a core, what an open window costs at 60 frames a second: its
/// threads apart, once with Mesa's software rasteriser and once with one that draws nothing
/// (`GALLIUM_NOOP`), which leaves what is ours. Says nothing of worth beside builds or other tests.
///
///     cargo test --workspace --test plugin_gui -- --ignored --nocapture what_an_open_window_costs
#[test]
#[ignore = "a measurement"]
fn what_an_open_window_costs() {
    let seconds: f64 =
        std::env::var("EARWORM_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(15.0);
    for view in ["meter", "influence"] {
        for rasteriser in ["software", "none"] {
            let screen = Screen::open(1300, 880, 1).unwrap();
            let (meter, readings) = screen.meter_with(
                &["--speed", "1", "--size", "880x600", "--view", view],
                (rasteriser == "none").then_some(("GALLIUM_NOOP", "1")),
            );
            while next(&readings)["window"].is_null() {}
            let (before, started) = (thread_times(meter.0.id()), Instant::now());
            std::thread::sleep(Duration::from_secs_f64(seconds));
            let (after, wall) = (thread_times(meter.0.id()), started.elapsed().as_secs_f64());
            let mut threads: BTreeMap<String, f64> = BTreeMap::new();
            for (id, (name, ns)) in after {
                let earlier = before.get(&id).map_or(0, |(_, ns)| *ns);
                *threads.entry(name).or_default() += (ns - earlier) as f64 / 1e7 / wall;
            }
            let all: f64 = threads.values().sum();
            assert!(all > 0.0, "the window's process stood still");
            threads.retain(|_, percent| *percent >= 0.01);
            let round = |percent: &mut f64| *percent = (*percent * 100.0).round() / 100.0;
            threads.values_mut().for_each(round);
            let found = json!({ "view": view, "rasteriser": rasteriser,
                "core_percent": (all * 100.0).round() / 100.0, "threads": threads });
            println!("{found}");
        }
    }
}

/// Name and nanoseconds on a processor of each thread of a process.
fn thread_times(process: u32) -> BTreeMap<String, (String, u64)> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    tasks
        .filter_map(|task| {
            let task = task.ok()?.path();
            let name = std::fs::read_to_string(task.join("comm")).ok()?.trim().to_owned();
            let times = std::fs::read_to_string(task.join("schedstat")).ok()?;
            let ns = times.split(' ').next()?.parse().ok()?;
            Some((task.file_name()?.to_string_lossy().into_owned(), (name, ns)))
        })
        .collect()
}
