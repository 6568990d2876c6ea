//! Songs made for tests.

#![allow(dead_code, unreachable_pub)]

pub mod skip;

use std::path::Path;

use earworm_train::dataset::FeatureSet;
use earworm_train::dataset::build::BuildOptions;
use earworm_train::suite::Plan;

pub const RATE: u32 = 16_000;

/// A song: a tone that people like, or noise that they do not, with a beat.
pub fn song(number: u32, liked: bool) -> Vec<f32> {
    let mut state = number.wrapping_mul(2_654_435_761) | 1;
    let pitch = 200.0 + 40.0 * (number % 11) as f32;
    (0..RATE * 6)
        .map(|i| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let noise = state as f32 / u32::MAX as f32 - 0.5;
            let t = i as f32 / RATE as f32;
            let beat = (-(t % 0.5) * 8.0).exp();
            let tone = (std::f32::consts::TAU * pitch * t).sin();
            0.2 * beat * noise + if liked { 0.3 * tone } else { 0.2 * noise }
        })
        .collect()
}

pub fn write_wav(path: &Path, samples: &[f32]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut wav = hound::WavWriter::create(path, spec).unwrap();
    samples.iter().for_each(|&s| wav.write_sample(s).unwrap());
    wav.finalize().unwrap();
}

/// 24 songs of 12 artists, a front end small enough for a test, and one song that is missing.
pub fn made_songs(folder: &Path) -> BuildOptions {
    let audio = folder.join("audio");
    std::fs::create_dir_all(&audio).unwrap();
    let mut manifest = "track_id,file,artist,genre,votes,likes,calm\n".to_owned();
    for n in 0..24u32 {
        let liked = (n / 2) % 2 == 0;
        write_wav(&audio.join(format!("{n}.wav")), &song(n, liked));
        let likes = if liked { 16 } else { 3 };
        manifest += &format!("{n},{n}.wav,artist {},g{},20,{likes},10\n", n / 2, n % 3);
    }
    manifest += "99,gone.wav,nobody,g0,20,10,10\n";
    std::fs::write(folder.join("tracks.csv"), manifest).unwrap();
    let front_end = r#"
        sample_rate = 16000
        n_fft = 512
        hop = 512
        n_mels = 16
        mel_scale = "slaney"
        mel_norm = "slaney"
        f_min = 50.0
        f_max = 7000.0
        amin = 1e-10
        level = { kind = "running_mean", gate_db = -70.0, floor_db = 50.0 }
    "#;
    let front_end_path = folder.join("front_end.toml");
    std::fs::write(&front_end_path, front_end).unwrap();
    BuildOptions {
        manifest: folder.join("tracks.csv"),
        audio,
        out: folder.join("set"),
        front_end: Some(front_end_path),
        ..BuildOptions::default()
    }
}

/// Songs of 12 s with the columns of Emotify, in the default front end.
pub fn songs_for_all_systems(folder: &Path) -> BuildOptions {
    let mut options = made_songs(folder);
    let mut manifest = "track_id,file,artist,genre,annotations,liked\n".to_owned();
    for n in 0..24u32 {
        let liked = (n / 2) % 2 == 0;
        let once = song(n, liked);
        write_wav(&options.audio.join(format!("{n}.wav")), &[once.clone(), once].concat());
        let likes = if liked { 12 } else { 4 } + n % 5;
        manifest += &format!("{n},{n}.wav,artist {},g{},20,{likes}\n", n / 2, n % 3);
    }
    std::fs::write(&options.manifest, manifest).unwrap();
    options.front_end = None;
    options.features = vec![FeatureSet::Descriptors, FeatureSet::LowLevel];
    options
}

/// The suite that comes with the trainer, cut down to two folds and two passes.
pub fn smallest_suite() -> Plan {
    let mut plan = Plan::load(None).unwrap();
    plan.quick.insert("split.folds".into(), 2.into());
    for system in &mut plan.systems {
        if system.recipe.contains_key("budget") {
            system.quick.insert("budget.epochs".into(), 2.into());
            system.quick.insert("budget.batch".into(), 8.into());
        }
        if system.recipe["model"].get("preparation").is_some() {
            system.quick.insert("model.preparation".into(), 1.into());
        }
    }
    plan
}
