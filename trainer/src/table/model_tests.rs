//! All models by one set of tests.

use anyhow::Result;
use proptest::prelude::*;
use serde::Deserialize;

use super::model::{LARGEST_LOG_ODDS, TableModel};
use super::recipe::TableModelRecipe;
use super::saved::SavedModel;
use super::{ColumnRecipe, Columns, Table};

/// What golden/golden.py wrote.
#[derive(Deserialize)]
struct Golden {
    train: Vec<Vec<f64>>,
    test: Vec<Vec<f64>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    recipe: TableModelRecipe,
    seed: u64,
    y: Vec<usize>,
    said: Vec<serde_json::Value>,
}

fn recipes() -> Vec<TableModelRecipe> {
    let all = r#"[{"kind":"knn","k":2},{"kind":"svm","c":1.0},{"kind":"tree","criterion":"entropy"},
        {"kind":"adaboost","estimators":5,"rate":1.0},{"kind":"logistic","c":1.0}]"#;
    serde_json::from_str(all).unwrap()
}

fn message(result: Result<impl std::fmt::Debug>) -> String {
    format!("{:#}", result.unwrap_err())
}

fn log_odds(share: f64) -> f64 {
    (share / (1.0 - share)).ln().clamp(-LARGEST_LOG_ODDS, LARGEST_LOG_ODDS)
}

#[test]
fn models_say_what_scikit_learn_says() {
    let golden: Golden = serde_json::from_str(include_str!("golden/golden.json")).unwrap();
    assert_eq!(golden.cases.len(), 26);
    for Case { recipe, seed, y, said } in golden.cases {
        let classes = y.iter().max().unwrap() + 1;
        let model = TableModel::fit(&recipe, &golden.train, &y, classes, seed).unwrap();
        let raw = model.raw(&golden.test).unwrap();
        let shares = matches!(recipe, TableModelRecipe::Knn { .. } | TableModelRecipe::Tree { .. });
        // The solvers stop near the optimum; the others are exact but for single precision.
        let tolerance = match recipe {
            TableModelRecipe::Svm { .. } => 5e-3,
            TableModelRecipe::Logistic { .. } => 2e-4,
            _ => 2e-6,
        };
        assert_eq!(raw.len(), said.len());
        for (row, (own, said)) in raw.iter().zip(said).enumerate() {
            let said: Vec<f64> = match said {
                serde_json::Value::Array(values) => {
                    values.iter().map(|value| value.as_f64().unwrap()).collect()
                }
                value => vec![value.as_f64().unwrap()],
            };
            let wanted: Vec<f64> = match (shares, said.as_slice()) {
                (true, [_, one]) => vec![log_odds(*one)],
                (true, all) => all.iter().map(|&share| log_odds(share)).collect(),
                (false, _) => said,
            };
            assert_eq!(own.len(), wanted.len());
            for (own, wanted) in own.iter().zip(&wanted) {
                let difference = (f64::from(*own) - wanted).abs();
                assert!(
                    difference <= tolerance * (1.0 + wanted.abs()),
                    "{recipe:?} of {classes} classes, row {row}: {own}, not {wanted}"
                );
            }
        }
    }
}

#[test]
fn what_cannot_be_learnt_is_an_error() {
    let x = vec![vec![0.0], vec![1.0], vec![2.0]];
    for recipe in recipes() {
        let fit = |x: &[Vec<f64>], y: &[usize], classes| TableModel::fit(&recipe, x, y, classes, 1);
        assert!(message(fit(&[], &[], 2)).contains("no rows"));
        assert!(message(fit(&[vec![], vec![]], &[0, 1], 2)).contains("no columns"));
        assert!(message(fit(&x, &[1, 1, 1], 2)).contains("all 3 training rows are of class 1"));
        assert!(message(fit(&x, &[0, 1, 1], 3)).contains("class 2 of 3"));
        assert!(message(fit(&x, &[0, 1, 2], 2)).contains("class 2 of 2"));
        assert!(message(fit(&x, &[0, 0, 0], 1)).contains("1 classes"));
        assert!(message(fit(&x, &[0, 1], 2)).contains("3 rows have 2 targets"));
        assert!(message(fit(&[vec![0.0], vec![]], &[0, 1], 2)).contains("row 1"));
        assert!(message(fit(&[vec![0.0], vec![f64::NAN]], &[0, 1], 2)).contains("not finite"));
        let model = fit(&x, &[0, 1, 1], 2).unwrap();
        assert!(message(model.raw(&[vec![1.0, 2.0]])).contains("learnt from 1"));
        assert!(message(model.raw(&[vec![f64::INFINITY]])).contains("not finite"));
        assert!(model.raw(&[]).unwrap().is_empty());
        assert!(model.parameters() > 0);
    }
}

#[test]
fn settings_out_of_range_are_named() {
    for (text, name) in [
        (r#"{"kind":"knn","k":0}"#, "model.k"),
        (r#"{"kind":"svm","c":0.0}"#, "model.c"),
        (r#"{"kind":"svm","c":1.0,"gamma":-1.0}"#, "model.gamma"),
        (r#"{"kind":"tree","min_split":1}"#, "model.min_split"),
        (r#"{"kind":"tree","max_depth":0}"#, "model.max_depth"),
        (r#"{"kind":"adaboost","estimators":0,"rate":1.0}"#, "model.estimators"),
        (r#"{"kind":"adaboost","estimators":1,"rate":0.0}"#, "model.rate"),
        (r#"{"kind":"logistic","c":-1.0}"#, "model.c"),
    ] {
        let recipe: TableModelRecipe = serde_json::from_str(text).unwrap();
        assert!(message(recipe.validate()).contains(name), "{text}");
    }
    let unknown = serde_json::from_str::<TableModelRecipe>(r#"{"kind":"knn","k":1,"c":2}"#);
    assert!(unknown.unwrap_err().to_string().contains('c'));
    let few =
        TableModel::fit(&TableModelRecipe::Knn { k: 4 }, &[vec![0.0], vec![1.0]], &[0, 1], 2, 1);
    assert!(message(few).contains("only 2"));
}

#[test]
fn a_saved_model_says_the_same_and_a_damaged_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.json");
    let golden: Golden = serde_json::from_str(include_str!("golden/golden.json")).unwrap();
    for classes in [2, 3] {
        for recipe in recipes() {
            let y: Vec<usize> = (0..golden.train.len()).map(|row| row % classes).collect();
            let model = TableModel::fit(&recipe, &golden.train, &y, classes, 9).unwrap();
            model.save(&path).unwrap();
            let again = TableModel::load(&path).unwrap();
            let (before, after) = (model.raw(&golden.test), again.raw(&golden.test));
            for (a, b) in before.unwrap().concat().iter().zip(after.unwrap().concat()) {
                assert!((a - b).abs() <= 1e-5 * (1.0 + a.abs()), "{recipe:?}: {a} {b}");
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for (from, to) in [
                (r#""inputs":6"#, r#""inputs":0"#),
                (r#""classes":"#, r#""classes":1"#),
                (r#""kind":""#, r#""kind":"x"#),
            ] {
                assert!(text.contains(from));
                std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
                let said = message(TableModel::load(&path));
                assert!(said.contains("model.json"), "{recipe:?}, {to}: {said}");
            }
        }
    }
    let tree = r#"{"recipe":{"kind":"tree"},"inputs":1,"classes":2,"fitted":{"tree":{"nodes":[
        {"split":{"feature":0,"threshold":0,"right":0}},{"leaf":{"shares":[1,0]}}]}}}"#;
    std::fs::write(&path, tree).unwrap();
    assert!(message(TableModel::load(&path)).contains("leads nowhere"));
    assert!(message(TableModel::load(&dir.path().join("none.json"))).contains("none.json"));
}

#[test]
fn a_saved_model_knows_its_columns() {
    let dir = tempfile::tempdir().unwrap();
    let (csv, path) = (dir.path().join("t.csv"), dir.path().join("model.json"));
    std::fs::write(&csv, "a,b\n1,5\n2,\n3,6\n4,7\n").unwrap();
    let table = Table::load(&csv, None).unwrap();
    let columns = Columns::fit(&table, &[0, 1, 2, 3], &ColumnRecipe::default(), &[]).unwrap();
    let x = columns.apply(&table, &[0, 1, 2, 3]).unwrap();
    let model = TableModel::fit(&recipes()[4], &x, &[0, 0, 1, 1], 2, 1).unwrap();
    let saved = SavedModel { outputs: vec!["viral".into()], columns, model };
    saved.save(&path).unwrap();
    let again = SavedModel::load(&path).unwrap();
    assert_eq!((&again.outputs, &again.columns.names), (&saved.outputs, &saved.columns.names));
    let mut wrong = saved;
    wrong.columns.names.pop();
    wrong.save(&path).unwrap();
    assert!(message(SavedModel::load(&path)).contains("columns"));
}

#[test]
fn more_rows_than_a_support_vector_machine_takes_are_refused() {
    let x: Vec<Vec<f64>> = (0..=super::svm::MOST_ROWS).map(|row| vec![row as f64]).collect();
    let y: Vec<usize> = (0..x.len()).map(|row| row % 2).collect();
    assert!(message(TableModel::fit(&recipes()[1], &x, &y, 2, 1)).contains("at most 20000"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // Rows alike, columns that do not vary, classes that overlap wholly: whatever comes, each model
    // is fitted or says why not, and judges in finite numbers.
    #[test]
    fn no_table_is_too_odd(
        rows in prop::collection::vec((prop::collection::vec(0i8..3, 2), 0usize..3), 2..16),
        scale in prop::sample::select(vec![1e-12, 1.0, 1e9]),
        seed in any::<u64>(),
    ) {
        let x: Vec<Vec<f64>> = rows
            .iter()
            .map(|(row, _)| row.iter().map(|&cell| f64::from(cell) * scale).collect())
            .collect();
        for classes in [2, 3] {
            let y: Vec<usize> = rows.iter().map(|(_, class)| class % classes).collect();
            for recipe in recipes() {
                let Ok(model) = TableModel::fit(&recipe, &x, &y, classes, seed) else { continue };
                let raw = model.raw(&x).unwrap();
                prop_assert!(raw.iter().flatten().all(|value| value.is_finite()), "{recipe:?}");
                let again = TableModel::fit(&recipe, &x, &y, classes, seed).unwrap();
                prop_assert_eq!(model, again);
            }
        }
    }
}
