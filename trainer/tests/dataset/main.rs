//! Data sets from audio files to frames on disk, and everything that can go wrong on the way.

mod bands;
mod build;
mod examples;
mod faults;
mod features;
mod gone;
mod messages;
mod parts;
#[path = "../common/skip.rs"]
mod skip;
mod stats;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use earworm_train::dataset::Dataset;
use earworm_train::dataset::build::{BuildOptions, BuildReport};

const RATE: u32 = 8_000;
const SONGS: u32 = 14;

/// A song of noise with a level and a length of its own.
fn write_song(path: &Path, number: u32) {
    write_seconds(path, number, 6 + number % 3);
}

fn write_seconds(path: &Path, number: u32, seconds: u32) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).unwrap();
    let mut state = number.wrapping_mul(2_654_435_761) | 1;
    for _ in 0..RATE * seconds {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let loudest = 1000 + 500 * (number % 7);
        wav.write_sample((state % (2 * loudest)) as i16 - loudest as i16).unwrap();
    }
    wav.finalize().unwrap();
}

/// Songs of seven artists, a small front end, and one song that is missing.
fn made_songs(folder: &Path) -> BuildOptions {
    let audio = folder.join("audio");
    std::fs::create_dir_all(&audio).unwrap();
    let mut manifest = "track_id,file,artist,genre,plays\n".to_owned();
    for n in 0..SONGS {
        write_song(&audio.join(format!("{n}.wav")), n);
        manifest += &format!("s{n},{n}.wav,artist {},g{},{}\n", n / 2, n % 2, n * n);
    }
    manifest += "gone,gone.wav,nobody,g0,1\n";
    std::fs::write(folder.join("tracks.csv"), manifest).unwrap();
    let front_end = r#"
        sample_rate = 8000
        n_fft = 256
        hop = 128
        n_mels = 8
        mel_scale = "slaney"
        mel_norm = "slaney"
        f_min = 50.0
        f_max = 3500.0
        amin = 1e-10
        level = { kind = "running_mean", gate_db = -70.0, floor_db = 50.0 }
    "#;
    std::fs::write(folder.join("front_end.toml"), front_end).unwrap();
    BuildOptions {
        manifest: folder.join("tracks.csv"),
        audio,
        out: folder.join("set"),
        front_end: Some(folder.join("front_end.toml")),
        // A few songs in each shard.
        shard_bytes: Some(60_000),
        ..BuildOptions::default()
    }
}

fn counts(report: &BuildReport) -> (usize, usize, usize) {
    (report.built, report.kept, report.skipped.len())
}

/// All frames by track.
fn frames_of(dataset: &Dataset) -> BTreeMap<String, (Vec<f32>, Vec<f32>)> {
    let frames = |at: usize| {
        let view = dataset.frames(at);
        (view.mel_db.to_vec(), view.level_db.to_vec())
    };
    let songs = dataset.songs.iter().enumerate();
    songs.map(|(at, song)| (song.track.id.clone(), frames(at))).collect()
}

fn shards(set: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(set.join("shards")).unwrap();
    let mut shards: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    shards.sort();
    shards
}

/// The program with arguments that are the same as `options`.
fn program(options: &BuildOptions) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_earworm-train"));
    command.args(["dataset", "build", "--manifest"]).arg(&options.manifest);
    command.arg("--audio").arg(&options.audio).arg("--out").arg(&options.out);
    command.arg("--front-end").arg(options.front_end.as_ref().unwrap()).arg("--allow-missing");
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Runs the program and checks that it fails with one line and code 2.
fn complaint(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.stderr(Stdio::piped()).output().unwrap();
    let text = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(2), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    text
}
