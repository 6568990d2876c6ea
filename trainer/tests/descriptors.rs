//! Models of descriptors as the meter's model: trained on the rows of a data set, exported, and run on
//! sound by the scorer.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use earworm_scorer::features::{self, FeatureSet};
use earworm_scorer::model::{Contract, Input};
use earworm_scorer::{Model, Reading, Scorer, ScorerOptions, Status, score_offline};
use earworm_train::dataset::FeatureSet as BuiltFeatures;
use earworm_train::dataset::build::build;
use earworm_train::export::{LARGEST_DIFFERENCE, export};
use earworm_train::fit::{FitOptions, fit};
use earworm_train::recipe::Recipe;
use earworm_train::report::evaluate;
use earworm_train::rows_model::RowsModel;
use earworm_train::table::Table;

mod common;

use common::{RATE, made_songs, song};

/// Every kind that learns from rows.
const KINDS: [(&str, &str); 8] = [
    ("mlp", "kind = 'mlp'\nwidths = [8]\ndropout = 0.0"),
    ("few-features", "kind = 'few-features'\nembedding = 4\nwidth = 8\nblocks = 1"),
    ("logistic", "kind = 'logistic'\nc = 1.0"),
    ("knn", "kind = 'knn'\nk = 3"),
    ("svm", "kind = 'svm'\nc = 10.0"),
    ("tree", "kind = 'tree'\nmin_split = 2"),
    ("adaboost", "kind = 'adaboost'\nestimators = 8\nrate = 1.0"),
    ("three classes", "kind = 'svm'\nc = 10.0"),
];

fn recipe(kind: &str, model: &str, set: &Path) -> Recipe {
    let head = match kind {
        "three classes" => {
            "classes = { column = 'spectral_centroid', quantiles = [0.3, 0.7], names = ['low', 'middle', 'high'] }"
        }
        _ => "above = { column = 'likes / votes', threshold = 0.5 }",
    };
    let text = format!(
        r#"
        name = "rows"
        licence = "CC0-1.0"
        seed = 3
        [data]
        set = '{}'
        name = "made songs"
        group = "artist"
        columns = ["spec_cent", "zcr", "contrast_2", "mfcc_1", "chroma_cqt_3", "rolloff"]
        scale = "standard"
        window_frames = 128
        warm_up_frames = 64
        [[heads]]
        name = "liked"
        meaning = "liked"
        {head}
        [split]
        folds = 3
        stratified = true
        [model]
        {model}
        [optimiser]
        learning_rate = 0.02
        [budget]
        epochs = 40
        batch = 8
    "#,
        set.display()
    );
    Recipe::parse(&text, &[]).unwrap()
}

/// The reading behind a whole song, and how often it was renewed.
fn listen(model: &Arc<Model>, samples: &[f32]) -> (Reading, usize) {
    #[derive(Default)]
    struct Count(usize);
    impl earworm_scorer::Observer for Count {
        fn reading(&mut self, reading: &Reading) {
            self.0 += usize::from(reading.status == Status::Scoring);
        }
    }
    let mut scorer = Scorer::new(model.clone(), RATE, ScorerOptions::FILE).unwrap();
    let mut count = Count::default();
    for block in samples.chunks(777) {
        scorer.push_mono(block, &mut count).unwrap();
    }
    scorer.finish(&mut count).unwrap();
    (scorer.reading().clone(), count.0)
}

/// The trained model's outputs for this sound, by the trainer's own path.
fn by_hand(model: &RowsModel, samples: &[f32]) -> Vec<f32> {
    let sets = FeatureSet::ALL;
    let mut samples = samples.to_vec();
    features::soften_ends(&mut samples);
    let values = features::extract(&samples, RATE, &sets).unwrap();
    let names: Vec<String> = sets.into_iter().flat_map(features::names).collect();
    let row = values.into_iter().map(|v| Some(f64::from(v))).collect();
    let table = Table::new(vec!["song".into()], names, vec![row], BTreeMap::new()).unwrap();
    model.raw(&model.columns.apply(&table, &[0]).unwrap()).unwrap().remove(0)
}

#[test]
fn models_of_rows_listen_to_sound() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = made_songs(dir.path());
    options.features = vec![BuiltFeatures::Descriptors, BuiltFeatures::LowLevel];
    build(&options).unwrap();
    for (kind, model) in KINDS {
        let run = dir.path().join(kind);
        let recipe = recipe(kind, model, &options.out);
        fit(&recipe, &run, &FitOptions::default()).unwrap();
        let evaluation = evaluate(&run).unwrap();
        let auc = evaluation.figures.iter().find(|f| f.name == "auc").unwrap();
        // Eight songs judge each of three classes: few steps between figures.
        let least = if kind == "three classes" { 0.8 } else { 0.95 };
        assert!(auc.value > least, "{kind}: {evaluation}");
        let report = export(&run, &dir.path().join(format!("{kind}-model"))).unwrap();
        assert!(
            report.windows == 24 && report.difference <= LARGEST_DIFFERENCE,
            "{kind}: {report}"
        );
        let model = Model::load(&report.model).unwrap();
        let metadata = model.metadata();
        assert_eq!(metadata.contract, Contract::Window);
        assert!(matches!(&metadata.input, Input::Descriptors { names } if names.len() == 6));

        // What the scorer hears of a window is what the trainer would have computed of it.
        let trained = RowsModel::load(&run.join("final"), &recipe).unwrap();
        for number in [1000, 1002] {
            let samples = song(number, number == 1000);
            let raw = score_offline(&model, &samples).unwrap();
            let expected = by_hand(&trained, &samples);
            let near = raw.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-3);
            assert!(near, "{kind}: {raw:?} is not {expected:?}");
        }
        let (tone, readings) = listen(&model, &song(1000, true));
        let (noise, _) = listen(&model, &song(1002, false));
        let (tone_score, noise_score) = (tone.integrated.unwrap(), noise.integrated.unwrap());
        // The three classes are of the spectral centroid, and noise has the higher one.
        let apart = if kind == "three classes" {
            noise_score - tone_score
        } else {
            tone_score - noise_score
        };
        assert!(apart > 10.0, "{kind}: {tone_score}, {noise_score}");
        assert!(tone.hook.is_some() && tone.coverage == 1.0, "{kind}: {tone:?}");
        // Six seconds: at the end of the warm-up, when the window is full, and hardly more.
        assert!((2..=4).contains(&readings), "{kind}: {readings} readings");
    }
}

/// Sound with pauses is described without them; a window that is just full as the offline score says.
#[test]
fn pauses_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = made_songs(dir.path());
    options.features = vec![BuiltFeatures::Descriptors, BuiltFeatures::LowLevel];
    build(&options).unwrap();
    let (run, kind) = (dir.path().join("run"), KINDS[2]);
    fit(&recipe(kind.0, kind.1, &options.out), &run, &FitOptions::default()).unwrap();
    let model = Model::load(export(&run, &dir.path().join("model")).unwrap().model).unwrap();

    struct First(Option<Vec<f32>>);
    impl earworm_scorer::Observer for First {
        fn window(&mut self, window: &earworm_scorer::CompletedWindow<'_>) {
            self.0.get_or_insert_with(|| window.raw.to_vec());
        }
    }
    let first = |samples: &[f32]| {
        let mut scorer = Scorer::new(model.clone(), RATE, ScorerOptions::LIVE).unwrap();
        let mut observer = First(None);
        scorer.push_mono(samples, &mut observer).unwrap();
        scorer.finish(&mut observer).unwrap();
        observer.0.expect("a window was completed")
    };
    let sound = song(1004, true);
    // Windows are 128 frames of 512 samples.
    let window = &sound[..128 * 512];
    assert_eq!(first(&sound), score_offline(&model, window).unwrap());
    let silence = vec![0.0; 2 * RATE as usize];
    let with_pause = [&sound[..20_480], &silence, &sound[20_480..]].concat();
    let (whole, paused) = (first(&sound)[0], first(&with_pause)[0]);
    // Only the frames at the edges of the pause differ.
    assert!((whole - paused).abs() < 0.2 * whole.abs().max(1.0), "{whole}, {paused}");
    let (reading, _) = listen(&model, &silence);
    assert!(reading.integrated.is_none() && reading.status != Status::Scoring, "{reading:?}");
}

#[test]
fn what_the_meter_cannot_hear_is_not_exported() {
    let dir = tempfile::tempdir().unwrap();
    let text = "id,a,b,y\n".to_owned()
        + &(0..40).map(|n| format!("r{n},{},{},{}\n", n % 7, n % 2, n % 2)).collect::<String>();
    let path = dir.path().join("table.csv");
    std::fs::write(&path, text).unwrap();
    let recipe = Recipe::parse(
        &format!(
            "name = 'x'\n[data]\ntable = '{}'\nid = 'id'\nname = 't'\n[[heads]]\nname = 'y'\nmeaning = 'y'\nis = {{ column = 'y', value = '1' }}\n[model]\nkind = 'logistic'\nc = 1.0",
            path.display()
        ),
        &[],
    )
    .unwrap();
    let run = dir.path().join("run");
    fit(&recipe, &run, &FitOptions::default()).unwrap();
    let message = format!("{:#}", export(&run, &dir.path().join("model")).err().unwrap());
    assert!(message.contains("table without audio"), "{message}");
}
