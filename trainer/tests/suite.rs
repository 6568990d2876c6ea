//! The suite: systems of all kinds on the same songs and folds, resumed, with one that fails.

use std::path::Path;

use earworm_train::dataset::FeatureSet;
use earworm_train::dataset::build::build;
use earworm_train::fit::FitOptions;
use earworm_train::suite::{Options, Plan, Table, run};

mod common;

use common::made_songs;

const SUITE: &str = r#"
    name = "made systems"
    seed = 3
    [data]
    group = "artist"
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
        assert!(auc.value > 0.9 && auc.low <= auc.value, "{}: {table}", row.name);
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

    let only = Options { only: vec!["nobody".into()], ..options };
    assert!(run(&plan, &only).unwrap_err().to_string().contains("nobody"));
}
