//! From the suite to the meter: every system in the built-in suite's table is exported as a model that
//! `earworm score` and the daemon run.

mod common;
#[path = "common/daemon.rs"]
mod daemon;
#[path = "../../trainer/tests/common/mod.rs"]
mod songs;

use std::path::{Path, PathBuf};

use daemon::Daemon;
use earworm_train::dataset::build::build;
use earworm_train::fit::FitOptions;
use earworm_train::suite::{Options, run};
use serde_json::Value;

#[test]
fn what_the_suite_exports_is_scored_by_the_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let options = trained(dir.path());
    let table = run(&songs::smallest_suite(), &options).unwrap().unwrap();
    assert_eq!(table.exported.len(), table.rows.len(), "all systems were asked");
    for system in &table.exported {
        assert!(system.model, "{}: {}", system.name, system.words);
        scores_alike(&system.name, &model_of(&options, &system.name));
    }
    for system in ["a-lstm-corrected", "late-fusion", "a-svm"] {
        is_served(system, &model_of(&options, system));
    }
}

/// A data set of made songs, and how the suite is to be run on it.
fn trained(folder: &Path) -> Options {
    let made = songs::songs_for_all_systems(folder);
    build(&made).unwrap();
    Options {
        data: made.out,
        out: folder.join("suite"),
        quick: true,
        only: vec![],
        export: true,
        fit: FitOptions::default(),
    }
}

/// `--model` and the exported model.
fn model_of(options: &Options, system: &str) -> Vec<PathBuf> {
    vec!["--model".into(), options.out.join(system).join("model/model.onnx")]
}

/// The file and the stream of a song come to the same score.
fn scores_alike(system: &str, model: &[PathBuf]) {
    let score = common::score(model);
    assert!(score["error"].is_null(), "{system}: {score}");
    let (file, last) = (common::in_points(&score["score"]), common::last_of_listening(model));
    let streamed = common::in_points(&last["integrated"]);
    println!("{system}: {file:.2} of the file, {streamed:.2} streamed");
    assert!((file - streamed).abs() < 1e-3, "{system}: {score}\n{last}");
}

/// The running daemon says which model judges, and what it says of a song.
fn is_served(system: &str, model: &[PathBuf]) {
    let mut listen = common::program("earworm");
    listen.args(["listen", "--json", "--http", "127.0.0.1:0", "--input"]);
    listen.arg(common::demo()).args(model).env("RUST_LOG", "earworm=info");
    let mut daemon = Daemon::start(listen);
    let address = daemon.wait_for_address();
    daemon.wait_for_reading("a score", |reading| reading["window"].is_number());
    let get = |path: &str| -> Value {
        let url = format!("http://{address}/api/v1/{path}");
        ureq::get(&url).call().unwrap().body_mut().read_json().unwrap()
    };
    common::in_points(&get("reading")["window"]);
    let card = get("model");
    assert!(card.to_string().contains(system), "{system}: {card}");
}
