//! The VST3 bundle in pedalboard, JUCE's host as a Python package.

mod common;

use std::process::Command;

use earworm_scorer::decode::AudioFile;
use serde_json::Value;

#[test]
fn pedalboard_plays_through_it() {
    let name = "pedalboard_plays_through_it";
    let Some(python) = std::env::var_os("EARWORM_PYTHON") else {
        let why = "EARWORM_PYTHON names no Python with pedalboard; `cargo xtask test` makes one";
        return common::skip(name, why);
    };
    let has = Command::new(&python).args(["-c", "import pedalboard"]).output().unwrap();
    if !has.status.success() {
        return common::skip(name, "this Python has no pedalboard");
    }
    let folder = tempfile::tempdir().unwrap();
    common::bundle(folder.path());
    let (rate, song) = demo();
    let path = folder.path().join("song.f32");
    std::fs::write(&path, song.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>()).unwrap();
    let mut host = Command::new(python);
    host.arg(common::in_checkout("tests/python/vst3_host.py"));
    host.arg(folder.path().join("Earworm.vst3")).arg(path).arg(rate.to_string());
    let found: Value = serde_json::from_str(&common::stdout_of(&mut host)).unwrap();
    assert_eq!(found["name"], "Earworm");
    for fact in [
        "exact",
        "song_exact",
        "threads_exact",
        "write",
        "state_is_deterministic",
        "state_comes_back",
    ] {
        assert_eq!(found[fact], true, "{fact}: {found}");
    }
    let shown = found["score"].as_f64().unwrap();
    let want = common::last_window_of_the_demo();
    assert!((shown - want).abs() <= 0.5, "{shown} in the host, {want} in the file");
    eprintln!("last window: {shown:.2} in a VST3 host, {want:.2} by earworm score");
}

/// The demo song: all of the left channel, then all of the right one.
fn demo() -> (u32, Vec<f32>) {
    let mut file = AudioFile::open(common::in_checkout("demo/demo.ogg")).unwrap();
    let rate = file.format().sample_rate;
    let mut interleaved = Vec::new();
    while let Some(block) = file.next_block().unwrap() {
        interleaved.extend_from_slice(block);
    }
    let channel = |n: usize| interleaved.iter().skip(n).step_by(2).copied();
    (rate, channel(0).chain(channel(1)).collect())
}
