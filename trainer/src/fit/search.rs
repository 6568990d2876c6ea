//! Choosing between configurations by cross-validation inside the training songs.

mod configurations;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::{Device, Tensor};
use earworm_scorer::model::evidence;

pub(super) use self::configurations::recipes;
use self::configurations::{Changes, check_new, configurations};
use super::data::Data;
use super::part::{FitOptions, Plan, check, train_or_keep, workers};
use super::pool::{Workers, in_parallel};
use super::run_folder::but_for_the_last;
use crate::files;
use crate::loss::loss;
use crate::metrics;
use crate::nn::Diverged;
use crate::output::tell;
use crate::recipe::{Model, Recipe, SearchMetric, SearchRecipe};
use crate::run::{
    PredictionRow, RunInfo, SearchEntry, Task, read_json, read_predictions, search_folder,
};
use crate::split::{Part, cross_validation};

/// A search: all configurations, and the folds that they are tried on.
pub(super) struct Search<'a> {
    recipe: &'a SearchRecipe,
    configurations: Vec<Changes>,
    /// The recipe with each of them.
    recipes: Vec<Recipe>,
    folds: Vec<Part>,
}

impl<'a> Search<'a> {
    /// Every configuration, and folds of the songs that `part` may see.
    ///
    /// # Errors
    /// When a configuration makes no recipe, or there are too few groups for the folds.
    pub(super) fn plan(
        recipe: &Recipe,
        search: &'a SearchRecipe,
        data: &Data,
        classes: &[usize],
        part: &Part,
    ) -> Result<Self> {
        let (configurations, recipes) = (configurations(search), recipes(recipe)?);
        let folds = inner_folds(search, data, classes, &part.seen, recipe)?;
        Ok(Self { recipe: search, configurations, recipes, folds })
    }

    /// Checks that each configuration can learn from the songs of each fold.
    ///
    /// # Errors
    /// Tells what does not fit.
    pub(super) fn check(&self, data: &Data) -> Result<()> {
        check_new(self.recipe, &self.recipes)?;
        let same = |a: &Recipe, b: &Recipe| {
            let rows = |model: &Model| matches!(model, Model::Table(_));
            let models = a.model == b.model || (rows(&a.model) && rows(&b.model));
            models && a.data == b.data && a.heads == b.heads
        };
        for (at, recipe) in self.recipes.iter().enumerate() {
            recipe.check_new().context("search")?;
            if !self.recipes[..at].iter().any(|before| same(before, recipe)) {
                check(recipe, data, &self.folds).context("search")?;
            }
        }
        Ok(())
    }

    /// What was chosen, if anything was trained with it: that stays, whatever would be chosen today.
    fn chosen_before(&self, out: &Path) -> Option<&Recipe> {
        let is_trained = |part: &str| out.join(part).join("outcome.json").exists();
        if !(is_trained("test") || is_trained("final")) {
            return None;
        }
        let text = std::fs::read_to_string(out.join("chosen.toml")).ok()?;
        self.recipes.iter().find(|recipe| but_for_the_last(&text, recipe))
    }

    /// Tries every configuration; returns the recipe with the best one, or `None` where Ctrl-C stopped the
    /// search.
    pub(super) fn run(
        &self,
        data: &Data,
        out: &Path,
        options: &FitOptions,
    ) -> Result<Option<Recipe>> {
        let Self { recipe: search, configurations, recipes, folds } = self;
        if let Some(chosen) = self.chosen_before(out) {
            return Ok(Some(chosen.clone()));
        }
        let jobs: Vec<(usize, usize)> =
            (0..recipes.len()).flat_map(|c| (0..folds.len()).map(move |f| (c, f))).collect();
        let names: Vec<String> = jobs
            .iter()
            .map(|(c, f)| {
                format!(
                    "configuration {} of {}, fold {} of {}",
                    c + 1,
                    recipes.len(),
                    f + 1,
                    folds.len()
                )
            })
            .collect();
        let info: RunInfo = read_json(&out.join("run.json"))?;
        let workers = workers_of(recipes, options);
        let tried = in_parallel(&jobs, &names, workers, |&(c, f), bar| {
            let folder = search_folder(out, c).join(format!("fold-{f}"));
            let plan = Plan {
                folder: &folder,
                seen: &folds[f].seen,
                judged: &folds[f].unseen,
                stop_at: None,
                seed: recipes[c].seed.wrapping_add(1 + f as u64),
                keep_model: false,
            };
            match train_or_keep(&recipes[c], data, &plan, options, bar) {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                // Grids reach beyond what works: the others may still do well.
                Err(error) if error.is::<Diverged>() => {
                    return Ok(Some((f64::NAN, Some(format!("fold {}: {error:#}", f + 1)))));
                }
                Err(error) => return Err(error),
            }
            let rows = read_predictions(&folder.join("predictions.csv"), &info)?;
            Ok(Some((score(&recipes[c], search.metric, &rows)?, None)))
        })?;
        let Some(tried) = tried else { return Ok(None) };
        let (scores, failed): (Vec<f64>, Vec<Option<String>>) = tried.into_iter().unzip();
        let failed: Vec<Option<&String>> =
            failed.chunks_exact(folds.len()).map(|folds| folds.iter().flatten().next()).collect();
        if let Some(Some(first)) = failed.iter().find(|failed| failed.is_some()) {
            let count = failed.iter().flatten().count();
            ensure!(count < failed.len(), "search: every configuration fails: {first}");
            tell(format_args!(
                "note: {count} of {} configurations failed and cannot be chosen; search.json says why",
                failed.len()
            ));
        }

        // A fold that no configuration can be scored in, as all its songs are of one class, says nothing.
        let says: Vec<bool> = (0..folds.len())
            .map(|fold| scores.iter().skip(fold).step_by(folds.len()).any(|s| !s.is_nan()))
            .collect();
        ensure!(
            says.contains(&true),
            "search: its metric cannot be told of the songs of any fold; choose another metric or fewer folds"
        );
        let mut entries: Vec<SearchEntry> = configurations
            .iter()
            .zip(scores.chunks_exact(folds.len()))
            .zip(failed)
            .map(|((changes, scores), failed)| {
                let told: Vec<f64> =
                    scores.iter().zip(&says).filter(|(_, says)| **says).map(|(s, _)| *s).collect();
                let mean = match failed {
                    None => told.iter().sum::<f64>() / told.len() as f64,
                    Some(_) => f64::NAN,
                };
                let squares: f64 = told.iter().map(|s| (s - mean).powi(2)).sum();
                Ok(SearchEntry {
                    config: changes
                        .iter()
                        .map(|(key, value)| Ok((key.clone(), serde_json::to_value(value)?)))
                        .collect::<Result<_>>()?,
                    scores: scores.to_vec(),
                    mean,
                    sd: (squares / told.len() as f64).sqrt(),
                    chosen: false,
                    failed: failed.cloned(),
                    folder: None,
                })
            })
            .collect::<Result<_>>()?;
        // Of equals the first, as scikit-learn's GridSearchCV chooses.
        let mut best = 0;
        for (index, entry) in entries.iter().enumerate() {
            // What is not a number is worse than any.
            if entry.mean > entries[best].mean
                || (entries[best].mean.is_nan() && !entry.mean.is_nan())
            {
                best = index;
            }
        }
        entries[best].chosen = true;
        files::write_bytes(&out.join("search.json"), serde_json::to_vec_pretty(&entries)?)?;
        files::write_bytes(&out.join("chosen.toml"), toml::to_string(&recipes[best])?)?;
        Ok(Some(recipes[best].clone()))
    }
}

/// How many trainings run at the same time, whichever configurations they are of.
fn workers_of(recipes: &[Recipe], options: &FitOptions) -> Workers {
    let all = recipes.iter().map(|recipe| workers(recipe, options));
    all.reduce(Workers::strictest).unwrap_or(Workers { most: 1, watch_memory: false })
}

/// Folds of the songs that may be seen, by their numbers in the whole.
fn inner_folds(
    search: &SearchRecipe,
    data: &Data,
    classes: &[usize],
    seen: &[usize],
    recipe: &Recipe,
) -> Result<Vec<Part>> {
    let groups: Vec<String> = seen.iter().map(|&song| data.together[song].clone()).collect();
    let own: Vec<usize> = seen.iter().map(|&song| classes[song]).collect();
    let own = if recipe.split.stratified { own } else { vec![0; own.len()] };
    let mut parts = cross_validation(&groups, &own, search.folds, recipe.seed).context("search")?;
    for part in &mut parts {
        part.seen.iter_mut().for_each(|song| *song = seen[*song]);
        part.unseen.iter_mut().for_each(|song| *song = seen[*song]);
    }
    Ok(parts)
}

/// How good predictions are; more is better. Not a number where that cannot be told of these songs.
fn score(recipe: &Recipe, metric: SearchMetric, rows: &[PredictionRow]) -> Result<f64> {
    let task = recipe.task();
    let outputs = rows.first().map_or(0, |row| row.raw.len());
    let one_hot = |row: &PredictionRow| -> Vec<f32> {
        match task {
            Task::Classes => {
                (0..outputs).map(|c| f32::from(u8::from(c == row.truth as usize))).collect()
            }
            _ => vec![row.target as f32],
        }
    };
    Ok(match metric {
        SearchMetric::Accuracy => {
            let right =
                |row: &&PredictionRow| super::network_part::is_right(task, &row.raw, &one_hot(row));
            rows.iter().filter(right).count() as f64 / rows.len() as f64
        }
        SearchMetric::Auc => {
            let said = |row: &PredictionRow| match task {
                // A class has no evidence but beside the others: logits are free to shift together.
                Task::Classes => evidence(task.of_model(), &row.raw, row.raw.len() - 1),
                _ => row.raw[0],
            };
            let raw: Vec<f64> = rows.iter().map(|row| f64::from(said(row))).collect();
            let truth: Vec<f64> = rows.iter().map(|row| row.truth).collect();
            let top = outputs.saturating_sub(1) as f64;
            match task {
                Task::Binary => {
                    metrics::auc(&raw, &truth.iter().map(|&t| t > 0.5).collect::<Vec<_>>())
                }
                Task::Classes => {
                    metrics::auc(&raw, &truth.iter().map(|&t| t == top).collect::<Vec<_>>())
                }
                Task::Share | Task::Regression => match truth.iter().any(|&t| t != truth[0]) {
                    // Of one value for all songs the order is no better than any.
                    true => metrics::spearman(&raw, &truth).or(Some(0.0)),
                    false => None,
                },
            }
            .unwrap_or(f64::NAN)
        }
        SearchMetric::Loss => {
            let flat = |f: &dyn Fn(&PredictionRow) -> Vec<f32>| -> Result<Tensor> {
                let values: Vec<f32> = rows.iter().flat_map(f).collect();
                let width = values.len() / rows.len().max(1);
                Ok(Tensor::from_vec(values, (1, rows.len(), width), &Device::Cpu)?)
            };
            let width = if task == Task::Classes { outputs } else { 1 };
            let raw = flat(&|row| row.raw[..width].to_vec())?;
            // As the training weighs songs; see `targets`.
            let prior = recipe.heads[0].prior();
            let weights = flat(&|row| vec![(row.weight / (row.weight + prior)) as f32; width])?;
            let value = loss(&recipe.loss, task, &raw, &flat(&one_hot)?, &weights)?;
            -f64::from(value.to_scalar::<f32>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_ranked_by_their_odds() {
        let recipe = Recipe::parse(
            r#"
            name = "odds"
            [data]
            table = "songs.csv"
            name = "made"
            [[heads]]
            name = "third"
            meaning = "thirds of the plays"
            classes = { column = "plays", quantiles = [0.33, 0.67], names = ["low", "middle", "high"] }
            [model]
            kind = "logistic"
            c = 1.0
            "#,
            &[],
        )
        .unwrap();
        // The second song is surer of the last class; what it adds to all three says nothing.
        let row = |truth: f64, raw: [f32; 3]| PredictionRow {
            truth,
            target: truth,
            raw: raw.to_vec(),
            ..PredictionRow::default()
        };
        let rows = [row(0.0, [9.0, 5.0, 8.0]), row(2.0, [0.0, 0.0, 3.0])];
        assert_eq!(score(&recipe, SearchMetric::Auc, &rows).unwrap(), 1.0);
    }

    /// A recipe for songs that are liked, with the rest of its sections.
    pub(super) fn recipe_of_likes(rest: &str) -> Recipe {
        let text = format!(
            r#"
            name = "likes"
            [data]
            set = "set"
            name = "made"
            [[heads]]
            name = "liked"
            meaning = "liked"
            above = {{ column = "likes", threshold = 3 }}
            {rest}
            "#
        );
        Recipe::parse(&text, &[]).unwrap()
    }

    /// A search may begin with a small model and end with a large one.
    #[test]
    fn as_many_run_at_a_time_as_any_configuration_allows() {
        let with = |model: &str| recipe_of_likes(&format!("[model]\n{model}"));
        let recipes = [with("kind = \"knn\"\nk = 3"), with("kind = \"vgg11\"")];
        let options = FitOptions { jobs: None, ..FitOptions::default() };
        let [first, second] = recipes.each_ref().map(|recipe| workers(recipe, &options));
        assert!(!first.watch_memory && second.watch_memory && first.most >= second.most);
        assert_eq!(workers_of(&recipes, &options), second);
    }
}
