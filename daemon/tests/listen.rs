//! `earworm listen` and `earworm model` as a user meets them.

mod common;

use std::io::Write as _;
use std::process::{Output, Stdio};
use std::time::Instant;

use common::{chord, earworm, json_lines, run, stderr, stdout, tiny_model, write_song};
use serde_json::Value;

/// Runs `earworm` and gives it bytes on standard input.
fn run_with_input(args: &[&str], input: Vec<u8>) -> Output {
    let mut child = earworm()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        // A program that refuses its input closes the pipe.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn assert_same_score(line: &Value, row: &Value) {
    assert_eq!(line["integrated"], row["score"]);
    assert_eq!(line["hook"], row["hook"]);
    assert_eq!(line["t"], row["duration_s"]);
}

#[test]
fn fast_listening_ends_where_scoring_does() {
    let dir = tempfile::tempdir().unwrap();
    for seconds in [0.7, 6.3] {
        write_song(dir.path(), "song.wav", seconds);
        let score = run(dir.path(), ["score", "--json", "song.wav"]);
        let row = &json_lines(&score)[0];
        let listen = run(dir.path(), ["listen", "--fast", "--json", "--input", "song.wav"]);
        assert_eq!(listen.status.code(), Some(0), "{}", stderr(&listen));
        let lines = json_lines(&listen);
        assert_same_score(lines.last().unwrap(), row);
        let again = run(dir.path(), ["listen", "--fast", "--input", "song.wav"]);
        assert_eq!(stdout(&listen), stdout(&again), "the same input gives the same lines");

        // The same through a pipe.
        let bytes = std::fs::read(dir.path().join("song.wav")).unwrap();
        let piped = run_with_input(&["listen", "--fast", "--json", "--input", "-"], bytes);
        assert_eq!(stdout(&piped), stdout(&listen), "{}", stderr(&piped));
    }
}

/// A tag behind its end is no sound, as it is none where the file is named.
#[test]
fn a_file_on_standard_input_ends_where_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_song(dir.path(), "song.wav", 0.7);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend([b'T'; 50_000]);
    std::fs::write(&path, bytes).unwrap();
    let args = ["listen", "--fast", "--json", "--input"];
    let named = earworm().args(args).arg(&path).output().unwrap();
    assert_eq!(named.status.code(), Some(0), "{}", stderr(&named));
    let file = std::fs::File::open(&path).unwrap();
    let given = earworm().args(args).arg("-").stdin(file).output().unwrap();
    assert_eq!(stdout(&given), stdout(&named), "{}", stderr(&given));
}

/// With somebody to tell, audio goes through the live path. Its last reading is that of the end.
#[test]
fn live_listening_ends_where_scoring_does() {
    let dir = tempfile::tempdir().unwrap();
    write_song(dir.path(), "song.wav", 6.3);
    let score = run(dir.path(), ["score", "--json", "song.wav"]);
    let row = &json_lines(&score)[0];
    assert!(row["hook"].is_object(), "{row}");
    let osc = ["listen", "--fast", "--json", "--input", "song.wav", "--osc", "127.0.0.1:9"];
    // Its end was missed about every other time.
    for _ in 0..6 {
        let listen = run(dir.path(), osc);
        assert_eq!(listen.status.code(), Some(0), "{}", stderr(&listen));
        assert_same_score(json_lines(&listen).last().unwrap(), row);
    }
}

#[test]
fn a_line_has_every_field() {
    let dir = tempfile::tempdir().unwrap();
    write_song(dir.path(), "song.wav", 3.0);
    let output = run(dir.path(), ["listen", "--fast", "--json", "--input", "song.wav"]);
    let mut expected = vec![
        "t",
        "momentary",
        "window",
        "integrated",
        "hook",
        "coverage",
        "level_db",
        "dropped",
        "details",
        "status",
    ];
    expected.sort_unstable();
    let lines = json_lines(&output);
    assert!(lines.len() > 5);
    for line in &lines {
        let mut keys: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, expected);
    }
    assert_eq!(lines.last().unwrap()["status"], "scoring");
    assert_eq!(lines.last().unwrap()["dropped"], 0);
    assert!(stderr(&output).starts_with("score "), "{}", stderr(&output));
}

#[test]
fn raw_samples_come_through_a_pipe() {
    let samples = chord(3.0, 48_000);
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let args = ["listen", "--input", "-", "--raw", "48000:2", "--fast", "--json"];
    let output = run_with_input(&args, bytes);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let lines = json_lines(&output);
    let last = lines.last().unwrap();
    assert_eq!(last["t"], 3.0);
    assert!(last["integrated"].is_number());
}

#[test]
fn at_the_pace_of_sound_it_takes_as_long_as_the_sound() {
    let dir = tempfile::tempdir().unwrap();
    write_song(dir.path(), "song.wav", 2.5);
    let start = Instant::now();
    let output = run(dir.path(), ["listen", "--json", "--input", "song.wav"]);
    let taken = start.elapsed().as_secs_f64();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(taken > 2.3, "{taken} s");
    let lines = json_lines(&output);
    let last = lines.last().unwrap();
    assert_eq!(last["dropped"], 0);
    assert!((last["t"].as_f64().unwrap() - 2.5).abs() < 0.01, "{last}");
    assert!(last["integrated"].is_number());
}

#[test]
fn no_audio_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("empty.wav"), "").unwrap();
    for name in ["empty.wav", "missing.wav", "."] {
        let output = run(dir.path(), ["listen", "--fast", "--json", "--input", name]);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(name), "{}", stderr(&output));
        assert_eq!(stdout(&output), "");
    }
    for args in [&["listen", "--input", "-"][..], &["listen", "--input", "-", "--raw", "48000:2"]] {
        let output = run_with_input(args, Vec::new());
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("standard input"), "{}", stderr(&output));
    }
    let output = run_with_input(&["listen", "--input", "-"], b"no music\n".repeat(1000));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_model_card_and_its_json() {
    let model = tiny_model();
    let output = earworm().args(["model", "show"]).arg(&model).output().unwrap();
    let card = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for part in ["tiny-streaming", "Not at all", "16000 Hz", "liked (the score)", "CC0-1.0"] {
        assert!(card.contains(part), "{part} is missing in\n{card}");
    }
    let output = earworm().args(["model", "show", "--json"]).arg(&model).output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["window_frames"], 64);
    let output = earworm().args(["model", "show", "none.onnx"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("none.onnx"));
}
