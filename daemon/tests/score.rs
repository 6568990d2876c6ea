//! `earworm score` as a user meets it.

mod common;

use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::time::Duration;

use common::{chord, earworm, json_lines, run, stderr, stdout, write_song, write_wav};

#[test]
fn good_and_bad_files_each_get_a_row() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    write_song(folder, "good.wav", 4.0);
    std::fs::write(folder.join("empty.wav"), "").unwrap();
    std::fs::write(folder.join("text.mp3"), "not music at all\n".repeat(500)).unwrap();
    std::fs::create_dir(folder.join("folder")).unwrap();
    write_wav(&folder.join("one.wav"), 44_100, &[0.5, 0.5]);
    write_wav(&folder.join("short.wav"), 44_100, &chord(0.1, 44_100));
    write_wav(&folder.join("silent.wav"), 44_100, &[0.0; 400_000]);
    let names = [
        ("missing.wav", "missing.wav"),
        ("empty.wav", "is empty"),
        ("text.mp3", "not a readable audio file"),
        ("folder", "is a folder"),
        ("one.wav", "too short: 0.0 s of sound, at least "),
        ("short.wav", "too short: 0."),
        ("silent.wav", "nothing but silence"),
        ("good.wav", ""),
    ];
    let mut args = vec!["score", "--json", "--jobs", "3"];
    args.extend(names.map(|(name, _)| name));
    let output = run(folder, args);
    assert_eq!(output.status.code(), Some(1));
    let rows = json_lines(&output);
    assert_eq!(rows.len(), names.len());
    for (row, (name, problem)) in rows.iter().zip(names) {
        assert_eq!(row["file"], name);
        if problem.is_empty() {
            assert!(row["error"].is_null() && row["score"].is_number(), "{row}");
            continue;
        }
        let error = row["error"].as_str().unwrap();
        assert!(error.starts_with(name) && error.contains(problem), "{error}");
        assert!(row["score"].is_null(), "{row}");
        assert!(stderr(&output).contains(&format!("earworm: {error}")), "{}", stderr(&output));
    }
    // And nothing of the libraries' own.
    assert!(
        stderr(&output).lines().all(|line| line.starts_with("earworm: ")),
        "{}",
        stderr(&output)
    );
}

#[test]
fn json_has_every_field() {
    let dir = tempfile::tempdir().unwrap();
    write_song(dir.path(), "song.wav", 5.0);
    let output = run(dir.path(), ["score", "--json", "--timeline", "song.wav"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    let row = &json_lines(&output)[0];
    let keys: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = vec![
        "file",
        "duration_s",
        "score",
        "hook",
        "details",
        "model",
        "damaged_packets",
        "warning",
        "error",
        "timeline",
    ];
    expected.sort_unstable();
    let mut keys = keys;
    keys.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!(row["duration_s"], 5.0);
    let score = row["score"].as_f64().unwrap();
    assert!((0.0..=100.0).contains(&score));
    let hook = &row["hook"];
    assert!(hook["start_s"].as_f64().unwrap() < hook["end_s"].as_f64().unwrap());
    assert!(hook["end_s"].as_f64().unwrap() <= 5.0);
    let details: Vec<&String> = row["details"].as_object().unwrap().keys().collect();
    assert_eq!(details, ["calm", "liked", "tense"]);
    assert_eq!(row["model"]["name"], "tiny-streaming");
    assert_eq!(row["model"]["sha256"].as_str().unwrap().len(), 64);
    assert!(row["model"]["auc"].is_null());
    let timeline = row["timeline"].as_array().unwrap();
    assert!(timeline.len() > 10);
    let times: Vec<f64> = timeline.iter().map(|p| p["t"].as_f64().unwrap()).collect();
    assert!(times.is_sorted() && times.last().unwrap() <= &5.0, "{times:?}");
    assert_eq!(timeline.last().unwrap()["integrated"].as_f64(), Some(score));
}

#[test]
fn csv_has_a_row_a_file_or_a_reading() {
    let dir = tempfile::tempdir().unwrap();
    // Quotes, where names may have them.
    let name = if cfg!(windows) { "a, b.wav" } else { "a, \"b\".wav" };
    write_song(dir.path(), name, 3.0);
    let files = [name, "missing.wav"];
    let output = run(dir.path(), ["score", "--csv"].into_iter().chain(files));
    assert_eq!(output.status.code(), Some(1));
    let mut csv = csv::Reader::from_reader(output.stdout.as_slice());
    let header = csv.headers().unwrap().clone();
    assert_eq!(&header[0], "file");
    assert!(header.iter().any(|name| name == "details_liked"));
    let rows: Vec<_> = csv.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(&rows[0][0], files[0]);
    assert!(rows[0][2].parse::<f64>().is_ok() && rows[1][2].is_empty());

    let output = run(dir.path(), ["score", "--csv", "--timeline"].into_iter().chain(files));
    let mut csv = csv::Reader::from_reader(output.stdout.as_slice());
    let header = csv.headers().unwrap().clone();
    assert_eq!(&header[header.len() - 4], "t");
    let rows: Vec<_> = csv.records().map(Result::unwrap).collect();
    assert!(rows.len() > 10);
    assert!(rows.iter().filter(|row| &row[0] == "missing.wav").count() == 1);
}

#[test]
fn the_table_is_for_people() {
    let dir = tempfile::tempdir().unwrap();
    write_song(dir.path(), "song.wav", 63.0);
    let output = run(dir.path(), ["score", "song.wav", "missing.wav"]);
    let table = stdout(&output);
    assert!(table.starts_with("tiny-streaming · test AUC not measured\n"), "{table}");
    assert!(table.contains("1:03  ok"), "{table}");
    // As the system says it.
    let gone = std::fs::read(dir.path().join("missing.wav")).unwrap_err().to_string();
    let missing = table.lines().find(|line| line.starts_with("missing.wav"));
    assert!(missing.is_some_and(|line| line.contains(&gone)), "{table}");
    let output = run(dir.path(), ["score", "--timeline", "song.wav"]);
    assert!(stdout(&output).contains("momentary  window  integrated"));
}

#[test]
fn a_file_that_is_cut_off_is_scored_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_song(dir.path(), "whole.wav", 8.0);
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(dir.path().join("cut.wav"), &bytes[..bytes.len() / 2]).unwrap();
    let output = run(dir.path(), ["score", "--json", "cut.wav"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let row = &json_lines(&output)[0];
    assert!(row["warning"].as_str().unwrap().contains("cut off: 4.0 of 8.0 s"), "{row}");
    assert!(row["score"].is_number() && row["error"].is_null());
}

/// Width and height as a whole PNG file has them: of its first part, behind its length and name.
fn size_of_png(png: &[u8]) -> (u32, u32) {
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"));
    assert!(png.ends_with(b"\0\0\0\0IEND\xae\x42\x60\x82"));
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[test]
fn a_picture_for_each_file() {
    let dir = tempfile::tempdir().unwrap();
    write_song(dir.path(), "a.wav", 4.0);
    write_song(dir.path(), "b.wav", 0.3);
    let output = run(dir.path(), ["score", "--plot", "p.png", "a.wav"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let output = run(dir.path(), ["score", "--plot", "p.png", "a.wav", "b.wav"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let [alone, first, second] = ["p.png", "p-a.png", "p-b.png"].map(|name| {
        let png = std::fs::read(dir.path().join(name)).unwrap();
        assert_eq!(size_of_png(&png), (1600, 900), "{name}");
        assert!(png.len() > 10_000, "{name}");
        png
    });
    assert!(alone == first, "the same file looks the same");
    assert!(first != second, "another file looks otherwise");
    let left: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert_eq!(left, [""; 0], "no temporary files stay");

    let output = run(dir.path(), ["score", "--json", "--plot", "no/such/p.png", "a.wav"]);
    assert_eq!(output.status.code(), Some(1));
    let row = &json_lines(&output)[0];
    assert!(row["score"].is_number(), "the score stands although there is no picture");
    assert!(row["error"].as_str().unwrap().contains("no/such/p.png"), "{row}");
}

#[test]
fn order_and_result_do_not_depend_on_jobs() {
    let dir = tempfile::tempdir().unwrap();
    let names = ["a.wav", "b.wav", "c.wav", "d.wav"];
    for (name, seconds) in names.iter().zip([6.0, 2.0, 4.0, 1.5]) {
        write_song(dir.path(), name, seconds);
    }
    let one = run(dir.path(), ["score", "--json"].iter().chain(&names));
    let four = run(dir.path(), ["score", "--json", "--jobs", "4"].iter().chain(&names));
    assert_eq!(stdout(&one), stdout(&four));
    assert_eq!(json_lines(&one).len(), 4);
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let dir = tempfile::tempdir().unwrap();
    write_song(dir.path(), "song.wav", 3.0);
    let mut child = earworm()
        .current_dir(dir.path())
        .args(["score", "--json", "--timeline"])
        .args(["song.wav"; 40])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut few = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut few).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_wrong_model_is_named() {
    let dir = tempfile::tempdir().unwrap();
    write_song(dir.path(), "song.wav", 1.0);
    let output = run(dir.path(), ["score", "--model", "song.wav", "song.wav"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("song.wav: not a usable ONNX model"), "{}", stderr(&output));
    let output = run(dir.path(), ["score"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_file_that_is_written_to_meanwhile_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_song(dir.path(), "take.wav", 90.0);
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    let child = earworm()
        .current_dir(dir.path())
        .args(["score", "--json", "take.wav"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = std::thread::spawn(move || child.wait_with_output().unwrap());
    while !output.is_finished() {
        file.write_all(&[0; 4]).unwrap();
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = output.join().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let row = &json_lines(&output)[0];
    let error = row["error"].as_str().unwrap();
    assert!(error.starts_with("take.wav: the file changed while it was read"), "{error}");
    assert!(row["score"].is_null());
}

#[cfg(unix)]
#[test]
fn ctrl_c_delivers_what_is_done() {
    use std::io::{BufRead as _, BufReader};
    use std::process::Command;

    let dir = tempfile::tempdir().unwrap();
    write_song(dir.path(), "song.wav", 20.0);
    let mut command = earworm();
    common::set_signals(&mut command, libc::SIG_DFL);
    let mut child = command
        .current_dir(dir.path())
        .args(["score", "--json"])
        .args(["song.wav"; 500])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut rows = BufReader::new(child.stdout.take().unwrap()).lines();
    rows.next().unwrap().unwrap();
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let more = rows.map(Result::unwrap).map(|row| {
        let row: serde_json::Value = serde_json::from_str(&row).unwrap();
        assert!(row["score"].is_number(), "only whole rows: {row}");
    });
    let done = 1 + more.count();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(done < 500);
    let message = format!("stopped; {done} of 500 files are done");
    assert!(stderr(&output).contains(&message), "{}", stderr(&output));
}
