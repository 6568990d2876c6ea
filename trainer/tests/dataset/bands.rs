//! Bands that songs hold nothing in, as those above half their sample rate.

use std::path::Path;

use earworm_scorer::front_end::FrontEndSettings;
use earworm_train::dataset::Dataset;
use earworm_train::dataset::build::{BuildOptions, build};
use earworm_train::examples::Songs;
use earworm_train::fit::{FitOptions, fit};
use earworm_train::recipe::Recipe;
use earworm_train::run::{RunInfo, read_json};

use crate::write_seconds;

/// Eight songs at 8 kHz in the default front end, as far up as `f_max`.
fn set_up_to(f_max: f32, folder: &Path) -> Dataset {
    let mut manifest = "track_id,file,plays\n".to_owned();
    for n in 0..8u32 {
        write_seconds(&folder.join(format!("{n}.wav")), n, 2);
        manifest += &format!("{n},{n}.wav,{}\n", 10 * n);
    }
    std::fs::write(folder.join("tracks.csv"), manifest).unwrap();
    let front_end = FrontEndSettings { f_max, ..FrontEndSettings::default_model() };
    std::fs::write(folder.join("front_end.toml"), toml::to_string(&front_end).unwrap()).unwrap();
    let options = BuildOptions {
        manifest: folder.join("tracks.csv"),
        audio: folder.to_owned(),
        out: folder.join("set"),
        front_end: Some(folder.join("front_end.toml")),
        ..BuildOptions::default()
    };
    build(&options).unwrap();
    Dataset::open(&options.out).unwrap()
}

fn recipe(set: &Path) -> Recipe {
    let text = format!(
        r#"
        name = "made"
        [data]
        set = {set:?}
        name = "made songs"
        window_frames = 16
        warm_up_frames = 4
        [[heads]]
        name = "played"
        meaning = "played more than the median"
        above = {{ column = "plays", quantile = 0.5 }}
        [split]
        folds = 2
        last = false
        [model]
        kind = "mean-lstm"
        hidden = 4
        layers = 1
        head = [4]
        dropout = 0.0
        [budget]
        epochs = 1
        batch = 4
        "#
    );
    Recipe::parse(&text, &[]).unwrap()
}

#[test]
fn bands_that_hold_nothing_are_told_and_never_measured_in_thousandths_of_a_decibel() {
    let dir = tempfile::tempdir().unwrap();
    let set = set_up_to(10_000.0, dir.path());
    let recipe = recipe(&set.folder);
    let songs = Songs::new(&set, &recipe.data, 0);
    let all: Vec<usize> = (0..set.songs.len()).collect();
    let (mean, deviation) = songs.band_statistics(&all);
    let floor = -set.front_end.level.floor_db;
    let silent: Vec<f32> =
        (0..mean.len()).filter(|&band| mean[band] == floor).map(|band| deviation[band]).collect();
    assert!(silent.len() > 8 && silent.len() < 50, "{mean:?}");
    assert!(silent.iter().all(|&deviation| deviation == 1.0), "{silent:?}");
    assert!(deviation.iter().all(|&deviation| deviation >= 1.0), "{deviation:?}");
    let empty = songs.empty_bands(&all);
    assert!(empty >= silent.len() && empty < 50, "{empty}");

    let run = dir.path().join("run");
    fit(&recipe, &run, &FitOptions::default()).unwrap();
    let info: RunInfo = read_json(&run.join("run.json")).unwrap();
    let told = format!("{empty} of 64 bands hold nothing");
    assert!(info.notes.iter().any(|note| note.contains(&told)), "{:?}", info.notes);
}

#[test]
fn a_front_end_that_leaves_them_out_hears_something_in_every_band() {
    let dir = tempfile::tempdir().unwrap();
    let set = set_up_to(3_500.0, dir.path());
    let recipe = recipe(&set.folder);
    let songs = Songs::new(&set, &recipe.data, 0);
    assert_eq!((songs.empty_bands(&[0, 1]), songs.note_of_empty_bands()), (0, None));
}
