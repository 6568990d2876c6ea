//! The trainer from audio files to a model that the scorer runs, on made songs.

use std::path::{Path, PathBuf};

use candle_core::Device;
use earworm_scorer::{Model, Scorer, ScorerOptions};
use earworm_train::dataset::Dataset;
use earworm_train::dataset::build::{BuildOptions, BuildReport, build};
use earworm_train::evaluate::evaluate;
use earworm_train::export::{LARGEST_DIFFERENCE, export};
use earworm_train::fit::fit;
use earworm_train::recipe::Recipe;

const RATE: u32 = 16_000;

/// A song: a tone that people like, or noise that they do not, with a beat.
fn song(number: u32, liked: bool) -> Vec<f32> {
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

fn write_wav(path: &Path, samples: &[f32]) {
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
fn made_songs(folder: &Path) -> BuildOptions {
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
        jobs: None,
    }
}

fn recipe(set: PathBuf) -> Recipe {
    let text = r#"
        name = "tone-or-noise"
        licence = "CC0-1.0"
        seed = 3
        [data]
        set = "set"
        name = "made songs"
        group = "artist"
        genre = "genre"
        about = "Made by a test."
        licence = "CC0-1.0"
        window_frames = 64
        warm_up_frames = 16
        [[heads]]
        name = "liked"
        meaning = "share of listeners who pressed like"
        weight = 1.0
        share = { count = "likes", of = "votes", prior = 2.0 }
        [[heads]]
        name = "calm"
        meaning = "share of listeners who felt calm"
        weight = 0.2
        share = { count = "calm", of = "votes", prior = 2.0 }
        [[heads]]
        name = "g0"
        meaning = "the song is g0"
        weight = 0.05
        auxiliary = true
        is = { column = "genre", value = "g0" }
        [model]
        hidden = 12
        layers = 2
        head = [8]
        dropout = 0.1
        [training]
        epochs = 12
        patience = 12
        batch = 8
        learning_rate = 0.02
        weight_decay = 0.0
        clip = 1.0
        averaging = 0.5
        positions = 4
        validation = 0.25
        [augmentation]
        gain_db = 6.0
        tilt_db = 0.0
        time_masks = 1
        time_mask_frames = 4
        band_masks = 1
        band_mask_width = 2
        [cross_validation]
        folds = 3
    "#;
    let mut recipe: Recipe = toml::from_str(text).unwrap();
    recipe.data.set = set;
    recipe
}

#[test]
fn from_songs_to_a_model_that_the_scorer_runs() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    let report = build(&options).unwrap();
    assert_eq!((report.built, report.kept, report.skipped.len()), (24, 0, 1));
    assert!(report.skipped[0].1.contains("gone.wav"), "{report}");

    let (run, again) = (dir.path().join("run"), dir.path().join("again"));
    let recipe = recipe(options.out.clone());
    fit(&recipe, &run, &Device::Cpu).unwrap();
    let evaluation = evaluate(&run).unwrap();
    assert_eq!((evaluation.songs, evaluation.groups), (24, 12));
    let auc = &evaluation.metrics[0];
    assert!(auc.name == "auc" && auc.value > 0.9, "tone and noise are easy to tell: {evaluation}");

    // The same seed gives the same weights, byte for byte.
    fit(&recipe, &again, &Device::Cpu).unwrap();
    let weights = |run: &Path| std::fs::read(run.join("final/weights.safetensors")).unwrap();
    assert!(weights(&run) == weights(&again), "training is not repeatable");

    // A finished part is kept; a part that is gone is trained again to the same end.
    let finished =
        std::fs::metadata(again.join("fold-0/outcome.json")).unwrap().modified().unwrap();
    std::fs::remove_dir_all(again.join("final")).unwrap();
    fit(&recipe, &again, &Device::Cpu).unwrap();
    assert!(weights(&run) == weights(&again), "a resumed run differs");
    let still = std::fs::metadata(again.join("fold-0/outcome.json")).unwrap().modified().unwrap();
    assert_eq!(finished, still);

    let report = export(&run, &dir.path().join("model")).unwrap();
    assert!(report.windows > 0 && report.difference <= LARGEST_DIFFERENCE, "{report}");
    let model = Model::load(&report.model).unwrap();
    let card = std::fs::read_to_string(dir.path().join("model/README.md")).unwrap();
    assert!(card.contains("tone-or-noise") && card.contains(model.sha256()), "{card}");
    let score = |liked| {
        let mut scorer = Scorer::new(model.clone(), RATE, ScorerOptions::FILE).unwrap();
        scorer.push_mono(&song(1000, liked), &mut ()).unwrap();
        scorer.finish(&mut ()).unwrap();
        scorer.reading().integrated.unwrap()
    };
    let (tone, noise) = (score(true), score(false));
    assert!(tone > 55.0 && noise < 45.0, "tone {tone}, noise {noise}");
}

#[test]
fn a_build_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    build(&options).unwrap();
    let counts = |report: BuildReport| (report.built, report.kept, report.skipped.len());
    assert_eq!(counts(build(&options).unwrap()), (0, 24, 1));
    let before = Dataset::open(&options.out).unwrap();

    // Frames that are gone, audio that changed and a file that is no audio are each noticed.
    std::fs::remove_file(options.out.join("frames/3.safetensors")).unwrap();
    write_wav(&options.audio.join("4.wav"), &song(4, false));
    std::fs::write(options.audio.join("5.wav"), "no audio").unwrap();
    let report = build(&options).unwrap();
    assert!(report.to_string().contains("5.wav"), "{report}");
    assert_eq!(counts(report), (2, 21, 2));
    let after = Dataset::open(&options.out).unwrap();
    assert_eq!(after.songs.len(), 23);
    assert_ne!(before.sha256, after.sha256);
}

#[test]
fn a_full_disk_loses_nothing() {
    // /dev/full answers every write with "no space left"; a folder that cannot be made stands for it
    // where files are renamed into place.
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    build(&options).unwrap();
    let before = Dataset::open(&options.out).unwrap();
    std::fs::remove_file(options.out.join("frames/7.safetensors")).unwrap();
    let frames = options.out.join("frames");
    std::fs::rename(&frames, dir.path().join("kept")).unwrap();
    std::fs::write(&frames, "in the way").unwrap();
    let message = format!("{:#}", build(&options).unwrap_err());
    assert!(
        message.contains("frames") && message.contains("run the same command again"),
        "{message}"
    );
    std::fs::remove_file(&frames).unwrap();
    std::fs::rename(dir.path().join("kept"), &frames).unwrap();
    build(&options).unwrap();
    assert_eq!(Dataset::open(&options.out).unwrap().sha256, before.sha256);
}
