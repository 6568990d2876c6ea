//! What runs are worth, and how that is told.

use std::path::{Path, PathBuf};

use earworm_scorer::model::Calibration;
use earworm_train::calibrate::{FittedOn, Method};
use earworm_train::evaluate::{Evaluation, Options, measure};
use earworm_train::report::{evaluate, report};
use earworm_train::run::{Run, RunInfo, SearchEntry, Task, search_folder, write_predictions};
use serde_json::json;

use crate::made::{Made, change, put};
use crate::value;

#[test]
fn every_task_is_measured_and_reported() {
    // Kept for looking at where a folder is named; see the report's own tests for what it must hold.
    let dir = tempfile::tempdir().unwrap();
    let root = std::env::var_os("EARWORM_KEEP_RUNS").map_or(dir.path().to_owned(), PathBuf::from);
    let expected: [(Task, &[&str], &[&str]); 4] = [
        (Task::Share, &["auc", "spearman", "accuracy", "r2", "mae"], &["scatter", "roc", "scores"]),
        (
            Task::Binary,
            &["accuracy", "auc", "balanced accuracy", "macro f1", "brier", "calibration error"],
            &["roc", "reliability", "confusion", "learning", "learning-accuracy"],
        ),
        (Task::Classes, &["accuracy", "auc", "macro f1", "brier"], &["roc", "confusion"]),
        (Task::Regression, &["spearman", "r2", "mae", "mse"], &["scatter", "learning"]),
    ];
    for (task, figures, pictures) in expected {
        let run = Made::of(task).write(&root.join(format!("{task:?}").to_lowercase()));
        let evaluation = evaluate(&run).unwrap();
        assert_eq!((evaluation.songs, evaluation.groups, &*evaluation.unit), (240, 80, "artists"));
        for name in figures {
            let figure = evaluation.figures.iter().find(|f| f.name == *name).unwrap();
            let (low, high) = figure.interval().unwrap();
            assert!(low <= figure.value && figure.value <= high, "{task:?} {name}");
        }
        let written: Evaluation =
            serde_json::from_slice(&std::fs::read(run.join("evaluation.json")).unwrap()).unwrap();
        assert_eq!(written.finding, evaluation.finding);
        assert_eq!(evaluation.by_genre.len(), 3);
        for picture in pictures {
            let svg = std::fs::read_to_string(run.join(format!("plots/{picture}.svg"))).unwrap();
            assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{picture}");
        }
        let page = std::fs::read_to_string(run.join("report.html")).unwrap();
        assert!(page.contains(&evaluation.name) && page.contains("prefers-color-scheme"));
        // Nothing is fetched, nothing runs, and what songs are called is text.
        for forbidden in ["http://", "https://", "<script", "<link", "<img", "url(", "<made>"] {
            assert!(!page.contains(forbidden), "{task:?}: {forbidden}");
        }
        assert!(page.contains("&lt;made&gt; &amp; told"));
        assert!(!evaluation.finding.is_empty() && evaluation.to_string().contains("95 % interval"));
    }
}

#[test]
fn knowing_more_is_worth_more_and_nothing_is_worth_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let at = |knows: f32| {
        let run = Made { knows, ..Made::of(Task::Binary) };
        evaluate(&run.write(&dir.path().join(format!("{knows}")))).unwrap()
    };
    let (nothing, some, much) = (at(0.0), at(1.0), at(3.0));
    assert!((value(&nothing, "auc") - 0.5).abs() < 0.1);
    assert!(value(&nothing, "auc") < value(&some, "auc"));
    assert!(value(&some, "auc") < value(&much, "auc"));
    assert!(value(&some, "accuracy") < value(&much, "accuracy"));
    assert!(much.finding.starts_with("It beats the majority class beyond"), "{}", much.finding);
    assert!(!nothing.finding.starts_with("It beats the majority class beyond"));
    let majority = much.majority.as_ref().unwrap();
    assert_eq!((&*majority.class, much.train_accuracy), ("not viral", Some(0.93)));
}

/// Makes the three songs of each artist alike in all but their names.
fn make_alike(folder: &Path) {
    change(folder, |rows| {
        for songs in rows.chunks_mut(3) {
            let first = songs[0].clone();
            for row in songs {
                (row.truth, row.target) = (first.truth, first.target);
                row.raw.clone_from(&first.raw);
            }
        }
    });
}

/// Three songs that are all alike count once: what is drawn is a third, and the interval wider by √3.
#[test]
fn intervals_are_over_groups_where_there_are_some() {
    let dir = tempfile::tempdir().unwrap();
    let measured = |name: &str, grouped: bool| {
        let run = Made { grouped, ..Made::of(Task::Regression) }.write(&dir.path().join(name));
        make_alike(&run);
        evaluate(&run).unwrap()
    };
    let (alone, together) = (measured("alone", false), measured("together", true));
    assert_eq!((alone.groups, &*alone.unit), (240, "songs"));
    assert_eq!((together.groups, &*together.unit), (80, "artists"));
    let spearman = |e: &Evaluation| {
        let figure = &e.figures[0];
        let (low, high) = figure.interval().unwrap();
        (figure.value, high - low)
    };
    let ((alone, narrow), (together, wide)) = (spearman(&alone), spearman(&together));
    assert_eq!(alone, together);
    assert!(wide > 1.5 * narrow && wide < 2.5 * narrow, "{wide} {narrow}");
}

#[test]
fn calibration_is_fitted_on_validation_songs_where_there_are_some() {
    let dir = tempfile::tempdir().unwrap();
    for task in [Task::Share, Task::Binary, Task::Classes] {
        for (name, method) in [
            ("platt", Method::Platt),
            ("temperature", Method::Temperature),
            ("isotonic", Method::Isotonic),
            ("none", Method::None),
        ] {
            for validation in [false, true] {
                let made =
                    Made { validation, calibration: Some(name), songs: 480, ..Made::of(task) };
                let run = made.write(&dir.path().join(format!("{task:?}-{name}-{validation}")));
                let evaluation = evaluate(&run).unwrap();
                assert_eq!(evaluation.calibration_method, method);
                let fitted_on = match (method, validation) {
                    (Method::None, _) => FittedOn::Nothing,
                    (_, true) => FittedOn::Validation,
                    (_, false) => FittedOn::Judged,
                };
                assert_eq!(evaluation.calibration_fitted_on, fitted_on);
                evaluation.calibration.validate(task.of_model()).unwrap();
                let fits = match method {
                    Method::Platt => matches!(evaluation.calibration, Calibration::Platt { .. }),
                    Method::Temperature => {
                        matches!(evaluation.calibration, Calibration::Temperature { .. })
                    }
                    Method::Isotonic => {
                        matches!(evaluation.calibration, Calibration::Isotonic { .. })
                    }
                    Method::None => evaluation.calibration == Calibration::Identity,
                };
                assert!(fits, "{:?}", evaluation.calibration);
                if matches!(method, Method::Platt | Method::Isotonic) {
                    let error = value(&evaluation, "calibration error");
                    assert!(error < 0.12, "{task:?} {name} {validation}: {error}");
                    assert!(
                        value(&evaluation, "brier")
                            < evaluation
                                .figures
                                .iter()
                                .find(|f| f.name == "brier")
                                .unwrap()
                                .baseline
                                .unwrap()
                    );
                }
            }
        }
    }
}

#[test]
fn one_test_set_without_validation_songs_says_what_that_means() {
    let dir = tempfile::tempdir().unwrap();
    let run = Made { folds: 1, ..Made::of(Task::Binary) }.write(&dir.path().join("test"));
    let evaluation = evaluate(&run).unwrap();
    assert!(evaluation.notes.iter().any(|note| note.contains("no validation songs")));
    assert!(evaluation.songs_and_split().contains("set aside for the test"));
    let run = Made { folds: 1, validation: true, ..Made::of(Task::Binary) };
    let evaluation = evaluate(&run.write(&dir.path().join("validated"))).unwrap();
    assert!(evaluation.notes.is_empty(), "{:?}", evaluation.notes);
}

#[test]
fn runs_of_one_song_or_one_class_are_measured_as_far_as_they_can_be() {
    let dir = tempfile::tempdir().unwrap();
    for task in [Task::Share, Task::Binary, Task::Classes, Task::Regression] {
        let run = Made { songs: 1, folds: 1, ..Made::of(task) };
        let evaluation = evaluate(&run.write(&dir.path().join(format!("one-{task:?}")))).unwrap();
        assert_eq!(evaluation.songs, 1);
        assert!(evaluation.notes.iter().any(|n| n.contains("there is no")), "{evaluation}");
    }
    // A fold in which all songs are of one class: it has no AUC, the others have.
    let run = Made::of(Task::Binary).write(&dir.path().join("one-class"));
    let info: RunInfo =
        serde_json::from_slice(&std::fs::read(run.join("run.json")).unwrap()).unwrap();
    let path = run.join("fold-0/predictions.csv");
    let mut rows = Run::open(&run).unwrap().parts[0].predictions.clone();
    rows.iter_mut().for_each(|row| row.truth = 1.0);
    write_predictions(&path, &info.outputs, &rows).unwrap();
    let evaluation = evaluate(&run).unwrap();
    assert_eq!(evaluation.parts[0].value.map(|v| v > 0.0), Some(true));
    let three: f64 = value(&evaluation, "auc");
    assert!(three > 0.6 && three < 1.0);
    // All songs alike: nothing is to be ranked.
    for part in &info.parts {
        let path = run.join(part).join("predictions.csv");
        let mut rows = rows.clone();
        rows.iter_mut().for_each(|row| row.track_id += part);
        write_predictions(&path, &info.outputs, &rows).unwrap();
    }
    let evaluation = evaluate(&run).unwrap();
    assert!(evaluation.figures.iter().all(|figure| figure.name != "auc"));
    assert_eq!(evaluation.majority.unwrap().share, 1.0);
}

#[test]
fn a_search_is_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let root = std::env::var_os("EARWORM_KEEP_RUNS").map_or(dir.path().to_owned(), PathBuf::from);
    let made = Made::of(Task::Binary);
    let run = made.write(&root.join("search"));
    let entries: Vec<SearchEntry> = (0..9)
        .map(|index| {
            let config = json!({"model.hidden": 32 << (index % 3), "training.learning_rate": 1e-4 * f64::from(index + 1)});
            SearchEntry {
                config: config.as_object().unwrap().clone(),
                scores: (0..3).map(|fold| 0.6 + 0.012 * f64::from(index) + 0.01 * f64::from(fold)).collect(),
                mean: 0.61 + 0.012 * f64::from(index),
                sd: 0.01,
                chosen: index == 8,
                failed: (index == 3).then(|| "the loss is no longer a number".to_owned()),
                folder: None,
            }
        })
        .collect();
    put(&run, "search.json", &serde_json::to_string(&entries).unwrap());
    for index in 0..9 {
        for fold in 0..3 {
            made.write_training(
                &search_folder(&run, index).join(format!("fold-{fold}")),
                f64::from(fold) + 8.0 - index as f64,
            );
        }
    }
    evaluate(&run).unwrap();
    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("Search over 9 configurations") && page.contains("model.hidden=128"));
    for picture in ["search-learning", "search-scores"] {
        assert!(run.join(format!("plots/{picture}.svg")).exists());
    }
    let elsewhere = dir.path().join("elsewhere.html");
    assert_eq!(report(&run, Some(&elsewhere)).unwrap(), elsewhere);
    assert!(elsewhere.exists());
}

#[test]
fn options_override_the_recipe() {
    let dir = tempfile::tempdir().unwrap();
    let run = Made { calibration: Some("isotonic"), ..Made::of(Task::Binary) }.write(dir.path());
    let options = Options { calibration: Method::None, seed: 9, draws: 50 };
    let measured = measure(&run, Some(options)).unwrap();
    assert_eq!(measured.evaluation.calibration, Calibration::Identity);
    assert!(!run.join("evaluation.json").exists(), "measuring writes nothing");
}
