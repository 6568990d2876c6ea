//! The training of one network: steps, validation, early stopping, checkpoints.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use candle_core::{Device, Tensor};

use super::checkpoint::{Checkpoint, Progress};
use super::pool::Shown;
use crate::examples::{Batch, Examples, Loader, Order, step_rng};
use crate::loss::loss;
use crate::metrics::first_largest;
use crate::nn::{Blueprint, Contract, Diverged, ModelRecipe, Network, Optimiser, build};
use crate::predict::predict;
use crate::recipe::{LossRecipe, OptimiserKind, Recipe};
use crate::run::{EpochRow, Task};
use crate::schedule::learning_rate_at;
use crate::targets::Targets;
use crate::tensorboard::{self, Point};
use crate::{device, files, interrupt, nn};

/// Longest time between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(20);

/// One network to be trained.
pub(super) struct NetworkPart<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) model: &'a ModelRecipe,
    pub(super) examples: &'a Examples<'a>,
    pub(super) targets: &'a Targets,
    /// Classes of the songs, for balanced drawing.
    pub(super) classes: &'a [usize],
    pub(super) train: &'a [usize],
    pub(super) validation: &'a [usize],
    /// Songs that are judged after each pass where there are none for validation, to be looked at:
    /// nothing in the training depends on them.
    pub(super) watched: &'a [usize],
    /// Stop after this many passes; without it, when the validation loss no longer falls.
    pub(super) stop_at: Option<usize>,
    pub(super) seed: u64,
    pub(super) device: &'a Device,
    pub(super) folder: &'a Path,
    pub(super) shown: &'a Shown<'a>,
    /// Hash of the recipe and the data.
    pub(super) belongs_to: String,
}

/// How a training ended.
pub(super) struct Trained {
    pub(super) network: Box<dyn Network>,
    pub(super) progress: Progress,
}

/// What training changes.
struct State {
    network: Box<dyn Network>,
    average: Option<Box<dyn Network>>,
    optimiser: Optimiser,
    progress: Progress,
}

impl State {
    /// The network that is judged: the average, where there is one.
    fn judged(&self) -> &dyn Network {
        self.average.as_deref().unwrap_or(self.network.as_ref())
    }
}

/// Takes away what only a training that is not finished needs.
pub(super) fn tidy(folder: &Path) {
    Checkpoint::in_folder(folder).remove();
    std::fs::remove_file(best_path(folder)).ok();
}

fn best_path(folder: &Path) -> PathBuf {
    folder.join("best.safetensors")
}

impl NetworkPart<'_> {
    /// Trains to the end, or until Ctrl-C (`None`): then the state is saved, and the next call goes on.
    pub(super) fn train(&self) -> Result<Option<Trained>> {
        std::fs::create_dir_all(self.folder)
            .with_context(|| format!("cannot make the folder {}", self.folder.display()))?;
        device::check_precision(self.device, self.recipe.optimiser.precision)?;
        let (mean, deviation) = self.examples.statistics(self.train);
        let mut state = self.fresh(&mean, &deviation)?;
        let checkpoint = Checkpoint::in_folder(self.folder);
        let State { network, average, optimiser, .. } = &mut state;
        let saved = checkpoint.restore(
            &self.belongs_to,
            network.as_ref(),
            average.as_deref(),
            optimiser,
            self.device,
        )?;
        state.progress = match saved {
            Some(progress) => progress,
            None => {
                self.start(&state)?;
                Progress { belongs_to: self.belongs_to.clone(), ..Default::default() }
            }
        };
        let budget = &self.recipe.budget;
        let loader = Loader {
            examples: self.examples,
            targets: self.targets,
            data: &self.recipe.data,
            augmentation: &self.recipe.augmentation,
            budget,
            whole_windows: state.network.contract() == Contract::Window,
            blank: &mean,
            order: Order {
                songs: self.train,
                balanced: budget.balanced.then_some(self.classes),
                batch: budget.batch,
                seed: self.seed,
            },
        };
        let per_epoch = loader.order.steps();
        let last = self.stop_at.unwrap_or(budget.epochs).min(budget.epochs) * per_epoch;
        self.shown.begin(state.progress.step, last);
        let finished = std::thread::scope(|scope| -> Result<bool> {
            let (batches, _) = loader.start(scope, state.progress.step..last);
            let mut saved_at = Instant::now();
            while state.progress.step < last && !state.progress.finished {
                let batch = batches.recv().context("the batches ended early")?;
                let begun = Instant::now();
                self.step(&mut state, &batch, per_epoch)?;
                let epoch_ended = state.progress.step.is_multiple_of(per_epoch);
                if epoch_ended {
                    self.end_epoch(&mut state, per_epoch)?;
                }
                state.progress.seconds += begun.elapsed().as_secs_f64();
                self.shown.step(state.progress.step);
                let stop = interrupt::requested();
                if stop || epoch_ended || saved_at.elapsed() > CHECKPOINT_EVERY {
                    checkpoint.save(
                        &state.progress,
                        state.network.as_ref(),
                        state.average.as_deref(),
                        &state.optimiser,
                    )?;
                    saved_at = Instant::now();
                }
                if stop {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        if !finished {
            return Ok(None);
        }
        if !self.validation.is_empty() {
            state.progress.ensure_judged()?;
        }
        if state.progress.best.is_some() {
            state.judged().weights().load(&self.best_path())?;
        }
        let network = state.average.take().unwrap_or(state.network);
        Ok(Some(Trained { network, progress: state.progress }))
    }

    fn best_path(&self) -> PathBuf {
        best_path(self.folder)
    }

    fn fresh(&self, mean: &[f32], deviation: &[f32]) -> Result<State> {
        let output_bias = self.output_bias();
        let blueprint = Blueprint {
            bands: self.examples.bands(),
            beside: self.examples.beside(),
            frames: self.examples.frames(&self.recipe.data),
            outputs: output_bias.len(),
            mean,
            deviation,
            output_bias: &output_bias,
            seed: self.seed,
            device: self.device,
        };
        let recipe = &self.recipe.optimiser;
        let network = build(self.model, &blueprint)?;
        let average =
            (recipe.averaging > 0.0).then(|| build(self.model, &blueprint)).transpose()?;
        let kind = match recipe.kind {
            OptimiserKind::Adam => nn::Kind::Adam,
            OptimiserKind::AdamW => nn::Kind::AdamW,
        };
        let trained = network.weights().trained();
        let optimiser = Optimiser::new(kind, trained, recipe.weight_decay, recipe.clip)?;
        Ok(State { network, average, optimiser, progress: Progress::default() })
    }

    /// Takes over the weights that the recipe starts from, where it names some.
    fn start(&self, state: &State) -> Result<()> {
        nn::start(self.model, state.network.as_ref())?;
        match &state.average {
            Some(average) => average.weights().set(&state.network.weights().tensors()),
            None => Ok(()),
        }
    }

    /// Raw outputs of the mean targets: where training starts from, so that it need not find them.
    fn output_bias(&self) -> Vec<f32> {
        let outputs = self.targets.learnt[0].len();
        let count = self.train.len() as f32;
        (0..outputs)
            .map(|n| {
                let sum: f32 = self.train.iter().map(|&song| self.targets.learnt[song][n]).sum();
                let share = (sum / count).clamp(1e-3, 1.0 - 1e-3);
                match self.recipe.task() {
                    Task::Regression => sum / count,
                    Task::Classes => share.ln(),
                    Task::Share | Task::Binary => (share / (1.0 - share)).ln(),
                }
            })
            .collect()
    }

    fn step(&self, state: &mut State, batch: &Batch, per_epoch: usize) -> Result<()> {
        let (budget, optimiser) = (&self.recipe.budget, &self.recipe.optimiser);
        let step = state.progress.step;
        let songs = batch.songs.len();
        let frames = Tensor::from_slice(&batch.values, (batch.frames, songs, ()), self.device)?;
        let mut rng = step_rng(self.seed, step as u64, 3);
        let preparing = step / per_epoch < state.network.preparation();
        let (loss, raw) = if preparing {
            let prepared =
                optimiser.precision.autocast(|| state.network.preparation_loss(&frames, &mut rng));
            (prepared?, None)
        } else {
            let raw = optimiser
                .precision
                .autocast(|| state.network.forward(&frames, &batch.judged_at, Some(&mut rng)))?;
            (self.loss(&raw, &batch.learnt, &batch.weights)?, Some(raw))
        };
        let value = f64::from(loss.to_scalar::<f32>()?);
        ensure!(
            value.is_finite(),
            Diverged(format!(
                "the loss is no longer a number in step {step}; lower optimiser.learning_rate"
            ))
        );
        let steps = budget.epochs * per_epoch;
        let rate = learning_rate_at(
            &self.recipe.schedule,
            optimiser.learning_rate,
            step,
            steps,
            per_epoch,
        );
        state.optimiser.step(&loss, rate)?;
        if let Some(average) = &state.average {
            // A young average forgets faster, so that it does not hang on to where it began.
            let keep = optimiser.averaging.min((1.0 + step as f64) / (10.0 + step as f64));
            average.weights().follow(state.network.weights(), keep)?;
        }
        let progress = &mut state.progress;
        progress.loss_sum += value;
        if let Some(raw) = raw {
            let last = raw.get(0)?.to_vec2::<f32>()?;
            for (raw, learnt) in last.iter().zip(batch.learnt.chunks_exact(last[0].len())) {
                progress.right.0 += usize::from(is_right(self.recipe.task(), raw, learnt));
                progress.right.1 += 1;
            }
        }
        progress.step += 1;
        Ok(())
    }

    /// The loss of raw outputs `[positions, songs, outputs]`.
    fn loss(&self, raw: &Tensor, learnt: &[f32], weights: &[f32]) -> Result<Tensor> {
        let (_, songs, outputs) = raw.dims3()?;
        let tensor = |v: &[f32]| Tensor::from_slice(v, (1, songs, outputs), self.device);
        let recipe: &LossRecipe = &self.recipe.loss;
        loss(recipe, self.recipe.task(), raw, &tensor(learnt)?, &tensor(weights)?)
    }

    fn end_epoch(&self, state: &mut State, per_epoch: usize) -> Result<()> {
        let epoch = state.progress.step / per_epoch;
        // What has not begun to learn the target is not judged by it.
        let preparing = epoch <= state.network.preparation();
        let validation = if preparing { None } else { self.validate(state.judged())? };
        let decides_when_to_stop = !self.validation.is_empty();
        let (budget, task) = (&self.recipe.budget, self.recipe.task());
        let decides = matches!(task, Task::Binary | Task::Classes);
        let accuracy =
            |(right, of): (usize, usize)| (decides && of > 0).then(|| right as f64 / of as f64);
        let peak = self.recipe.optimiser.learning_rate;
        let steps = budget.epochs * per_epoch;
        let at = state.progress.step - 1;
        let row = EpochRow {
            epoch,
            preparing,
            train_loss: state.progress.loss_sum / per_epoch as f64,
            validation_loss: validation.map(|v| v.0),
            learning_rate: learning_rate_at(&self.recipe.schedule, peak, at, steps, per_epoch),
            train_accuracy: accuracy(state.progress.right),
            validation_accuracy: validation.and_then(|v| accuracy(v.1)),
            wall_time: SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|t| t.as_secs_f64()),
        };
        let message = match row.validation_loss {
            Some(loss) => format!("loss {:.4}, validation {loss:.4}", row.train_loss),
            None if preparing => format!("loss of preparing {:.4}", row.train_loss),
            None => format!("loss {:.4}", row.train_loss),
        };
        self.shown.pass(epoch, message);
        if let (Some((loss, _)), Some(patience), true) =
            (validation, budget.patience, decides_when_to_stop)
            && state.progress.judge(loss, epoch, patience)
        {
            state.judged().weights().save(&self.best_path())?;
        }
        let progress = &mut state.progress;
        progress.epochs.push(row);
        (progress.loss_sum, progress.right) = (0.0, (0, 0));
        self.write_curves(progress)
    }

    /// Loss of the validation songs, or else of those that are watched, and how many of them are judged
    /// right.
    fn validate(&self, network: &dyn Network) -> Result<Option<(f64, (usize, usize))>> {
        let songs = if self.validation.is_empty() { self.watched } else { self.validation };
        if songs.is_empty() {
            return Ok(None);
        }
        // Windows that do not overlap tell as much about the loss, at a fraction of the time.
        let window = self.recipe.data.window_frames;
        let raw = predict(network, self.examples, songs, window, 1, self.device)?;
        let gather = |rows: &[Vec<f32>]| -> Vec<f32> {
            songs.iter().flat_map(|&song| rows[song].iter().copied()).collect()
        };
        let task = self.recipe.task();
        let right = raw
            .iter()
            .zip(songs)
            .filter(|&(raw, &song)| is_right(task, raw, &self.targets.learnt[song]))
            .count();
        let outputs = raw[0].len();
        let stacked = Tensor::from_vec(raw.concat(), (1, songs.len(), outputs), self.device)?;
        let loss =
            self.loss(&stacked, &gather(&self.targets.learnt), &gather(&self.targets.weights))?;
        Ok(Some((f64::from(loss.to_scalar::<f32>()?), (right, songs.len()))))
    }

    fn write_curves(&self, progress: &Progress) -> Result<()> {
        let mut lines = String::new();
        let mut points = Vec::new();
        for row in &progress.epochs {
            lines += &serde_json::to_string(row)?;
            lines.push('\n');
            let optional = [
                ("loss/validation", row.validation_loss),
                ("accuracy/train", row.train_accuracy),
                ("accuracy/validation", row.validation_accuracy),
            ];
            // Another loss than the target's: on one curve the two would look like a leap.
            let loss = if row.preparing { "loss/prepare" } else { "loss/train" };
            let mut values = vec![
                (loss.to_owned(), row.train_loss),
                ("learning_rate".into(), row.learning_rate),
            ];
            values.extend(optional.iter().filter_map(|&(name, v)| Some((name.to_owned(), v?))));
            let wall_time = row.wall_time.unwrap_or_default();
            points.push(Point { wall_time, step: row.epoch as u64, values });
        }
        files::write_bytes(&self.folder.join("epochs.jsonl"), lines)?;
        tensorboard::write(&self.folder.join("events.out.tfevents.0.earworm"), &points)
    }
}

/// Whether raw outputs of one song decide as its targets do.
pub(super) fn is_right(task: Task, raw: &[f32], learnt: &[f32]) -> bool {
    match task {
        Task::Classes => first_largest(raw) == first_largest(learnt),
        Task::Share | Task::Binary => (raw[0] > 0.0) == (learnt[0] > 0.5),
        Task::Regression => (raw[0] > 0.5) == (learnt[0] > 0.5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_outputs_the_first_decides() {
        assert!(is_right(Task::Classes, &[1.0, 1.0, 0.0], &[1.0, 0.0, 0.0]));
        assert!(!is_right(Task::Classes, &[1.0, 1.0, 0.0], &[0.0, 1.0, 0.0]));
    }
}
