//! Runs beside each other.

use std::path::PathBuf;

use earworm_train::compare::{Against, compare, write_csv, write_html};
use earworm_train::run::Task;

use crate::made::Made;
use crate::{refused, value};

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

#[test]
fn of_a_few_artists_runs_are_not_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    for task in [Task::Share, Task::Binary, Task::Regression] {
        let made = |knows: f32| {
            let run = Made { songs: 18, folds: 2, knows, ..Made::of(task) };
            run.write(&dir.path().join(format!("{task:?}-{knows}")))
        };
        let comparison = compare(&[made(0.1), made(4.0)], Against::First).unwrap();
        assert!(comparison.tests.is_empty() && comparison.majority_tests.is_empty());
        let few = "18 songs of 6 artists are too few to tell the runs apart.";
        assert_eq!(comparison.findings[0], few);
        let text = comparison.to_string();
        assert!(text.contains("(too few to tell)") && !text.contains("NaN"), "{text}");
        let (csv, html) = (dir.path().join("few.csv"), dir.path().join("few.html"));
        write_csv(&comparison, &csv).unwrap();
        write_html(&comparison, &html).unwrap();
        assert!(std::fs::read_to_string(&html).unwrap().contains("too few to tell"));
        let mut table = csv::Reader::from_path(&csv).unwrap();
        let header = table.headers().unwrap().clone();
        let at = header.iter().position(|name| name == "spearman low" || name == "accuracy low");
        let rows = table.records();
        rows.for_each(|row| assert_eq!(&row.unwrap()[at.unwrap()], "", "{header:?}"));
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
