//! A table model's learning curve. It has no passes to draw one of, but it can be taught by fewer songs.

use anyhow::{Context, Result};
use rand::SeedableRng;
use rand::seq::SliceRandom;

use super::{FitOptions, PartInHand, Plan};
use crate::examples::evenly;
use crate::fit::Data;
use crate::fit::pool::Shown;
use crate::recipe::{Model, Recipe};
use crate::rows_model::{Judge, RowsModel};
use crate::run::{LearningPoint, has_learning, write_learning};
use crate::table::Table;
use crate::targets::targets;
use crate::{Rng, interrupt};

/// Shares of the training songs that a model is taught by, beside all of them.
const SHARES: [f64; 4] = [0.1, 0.2, 0.4, 0.7];
/// Most songs that one of these models is taught by, and that any is asked of. Together they are taught by 1.4 times
/// the part's songs, which takes about as long again as the part's own model did; of more songs than these by 4,800,
/// however many there are.
const MOST: usize = 2000;

/// Writes what a table model is worth that learns from fewer of a finished part's songs, and what the part's own is
/// worth. What is written already stays; where nothing can be told, nothing is written.
///
/// # Errors
/// When the targets do not fit, or the file cannot be written.
pub(in crate::fit) fn learn_from_shares(
    recipe: &Recipe,
    data: &Data,
    plan: &Plan<'_>,
    shown: &Shown<'_>,
) -> Result<()> {
    let Model::Table(model) = &recipe.model else { return Ok(()) };
    if has_learning(plan.folder) {
        return Ok(());
    }
    let table = data.rows.as_ref().context("a table model needs rows")?;
    let tracks: Vec<&_> = data.tracks.iter().collect();
    let targets = targets(&recipe.heads, &tracks, plan.seen)?;
    let options = FitOptions::default();
    let part = PartInHand { recipe, data, plan, targets: &targets, options: &options };
    let mut order = plan.seen.to_vec();
    order.shuffle(&mut Rng::seed_from_u64(plan.seed));
    let counts = counts(order.len());
    let mut points = Vec::new();
    // What this cannot be told of is no reason to do without the part.
    let mut add = |count: usize, point: Result<LearningPoint>| match point {
        Ok(point) => points.push(point),
        Err(error) => {
            shown.note(&format!("the learning curve tells nothing of {count} songs: {error:#}"));
        }
    };
    shown.begin(0, counts.len());
    for (step, &count) in (1..).zip(&counts) {
        if interrupt::requested() {
            return Ok(());
        }
        let songs = &order[..count];
        // Where there are too few for the model, or none of a class, the curve begins later.
        if let Ok(taught) = part.taught_by(songs, model, table) {
            let judge = Judge::Table(Box::new(taught.model));
            add(count, part.point(&RowsModel { columns: taught.columns, judge }, songs, table));
        }
        shown.step(step);
    }
    let kept = RowsModel::load(plan.folder, recipe);
    add(order.len(), kept.and_then(|kept| part.point(&kept, &order, table)));
    if points.is_empty() {
        return Ok(());
    }
    write_learning(plan.folder, &points)
}

/// Numbers of songs to be taught by, fewer than all.
fn counts(songs: usize) -> Vec<usize> {
    let most = songs.min(MOST);
    let shares = SHARES.iter().map(|share| (share * most as f64).round() as usize);
    let mut counts: Vec<usize> = shares.chain([most]).collect();
    counts.dedup();
    counts.retain(|&count| count > 0 && count < songs);
    counts
}

impl PartInHand<'_> {
    /// What a model is worth that was taught by these songs.
    fn point(&self, model: &RowsModel, songs: &[usize], table: &Table) -> Result<LearningPoint> {
        let right = |songs: &[usize]| -> Result<f64> {
            let asked = evenly(songs, MOST);
            let raw = model.raw(&model.columns.apply(table, &asked)?)?;
            self.accuracy(&asked, &raw).context("there is nothing to be right about")
        };
        Ok(LearningPoint {
            songs: songs.len(),
            train_accuracy: right(songs)?,
            judged_accuracy: right(self.plan.judged)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::tests::recipe_of_rows;
    use super::*;
    use crate::fit::fit;
    use crate::report::evaluate;
    use crate::run::{Outcome, read_json, read_learning};

    #[test]
    fn many_songs_are_learnt_from_up_to_a_limit() {
        assert_eq!(counts(40), [4, 8, 16, 28]);
        assert_eq!(counts(2000), [200, 400, 800, 1400]);
        assert_eq!(counts(90_000), [200, 400, 800, 1400, 2000]);
        assert_eq!(counts(1), [0usize; 0]);
    }

    /// A recipe of sixty rows in three folds.
    fn recipe(folder: &Path, model: &str) -> Recipe {
        let rest = format!("[split]\nfolds = 3\nlast = false\n[model]\n{model}");
        recipe_of_rows(folder, 60, &rest)
    }

    #[test]
    fn a_table_model_has_a_learning_curve_over_its_songs() {
        let dir = tempfile::tempdir().unwrap();
        let recipe = recipe(dir.path(), "kind = \"tree\"");
        let run = dir.path().join("run");
        fit(&recipe, &run, &FitOptions::default()).unwrap();
        let part = run.join("fold-0");
        let points = read_learning(&part).unwrap();
        let songs: Vec<usize> = points.iter().map(|point| point.songs).collect();
        assert!(songs.len() > 2 && songs.ends_with(&[16, 28, 40]), "{points:?}");
        let last = points[points.len() - 1];
        let outcome: Outcome = read_json(&part.join("outcome.json")).unwrap();
        assert_eq!(Some(last.train_accuracy), outcome.train_accuracy);
        assert!(last.judged_accuracy > 0.8, "{points:?}");
        assert!(read_learning(&run.join("fold-1")).unwrap().is_empty());
        evaluate(&run).unwrap();
        let picture = std::fs::read_to_string(run.join("plots/learning-songs.svg")).unwrap();
        assert!(picture.contains("songs learnt from"), "{picture}");
        // What a part has stays, and a run of before gets one when it is gone on with, also where nothing could be
        // told then.
        let again = |recipe: &Recipe| {
            fit(recipe, &run, &FitOptions::default()).unwrap();
            read_learning(&part).unwrap()
        };
        std::fs::remove_file(part.join("learning.jsonl")).unwrap();
        assert_eq!(again(&recipe), points);
        std::fs::write(part.join("learning.jsonl"), "").unwrap();
        assert_eq!(again(&recipe), points);
    }

    #[test]
    fn of_what_nothing_can_be_told_nothing_is_written() {
        let dir = tempfile::tempdir().unwrap();
        // All forty songs of a part vote.
        let recipe = recipe(dir.path(), "kind = \"knn\"\nk = 40");
        let run = dir.path().join("run");
        fit(&recipe, &run, &FitOptions::default()).unwrap();
        let part = run.join("fold-0");
        let songs: Vec<usize> =
            read_learning(&part).unwrap().iter().map(|point| point.songs).collect();
        assert_eq!(songs, [40], "fewer are too few for the model");
        std::fs::remove_file(part.join("learning.jsonl")).unwrap();
        std::fs::write(part.join("model.json"), "damaged").unwrap();
        fit(&recipe, &run, &FitOptions::default()).unwrap();
        assert!(!part.join("learning.jsonl").exists());
    }
}
