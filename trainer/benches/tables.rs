//! Models of rows, fitted and asked about what they learnt from: what `cargo xtask bench --only tables`
//! compares with scikit-learn (`xtask/bench/tables_peer.py`, which does the same on the same rows). One thread.
//! Prints one JSON object.
//!
//!     cargo bench --workspace --bench tables

use std::time::Instant;

use earworm_train::table::{TableModel, TableModelRecipe};
use serde_json::json;

/// As many as the published table of seed system A has, about.
const ROWS: usize = 3000;
const COLUMNS: usize = 19;
const ROUNDS: usize = 3;

const MODELS: [&str; 5] = [
    r#"{"kind": "knn", "k": 8}"#,
    r#"{"kind": "svm", "c": 1.0}"#,
    r#"{"kind": "tree", "criterion": "entropy", "min_split": 10}"#,
    r#"{"kind": "adaboost", "estimators": 50, "rate": 0.5}"#,
    r#"{"kind": "logistic", "c": 1.0}"#,
];

fn main() {
    let (rows, truth) = rows();
    let models: serde_json::Map<_, _> = MODELS
        .iter()
        .map(|recipe| {
            let recipe: TableModelRecipe = serde_json::from_str(recipe).expect("a recipe");
            let (mut seconds, mut accuracy) = (f64::MAX, 0.0);
            for _ in 0..ROUNDS {
                let start = Instant::now();
                let model =
                    TableModel::fit(&recipe, &rows, &truth, 2, 1).expect("it can be fitted");
                let said = model.raw(&rows).expect("rows as it learnt from");
                seconds = seconds.min(start.elapsed().as_secs_f64());
                let right =
                    said.iter().zip(&truth).filter(|(raw, t)| usize::from(raw[0] > 0.0) == **t);
                accuracy = right.count() as f64 / ROWS as f64;
            }
            (recipe.kind().to_owned(), json!({ "seconds": seconds, "accuracy": accuracy }))
        })
        .collect();
    println!("{}", json!({ "models": models }));
}

/// Rows from 0 to 1 and a class that depends on a few columns and on chance, from a generator that the peer
/// has too.
fn rows() -> (Vec<Vec<f64>>, Vec<usize>) {
    let mut state = 1u32;
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 24)
    };
    (0..ROWS)
        .map(|_| {
            let row: Vec<f64> = (0..COLUMNS).map(|_| draw()).collect();
            let said = row[0] + row[1] * row[2] + 0.5 * (row[3] - 0.5).abs() + draw();
            (row, usize::from(said > 1.4))
        })
        .unzip()
}
