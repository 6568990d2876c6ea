//! `fit`: trains what a recipe describes. Every finished part is kept, and a part that was stopped
//! goes on with the step it was in.
//!
//! A part is one model and the songs that judge it: one for each fold of a cross-validation, or one
//! for the test songs. In the end a model for export is trained on all songs. [`crate::run`] lists
//! the files.

mod again;
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

pub(crate) use self::data::{Data, add_columns, groups, together};
pub use self::part::FitOptions;
use self::part::{Plan, check, classes, learn_from_shares, train_or_keep, workers};
use self::pool::{Shown, Workers, in_parallel};
pub(crate) use self::run_folder::data_are_there;
use self::search::Search;
use crate::catalogues;
use crate::dataset::{Dataset, same_recordings};
use crate::examples::Songs;
use crate::files;
use crate::metrics::median;
use crate::output::tell;
use crate::recipe::{Model, Recipe, SearchMetric};
use crate::run::{RunInfo, read_json};
use crate::split::{Part, left_out, parts};
use crate::targets::{Target, targets};

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
/// When the data and the recipe do not fit, or files cannot be written. What was finished stays; where
/// nothing was, nothing is left in the folder.
pub fn fit(recipe: &Recipe, out: &Path, options: &FitOptions) -> Result<Ended> {
    data_are_there(recipe, out, "fit --resume")?;
    let data = Data::open(recipe)?;
    let mut recipe = recipe.clone();
    run_folder::name_data_as_begun(&mut recipe, out);
    let asked = recipe.clone();
    recipe.data.group.clone_from(&data.group);
    let tracks: Vec<&_> = data.tracks.iter().collect();
    let all: Vec<usize> = (0..tracks.len()).collect();
    let classes = classes(recipe.task(), &targets(&recipe.heads, &tracks, &all)?);
    let parts = parts(&recipe.split, &tracks, &data.together, &classes, recipe.seed)?;
    let search = match &recipe.search {
        None => None,
        Some(search) => {
            let part = parts.first().context("a search needs a part to be tested on")?;
            Some(Search::plan(&recipe, search, &data, &classes, part)?)
        }
    };
    let train = || train(&recipe, search.as_ref(), &data, &parts, out, options);
    if run_folder::is_begun(&recipe, &data, out)? {
        let _lock = run_folder::lock(out)?;
        run_folder::note_changes(&recipe, &data, out, options)?;
        return train();
    }
    // What is wrong with the recipe is found before anything is written, as far as that can be.
    recipe.check_new()?;
    data.check_new()?;
    match &search {
        Some(search) => search.check(&data)?,
        None => check(&recipe, &data, &parts)?,
    }
    // Only where a run begins: songs are read for them.
    let mut notes = notes(&asked, &data);
    let pieces = recipe.data.pieces.unwrap_or(1);
    notes.extend(left_out(&recipe.split, &parts, tracks.len(), pieces));
    let fresh = run_folder::Fresh::before(out);
    std::fs::create_dir_all(out)
        .with_context(|| format!("cannot make the folder {}", out.display()))?;
    let lock = run_folder::lock(out)?;
    if run_folder::is_begun(&recipe, &data, out)? {
        // By another process, a moment ago.
        run_folder::note_changes(&recipe, &data, out, options)?;
        return train();
    }
    let begun = run_folder::begin(&recipe, &data, &parts, &notes, out, options);
    let ended = begun.and_then(|()| {
        notes.iter().for_each(|note| tell(format_args!("note: {note}")));
        train()
    });
    drop(lock);
    if ended.is_err() {
        fresh.take_back();
    }
    ended
}

/// What is chosen that the recipe does not say.
fn notes(recipe: &Recipe, data: &Data) -> Vec<String> {
    let mut notes = Vec::new();
    if let (None, Some(column)) = (&recipe.data.group, &data.group)
        && !recipe.split.leak
    {
        notes.push(format!(
            "Songs that share a {column:?} are kept on one side of every split; data.group names another column."
        ));
    }
    let replaced = &data.doubled.replaced;
    if !replaced.is_empty() {
        notes.push(format!(
            "The file of data.join takes the place of columns that the songs have already: {}.",
            replaced.join(", ")
        ));
    }
    notes.extend(idle(recipe));
    if let Model::Network(network) = &recipe.model
        && network.from_scratch()
    {
        notes.push(format!(
            "The {} starts from scratch: model.weights names no file of learnt weights (docs/recipes.md says where to get one).",
            network.kind()
        ));
    }
    if let Some(set) = &data.set {
        if set.unread() > 0 {
            notes.push(format!(
                "Warning: {} songs of the manifest were not read yet, and are missing here; `dataset build` goes on with them.",
                set.unread()
            ));
        }
        if !recipe.split.leak {
            notes.extend(recordings_apart(set, &data.groups));
        }
        if !recipe.model.wants_rows(&recipe.data) {
            notes.extend(Songs::new(set, &recipe.data, recipe.seed).note_of_empty_bands());
        }
        // Where the songs of one class are another catalogue's, the target itself names the catalogues.
        let warnings = catalogues::warnings(set, &named_by_targets(recipe));
        notes.extend(warnings.into_iter().map(|(_, message)| format!("Warning: {message}.")));
    }
    notes
}

/// The columns whose values the targets name. What is only learnt beside them is no target.
fn named_by_targets(recipe: &Recipe) -> Vec<&str> {
    let judged = recipe.heads.iter().filter(|head| !head.auxiliary);
    judged
        .filter_map(|head| match &head.target {
            Target::Is(is) => Some(is.column.as_str()),
            _ => None,
        })
        .collect()
}

/// What the recipe sets in vain, whichever configuration of its search is taken.
fn idle(recipe: &Recipe) -> Option<String> {
    let searched = search::recipes(recipe).unwrap_or_default();
    // A search may choose by a loss that none of its models learns by.
    let chosen_by_loss =
        recipe.search.as_ref().is_some_and(|search| search.metric == SearchMetric::Loss);
    let of_all = |name: &&str| {
        !(chosen_by_loss && *name == "loss")
            && searched.iter().all(|recipe| recipe.idle().contains(name))
    };
    let first = searched.first().unwrap_or(recipe).idle();
    let names: Vec<&str> = first.into_iter().filter(of_all).collect();
    (!names.is_empty()).then(|| {
        format!(
            "Nothing comes of what the recipe says of: {}; its model, split or other settings have no use for it.",
            names.join(", ")
        )
    })
}

/// Songs whose audio is that of a song of another group, to the byte: no split keeps them together.
fn recordings_apart(set: &Dataset, groups: &[String]) -> Option<String> {
    let pieces = groups.len() / set.songs.len().max(1);
    let group_of = |song: usize| groups[song * pieces].as_str();
    let doubles = same_recordings(&set.songs);
    let pairs = doubles.iter().flat_map(|same| same[1..].iter().map(|&song| (song, same[0])));
    let apart = |&(song, first): &(usize, usize)| group_of(song) != group_of(first);
    let mut pairs: Vec<(usize, usize)> = pairs.filter(apart).collect();
    pairs.sort_unstable();
    let id = |song: usize| set.songs[song].track.id.as_str();
    let named = pairs.iter().map(|&(song, first)| format!("{} = {}", id(first), id(song)));
    let some = named.take(3).collect::<Vec<_>>().join(", ");
    let more = if pairs.len() > 3 { ", …" } else { "" };
    (!pairs.is_empty()).then(|| {
        format!(
            "Warning: {} songs are the same recording as one of another group ({some}{more}), and may be judged by what was learnt from it; keep one of each in the manifest, or give both the same group.",
            pairs.len()
        )
    })
}

/// Trains all that a run has no outcome of yet.
fn train(
    recipe: &Recipe,
    search: Option<&Search<'_>>,
    data: &Data,
    parts: &[Part],
    out: &Path,
    options: &FitOptions,
) -> Result<Ended> {
    let chosen = match search {
        None => recipe.clone(),
        Some(search) => match search.run(data, out, options)? {
            Some(chosen) => chosen,
            None => return Ok(Ended::Stopped),
        },
    };
    let job = |&(index, part): &(usize, &Part), shown: &Shown<'_>| {
        let plan = Plan {
            folder: &out.join(&part.name),
            seen: &part.seen,
            judged: &part.unseen,
            stop_at: None,
            seed: chosen.seed.wrapping_add(1 + index as u64),
            keep_model: true,
        };
        let outcome = train_or_keep(&chosen, data, &plan, options, shown)?;
        if index == 0 && outcome.is_some() {
            learn_from_shares(&chosen, data, &plan, shown)?;
        }
        Ok(outcome)
    };
    let numbered: Vec<(usize, &Part)> = parts.iter().enumerate().collect();
    let names: Vec<String> = parts.iter().map(|part| part.name.clone()).collect();
    let workers = workers(&chosen, options);
    let Some(outcomes) = in_parallel(&numbered, &names, workers, job)? else {
        return Ok(Ended::Stopped);
    };

    if recipe.split.last {
        let all = run_folder::in_use_as_begun(data, parts, out);
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
        let alone = Workers { most: 1, watch_memory: false };
        let last = in_parallel(&[()], &names, alone, |(), shown| {
            train_or_keep(&chosen, data, &plan, options, shown)
        })?;
        if last.is_none() {
            return Ok(Ended::Stopped);
        }
    }
    Ok(Ended::Finished)
}

/// SHA-256 over all models of a run as they lie in its folder, those of the parts first: two runs with the
/// same hash have learnt the same, bit for bit.
///
/// # Errors
/// When the run is not finished.
pub fn learnt_sha256(run: &Path) -> Result<String> {
    let info: RunInfo = read_json(&run.join("run.json"))?;
    let last = run.join("final/outcome.json").exists().then(|| "final".to_owned());
    let mut hashes = String::new();
    for part in info.parts.into_iter().chain(last) {
        let folder = run.join(part);
        let network = folder.join("weights.safetensors");
        let path = if network.exists() { network } else { folder.join("model.json") };
        let content =
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        hashes += &files::sha256_hex(&content);
    }
    Ok(files::sha256_hex(hashes.as_bytes()))
}

/// The recipe that a run's models were trained with, the search's choice where there was one, with its data where
/// they were last.
///
/// # Errors
/// When the run's folder does not hold a recipe.
pub fn trained_recipe(run: &Path) -> Result<Recipe> {
    trained_recipe_on(run, None)
}

/// The same with its data where they are now: at `data`, or where they were last.
///
/// # Errors
/// When the run's folder does not hold a recipe.
pub fn trained_recipe_on(run: &Path, data: Option<&Path>) -> Result<Recipe> {
    let chosen: PathBuf = run.join("chosen.toml");
    let path = if chosen.exists() { chosen } else { run.join("recipe.toml") };
    let mut recipe = Recipe::load(&path, &[])?;
    run_folder::place_data(&mut recipe, run, data);
    Ok(recipe)
}

/// The recipe that a run goes on by, with its data where they are now: at `data`, or where they were last.
///
/// # Errors
/// When the run's folder does not hold a recipe.
pub fn recipe_to_go_on_by(run: &Path, data: Option<&Path>) -> Result<Recipe> {
    let mut recipe = Recipe::load(&run.join("recipe.toml"), &[])?;
    run_folder::place_data(&mut recipe, run, data);
    Ok(recipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_learnt_beside_a_target_names_no_catalogues() {
        let text = r#"
            name = "two"
            [data]
            set = "set"
            name = "made"
            [[heads]]
            name = "viral"
            meaning = "viral"
            is = { column = "source", value = "charts" }
            [[heads]]
            name = "old"
            meaning = "from an archive"
            auxiliary = true
            is = { column = "origin", value = "archive" }
            [model]
            kind = "mlp"
            widths = [4]
            dropout = 0.0
        "#;
        assert_eq!(named_by_targets(&Recipe::parse(text, &[]).unwrap()), ["source"]);
    }
}
