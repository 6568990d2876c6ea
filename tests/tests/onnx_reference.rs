//! Our inference engine against onnxruntime, the reference: every model of the checkout, and a tiny one
//! of every kind of network that the trainer exports, passes ONNX's own checker and gives the same
//! outputs in both, all frames at once and in chunks.

mod common;
#[path = "../../trainer/tests/common/tiny.rs"]
mod tiny;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use earworm_scorer::Model;
use earworm_scorer::model::{Contract, Session};

/// Sequences side by side, so that a mixed-up batch axis shows.
const BATCH: usize = 2;
/// Frames that a streaming model takes at a time.
const CHUNK: usize = 8;
/// Most that two outputs may differ. Raw outputs are of the order of one; 1e-4 moves a score by
/// hundredths of a point.
const TOLERANCE: f32 = 1e-4;

#[test]
fn every_model_gives_what_onnxruntime_gives() {
    let Some(python) = std::env::var_os("EARWORM_PYTHON") else {
        common::skip(
            "every_model_gives_what_onnxruntime_gives",
            "EARWORM_PYTHON names no Python with onnx and onnxruntime; `cargo xtask test` makes one",
        );
        return;
    };
    for model in models() {
        compare(&model, &python);
    }
    let folder = tempfile::tempdir().unwrap();
    for tiny in &tiny::TINY {
        let path = folder.path().join(format!("{}.onnx", tiny.name));
        std::fs::write(&path, tiny.onnx()).unwrap();
        compare(&path, &python);
    }
}

/// The trained models, and the tiny ones of either contract.
fn models() -> Vec<PathBuf> {
    let folder = common::in_checkout("models");
    let entries = std::fs::read_dir(&folder).expect("there is a folder of models");
    let trained = entries.map(|entry| entry.unwrap().path().join("model.onnx"));
    let mut models: Vec<_> = trained.filter(|path| path.exists()).collect();
    assert!(!models.is_empty(), "there is no trained model in {}", folder.display());
    models.extend(common::TINY_MODELS.map(common::in_checkout));
    models.sort();
    models
}

fn compare(path: &Path, python: &OsStr) {
    let model = Model::load(path).unwrap();
    let metadata = model.metadata();
    let (frames, chunk) = match metadata.contract {
        Contract::Streaming => (metadata.window_frames / CHUNK * CHUNK, CHUNK),
        Contract::Window => (metadata.input_rows(), metadata.input_rows()),
    };
    let bands = metadata.input_width();
    let floor_db = metadata.front_end.level.floor_db;
    let mel = random_mel(BATCH * frames * bands, floor_db);

    let folder = tempfile::tempdir().unwrap();
    write_f32(&folder.path().join("mel.f32"), &mel);
    let script = common::in_checkout("tests/python/check_onnx.py");
    let mut reference = Command::new(python);
    reference.arg(script).arg(path).arg(folder.path());
    reference.args([BATCH, frames, chunk].map(|n| n.to_string()));
    let said: serde_json::Value = serde_json::from_str(&common::stdout_of(&mut reference)).unwrap();
    assert_eq!(said["checked"], true, "{}: {said}", path.display());

    let whole = model.session(BATCH, frames).unwrap().run(&mel).unwrap().to_vec();
    let chunked = run_in_chunks(&mut model.session(BATCH, chunk).unwrap(), &mel, frames);
    for (name, ours) in [("whole", whole), ("chunked", chunked)] {
        let theirs = read_f32(&folder.path().join(format!("{name}.f32")));
        assert_eq!(ours.len(), theirs.len(), "{}: {name}", path.display());
        assert!(ours.iter().all(|x| x.is_finite()), "{}: {name}", path.display());
        let difference = largest_difference(&ours, &theirs);
        assert!(difference <= TOLERANCE, "{}: {name}: {difference}", path.display());
    }
}

/// The outputs after each chunk, one after the other.
fn run_in_chunks(session: &mut Session, mel: &[f32], frames: usize) -> Vec<f32> {
    let bands = mel.len() / (BATCH * frames);
    let chunk = session.frames();
    let mut outputs = Vec::new();
    for start in (0..frames).step_by(chunk) {
        let of_sequence = |n: usize| {
            let first = (n * frames + start) * bands;
            &mel[first..first + chunk * bands]
        };
        let part: Vec<f32> = (0..BATCH).flat_map(of_sequence).copied().collect();
        outputs.extend_from_slice(session.run(&part).unwrap());
    }
    outputs
}

/// Decibels from the floor up to 20 above the mean level, from a fixed seed (xorshift64).
fn random_mel(count: usize, floor_db: f32) -> Vec<f32> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    (0..count).map(|_| uniform() * (floor_db + 20.0) - floor_db).collect()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn write_f32(path: &Path, values: &[f32]) {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(path, bytes).unwrap();
}

fn read_f32(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap();
    bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}
