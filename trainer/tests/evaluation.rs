//! Runs of every task, made by formulas: read, measured, compared and told about.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use earworm_scorer::model::Calibration;
use earworm_train::Rng;
use earworm_train::calibrate::{FittedOn, Method};
use earworm_train::compare::{Against, compare, write_csv, write_html};
use earworm_train::evaluate::{Evaluation, Options, measure};
use earworm_train::report::evaluate;
use earworm_train::report::report;
use earworm_train::run::{
    DataInfo, EpochRow, Outcome, PredictionRow, Run, RunInfo, SearchEntry, Split, Task,
    search_folder, write_predictions,
};
use rand::{RngExt, SeedableRng};
use serde_json::json;

/// How a made run is.
#[derive(Clone)]
struct Made {
    task: Task,
    songs: usize,
    /// How much the model knows: 0 nothing, above 2 nearly all.
    knows: f32,
    /// Seed of its noise; the songs are always the same.
    seed: u64,
    folds: usize,
    grouped: bool,
    validation: bool,
    calibration: Option<&'static str>,
}

impl Made {
    fn of(task: Task) -> Self {
        Self {
            task,
            songs: 240,
            knows: 1.0,
            seed: 1,
            folds: 4,
            grouped: true,
            validation: false,
            calibration: None,
        }
    }

    fn outputs(&self) -> Vec<String> {
        let names: &[&str] = match self.task {
            Task::Share => &["liked", "calm"],
            Task::Binary => &["viral"],
            Task::Classes => &["low", "medium", "high"],
            Task::Regression => &["popularity"],
        };
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn info(&self) -> RunInfo {
        let outputs = self.outputs();
        let parts = match self.folds {
            1 => vec!["test".to_owned()],
            n => (0..n).map(|fold| format!("fold-{fold}")).collect(),
        };
        RunInfo {
            name: format!("made-{:?}", self.task).to_lowercase(),
            task: self.task,
            score: if self.task == Task::Classes { "high".into() } else { outputs[0].clone() },
            score_class: (self.task == Task::Classes).then_some(2),
            classes: None,
            outputs,
            parts,
            split: if self.folds == 1 { Split::Test } else { Split::Folds },
            data: DataInfo {
                sha256: "00".repeat(32),
                others: Default::default(),
                songs: self.songs,
                folder: "made".into(),
                name: "Made songs".into(),
                front_end: None,
            },
            versions: BTreeMap::from([("earworm-train".into(), "0.1.0".into())]),
            git_commit: Some("0123abc".into()),
            command: "earworm-train fit <made> & told".into(),
            device: "cpu".into(),
            started: "2024-06-07T08:12:44Z".into(),
            notes: vec![],
        }
    }

    /// The songs: what is true follows from a hidden quality, which genre and group move as well.
    fn rows(&self) -> Vec<PredictionRow> {
        let (mut rng, mut noise) = (Rng::seed_from_u64(7), Rng::seed_from_u64(self.seed));
        let normal = |rng: &mut Rng| -> f32 {
            (0..12).map(|_| rng.random_range(0.0f32..1.0)).sum::<f32>() - 6.0
        };
        let groups: Vec<f32> = (0..self.songs / 3 + 1).map(|_| 0.6 * normal(&mut rng)).collect();
        (0..self.songs)
            .map(|song| {
                let group = song / 3;
                let quality = groups[group] + 0.3 * (song % 3) as f32 - 0.3 + normal(&mut rng);
                let heard = self.knows * quality + normal(&mut noise);
                let share = 1.0 / (1.0 + f64::from(-0.5 * quality).exp());
                let (truth, raw) = match self.task {
                    Task::Share => (share, vec![0.3 * heard - 0.2, 0.1]),
                    Task::Binary => (f64::from(u8::from(quality > 0.4)), vec![heard - 0.4]),
                    Task::Classes => {
                        let class = usize::from(quality > -1.1) + usize::from(quality > 0.8);
                        (
                            class as f64,
                            vec![-heard - 0.9, 0.6 + 0.3 * normal(&mut noise), heard - 0.7],
                        )
                    }
                    Task::Regression => (20.0 + 8.0 * f64::from(quality), vec![20.0 + 4.0 * heard]),
                };
                PredictionRow {
                    track_id: format!("t{song}"),
                    group: if self.grouped { format!("artist {group}") } else { String::new() },
                    genre: ["pop", "rock", "jazz"][song % 3].into(),
                    target: if self.task == Task::Share {
                        0.5 + 0.6 * (truth - 0.5)
                    } else {
                        truth
                    },
                    truth,
                    weight: 1.0,
                    raw,
                }
            })
            .collect()
    }

    fn epochs(&self, shift: f64) -> Vec<EpochRow> {
        (1..=20)
            .map(|epoch| {
                let t = epoch as f64;
                EpochRow {
                    epoch,
                    train_loss: 0.4 + 0.3 * (-t / 6.0).exp() + 0.01 * shift,
                    validation_loss: Some(0.5 + 0.2 * (-t / 4.0).exp() + 0.004 * t + 0.02 * shift),
                    learning_rate: 1e-3,
                    train_accuracy: Some(0.5 + 0.02 * t),
                    validation_accuracy: Some(0.5 + 0.2 * (1.0 - (-t / 4.0).exp()) - 0.02 * shift),
                    wall_time: None,
                }
            })
            .collect()
    }

    /// Writes the run's folder.
    fn write(&self, folder: &Path) -> PathBuf {
        let (info, rows) = (self.info(), self.rows());
        std::fs::create_dir_all(folder).unwrap();
        put(folder, "run.json", &serde_json::to_string_pretty(&info).unwrap());
        let calibration =
            self.calibration.map_or(String::new(), |c| format!("calibration = \"{c}\"\n"));
        let group = if self.grouped { "group = \"artist\"\n" } else { "" };
        let recipe = format!(
            "name = \"made\"\nseed = 3\n{calibration}[data]\n{group}about = \"Made by a formula.\"\nlicence = \"CC0-1.0\"\n"
        );
        put(folder, "recipe.toml", &recipe);
        for (index, part) in info.parts.iter().enumerate() {
            let own: Vec<PredictionRow> = rows
                .iter()
                .enumerate()
                // A test set takes half of the songs; folds take all.
                .filter(|(song, _)| song / 3 % info.parts.len().max(2) == index)
                .map(|(_, row)| row.clone())
                .collect();
            write_predictions(&folder.join(part).join("predictions.csv"), &info.outputs, &own)
                .unwrap();
            if self.validation {
                let mut held = self.clone();
                held.seed += 100 + index as u64;
                let held: Vec<PredictionRow> = held
                    .rows()
                    .into_iter()
                    .filter(|row| own.iter().all(|own| own.track_id != row.track_id))
                    .collect();
                write_predictions(&folder.join(part).join("validation.csv"), &info.outputs, &held)
                    .unwrap();
            }
            self.write_training(&folder.join(part), index as f64);
        }
        self.write_training(&folder.join("final"), 0.0);
        folder.to_owned()
    }

    fn write_training(&self, folder: &Path, shift: f64) {
        std::fs::create_dir_all(folder).unwrap();
        let outcome = Outcome {
            best_epoch: 14,
            epochs: 20,
            validation_loss: Some(0.55),
            train_accuracy: (self.task == Task::Binary).then_some(0.93),
            seconds: 12.5,
            parameters: 12_345,
        };
        put(folder, "outcome.json", &serde_json::to_string(&outcome).unwrap());
        let lines: Vec<String> =
            self.epochs(shift).iter().map(|row| serde_json::to_string(row).unwrap()).collect();
        put(folder, "epochs.jsonl", &(lines.join("\n") + "\n"));
    }
}

fn put(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

fn value(evaluation: &Evaluation, name: &str) -> f64 {
    let figure = evaluation.figures.iter().find(|f| f.name == name && f.scope == "all");
    figure.unwrap_or_else(|| panic!("no {name}: {evaluation}")).value
}

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
            assert!(figure.low <= figure.value && figure.value <= figure.high, "{task:?} {name}");
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

#[test]
fn intervals_are_over_groups_where_there_are_some() {
    let dir = tempfile::tempdir().unwrap();
    let alone = Made { grouped: false, ..Made::of(Task::Regression) };
    let alone = evaluate(&alone.write(&dir.path().join("alone"))).unwrap();
    assert_eq!((alone.groups, &*alone.unit), (240, "songs"));
    let together =
        evaluate(&Made::of(Task::Regression).write(&dir.path().join("together"))).unwrap();
    let spearman = |e: &Evaluation| e.figures[0].clone();
    assert_eq!(spearman(&alone).value, spearman(&together).value);
    assert_ne!(spearman(&alone).low, spearman(&together).low);
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
fn runs_are_compared_on_the_same_songs() {
    let dir = tempfile::tempdir().unwrap();
    let root = std::env::var_os("EARWORM_KEEP_RUNS").map_or(dir.path().to_owned(), PathBuf::from);
    let made = |name: &str, knows: f32, seed: u64| {
        Made { knows, seed, ..Made::of(Task::Binary) }.write(&root.join(name))
    };
    let runs =
        [made("weak", 0.1, 1), made("same", 0.1, 2), made("fair", 0.8, 3), made("good", 4.0, 4)];
    let comparison = compare(&runs, Against::First).unwrap();
    assert_eq!((comparison.reference, comparison.tests.len()), (0, 6));
    let test = |run: usize, figure: &str| {
        comparison.tests.iter().find(|t| t.run == run && t.figure == figure).unwrap()
    };
    assert!(test(3, "auc").differs() && test(3, "accuracy").differs());
    assert!(test(3, "auc").low > 0.0 && test(3, "auc").difference > 0.2);
    assert!(!test(1, "auc").differs() && !test(1, "accuracy").differs());
    assert!(comparison.tests.iter().all(|t| t.corrected >= t.p && t.corrected <= 1.0));
    let good = comparison.majority_tests.iter().find(|t| t.run == 3).unwrap();
    assert!(good.differs() && good.difference > 0.0);
    assert!(comparison.findings[0].contains("beat the majority class"), "{comparison}");
    assert!(comparison.findings[0].contains("good"), "{comparison}");
    assert_eq!(compare(&runs, Against::Best).unwrap().reference, 3);

    let (csv, html) = (root.join("compared.csv"), root.join("compared.html"));
    write_csv(&comparison, &csv).unwrap();
    write_html(&comparison, &html).unwrap();
    let mut table = csv::Reader::from_path(&csv).unwrap();
    let header = table.headers().unwrap().clone();
    let accuracy = header.iter().position(|name| name == "accuracy").unwrap();
    let values: Vec<f64> =
        table.records().map(|row| row.unwrap()[accuracy].parse().unwrap()).collect();
    assert_eq!(values.len(), 4);
    assert_eq!(values[3], value(&comparison.runs[3].evaluation, "accuracy"));
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains("McNemar") && !page.contains("http"));
}

#[test]
fn a_run_compared_with_itself_does_not_differ() {
    let dir = tempfile::tempdir().unwrap();
    for task in [Task::Share, Task::Classes, Task::Regression] {
        let run = Made::of(task).write(&dir.path().join(format!("{task:?}")));
        let comparison = compare(&[run.clone(), run], Against::First).unwrap();
        assert!(!comparison.tests.is_empty());
        for test in &comparison.tests {
            assert_eq!((test.difference, test.low, test.high), (0.0, 0.0, 0.0));
            assert_eq!((test.p, test.differs()), (1.0, false));
        }
    }
}

fn refused(result: anyhow::Result<impl Sized>, words: &[&str]) {
    let Err(error) = result else { panic!("not refused: {words:?}") };
    let message = format!("{error:#}");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
}

#[test]
fn runs_that_cannot_be_compared_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let base = Made::of(Task::Binary);
    let first = base.write(&dir.path().join("first"));
    let against = |other: &PathBuf| compare(&[first.clone(), other.clone()], Against::First);
    let fewer = Made { songs: 237, ..base.clone() }.write(&dir.path().join("fewer"));
    refused(against(&fewer), &["first judged 3 songs that fewer did not", "t237"]);
    let split = Made { folds: 3, ..base.clone() }.write(&dir.path().join("split"));
    refused(against(&split), &["fold-", "split the songs differently"]);
    let task = Made::of(Task::Regression).write(&dir.path().join("task"));
    refused(against(&task), &["task predicts", "popularity"]);
    let labels = base.write(&dir.path().join("labels"));
    let path = labels.join("fold-0/predictions.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    let flipped: Vec<String> = text
        .lines()
        .map(|line| match line.strip_prefix("t0,artist 0,pop,") {
            Some(rest) => {
                let truth = if rest.starts_with('0') { "1,1" } else { "0,0" };
                format!("t0,artist 0,pop,{truth}{}", &rest[3..])
            }
            None => line.to_owned(),
        })
        .collect();
    std::fs::write(&path, flipped.join("\n")).unwrap();
    refused(against(&labels), &["track t0", "different labels"]);
    refused(compare(&[first], Against::First), &["at least two"]);
}

#[test]
fn broken_runs_are_refused_by_file_and_row() {
    let dir = tempfile::tempdir().unwrap();
    let fresh = |name: &str| Made::of(Task::Binary).write(&dir.path().join(name));
    refused(evaluate(dir.path()), &["no run.json"]);

    let change = |name: &str, file: &str, from: &str, to: &str| {
        let run = fresh(name);
        let path = run.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from:?} is not in {file}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        run
    };
    let csv = "fold-1/predictions.csv";
    let cell = |name: &str, column: usize, to: &str| {
        let run = fresh(name);
        let path = run.join(csv);
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut cells: Vec<&str> = lines[2].split(',').collect();
        cells[column] = to;
        lines[2] = cells.join(",");
        std::fs::write(&path, lines.join("\n")).unwrap();
        run
    };
    refused(evaluate(&cell("nan", 6, "NaN")), &[csv, "row 3", "track t4", "raw.viral", "finite"]);
    refused(evaluate(&cell("inf", 6, "1e99")), &[csv, "row 3", "track t4", "finite"]);
    refused(evaluate(&cell("word", 6, "loud")), &[csv, "row 3", "raw.viral", "\"loud\""]);
    refused(evaluate(&cell("truth", 3, "0.5")), &[csv, "track t4", "truth = 0.5", "0 or 1"]);
    refused(evaluate(&cell("id", 0, "")), &[csv, "row 3", "track_id"]);
    refused(evaluate(&cell("twice", 0, "t0")), &["track t0", "twice", "fold-0", "fold-1"]);
    refused(evaluate(&cell("extra", 6, "1,2")), &[csv, "row 3"]);
    refused(
        evaluate(&change("column", csv, "raw.viral", "raw.virale")),
        &[csv, "no column \"raw.viral\"", "raw.virale"],
    );
    let epochs = "fold-2/epochs.jsonl";
    refused(
        evaluate(&change("epochs", epochs, "{\"epoch\":2,", "{\"epoch\":")),
        &[epochs, "line 2"],
    );
    refused(evaluate(&change("json", "fold-0/outcome.json", "{", "[")), &["fold-0/outcome.json"]);
    refused(
        evaluate(&change("task", "run.json", "\"binary\"", "\"ranking\"")),
        &["run.json", "ranking"],
    );
    refused(evaluate(&change("part", "run.json", "fold-3", "../fold-3")), &["run.json", "parts"]);
    refused(
        evaluate(&change("score", "run.json", "\"score\": \"viral\"", "\"score\": \"loud\"")),
        &["run.json", "score", "loud", "viral"],
    );
    let recipe = change("method", "recipe.toml", "seed = 3", "calibration = \"plat\"");
    refused(evaluate(&recipe), &["recipe.toml", "calibration", "plat", "platt"]);
    let unfinished = fresh("unfinished");
    std::fs::remove_file(unfinished.join("fold-2/outcome.json")).unwrap();
    refused(evaluate(&unfinished), &["fold-2", "not finished"]);
    let empty = fresh("empty");
    for fold in 0..4 {
        let path = empty.join(format!("fold-{fold}/predictions.csv"));
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.lines().next().unwrap().to_owned() + "\n").unwrap();
    }
    refused(evaluate(&empty), &["no song was judged"]);
    assert!(!empty.join("evaluation.json").exists());
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
