//! The figures against scikit-learn and scipy; see `tests/golden/make_evaluation.py`.

use serde_json::Value;

use super::*;

pub(crate) fn golden() -> Value {
    serde_json::from_str(include_str!("../../tests/golden/evaluation.json")).unwrap()
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn indices(value: &Value) -> Vec<usize> {
    numbers(value).into_iter().map(|v| v as usize).collect()
}

fn same(case: &Value, name: &str, found: Option<f64>) {
    let expected = case[name].as_f64().unwrap();
    let found = found.unwrap();
    assert!((found - expected).abs() < 1e-9, "{name}: {found}, not {expected}");
}

#[test]
fn yes_or_no() {
    let case = &golden()["binary"];
    let raw = numbers(&case["raw"]);
    let truth = indices(&case["yes"]);
    let yes: Vec<bool> = truth.iter().map(|&y| y == 1).collect();
    let decided: Vec<usize> = raw.iter().map(|&x| usize::from(x > 0.0)).collect();
    let p: Vec<f64> = raw.iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect();
    same(case, "accuracy", accuracy(&decided, &truth));
    same(case, "balanced_accuracy", balanced_accuracy(&decided, &truth, 2));
    same(case, "macro_f1", macro_f1(&decided, &truth, 2));
    same(case, "auc", auc(&raw, &yes));
    same(case, "brier", brier(&p, &yes));
    same(case, "calibration_error", calibration_error(&p, &yes, 10));
    let counts: Vec<Vec<usize>> = serde_json::from_value(case["confusion"].clone()).unwrap();
    assert_eq!(confusion(&decided, &truth, 2), counts);
}

#[test]
fn one_of_several() {
    let case = &golden()["classes"];
    let rows: Vec<Vec<f64>> = case["raw"].as_array().unwrap().iter().map(numbers).collect();
    let truth = indices(&case["truth"]);
    let decided: Vec<usize> =
        rows.iter().map(|row| (0..4).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap()).collect();
    let p: Vec<f64> = rows
        .iter()
        .flat_map(|row| {
            let sum: f64 = row.iter().map(|x| x.exp()).sum();
            row.iter().map(move |x| x.exp() / sum)
        })
        .collect();
    let sure: Vec<f64> = p.chunks(4).map(|row| row.iter().copied().fold(0.0, f64::max)).collect();
    let right: Vec<bool> = decided.iter().zip(&truth).map(|(a, b)| a == b).collect();
    same(case, "accuracy", accuracy(&decided, &truth));
    same(case, "balanced_accuracy", balanced_accuracy(&decided, &truth, 4));
    same(case, "macro_f1", macro_f1(&decided, &truth, 4));
    same(case, "auc", auc_one_vs_rest(&p, &truth, 4));
    same(case, "brier", brier_of_classes(&p, &truth, 4));
    same(case, "calibration_error", calibration_error(&sure, &right, 10));
    let counts: Vec<Vec<usize>> = serde_json::from_value(case["confusion"].clone()).unwrap();
    assert_eq!(confusion(&decided, &truth, 4), counts);
}

#[test]
fn values() {
    let case = &golden()["regression"];
    let (predicted, truth) = (numbers(&case["predicted"]), numbers(&case["truth"]));
    same(case, "spearman", spearman(&predicted, &truth));
    same(case, "r2", r_squared(&predicted, &truth));
    same(case, "mae", mean_absolute_error(&predicted, &truth));
    same(case, "mse", mean_squared_error(&predicted, &truth));
}

#[test]
fn between_two_models() {
    let golden = golden();
    let cases = golden["mcnemar"].as_array().unwrap().iter();
    for case in cases.chain([&golden["binary"]["mcnemar"]]) {
        let count = |name: &str| case[name].as_u64().unwrap() as usize;
        same(case, "p", Some(mcnemar_exact(count("first"), count("second"))));
    }
}
