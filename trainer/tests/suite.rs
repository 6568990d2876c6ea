//! The suite: systems of all kinds on the same songs and folds, resumed, with one that fails.

use std::path::Path;

use candle_core::{Device, Tensor};
use earworm_scorer::features::{self, FeatureSet as Columns};
use earworm_train::Rng;
use earworm_train::dataset::FeatureSet;
use earworm_train::dataset::build::build;
use earworm_train::fit::FitOptions;
use earworm_train::nn::{self, Blueprint};
use earworm_train::recipe::Model;
use earworm_train::suite::{Options, Plan, Table, run};
use rand::SeedableRng;

mod common;

use common::{made_songs, smallest_suite, songs_for_all_systems};

const SUITE: &str = r#"
    name = "made systems"
    seed = 3
    [data]
    genre = "genre"
    name = "made songs"
    window_frames = 64
    warm_up_frames = 16
    [split]
    folds = 5
    last = false
    [truth]
    name = "liked"
    meaning = "share of listeners who pressed like"
    share = { count = "likes", of = "votes", prior = 2.0 }
    [[targets.share]]
    name = "liked"
    meaning = "share of listeners who pressed like"
    share = { count = "likes", of = "votes", prior = 2.0 }
    [[targets.half]]
    name = "liked"
    meaning = "liked by most"
    above = { column = "likes / votes", threshold = 0.5 }
    [[targets.gone]]
    name = "gone"
    meaning = "a column that is not there"
    above = { column = "plays", threshold = 0.5 }
    [quick]
    "split.folds" = 3
    [[systems]]
    name = "table-published"
    system = "A"
    form = "published"
    about = "a tree of one split that the tone decides"
    target = "half"
    recipe = { data = { columns = ["zcr", "spec_cent"] }, model = { kind = "tree" } }
    [[systems]]
    name = "table-corrected"
    system = "A"
    form = "corrected"
    about = "logistic regression"
    target = "half"
    recipe = { data = { columns = ["zcr", "spec_cent"], scale = "standard" }, model = { kind = "logistic", c = 1.0 } }
    [[systems]]
    name = "network"
    system = "–"
    form = "own"
    about = "a small recurrent network"
    target = "share"
    quick = { "budget.epochs" = 6 }
    [systems.recipe]
    model = { kind = "mean-lstm", hidden = 12, layers = 1, head = [8], dropout = 0.0 }
    optimiser = { learning_rate = 0.02 }
    budget = { epochs = 12, batch = 8 }
    [[systems]]
    name = "broken"
    system = "–"
    form = "own"
    about = "learns from a column that is not there"
    target = "gone"
    recipe = { data = { columns = ["zcr"] }, model = { kind = "tree" } }
    [[systems]]
    name = "apart"
    system = "D"
    form = "published"
    about = "split by chance"
    apart = true
    target = "half"
    recipe = { data = { columns = ["zcr"] }, split = { kind = "random", share = 0.3 }, model = { kind = "tree" } }
"#;

fn options(folder: &Path) -> Options {
    Options {
        data: folder.join("set"),
        out: folder.join("suite"),
        quick: true,
        only: vec![],
        export: false,
        fit: FitOptions::default(),
    }
}

#[test]
fn all_systems_come_into_one_table() {
    let dir = tempfile::tempdir().unwrap();
    let mut made = made_songs(dir.path());
    made.features = vec![FeatureSet::Descriptors];
    build(&made).unwrap();
    let path = dir.path().join("suite.toml");
    std::fs::write(&path, SUITE).unwrap();
    let plan = Plan::load(Some(&path)).unwrap();
    let options = options(dir.path());
    let table = run(&plan, &options).unwrap().unwrap();

    let names: Vec<&str> = table.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["table-published", "table-corrected", "network"]);
    assert_eq!((table.songs, table.groups, table.apart.len()), (24, Some(12), 1));
    for row in &table.rows {
        let auc = row.figures.iter().find(|f| f.name == "auc" && f.scope == "all").unwrap();
        let low = auc.low.unwrap();
        assert!(auc.value > 0.9 && low <= auc.value, "{}: {table}", row.name);
        assert!(row.parameters > 0 && row.seconds >= 0.0);
        let against =
            |what: &str| table.tests.iter().any(|t| t.name == row.name && t.against == what);
        assert!(against("majority") && against("genre"), "{table}");
    }
    // Genres were dealt out without regard to what is liked.
    let genre = table.genre.as_ref().unwrap();
    let auc = genre.figures.iter().find(|f| f.name == "auc" && f.scope == "all").unwrap();
    assert!(auc.value < 0.9, "{table}");
    assert_eq!(table.failed.len(), 1);
    assert!(table.failed[0].0 == "broken" && table.failed[0].1.contains("plays"), "{table}");
    let changed = table.findings.iter().filter(|f| f.contains("as published"));
    assert_eq!(changed.count(), 1, "{table}");
    assert!(table.findings.iter().any(|f| f.starts_with("table: AUC")), "{table}");

    let page = std::fs::read_to_string(options.out.join("suite.html")).unwrap();
    let text = std::fs::read_to_string(options.out.join("suite.md")).unwrap();
    for name in names.iter().chain(&["genre", "broken", "apart"]) {
        assert!(page.contains(name) && text.contains(name), "{name}");
    }

    // Nothing is trained again, and the table comes out the same.
    let weights = options.out.join("network/fold-0/weights.safetensors");
    let trained = std::fs::metadata(&weights).unwrap().modified().unwrap();
    let again = run(&plan, &options).unwrap().unwrap();
    assert_eq!(std::fs::metadata(&weights).unwrap().modified().unwrap(), trained);
    assert_eq!(again.rows, table.rows);
    let read: Vec<String> =
        Table::load(&options.out).unwrap().rows.into_iter().map(|row| row.name).collect();
    assert_eq!(read, names);

    // Models for the meter are asked for later: only they are trained.
    let asked = Options { export: true, ..options };
    let exported = run(&plan, &asked).unwrap().unwrap();
    assert_eq!(std::fs::metadata(&weights).unwrap().modified().unwrap(), trained);
    assert_eq!(exported.rows, table.rows);
    assert_eq!(exported.exported.len(), 3, "{exported}");
    for model in &exported.exported {
        assert!(model.model, "{}: {}", model.name, model.words);
        let path = asked.out.join(&model.name).join("model/model.onnx");
        earworm_scorer::Model::load(path).unwrap();
    }
    assert!(std::fs::read_to_string(asked.out.join("suite.md")).unwrap().contains("Models for"));
    // No path of this machine goes into what is handed on.
    let text = std::fs::read_to_string(asked.out.join("suite.json")).unwrap();
    assert!(!text.contains(dir.path().to_str().unwrap()), "{text}");

    let only = Options { only: vec!["nobody".into()], ..asked };
    assert!(run(&plan, &only).unwrap_err().to_string().contains("nobody"));
}

/// A system whose run cannot be read is told of, and the others are measured.
#[test]
fn a_system_that_cannot_be_measured_does_not_end_the_table() {
    let dir = tempfile::tempdir().unwrap();
    let mut made = made_songs(dir.path());
    made.features = vec![FeatureSet::Descriptors];
    build(&made).unwrap();
    let path = dir.path().join("suite.toml");
    std::fs::write(&path, SUITE).unwrap();
    let plan = Plan::load(Some(&path)).unwrap();
    let only = vec!["table-published".to_owned(), "table-corrected".to_owned()];
    let options = Options { only, ..options(dir.path()) };
    run(&plan, &options).unwrap().unwrap();
    // The first, by which all are held, has lost what it said.
    std::fs::write(options.out.join("table-published/fold-0/predictions.csv"), "nothing").unwrap();
    let table = run(&plan, &options).unwrap().unwrap();
    let names: Vec<&str> = table.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["table-corrected"]);
    assert_eq!(table.failed.len(), 1, "{table}");
    assert_eq!(table.failed[0].0, "table-published");
}

/// The suite that comes with the trainer, cut down to two folds and two passes: every system is trained and
/// measured.
#[test]
fn every_system_of_the_built_in_suite_is_trained_and_measured() {
    let dir = tempfile::tempdir().unwrap();
    build(&songs_for_all_systems(dir.path())).unwrap();
    let plan = smallest_suite();
    let table = run(&plan, &options(dir.path())).unwrap().unwrap();
    assert!(table.failed.is_empty(), "{:?}", table.failed);
    assert_eq!(table.rows.len() + table.apart.len(), plan.systems.len());
    for row in table.rows.iter().chain(&table.apart) {
        assert!(row.figures.iter().all(|f| f.value.is_finite()), "{}", row.name);
    }
    // What each correction changed, and each published form has its corrected one by name.
    let names: Vec<&str> = plan.systems.iter().map(|system| system.name.as_str()).collect();
    for published in names.iter().filter_map(|name| name.strip_suffix("-published")) {
        assert!(names.contains(&format!("{published}-corrected").as_str()), "{published}");
        let told = table.findings.iter().any(|f| f.starts_with(&format!("{published}: AUC")));
        assert!(told, "{published}: {:?}", table.findings);
    }
    let values = table.values.as_ref().unwrap();
    assert_eq!(values.rows[0].name, "b-hit-music-net");
    assert!(values.rows.len() == 5 && values.rows[1..].iter().all(|row| row.closer.is_some()));
}

/// In their full sizes, too, all networks of the suite are built and take a step.
#[test]
fn every_network_of_the_suite_takes_a_step_in_full_size() {
    let plan = Plan::load(None).unwrap();
    for system in &plan.systems {
        let recipe = plan.recipe(system, Path::new("set"), false).unwrap();
        let Model::Network(model) = &recipe.model else { continue };
        let count = |names: &[String]| match names {
            [set] if set == "low-level" => features::names(Columns::LowLevel).len(),
            [set] if set == "descriptors" => features::names(Columns::Descriptors).len(),
            names => names.len(),
        };
        let beside = count(&recipe.data.beside);
        let (bands, frames) = match recipe.model.wants_rows(&recipe.data) {
            true => (count(&recipe.data.columns), 1),
            false => (64 + beside, recipe.data.window_frames),
        };
        let outputs = recipe.outputs().len();
        let blueprint = Blueprint {
            bands,
            beside,
            frames,
            outputs,
            mean: &vec![0.0; bands],
            deviation: &vec![1.0; bands],
            output_bias: &vec![0.0; outputs],
            seed: 1,
            device: &Device::Cpu,
        };
        let network = nn::build(model, &blueprint).unwrap();
        let mut rng = Rng::seed_from_u64(2);
        let x = Tensor::randn(0f32, 1.0, (frames, 2, bands), &Device::Cpu).unwrap();
        let at = [frames as u32 - 1];
        let y = network.forward(&x, &at, Some(&mut rng)).unwrap();
        assert_eq!(y.dims(), [1, 2, outputs], "{}", system.name);
        let gradients = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        let moved = network.weights().trained().values().filter(|v| gradients.get(v).is_some());
        assert!(moved.count() > 0, "{}", system.name);
    }
}
