//! What the tests of the binary share: made audio, the tiny model, and running `earworm`.

// Not every test file uses everything.
#![allow(dead_code)]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hound::{SampleFormat, WavSpec, WavWriter};
use serde_json::Value;

/// A model with random weights: a window is about a second long.
pub(crate) fn tiny_model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scorer/tests/fixtures/tiny_lstm.onnx")
}

/// A command with the tiny model chosen.
pub(crate) fn earworm() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_earworm"));
    command.env("EARWORM_MODEL", tiny_model()).env_remove("RUST_LOG");
    command
}

/// Lets signals mean to the program what they usually do, or be ignored, whatever they mean to us: tests may
/// run under `nohup`, or in the background of a script.
#[cfg(unix)]
pub(crate) fn set_signals(command: &mut Command, action: libc::sighandler_t) {
    use std::os::unix::process::CommandExt;
    let set = move || {
        for signal in [libc::SIGINT, libc::SIGHUP] {
            // SAFETY: no handler is set.
            unsafe { libc::signal(signal, action) };
        }
        Ok(())
    };
    // SAFETY: that call is allowed between fork and exec.
    unsafe { command.pre_exec(set) };
}

/// Runs `earworm` with these arguments in a folder.
pub(crate) fn run<I: AsRef<OsStr>>(folder: &Path, args: impl IntoIterator<Item = I>) -> Output {
    earworm().current_dir(folder).args(args).output().unwrap()
}

/// Interleaved stereo samples of a moving chord.
pub(crate) fn chord(seconds: f64, rate: u32) -> Vec<f32> {
    let frames = (seconds * f64::from(rate)) as u32;
    (0..frames)
        .flat_map(|i| {
            let t = f64::from(i) / f64::from(rate);
            let tone = |hz: f64| (std::f64::consts::TAU * hz * t).sin();
            let beat = 1.0 - (t * 2.0).fract();
            let low =
                0.2 * tone(110.0) + 0.15 * beat * tone(440.0 * (1.0 + (t / 3.0).floor() / 7.0));
            [low as f32, (low + 0.1 * beat * tone(3000.0)) as f32]
        })
        .collect()
}

/// Writes interleaved stereo as a 16-bit wav file.
pub(crate) fn write_wav(path: &Path, rate: u32, samples: &[f32]) {
    let spec = WavSpec {
        channels: 2,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut wav = WavWriter::create(path, spec).unwrap();
    for sample in samples {
        wav.write_sample((sample * 32_767.0) as i16).unwrap();
    }
    wav.finalize().unwrap();
}

/// Writes a song of so many seconds.
pub(crate) fn write_song(folder: &Path, name: &str, seconds: f64) -> PathBuf {
    let path = folder.join(name);
    write_wav(&path, 44_100, &chord(seconds, 44_100));
    path
}

/// What a command printed, as lines of JSON.
pub(crate) fn json_lines(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What a command printed.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What a command complained about.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
