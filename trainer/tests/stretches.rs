//! Which stretch of a song is heard, and exports of models whose songs are short or whose first weights
//! are gone.

use std::path::Path;

use earworm_train::dataset::build::{BuildOptions, build, build_with};
use earworm_train::dataset::{Dataset, FeatureSet, FeatureSource};
use earworm_train::examples::{Audible, Songs};
use earworm_train::export::{LARGEST_DIFFERENCE, export};
use earworm_train::fit::{FitOptions, fit, learnt_sha256};
use earworm_train::recipe::Recipe;
use earworm_train::report::evaluate;

mod common;
#[path = "common/tiny.rs"]
mod tiny;

fn recipe(set: &Path, data: &str, model: &str) -> Recipe {
    let text = format!(
        r#"
        name = "made"
        [data]
        set = {set:?}
        name = "made songs"
        group = "artist"
        {data}
        [[heads]]
        name = "liked"
        meaning = "share of listeners who pressed like"
        share = {{ count = "likes", of = "votes", prior = 2.0 }}
        [split]
        folds = 2
        [model]
        {model}
        [budget]
        epochs = 1
        batch = 8
        "#
    );
    Recipe::parse(&text, &[]).unwrap()
}

/// Every song's chorus is 4 s from its beginning.
struct FromFour;

impl FeatureSource for FromFour {
    fn names(&self, _: FeatureSet) -> anyhow::Result<Vec<String>> {
        Ok(vec![])
    }
    fn extract(&self, _: &[f32], _: u32, _: &[FeatureSet]) -> anyhow::Result<Vec<f32>> {
        Ok(vec![])
    }
    fn chorus(&self, _: &[f32], _: u32, _: f64) -> anyhow::Result<Option<f64>> {
        Ok(Some(4.0))
    }
    fn finds_choruses(&self) -> bool {
        true
    }
}

/// Silence is left out of what is heard, so that a time of the file is another place there.
#[test]
fn a_chorus_is_found_behind_silence() {
    let dir = tempfile::tempdir().unwrap();
    let options = BuildOptions { chorus: Some(1.0), ..common::made_songs(dir.path()) };
    let rate = common::RATE as usize;
    for n in 0..24u32 {
        let mut samples = common::song(n, n % 2 == 0);
        // Two seconds of silence from the first second on.
        samples[rate..3 * rate].fill(0.0);
        common::write_wav(&options.audio.join(format!("{n}.wav")), &samples);
    }
    build_with(&options, &FromFour).unwrap();
    let set = Dataset::open(&options.out).unwrap();
    let clip = "clip = \"chorus\"\nclip_frames = 20\nwindow_frames = 20\nwarm_up_frames = 20";
    let model = "kind = \"mlp\"\nwidths = [4]\ndropout = 0.0";
    let songs = Songs::new(&set, &recipe(&options.out, clip, model).data, 0);
    let settings = &set.front_end;
    for song in 0..set.songs.len() {
        assert!(set.songs[song].audible < set.songs[song].frames - 50, "there is silence");
        let heard = songs.stretch(song).window(settings, 0, 20);
        // The frames of the file from the fourth second on, all of which can be heard.
        let from = (4.0 * settings.frame_rate()) as usize;
        let mut view = set.frames(song);
        view.mel_db = &view.mel_db[from * view.bands..];
        view.level_db = &view.level_db[from..];
        assert_eq!(heard, Audible::of(view, settings).window(settings, 0, 20));
    }
}

#[test]
fn an_export_is_compared_on_songs_that_are_shorter_than_a_window() {
    let dir = tempfile::tempdir().unwrap();
    let options = common::made_songs(dir.path());
    build(&options).unwrap();
    let set = Dataset::open(&options.out).unwrap();
    let window = 10 + set.songs.iter().map(|song| song.audible).max().unwrap();
    for (name, model) in [
        ("lstm", "kind = \"mean-lstm\"\nhidden = 6\nlayers = 1\nhead = [4]\ndropout = 0.0"),
        ("mlp", "kind = \"mlp\"\nwidths = [4]\ndropout = 0.0"),
    ] {
        let data = format!("window_frames = {window}\nwarm_up_frames = 16");
        let run = dir.path().join(name);
        fit(&recipe(&options.out, &data, model), &run, &FitOptions::default()).unwrap();
        let report = export(&run, &dir.path().join(format!("{name}-model"))).unwrap();
        assert!(report.windows >= 12 && report.difference <= LARGEST_DIFFERENCE, "{report}");
    }
}

/// One short song among others: a window is filled by hearing it again, a stream is never warm.
#[test]
fn short_songs_fill_windows_but_no_stream() {
    let dir = tempfile::tempdir().unwrap();
    let options = common::made_songs(dir.path());
    let short = common::song(5, false);
    common::write_wav(&options.audio.join("5.wav"), &short[..common::RATE as usize / 2]);
    build(&options).unwrap();
    let set = Dataset::open(&options.out).unwrap();
    let least = set.songs.iter().map(|song| song.audible).min().unwrap();
    assert!((4..40).contains(&least), "{least}");
    let mlp = "kind = \"mlp\"\nwidths = [4]\ndropout = 0.0";
    let lstm = "kind = \"mean-lstm\"\nhidden = 6\nlayers = 1\nhead = [4]\ndropout = 0.0";
    let fitted = |name: &str, data: &str, model: &str| {
        let recipe = recipe(&options.out, data, model);
        fit(&recipe, &dir.path().join(name), &FitOptions::default()).map_err(|e| format!("{e:#}"))
    };
    let data = "window_frames = 40\nwarm_up_frames = 40";
    fitted("window", data, mlp).unwrap();
    fitted("pieces", &format!("{data}\npieces = 4"), mlp).unwrap();
    let refused = fitted("stream", data, lstm).unwrap_err();
    assert!(refused.contains("1 of 24 tracks: 5 has too little sound"), "{refused}");
    let all = fitted("none", "window_frames = 90000\nwarm_up_frames = 90000", lstm).unwrap_err();
    assert!(all.contains("24 of 24 tracks: 0, 1, 2, 3, 4 and others"), "{all}");
}

#[test]
fn the_first_weights_are_not_needed_once_others_are_learnt() {
    let dir = tempfile::tempdir().unwrap();
    let options = common::made_songs(dir.path());
    build(&options).unwrap();
    let kind = "kind = \"mobilenet-v2\"\nwidth = 0.25\ndropout = 0.0";
    let mut tensors = tiny::fresh(kind, 16, 32, 9).unwrap().weights().tensors();
    tensors.retain(|name, _| name != "mean" && name != "deviation");
    let file = dir.path().join("first.safetensors");
    let data = "window_frames = 32\nwarm_up_frames = 32";
    let started = recipe(&options.out, data, &format!("{kind}\nweights = {file:?}"));
    let run = dir.path().join("run");
    // A file that is not there is said before anything is begun.
    let message = format!("{:#}", fit(&started, &run, &FitOptions::default()).unwrap_err());
    assert!(message.contains("first.safetensors") && !run.exists(), "{message}");

    candle_core::safetensors::save(&tensors, &file).unwrap();
    fit(&started, &run, &FitOptions::default()).unwrap();
    assert!(evaluate(&run).unwrap().notes.iter().all(|note| !note.contains("scratch")));
    let learnt = learnt_sha256(&run).unwrap();
    std::fs::remove_file(&file).unwrap();
    fit(&started, &run, &FitOptions::default()).unwrap();
    assert_eq!(learnt_sha256(&run).unwrap(), learnt);
    let report = export(&run, &dir.path().join("model")).unwrap();
    assert!(report.windows > 0, "{report}");
    // A part that is to be begun does need them.
    std::fs::remove_dir_all(run.join("final")).unwrap();
    let message = format!("{:#}", fit(&started, &run, &FitOptions::default()).unwrap_err());
    assert!(message.contains("first.safetensors"), "{message}");

    let scratch = dir.path().join("scratch");
    fit(&recipe(&options.out, data, kind), &scratch, &FitOptions::default()).unwrap();
    let notes = evaluate(&scratch).unwrap().notes;
    assert!(notes.iter().any(|note| note.contains("starts from scratch")), "{notes:?}");
    assert_ne!(learnt_sha256(&scratch).unwrap(), learnt);
}
