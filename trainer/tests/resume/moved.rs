//! Runs whose data have moved: what the data are is told by their hash, not by their path.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use earworm_train::dataset::FeatureSet;
use earworm_train::dataset::build::build;
use earworm_train::explain::{explain, explain_on};
use earworm_train::export::{export, export_on};
use earworm_train::run::{RunInfo, Session, read_json};

use crate::{command, common, learnt_hash, lived_until, recipe_of_rows, resume};

/// What a command complains of, in a line.
fn complaint(command: &mut Command) -> String {
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    text
}

fn folder_of_data(run: &Path) -> std::path::PathBuf {
    read_json::<RunInfo>(&run.join("run.json")).unwrap().data.folder
}

#[test]
fn a_run_goes_on_and_is_exported_where_its_data_set_is_now() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = common::made_songs(dir.path());
    options.features = vec![FeatureSet::Descriptors];
    build(&options).unwrap();
    let recipe = dir.path().join("recipe.toml");
    let text = format!(
        r#"
        name = "moved"
        [data]
        set = {:?}
        name = "made songs"
        columns = ["zcr", "spec_cent"]
        scale = "standard"
        window_frames = 128
        warm_up_frames = 64
        [[heads]]
        name = "liked"
        meaning = "liked by most"
        above = {{ column = "likes / votes", threshold = 0.5 }}
        [split]
        folds = 2
        [model]
        kind = "logistic"
        c = 1.0
        "#,
        options.out
    );
    std::fs::write(&recipe, text).unwrap();
    let run = dir.path().join("run");
    let learnt = learnt_hash(&mut command(&recipe, &run));

    let moved = dir.path().join("moved");
    std::fs::rename(&options.out, &moved).unwrap();
    assert!(complaint(&mut resume(&run)).contains("--data"));
    let gone = export(&run, &dir.path().join("model")).err().unwrap();
    assert!(format!("{gone:#}").contains("--data"), "{gone:#}");
    let report = export_on(&run, Some(&moved), &dir.path().join("model")).unwrap();
    assert_eq!(report.windows, 24);
    let gone = explain(&run).unwrap_err().to_string();
    assert!(gone.contains("`explain") && gone.contains("--data"), "{gone}");
    assert_eq!(explain_on(&run, Some(&moved)).unwrap().songs, 24);

    // A part that is missing is trained on the songs where they are now, and that they are there is kept.
    std::fs::remove_dir_all(run.join("fold-1")).unwrap();
    assert_eq!(learnt_hash(resume(&run).arg("--data").arg(&moved)), learnt);
    assert_eq!(folder_of_data(&run), moved);
    std::fs::remove_dir_all(run.join("final")).unwrap();
    assert_eq!(learnt_hash(&mut resume(&run)), learnt);
    assert_eq!(learnt_hash(command(&recipe, &run).arg("--data").arg(&moved)), learnt);
    // When something was trained, it is written down by what; the last time nothing was.
    let sessions = read_json::<RunInfo>(&run.join("run.json")).unwrap().sessions;
    let of_resume = |s: &Session| s.command.contains("--resume") && s.device == "cpu";
    assert!(sessions.len() == 2 && sessions.iter().all(of_resume), "{sessions:?}");
    export(&run, &dir.path().join("model")).unwrap();

    // Other songs are no data set that has moved.
    let text = std::fs::read_to_string(&options.manifest).unwrap();
    let fewer: Vec<&str> = text.lines().take(20).collect();
    std::fs::write(&options.manifest, fewer.join("\n")).unwrap();
    options.out = dir.path().join("other");
    build(&options).unwrap();
    let text = complaint(resume(&run).arg("--data").arg(&options.out));
    assert!(text.contains("the data have changed"), "{text}");
    let other = export_on(&run, Some(&options.out), &dir.path().join("model")).err().unwrap();
    assert!(other.to_string().contains("is not the data set that"), "{other:#}");
    assert_eq!(folder_of_data(&run), moved);
}

/// A checkpoint belongs to songs and a recipe, wherever they lie.
#[test]
fn a_table_may_move_while_a_training_is_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let recipe = recipe_of_rows(dir.path());
    let whole = learnt_hash(&mut command(&recipe, &dir.path().join("whole")));
    let run = dir.path().join("run");
    let mut child = command(&recipe, &run).spawn().unwrap();
    assert!(lived_until(&mut child, &run, Duration::ZERO), "it was over at once");
    child.kill().unwrap();
    child.wait().unwrap();
    let moved = dir.path().join("moved.csv");
    std::fs::rename(dir.path().join("table.csv"), &moved).unwrap();
    assert!(complaint(&mut resume(&run)).contains("--data"));
    assert_eq!(learnt_hash(resume(&run).arg("--data").arg(&moved)), whole);
    assert_eq!(folder_of_data(&run), moved);
}
