//! The trainer from audio files to a model that the scorer runs, on made songs.

use std::path::{Path, PathBuf};

use earworm_scorer::{Model, Scorer, ScorerOptions};
use earworm_train::dataset::build::build;
use earworm_train::export::{LARGEST_DIFFERENCE, export};
use earworm_train::fit::{FitOptions, fit};
use earworm_train::recipe::Recipe;
use earworm_train::report::evaluate;

mod common;

use common::{RATE, made_songs, song};

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
        [split]
        folds = 3
        [model]
        kind = "mean-lstm"
        hidden = 12
        layers = 2
        head = [8]
        dropout = 0.1
        [optimiser]
        learning_rate = 0.02
        clip = 1.0
        averaging = 0.5
        [schedule]
        kind = "cosine"
        warm_up = 0.05
        [budget]
        epochs = 12
        patience = 12
        batch = 8
        positions = 4
        validation = 0.25
        [augmentation]
        gain_db = 6.0
        time_masks = 1
        time_mask_frames = 4
        band_masks = 1
        band_mask_width = 2
    "#;
    Recipe::parse(text, &[format!("data.set={}", set.display())]).unwrap()
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
    fit(&recipe, &run, &FitOptions::default()).unwrap();
    let evaluation = evaluate(&run).unwrap();
    assert_eq!((evaluation.songs, evaluation.groups), (24, 12));
    let auc = &evaluation.metrics[0];
    assert!(auc.name == "auc" && auc.value > 0.9, "tone and noise are easy to tell: {evaluation}");

    // The same seed gives the same weights, byte for byte.
    fit(&recipe, &again, &FitOptions::default()).unwrap();
    let weights = |run: &Path| std::fs::read(run.join("final/weights.safetensors")).unwrap();
    assert!(weights(&run) == weights(&again), "training is not repeatable");

    // A finished part is kept; a part that is gone is trained again to the same end.
    let finished =
        std::fs::metadata(again.join("fold-0/outcome.json")).unwrap().modified().unwrap();
    std::fs::remove_dir_all(again.join("final")).unwrap();
    fit(&recipe, &again, &FitOptions::default()).unwrap();
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

/// Killed at any moment, an export leaves a model that is whole or none, and the next one is as if nothing had
/// been. Where it cannot write, it says so in a line.
#[cfg(unix)]
#[test]
fn an_export_is_whole_or_not_there() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    build(&options).unwrap();
    let run = dir.path().join("run");
    let mut recipe = recipe(options.out.clone());
    recipe.budget.epochs = 1;
    fit(&recipe, &run, &FitOptions::default()).unwrap();
    let export = |out: &Path| {
        let mut export = Command::new(env!("CARGO_BIN_EXE_earworm-train"));
        export.arg("export").arg(&run).arg("--out").arg(out);
        export.stdout(Stdio::null()).stderr(Stdio::piped());
        export
    };
    let whole = dir.path().join("whole");
    let start = Instant::now();
    assert!(export(&whole).status().unwrap().success());
    let mut takes = start.elapsed();
    let content = |out: &Path| std::fs::read(out.join("model.onnx")).ok();
    let wanted = content(&whole).unwrap();

    let broken = dir.path().join("broken");
    let moments = 12;
    let mut killed = 0;
    while killed < moments {
        let (mut child, start) = (export(&broken).spawn().unwrap(), Instant::now());
        // Not a wait for anything: the moment itself is what is tried.
        let moment = takes.mul_f64(f64::from(killed) / f64::from(moments));
        let ended = loop {
            if child.try_wait().unwrap().is_some() {
                break true;
            }
            if start.elapsed() >= moment {
                break false;
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        if ended {
            // It was faster than the one before; the same share of a shorter time is next.
            takes = takes.min(start.elapsed()).mul_f64(0.9);
        } else {
            child.kill().unwrap();
            child.wait().unwrap();
            killed += 1;
        }
        let left = content(&broken);
        assert!(left.as_ref().is_none_or(|left| *left == wanted), "kill {killed}: half a model");
    }
    assert!(export(&broken).status().unwrap().success());
    assert!(content(&broken).unwrap() == wanted);

    if cfg!(target_os = "linux") {
        // Nobody may make files there, whoever the tests run as.
        let output = export(Path::new("/sys/earworm")).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.trim_end().lines().count() == 1 && text.contains("/sys/earworm"), "{text}");
    }
}
