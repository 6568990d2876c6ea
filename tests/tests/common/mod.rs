//! What the end-to-end tests share: the built programs, the models and files of the checkout.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Once;

use earworm_scorer::decode::AudioFormat;
use serde_json::Value;

/// The models that judge nothing but have the shape of either contract.
pub const TINY_MODELS: [&str; 2] =
    ["scorer/tests/fixtures/tiny_lstm.onnx", "scorer/tests/fixtures/tiny_window.onnx"];

/// A file of the checkout. Asked for when the test runs, because checkouts may share what is built.
pub fn in_checkout(path: &str) -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
    Path::new(&package).parent().expect("the package lies in the workspace").join(path)
}

/// A program of the workspace, built like these tests, ready for arguments.
pub fn program(name: &str) -> Command {
    static BUILD: Once = Once::new();
    // <target>/<profile>/deps/<this test>
    let test = std::env::current_exe().expect("a test knows its own program");
    let built = test.ancestors().nth(2).expect("cargo builds tests into deps");
    // Whoever runs these tests without cargo, on another system than they were built on, has built them.
    if std::env::var_os("EARWORM_BUILT").is_none() {
        BUILD.call_once(|| build_programs(built));
    }
    let mut program = Command::new(built.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)));
    // What the developer has set must not change what is tested.
    program.env_remove("EARWORM_MODEL").env_remove("RUST_LOG");
    program
}

/// Makes both plugin bundles in a folder, from the library as built for these tests.
pub fn bundle(folder: &Path) {
    if std::env::var_os("EARWORM_BUILT").is_some() {
        // xtask asks cargo about the workspace.
        return clap_without_xtask(folder);
    }
    let mut xtask = program("xtask");
    xtask.args(["bundle", "--library"]).arg(plugin_library());
    stdout_of(xtask.arg("--to").arg(folder));
}

/// The plugin's library: beside the tests, as what a test needs is built there; further up is only what was
/// asked for by name.
fn plugin_library() -> PathBuf {
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let test = std::env::current_exe().expect("a test knows its own program");
    test.with_file_name(format!("{prefix}earworm_plugin{suffix}"))
}

/// The CLAP alone, which is the library itself on Linux and Windows.
fn clap_without_xtask(folder: &Path) {
    std::fs::copy(plugin_library(), folder.join("Earworm.clap")).expect("the library is built");
}

/// The song that comes with Earworm.
pub fn demo() -> PathBuf {
    in_checkout("demo/demo.ogg")
}

/// A call of `earworm` on the demo song. `model` is `--model` and its value, or nothing for the one
/// built in.
fn earworm(args: &[&str], model: &[PathBuf]) -> Command {
    let mut earworm = program("earworm");
    earworm.args(args).arg(demo()).args(model);
    earworm
}

/// What `earworm score` says of the demo song.
pub fn score(model: &[PathBuf]) -> Value {
    let printed = stdout_of(&mut earworm(&["score", "--json"], model));
    serde_json::from_str(&printed).unwrap()
}

/// The last reading when the demo song is streamed; every line is checked to be one.
pub fn last_of_listening(model: &[PathBuf]) -> Value {
    let args = ["listen", "--fast", "--json", "--input"];
    let printed = stdout_of(&mut earworm(&args, model));
    let readings: Vec<Value> =
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let times: Vec<_> = readings.iter().map(|reading| reading["t"].as_f64().unwrap()).collect();
    assert!(times.is_sorted(), "time goes forward");
    readings.last().expect("there is at least one reading").clone()
}

/// A score: a number from 0 to 100.
pub fn in_points(value: &Value) -> f64 {
    let points = value.as_f64().unwrap_or_else(|| panic!("no score: {value}"));
    assert!((0.0..=100.0).contains(&points), "{points}");
    points
}

/// The last window score that `earworm score` gives for the demo song.
pub fn last_window_of_the_demo() -> f64 {
    let mut earworm = program("earworm");
    earworm.args(["score", "--timeline", "--json"]).arg(demo());
    let printed = stdout_of(&mut earworm);
    let points: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).expect("earworm prints JSON"))
        .collect();
    let points = match points.as_slice() {
        [one] if one["timeline"].is_array() => one["timeline"].as_array().cloned(),
        _ => Some(points),
    };
    let mut windows = points.into_iter().flatten().filter_map(|point| point["window"].as_f64());
    windows.next_back().expect("the song has a window score")
}

/// Builds with the same features as `cargo test --workspace`: with others, such as those of a lone
/// package or without development dependencies, cargo would build the large dependencies again.
fn build_programs(folder: &Path) {
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--workspace", "--bins", "--tests", "--profile", profile]);
    stdout_of(build.current_dir(in_checkout("")));
}

/// Runs a command that must succeed and gives what it printed.
pub fn stdout_of(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {status}\n{stderr}");
    String::from_utf8(stdout).expect("programs print UTF-8")
}

/// A wav file of floats to write samples of this format into.
pub fn wav(path: &Path, format: AudioFormat) -> hound::WavWriter<BufWriter<File>> {
    let spec = hound::WavSpec {
        channels: format.channels as u16,
        sample_rate: format.sample_rate,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    hound::WavWriter::create(path, spec).unwrap()
}

/// Says that a test is left out. Written past the test harness, which would hide it.
pub fn skip(test: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
    // `cargo xtask test` counts these: for the harness the test passes.
    if let Some(file) = std::env::var_os("EARWORM_SKIPS") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(file);
        let _ = file.and_then(|mut file| file.write_all(format!("{test}: {why}\n").as_bytes()));
    }
}

/// Ctrl-C and hang-ups mean to the program what they usually do. They may be ignored here (tests under
/// `nohup`, in the background of a script), and it would do the same.
#[cfg(unix)]
pub fn with_usual_signals(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    let reset = || {
        for signal in [libc::SIGINT, libc::SIGHUP] {
            // SAFETY: no handler is set.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        Ok(())
    };
    // SAFETY: that call is allowed between fork and exec.
    unsafe { command.pre_exec(reset) };
}
