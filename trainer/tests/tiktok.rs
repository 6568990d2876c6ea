//! The published table of "Machine Learning for TikTok": the recipes of the table models, on its
//! songs and by its split, reach its test accuracies. Skipped where its songs are not there.

use std::path::{Path, PathBuf};

use earworm_train::Rng;
use earworm_train::metrics::auc;
use earworm_train::table::{ColumnRecipe, Columns, Table, TableModel, TableModelRecipe};
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

/// A published test accuracy is met if it is missed by no more than this: 14 of its 983 songs.
const TOLERANCE: f64 = 0.015;

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The songs by parts, as features and classes, and the recipe's model.
struct Experiment {
    recipe: toml::Table,
    train: (Vec<Vec<f64>>, Vec<usize>),
    test: (Vec<Vec<f64>>, Vec<usize>),
}

impl Experiment {
    fn open(name: &str) -> Option<Self> {
        let path = checkout().join("trainer/recipes/tiktok").join(format!("{name}.toml"));
        let recipe: toml::Table = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let data = recipe["data"].as_table().unwrap();
        let csv = checkout().join(data["table"].as_str().unwrap());
        if !csv.exists() {
            eprintln!("skipped: {} is not there", csv.display());
            return None;
        }
        let mut chosen = toml::Table::new();
        for key in ["drop", "fill", "scale"] {
            chosen.insert(key.into(), data[key].clone());
        }
        let chosen: ColumnRecipe = chosen.try_into().unwrap();
        let table = Table::load(&csv, data["id"].as_str()).unwrap();
        let split = recipe["split"].as_table().unwrap();
        let column = split["column"].as_str().unwrap();
        let parts = table.text(column).unwrap();
        let above = recipe["heads"][0]["above"].as_table().unwrap();
        let target = above["column"].as_str().unwrap();
        let threshold = above["threshold"].as_float().unwrap();
        let values = table.column(target).unwrap();
        let rows = |part: &str| -> Vec<usize> {
            (0..parts.len()).filter(|&row| parts[row] == part).collect()
        };
        let train = rows(split["train"].as_str().unwrap());
        let test = rows(split["test"].as_str().unwrap());
        let columns = Columns::fit(&table, &train, &chosen, &[target, column]).unwrap();
        assert_eq!((columns.names.len(), train.len(), test.len()), (19, 2949, 983));
        let part = |rows: &[usize]| {
            let class = |&row: &usize| usize::from(values[row].unwrap() > threshold);
            (columns.apply(&table, rows).unwrap(), rows.iter().map(class).collect())
        };
        Some(Self { train: part(&train), test: part(&test), recipe })
    }

    fn model(&self) -> toml::Table {
        self.recipe["model"].as_table().unwrap().clone()
    }

    fn seed(&self) -> u64 {
        self.recipe["seed"].as_integer().unwrap().try_into().unwrap()
    }

    /// The recipe's model, or the best of its search over every combination with folds dealt in
    /// turn; the first of equals.
    fn chosen(&self) -> TableModelRecipe {
        let Some(search) = self.recipe.get("search") else {
            return self.model().try_into().unwrap();
        };
        assert_eq!(search["metric"].as_str(), Some("accuracy"));
        let folds: usize = search["folds"].as_integer().unwrap().try_into().unwrap();
        let mut combinations = vec![self.model()];
        for (key, values) in search["grid"].as_table().unwrap() {
            let key = key.strip_prefix("model.").unwrap();
            combinations = combinations
                .iter()
                .flat_map(|model| {
                    values.as_array().unwrap().iter().map(|value| {
                        let mut model = model.clone();
                        model.insert(key.into(), value.clone());
                        model
                    })
                })
                .collect();
        }
        let recipes: Vec<TableModelRecipe> =
            combinations.into_iter().map(|model| model.try_into().unwrap()).collect();
        let (x, y) = &self.train;
        let part = |wanted: &dyn Fn(usize) -> bool| {
            let rows: Vec<usize> = (0..x.len()).filter(|&row| wanted(row)).collect();
            let x: Vec<Vec<f64>> = rows.iter().map(|&row| x[row].clone()).collect();
            let y: Vec<usize> = rows.iter().map(|&row| y[row]).collect();
            (x, y)
        };
        let reached: Vec<f64> = recipes
            .par_iter()
            .map(|recipe| {
                let of_fold = |fold: usize| {
                    let train = part(&|row| row % folds != fold);
                    let held_out = part(&|row| row % folds == fold);
                    let model = TableModel::fit(recipe, &train.0, &train.1, 2, self.seed());
                    accuracy(&judge(&model.unwrap(), &held_out.0), &held_out.1)
                };
                (0..folds).map(of_fold).sum::<f64>() / folds as f64
            })
            .collect();
        let best = reached.iter().copied().fold(0.0, f64::max);
        let place = reached.iter().position(|&value| value == best).unwrap();
        recipes[place].clone()
    }
}

fn judge(model: &TableModel, x: &[Vec<f64>]) -> Vec<f64> {
    model.raw(x).unwrap().iter().map(|raw| f64::from(raw[0])).collect()
}

fn accuracy(raw: &[f64], y: &[usize]) -> f64 {
    let right = raw.iter().zip(y).filter(|&(&value, &class)| (value > 0.0) == (class == 1));
    right.count() as f64 / y.len() as f64
}

/// AUC and its 95 % interval over 1000 draws of the songs.
fn auc_with_interval(raw: &[f64], y: &[usize]) -> (f64, f64, f64) {
    let of = |rows: &[usize]| {
        let raw: Vec<f64> = rows.iter().map(|&row| raw[row]).collect();
        let viral: Vec<bool> = rows.iter().map(|&row| y[row] == 1).collect();
        auc(&raw, &viral).unwrap()
    };
    let mut rng = Rng::seed_from_u64(1);
    let mut draws: Vec<f64> = (0..1000)
        .map(|_| {
            let rows: Vec<usize> = (0..y.len()).map(|_| rng.random_range(0..y.len())).collect();
            of(&rows)
        })
        .collect();
    draws.sort_by(f64::total_cmp);
    (of(&(0..y.len()).collect::<Vec<_>>()), draws[25], draws[974])
}

/// Fits a recipe, shows what it reaches and holds it to the published test accuracy.
fn reaches(name: &str, published: (f64, f64)) {
    let Some(experiment) = Experiment::open(name) else { return };
    let started = std::time::Instant::now();
    let chosen = experiment.chosen();
    let (x, y) = &experiment.train;
    let model = TableModel::fit(&chosen, x, y, 2, experiment.seed()).unwrap();
    let train = accuracy(&judge(&model, x), y);
    let (x, y) = &experiment.test;
    let raw = judge(&model, x);
    let test = accuracy(&raw, y);
    let (auc, low, high) = auc_with_interval(&raw, y);
    let majority = y.iter().filter(|&&class| class == 0).count() as f64 / y.len() as f64;
    println!(
        "{name:12} train/test {train:.4}/{test:.4} (published {:.3}/{:.3}); majority {majority:.3}; \
         AUC {auc:.3} ({low:.3} to {high:.3}); {:.1} s; {chosen:?}",
        published.0,
        published.1,
        started.elapsed().as_secs_f64(),
    );
    assert!((majority - 0.616).abs() < 0.001);
    assert!(
        (test - published.1).abs() <= TOLERANCE,
        "{name}: {test:.4} on the test songs, published {}",
        published.1
    );
    assert!(
        (train - published.0).abs() <= TOLERANCE,
        "{name}: {train:.4} on the training songs, published {}",
        published.0
    );
}

#[test]
fn nearest_neighbours() {
    reaches("knn", (0.691, 0.595));
}

#[test]
fn support_vector_machine() {
    reaches("svm", (0.647, 0.616));
}

#[test]
fn support_vector_machine_chosen_by_cross_validation() {
    reaches("svm-cv", (0.647, 0.616));
}

#[test]
fn tree() {
    reaches("tree", (0.930, 0.527));
}

#[test]
fn tree_chosen_by_cross_validation() {
    reaches("tree-cv", (0.669, 0.605));
}

#[test]
fn boosted_stumps() {
    reaches("adaboost", (0.649, 0.617));
}

#[test]
fn boosted_stumps_chosen_by_cross_validation() {
    reaches("adaboost-cv", (0.647, 0.616));
}

/// Not published by the project: the figures are scikit-learn's.
#[test]
fn logistic_regression() {
    reaches("logistic", (0.648, 0.617));
}

/// The seed decides between equally good splits: no single draw of it is the result.
#[test]
fn trees_of_all_seeds_lie_about_the_published_one() {
    let Some(experiment) = Experiment::open("tree") else { return };
    let recipe = experiment.chosen();
    let ((x, y), (test, truth)) = (&experiment.train, &experiment.test);
    let reached: Vec<f64> = (0..40)
        .into_par_iter()
        .map(|seed| {
            accuracy(&judge(&TableModel::fit(&recipe, x, y, 2, seed).unwrap(), test), truth)
        })
        .collect();
    let mean = reached.iter().sum::<f64>() / reached.len() as f64;
    let low = reached.iter().copied().fold(1.0, f64::min);
    let high = reached.iter().copied().fold(0.0, f64::max);
    println!("tree, 40 seeds: mean {mean:.4}, {low:.4} to {high:.4}; published 0.527");
    assert!((mean - 0.527).abs() <= TOLERANCE && low > 0.50 && high < 0.55);
}
