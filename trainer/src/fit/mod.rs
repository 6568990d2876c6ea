//! `fit`: trains what a recipe describes. Every finished part is kept, and a part that was stopped
//! goes on with the step it was in.
//!
//! A part is one model and the songs that judge it: one for each fold of a cross-validation, or one
//! for the test songs. In the end a model for export is trained on all songs. [`crate::run`] lists
//! the files.

mod checkpoint;
mod data;
mod network_part;
mod part;
mod pool;
mod rows;
mod run_folder;
mod search;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub(crate) use self::data::{Data, add_columns};
pub use self::part::FitOptions;
use self::part::{Plan, classes, train_or_keep};
use self::pool::in_parallel;
use crate::metrics::median;
use crate::recipe::Recipe;
use crate::split::{Part, parts};
use crate::targets::targets;

/// How a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All parts are there.
    Finished,
    /// Ctrl-C stopped it; the same command goes on.
    Stopped,
}

/// Trains what a recipe describes, in the folder `out`.
///
/// # Errors
/// When the data and the recipe do not fit, or files cannot be written. What was finished stays.
pub fn fit(recipe: &Recipe, out: &Path, options: &FitOptions) -> Result<Ended> {
    let data = Data::open(recipe)?;
    let tracks: Vec<&_> = data.tracks.iter().collect();
    let all: Vec<usize> = (0..tracks.len()).collect();
    let classes = classes(&targets(&recipe.heads, &tracks, &all)?);
    let parts = parts(&recipe.split, &tracks, &data.groups, &classes, recipe.seed)?;
    run_folder::open(recipe, &data, &parts, out, options)?;

    let chosen = match &recipe.search {
        None => recipe.clone(),
        Some(search) => {
            let part = parts.first().context("a search needs a part to be tested on")?;
            match search::search(recipe, search, &data, &classes, part, out, options)? {
                Some(chosen) => chosen,
                None => return Ok(Ended::Stopped),
            }
        }
    };

    let job = |(index, part): (usize, &Part), bar: &_| {
        let plan = Plan {
            folder: &out.join(&part.name),
            seen: &part.seen,
            judged: &part.unseen,
            stop_at: None,
            seed: chosen.seed.wrapping_add(1 + index as u64),
            keep_model: true,
        };
        train_or_keep(&chosen, &data, &plan, options, bar)
    };
    let numbered: Vec<(usize, &Part)> = parts.iter().enumerate().collect();
    let names: Vec<String> = parts.iter().map(|part| part.name.clone()).collect();
    let Some(outcomes) = in_parallel(&numbered, &names, options.jobs, |&part, bar| job(part, bar))?
    else {
        return Ok(Ended::Stopped);
    };

    if recipe.split.last {
        let best: Vec<f64> = outcomes.iter().map(|outcome| outcome.best_epoch as f64).collect();
        let plan = Plan {
            folder: &out.join("final"),
            seen: &all,
            judged: &all,
            stop_at: Some((median(&best).round() as usize).max(1)),
            seed: chosen.seed,
            keep_model: true,
        };
        let names = ["all songs".to_owned()];
        let last = in_parallel(&[()], &names, 1, |(), bar| {
            train_or_keep(&chosen, &data, &plan, options, bar)
        })?;
        if last.is_none() {
            return Ok(Ended::Stopped);
        }
    }
    Ok(Ended::Finished)
}

/// The recipe that a run's models were trained with: the search's choice where there was one.
///
/// # Errors
/// When the run's folder does not hold a recipe.
pub fn trained_recipe(run: &Path) -> Result<Recipe> {
    let chosen: PathBuf = run.join("chosen.toml");
    let path = if chosen.exists() { chosen } else { run.join("recipe.toml") };
    Recipe::load(&path, &[])
}
