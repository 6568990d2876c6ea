use candle_core::Device;

use super::*;
use crate::nn::{Blueprint, ModelRecipe, build};
use crate::rows_model::Judge;
use crate::run::{DataInfo, Split};
use crate::table::{Columns, Fill, TableModel, TableModelRecipe};

fn columns(names: &[&str]) -> Columns {
    let count = names.len();
    Columns {
        names: names.iter().map(|n| (*n).to_owned()).collect(),
        fill: Fill::Mean,
        means: vec![0.0; count],
        offsets: vec![0.0; count],
        factors: vec![1.0; count],
    }
}

fn info() -> RunInfo {
    RunInfo {
        name: "made".into(),
        task: Task::Binary,
        outputs: vec!["yes".into()],
        score: "yes".into(),
        score_class: None,
        classes: None,
        parts: vec!["fold-0".into()],
        split: Split::Folds,
        data: DataInfo {
            sha256: String::new(),
            others: Default::default(),
            songs: 0,
            pieces: None,
            folder: "".into(),
            join: None,
            name: "made".into(),
            front_end: None,
        },
        versions: Default::default(),
        git_commit: None,
        command: String::new(),
        device: "cpu".into(),
        started: String::new(),
        notes: vec![],
        sessions: vec![],
    }
}

/// Numbers in ± 1 on a grid, so that no two features go together.
fn rows(count: usize, width: usize) -> Vec<Vec<f64>> {
    let value = |row: usize, column: usize| {
        let x = (row as f64 + 1.0) * [0.618_034, 0.414_214, 0.732_051, 0.236_068][column];
        2.0 * x.fract() - 1.0
    };
    (0..count).map(|row| (0..width).map(|column| value(row, column)).collect()).collect()
}

/// The exclusive or of two features, which a tree learns, with a third that says nothing.
#[test]
fn a_combination_is_found() {
    let x = rows(400, 3);
    let y: Vec<usize> = x.iter().map(|r| usize::from((r[0] > 0.0) != (r[2] > 0.0))).collect();
    let recipe: TableModelRecipe = toml::from_str("kind = 'tree'\nmin_split = 4").unwrap();
    let model = TableModel::fit(&recipe, &x, &y, 2, 1).unwrap();
    let info = info();
    let score = Score { info: &info, index: 0 };
    let part = PartOfRun {
        model: RowsModel {
            columns: columns(&["first", "nothing", "second"]),
            judge: Judge::Table(Box::new(model)),
        },
        rows: x,
        truth: y.iter().map(|&y| y as f64).collect(),
    };
    let explanation = of_parts(&[part], &score, 5).unwrap();
    assert!(explanation.value > 0.95, "{explanation}");
    let last = &explanation.features[2];
    assert_eq!(last.name, "nothing");
    let least = explanation.features[1].importance;
    assert!(least > 0.2 && last.importance < 0.5 * least, "{explanation}");
    let strongest = &explanation.pairs[0];
    assert_eq!((strongest.first, strongest.second), (0, 1), "{explanation}");
    assert!(strongest.strength > 1.5 * explanation.pairs[1].strength, "{explanation}");
    // Both high or both low is a no.
    assert!(strongest.together < 0.0);
    let page = page::html(&explanation).unwrap();
    assert!(page.contains("first and second") || page.contains("second and first"));
}

/// What the features add is all there is between a song and the average one.
#[test]
fn attributions_add_up() {
    let recipe: ModelRecipe =
        toml::from_str("kind = 'few-features'\nembedding = 4\nwidth = 8\nblocks = 2").unwrap();
    let network = build(
        &recipe,
        &Blueprint {
            bands: 4,
            beside: 0,
            frames: 1,
            outputs: 1,
            mean: &[0.0; 4],
            deviation: &[1.0; 4],
            output_bias: &[0.3],
            seed: 3,
            device: &Device::Cpu,
        },
    )
    .unwrap();
    let info = info();
    let score = Score { info: &info, index: 0 };
    let part = PartOfRun {
        model: RowsModel {
            columns: columns(&["a", "b", "c", "d"]),
            judge: Judge::Network(network),
        },
        rows: rows(20, 4),
        truth: vec![0.0; 20],
    };
    let Judge::Network(network) = &part.model.judge else { unreachable!() };
    let from = average(&part);
    let added = gradients::of_rows(network.as_ref(), &part, &score, &from).unwrap();
    let whole = score.of(&part.model.raw(&part.rows).unwrap());
    let base = score.of(&part.model.raw(&[from]).unwrap())[0];
    for (added, whole) in added.iter().zip(whole) {
        let sum: f64 = added.iter().sum();
        // The way goes over the bends of rectifiers, which steps of any size cut off a little.
        assert!((sum - (whole - base)).abs() < 2e-2, "{sum} is not {}", whole - base);
    }
    assert!(added.iter().flatten().any(|a| a.abs() > 0.01));
}
