//! The published table of "Machine Learning for TikTok": the recipes of the table models, trained and
//! measured as `fit` and `cv` do it, on its songs and by its split, reach its test accuracies. Skipped
//! where its songs are not there. `mlp-256-cv` is left out, as it takes minutes.

use std::path::{Path, PathBuf};
use std::time::Instant;

use earworm_train::evaluate::Evaluation;
use earworm_train::fit::{Ended, FitOptions, fit, trained_recipe};
use earworm_train::recipe::Recipe;
use earworm_train::report::evaluate;

#[path = "common/skip.rs"]
mod skip;

use skip::skip;

/// A published test accuracy is met if it is missed by no more than this: 14 of its 983 songs.
const TOLERANCE: f64 = 0.015;

/// The recipe of that name, on the songs where they are; `None` where they are not.
fn recipe(name: &str, changes: &[String]) -> Option<Recipe> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = checkout.join("trainer/recipes/tiktok").join(format!("{name}.toml"));
    let mut recipe = Recipe::load(&path, changes).unwrap();
    // Recipes name it as seen from the checkout.
    let table: PathBuf = checkout.join(recipe.data.table.unwrap());
    if !table.exists() {
        skip(&format!("tiktok {name}"), &format!("{} is not there", table.display()));
        return None;
    }
    recipe.data.table = Some(table);
    // The model for export says nothing of the test songs.
    recipe.split.last = false;
    Some(recipe)
}

/// What `fit` and `evaluate` make of a recipe in a folder.
fn measured(recipe: &Recipe, run: &Path) -> Evaluation {
    let options = FitOptions { jobs: None, ..FitOptions::default() };
    assert_eq!(fit(recipe, run, &options).unwrap(), Ended::Finished);
    evaluate(run).unwrap()
}

/// A figure over all test songs with its interval.
fn figure(evaluation: &Evaluation, name: &str) -> (f64, f64, f64) {
    let found = evaluation.figures.iter().find(|f| f.name == name && f.scope == "all");
    let found = found.unwrap_or_else(|| panic!("there is no {name}: {evaluation}"));
    (found.value, found.low.unwrap(), found.high.unwrap())
}

/// Trains a recipe, shows what it reaches and holds it to the published accuracies.
fn reaches(name: &str, published: (f64, f64)) {
    let Some(train) = reaches_in_test(name, published) else { return };
    assert!(
        (train - published.0).abs() <= TOLERANCE,
        "{name}: {train:.4} on the training songs, published {}",
        published.0
    );
}

/// The same for the test songs alone; returns the accuracy on the training songs.
fn reaches_in_test(name: &str, published: (f64, f64)) -> Option<f64> {
    let recipe = recipe(name, &[])?;
    let begun = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let evaluation = measured(&recipe, folder.path());
    let (test, _, _) = figure(&evaluation, "accuracy");
    let (auc, low, high) = figure(&evaluation, "auc");
    let train = evaluation.train_accuracy.unwrap();
    let majority = evaluation.majority.as_ref().unwrap().share;
    println!(
        "{name:12} train/test {train:.4}/{test:.4} (published {:.3}/{:.3}); majority {majority:.3}; \
         AUC {auc:.3} ({low:.3} to {high:.3}); {:.1} s; {:?}",
        published.0,
        published.1,
        begun.elapsed().as_secs_f64(),
        trained_recipe(folder.path()).unwrap().model,
    );
    assert_eq!(evaluation.songs, 983);
    assert!((majority - 0.616).abs() < 0.001);
    assert!(
        (test - published.1).abs() <= TOLERANCE,
        "{name}: {test:.4} on the test songs, published {}",
        published.1
    );
    Some(train)
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

/// On the training songs every seed of a network ends elsewhere: PyTorch's at 0.709 to 0.734.
#[test]
fn three_layers() {
    if let Some(train) = reaches_in_test("mlp-64", (0.723, 0.577)) {
        assert!((0.69..0.78).contains(&train), "{train}");
    }
}

/// The seed decides between equally good splits: no single draw of it is the result.
#[test]
fn trees_of_all_seeds_lie_about_the_published_one() {
    const SEEDS: u64 = 40;
    let folder = tempfile::tempdir().unwrap();
    let mut reached = Vec::new();
    for seed in 0..SEEDS {
        let Some(recipe) = recipe("tree", &[format!("seed={seed}")]) else { return };
        let run = folder.path().join(seed.to_string());
        assert_eq!(fit(&recipe, &run, &FitOptions::default()).unwrap(), Ended::Finished);
        let run = earworm_train::run::Run::open(&run).unwrap();
        let right = run.songs().filter(|(_, row)| (row.raw[0] > 0.0) == (row.truth > 0.5)).count();
        reached.push(right as f64 / run.songs().count() as f64);
    }
    let mean = reached.iter().sum::<f64>() / reached.len() as f64;
    let low = reached.iter().copied().fold(1.0, f64::min);
    let high = reached.iter().copied().fold(0.0, f64::max);
    println!("tree, {SEEDS} seeds: mean {mean:.4}, {low:.4} to {high:.4}; published 0.527");
    assert!((mean - 0.527).abs() <= TOLERANCE && low > 0.50 && high < 0.55);
}
