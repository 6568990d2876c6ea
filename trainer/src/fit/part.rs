//! One part of a run: a model trained on some songs and judged by others. A finished part is kept.

mod shares;
mod table;
#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::Device;

pub(super) use self::shares::learn_from_shares;
use super::again::asked_again;
use super::data::Data;
use super::network_part::{self, NetworkPart, is_right};
use super::pool::{Shown, Workers};
use super::rows::as_they_are;
use crate::examples::{Examples, Rows, Songs};
use crate::files;
use crate::nn::{Blueprint, Diverged, ModelRecipe, build, start};
use crate::predict::{LANES, predict};
use crate::recipe::{Model, Recipe, SplitKind};
use crate::run::{Outcome, PredictionRow, Task, read_json, write_predictions};
use crate::split::{Part, hold_out};
use crate::table::{Columns, TableModelRecipe};
use crate::targets::{Targets, targets};

/// How a recipe is to be trained.
#[derive(Debug, Clone)]
pub struct FitOptions {
    /// Where tensors live.
    pub device: Device,
    /// Its name, for `run.json`.
    pub device_name: String,
    /// Parts trained at the same time, at most; as many as cores and memory allow without it. What is
    /// learnt does not depend on it.
    pub jobs: Option<usize>,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self { device: Device::Cpu, device_name: "cpu".into(), jobs: Some(1) }
    }
}

/// How many parts of a recipe are trained at the same time.
pub(super) fn workers(recipe: &Recipe, options: &FitOptions) -> Workers {
    if let Some(most) = options.jobs {
        return Workers { most, watch_memory: false };
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    match &recipe.model {
        // One core each, and little memory.
        Model::Table(_) => Workers { most: cores, watch_memory: false },
        Model::Network(_) if !options.device.is_cpu() => Workers { most: 1, watch_memory: false },
        // Products of small matrices keep one core busy, those of frames several.
        Model::Network(_) if recipe.model.wants_rows(&recipe.data) => {
            Workers { most: cores, watch_memory: true }
        }
        Model::Network(_) => Workers { most: (cores / 2).max(1), watch_memory: true },
    }
}

/// Songs and seed of a part.
pub(super) struct Plan<'a> {
    /// Its folder.
    pub(super) folder: &'a Path,
    /// Songs that may be learnt from.
    pub(super) seen: &'a [usize],
    /// Songs that judge it.
    pub(super) judged: &'a [usize],
    /// Stop after this many passes, without validation songs.
    pub(super) stop_at: Option<usize>,
    pub(super) seed: u64,
    /// Whether the model itself is to be kept, or only what it said.
    pub(super) keep_model: bool,
}

/// Trains one part unless its folder holds it already; `None` where Ctrl-C stopped it.
pub(super) fn train_or_keep(
    recipe: &Recipe,
    data: &Data,
    plan: &Plan<'_>,
    options: &FitOptions,
    shown: &Shown<'_>,
) -> Result<Option<Outcome>> {
    let outcome_path = plan.folder.join("outcome.json");
    if outcome_path.exists() {
        return read_json(&outcome_path).map(Some);
    }
    let all: Vec<&_> = data.tracks.iter().collect();
    let targets = targets(&recipe.heads, &all, plan.seen)?;
    let part = PartInHand { recipe, data, plan, targets: &targets, options };
    let outcome = match &recipe.model {
        Model::Network(model) => part.network(model, shown)?,
        Model::Table(model) => {
            // It takes no steps to show its memory by. Most take next to nothing beside a network; the kernel of
            // many rows is large, and shows once it is done.
            if !matches!(model, TableModelRecipe::Svm { .. }) {
                shown.has_its_memory();
            }
            Some(part.table(model)?)
        }
    };
    if let Some(outcome) = &outcome {
        // Last, because its presence means that all the rest is there.
        files::write_bytes(&outcome_path, serde_json::to_vec_pretty(outcome)?)?;
        network_part::tidy(plan.folder);
    }
    Ok(outcome)
}

/// Checks that a recipe can learn from the songs that each part may see: that there are targets, features
/// and long enough songs, and that its network can be built.
///
/// # Errors
/// Tells what does not fit.
pub(super) fn check(recipe: &Recipe, data: &Data, parts: &[Part]) -> Result<()> {
    let all: Vec<&_> = data.tracks.iter().collect();
    let options = FitOptions::default();
    for (number, part) in parts.iter().enumerate() {
        let targets = targets(&recipe.heads, &all, &part.seen)?;
        let plan = Plan {
            folder: Path::new(""),
            seen: &part.seen,
            judged: &part.unseen,
            stop_at: None,
            seed: recipe.seed,
            keep_model: true,
        };
        let part = PartInHand { recipe, data, plan: &plan, targets: &targets, options: &options };
        match &recipe.model {
            Model::Table(_) => {
                part.columns(data.rows.as_ref().context("a table model needs rows")?)?;
            }
            Model::Network(model) => {
                let (examples, _) = part.examples()?;
                part.to_learn_from()?;
                if number == 0 {
                    let outputs = recipe.outputs().len();
                    let (mean, deviation) =
                        (vec![0.0; examples.bands()], vec![1.0; examples.bands()]);
                    let blueprint = Blueprint {
                        bands: examples.bands(),
                        beside: examples.beside(),
                        frames: examples.frames(&recipe.data),
                        outputs,
                        mean: &mean,
                        deviation: &deviation,
                        output_bias: &vec![0.0; outputs],
                        seed: recipe.seed,
                        device: &Device::Cpu,
                    };
                    start(model, build(model, &blueprint)?.as_ref())?;
                }
            }
        }
    }
    Ok(())
}

struct PartInHand<'a> {
    recipe: &'a Recipe,
    data: &'a Data,
    plan: &'a Plan<'a>,
    targets: &'a Targets,
    options: &'a FitOptions,
}

impl PartInHand<'_> {
    /// What a network is trained on, and the columns that were fitted for it.
    fn examples(&self) -> Result<(Examples<'_>, Option<Columns>)> {
        let (recipe, plan) = (self.recipe, self.plan);
        let mut columns = None;
        let examples = match (&self.data.set, &self.data.rows) {
            (_, Some(table)) if recipe.model.wants_rows(&recipe.data) => {
                let (fitted, x) = self.columns(table)?;
                columns = Some(fitted);
                let values = x.iter().flatten().map(|&v| v as f32).collect();
                Examples::Rows(Rows { columns: x.first().map_or(0, Vec::len), values })
            }
            (Some(set), rows) => {
                let songs = Songs::new(set, &recipe.data, recipe.seed);
                // Another configuration of a search may want rows.
                Examples::Songs(match rows.as_ref().filter(|_| !recipe.data.beside.is_empty()) {
                    None => songs,
                    Some(table) => {
                        let taken = self.taken(table);
                        let beside = recipe.data.beside_recipe();
                        let fitted = Columns::fit(table, plan.seen, &beside, &taken)?;
                        let all: Vec<usize> = (0..table.rows.len()).collect();
                        let numbers = as_they_are(&fitted, &fitted.apply(table, &all)?);
                        columns = Some(fitted);
                        songs.with(numbers)
                    }
                })
            }
            (None, _) => unreachable!("data are opened with frames or rows"),
        };
        examples.check(recipe.least_frames(), |song| self.data.tracks[song].id.clone())?;
        Ok((examples, columns))
    }

    /// The songs that a network learns from, and those that decide when it stops.
    fn to_learn_from(&self) -> Result<(Vec<usize>, Vec<usize>)> {
        let (budget, plan) = (&self.recipe.budget, self.plan);
        match (budget.patience, plan.stop_at) {
            (Some(_), None) => {
                let classes = classes(self.recipe.task(), self.targets);
                let classes = self.recipe.split.stratified.then_some(classes.as_slice());
                hold_out(plan.seen, &self.data.together, classes, budget.validation, plan.seed)
            }
            _ => Ok((plan.seen.to_vec(), vec![])),
        }
    }

    fn network(&self, model: &ModelRecipe, shown: &Shown<'_>) -> Result<Option<Outcome>> {
        let (recipe, plan, options) = (self.recipe, self.plan, self.options);
        let (examples, columns) = self.examples()?;
        let (train, validation) = self.to_learn_from()?;
        // Only so that the configurations of a search can be seen learning.
        let watched = match (validation.is_empty(), plan.keep_model) {
            (true, false) => plan.judged,
            _ => &[],
        };
        let classes = classes(recipe.task(), self.targets);
        let part = NetworkPart {
            recipe,
            model,
            examples: &examples,
            targets: self.targets,
            classes: &classes,
            train: &train,
            validation: &validation,
            watched,
            stop_at: plan.stop_at,
            seed: plan.seed,
            device: &options.device,
            folder: plan.folder,
            shown,
            belongs_to: self.fingerprint(&train)?,
        };
        let Some(trained) = part.train()? else { return Ok(None) };
        let network = trained.network.as_ref();
        let window = recipe.data.window_frames;
        let say =
            |songs: &[usize]| predict(network, &examples, songs, window, LANES, &options.device);
        let said = say(plan.judged)?;
        // Its last step may have been the one too far.
        ensure!(
            said.iter().flatten().all(|raw| raw.is_finite()),
            Diverged("the model's answers are no numbers; lower optimiser.learning_rate".into())
        );
        self.write("predictions.csv", plan.judged, said)?;
        // A cross-validation judges every song, so that its judged songs serve calibration better: they
        // are more, and did not decide when to stop.
        if !validation.is_empty() && recipe.split.kind != SplitKind::Folds {
            self.write("validation.csv", &validation, say(&validation)?)?;
        }
        let last = trained.progress.epochs.len();
        let best = trained.progress.best;
        let best_epoch = best.map_or(last, |(_, epoch)| epoch);
        let again = asked_again(recipe.task(), &examples, &train, plan.keep_model);
        let train_accuracy = self.accuracy(&again, &say(&again)?);
        if plan.keep_model {
            network.weights().save(&plan.folder.join("weights.safetensors"))?;
            if let Some(columns) = columns {
                let json = serde_json::to_vec_pretty(&columns)?;
                files::write_bytes(&plan.folder.join("columns.json"), json)?;
            }
        }
        Ok(Some(Outcome {
            best_epoch,
            epochs: last,
            validation_loss: best.map(|(loss, _)| loss),
            train_accuracy,
            seconds: trained.progress.seconds,
            parameters: network.weights().parameters(),
        }))
    }

    /// The share of songs that are decided rightly; shares and values decide nothing.
    fn accuracy(&self, songs: &[usize], raw: &[Vec<f32>]) -> Option<f64> {
        let task = self.recipe.task();
        let decides = matches!(task, Task::Binary | Task::Classes) && !songs.is_empty();
        let right = songs
            .iter()
            .zip(raw)
            .filter(|&(&song, raw)| is_right(task, raw, &self.targets.learnt[song]))
            .count();
        decides.then(|| right as f64 / songs.len() as f64)
    }

    fn write(&self, name: &str, songs: &[usize], raw: Vec<Vec<f32>>) -> Result<()> {
        let data = self.data;
        // Pieces of a song are no more independent than songs of an artist.
        let grouped = data.group.is_some() || self.recipe.data.pieces.is_some();
        let judged_by = self.judged_by()?;
        let rows: Vec<PredictionRow> = songs
            .iter()
            .zip(raw)
            .map(|(&song, raw)| PredictionRow {
                track_id: data.tracks[song].id.clone(),
                group: if grouped { data.groups[song].clone() } else { String::new() },
                genre: data.genres[song].clone(),
                truth: self.targets.truth[song],
                target: judged_by[song],
                weight: self.targets.raters[song],
                raw,
            })
            .collect();
        write_predictions(&self.plan.folder.join(name), &self.recipe.outputs(), &rows)
    }

    /// What each song is judged by: its smoothed share, the same for all parts of a run; else its
    /// truth.
    fn judged_by(&self) -> Result<Vec<f64>> {
        let score = &self.recipe.heads[..1];
        if score[0].task() != Task::Share {
            return Ok(self.targets.truth.clone());
        }
        let tracks: Vec<&_> = self.data.tracks.iter().collect();
        let all: Vec<usize> = (0..tracks.len()).collect();
        let smoothed = targets(score, &tracks, &all)?.learnt;
        Ok(smoothed.into_iter().map(|learnt| f64::from(learnt[0])).collect())
    }

    /// Hash of all that a checkpoint depends on.
    fn fingerprint(&self, train: &[usize]) -> Result<String> {
        let ids: Vec<&str> = train.iter().map(|&s| self.data.tracks[s].id.as_str()).collect();
        // Whether a last model follows changes nothing of this one, and may be decided later.
        let mut recipe = self.recipe.clone();
        recipe.split.last = true;
        let all = serde_json::to_vec(&(
            toml::to_string(&recipe)?,
            self.data.info("").sha256,
            self.plan.seed,
            self.plan.stop_at,
            ids,
        ))?;
        Ok(files::sha256_hex(&all))
    }
}

/// Class of each song: for shares and values, the half it belongs to.
pub(super) fn classes(task: Task, targets: &Targets) -> Vec<usize> {
    if matches!(task, Task::Binary | Task::Classes) {
        return targets.truth.iter().map(|&t| t as usize).collect();
    }
    let middle = crate::metrics::median(&targets.truth);
    targets.truth.iter().map(|&t| usize::from(t > middle)).collect()
}
