//! `fit`: cross-validation, then training on all songs. Every finished part is kept, so a run that
//! was stopped goes on with the part it was in.
//!
//! ```text
//! RUN/recipe.toml, data.json, folds.csv
//! RUN/fold-0/ … fold-n/       one model each, with predictions for the songs it had not seen
//! RUN/final/                  the model trained on all songs
//! each: weights.safetensors, outcome.json, epochs.jsonl, predictions.csv
//! ```

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use candle_core::{Device, Tensor};
use earworm_scorer::front_end::FrontEndSettings;
use indicatif::{ProgressBar, ProgressStyle};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::batch::{Audible, band_statistics, side_by_side};
use crate::dataset::{Dataset, Track};
use crate::metrics::median;
use crate::nn::{Dropout, Network, Optimiser, Shape, learning_rate_at};
use crate::predict::{LANES, predict};
use crate::recipe::{Head, Recipe};
use crate::split::{grouped_folds, hold_out};
use crate::{Rng, files};

/// What a run knows of its data, for `evaluate` and `export`, which do not need the data itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunData {
    /// Hash of the data set.
    pub sha256: String,
    /// Number of songs.
    pub songs: usize,
    /// Settings of the frames.
    pub front_end: FrontEndSettings,
    /// The data set's folder when the run was made.
    pub folder: PathBuf,
}

/// How one training ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Passes after which the kept weights were reached.
    pub best_epoch: usize,
    /// Passes trained.
    pub epochs: usize,
    /// Validation loss of the kept weights; absent where there was no validation.
    pub validation_loss: Option<f64>,
}

/// One song's row in `folds.csv` and `predictions.csv` files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoldRow {
    /// The track.
    pub track_id: String,
    /// The fold that holds it.
    pub fold: usize,
}

/// Smoothed targets and weights of one song, one of each a head.
#[derive(Debug, Clone)]
struct Target {
    shares: Vec<f32>,
    weights: Vec<f32>,
}

/// `(count + prior · mean) / (of + prior)` for every song, the mean taken over `reference` songs.
///
/// # Errors
/// When a column is missing or holds no sensible number.
pub fn smoothed_shares(head: &Head, tracks: &[&Track], reference: &[usize]) -> Result<Vec<f64>> {
    let shares: Vec<(f64, f64)> =
        tracks.iter().map(|track| head.share_of(track)).collect::<Result<_>>()?;
    let total = |f: fn(&(f64, f64)) -> f64| reference.iter().map(|&i| f(&shares[i])).sum::<f64>();
    let mean = total(|(share, of)| share * of) / total(|(_, of)| *of);
    let prior = head.prior();
    let smooth = |(share, of): &(f64, f64)| (share * of + prior * mean) / (of + prior);
    Ok(shares.iter().map(smooth).collect())
}

fn targets(recipe: &Recipe, tracks: &[&Track], train: &[usize]) -> Result<Vec<Target>> {
    let mut targets = vec![Target { shares: vec![], weights: vec![] }; tracks.len()];
    for head in &recipe.heads {
        let shares = smoothed_shares(head, tracks, train)?;
        for ((target, track), share) in targets.iter_mut().zip(tracks).zip(shares) {
            let (_, of) = head.share_of(track)?;
            target.shares.push(share as f32);
            target.weights.push((head.weight * of / (of + head.prior())) as f32);
        }
    }
    Ok(targets)
}

/// The sizes of a recipe's network.
pub fn network_shape(recipe: &Recipe, bands: usize) -> Shape {
    Shape {
        bands,
        hidden: recipe.model.hidden,
        layers: recipe.model.layers,
        head: recipe.model.head.clone(),
        classes: recipe.heads.len(),
    }
}

/// Cross-validates a recipe and trains it on all songs, in the folder `out`.
///
/// # Errors
/// When the data set or the recipe do not fit, or files cannot be written. What was finished stays.
pub fn fit(recipe: &Recipe, out: &Path, device: &Device) -> Result<()> {
    let dataset = Dataset::open(&recipe.data.set)?;
    let trainer = Trainer::new(recipe, &dataset, device)?;
    open_run(recipe, &dataset, out)?;

    let folds = grouped_folds(&trainer.groups, recipe.cross_validation.folds, recipe.seed);
    let rows: Vec<FoldRow> = trainer
        .tracks
        .iter()
        .zip(&folds)
        .map(|(track, &fold)| FoldRow { track_id: track.id.clone(), fold })
        .collect();
    write_csv(&out.join("folds.csv"), &rows)?;

    let mut best_epochs = Vec::new();
    for fold in 0..recipe.cross_validation.folds {
        let seen: Vec<usize> = (0..folds.len()).filter(|&song| folds[song] != fold).collect();
        let unseen: Vec<usize> = (0..folds.len()).filter(|&song| folds[song] == fold).collect();
        let folder = out.join(format!("fold-{fold}"));
        let seed = recipe.seed.wrapping_add(1 + fold as u64);
        let (train, validation) =
            hold_out(&seen, &trainer.groups, recipe.training.validation, seed);
        let plan = Plan { train: &train, validation: &validation, stop_at: None, seed };
        let name = format!("fold {} of {}", fold + 1, recipe.cross_validation.folds);
        let outcome = trainer.train_or_keep(&folder, &name, &plan, &unseen)?;
        best_epochs.push(outcome.best_epoch as f64);
    }
    let all: Vec<usize> = (0..folds.len()).collect();
    let stop_at = Some((median(&best_epochs).round() as usize).max(1));
    let plan = Plan { train: &all, validation: &[], stop_at, seed: recipe.seed };
    trainer.train_or_keep(&out.join("final"), "all songs", &plan, &all)?;
    Ok(())
}

/// Makes the run's folder, or checks that it belongs to the same recipe and data.
fn open_run(recipe: &Recipe, dataset: &Dataset, out: &Path) -> Result<()> {
    let text = toml::to_string(recipe)?;
    let data = RunData {
        sha256: dataset.sha256.clone(),
        songs: dataset.songs.len(),
        front_end: dataset.front_end.clone(),
        folder: dataset.folder.clone(),
    };
    let (recipe_path, data_path) = (out.join("recipe.toml"), out.join("data.json"));
    if let Ok(before) = std::fs::read_to_string(&recipe_path) {
        ensure!(
            before == text,
            "{} was made by another recipe; choose another folder with --out",
            out.display()
        );
        let before: RunData = read_json(&data_path)?;
        ensure!(
            before.sha256 == data.sha256,
            "the data set has changed since {} was begun; choose another folder with --out",
            out.display()
        );
        return Ok(());
    }
    files::write_bytes(&data_path, serde_json::to_vec_pretty(&data)?)?;
    files::write_bytes(&recipe_path, text)
}

/// Reads a JSON file.
///
/// # Errors
/// When it cannot be read; the message names it.
pub fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let content = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&content).with_context(|| format!("cannot read {}", path.display()))
}

fn write_csv<T: Serialize>(path: &Path, rows: &[T]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row)?;
    }
    files::write_bytes(path, writer.into_inner().map_err(|e| e.into_error())?)
}

/// Which songs a training uses, and how long it goes on.
struct Plan<'a> {
    train: &'a [usize],
    validation: &'a [usize],
    /// Stop after this many passes; without it, when the validation loss no longer falls.
    stop_at: Option<usize>,
    seed: u64,
}

struct Trainer<'a> {
    recipe: &'a Recipe,
    settings: &'a FrontEndSettings,
    device: &'a Device,
    tracks: Vec<&'a Track>,
    groups: Vec<String>,
    songs: Vec<Audible>,
}

impl<'a> Trainer<'a> {
    fn new(recipe: &'a Recipe, dataset: &'a Dataset, device: &'a Device) -> Result<Self> {
        let settings = &dataset.front_end;
        let tracks: Vec<&Track> = dataset.songs.iter().map(|song| &song.track).collect();
        let groups = tracks
            .iter()
            .map(|track| track.text(&recipe.data.group).map(str::to_owned))
            .collect::<Result<_>>()?;
        let songs: Vec<Audible> =
            dataset.songs.iter().map(|song| Audible::of(song, settings)).collect();
        for (track, song) in tracks.iter().zip(&songs) {
            if song.len() < recipe.data.warm_up_frames {
                bail!(
                    "track {} has too little sound to learn from; take it out of the manifest",
                    track.id
                );
            }
        }
        Ok(Self { recipe, settings, device, tracks, groups, songs })
    }

    /// Trains unless the folder already holds a finished training.
    fn train_or_keep(
        &self,
        folder: &Path,
        name: &str,
        plan: &Plan<'_>,
        judged: &[usize],
    ) -> Result<Outcome> {
        let outcome_path = folder.join("outcome.json");
        if outcome_path.exists() {
            return read_json(&outcome_path);
        }
        let (network, outcome) = self.train(folder, name, plan)?;
        network.save(&folder.join("weights.safetensors"))?;
        let songs: Vec<&Audible> = judged.iter().map(|&song| &self.songs[song]).collect();
        let raw = self.predict(&network, &songs, LANES)?;
        let rows: Vec<(&str, Vec<f32>)> = judged
            .iter()
            .zip(raw)
            .map(|(&song, raw)| (self.tracks[song].id.as_str(), raw))
            .collect();
        let mut csv = csv::Writer::from_writer(Vec::new());
        let names = self.recipe.heads.iter().map(|head| head.name.as_str());
        csv.write_record(std::iter::once("track_id").chain(names))?;
        for (id, raw) in rows {
            let values = raw.iter().map(f32::to_string);
            csv.write_record(std::iter::once(id.to_owned()).chain(values))?;
        }
        let csv = csv.into_inner().map_err(|e| e.into_error())?;
        files::write_bytes(&folder.join("predictions.csv"), csv)?;
        // Last, because its presence means that all the rest is there.
        files::write_bytes(&outcome_path, serde_json::to_vec_pretty(&outcome)?)?;
        Ok(outcome)
    }

    fn train(&self, folder: &Path, name: &str, plan: &Plan<'_>) -> Result<(Network, Outcome)> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let training = &self.recipe.training;
        let targets = targets(self.recipe, &self.tracks, plan.train)?;
        let heard: Vec<&Audible> = plan.train.iter().map(|&song| &self.songs[song]).collect();
        let (mean, deviation) = band_statistics(&heard, self.settings);
        let shape = network_shape(self.recipe, self.settings.n_mels);
        let bias = self.output_bias(&targets, plan.train);
        let fresh = || Network::new(&shape, &mean, &deviation, &bias, plan.seed, self.device);
        let (network, average) = (fresh()?, fresh()?);
        let variables = network.variables().into_values().cloned().collect();
        let mut optimiser = Optimiser::new(variables, training.weight_decay, training.clip)?;
        let mut rng = Rng::seed_from_u64(plan.seed ^ 0x5eed);
        let mut log = std::fs::File::create(folder.join("epochs.jsonl"))?;
        let progress =
            ProgressBar::new(training.epochs as u64).with_style(ProgressStyle::with_template(
                "{prefix}: {bar:30} pass {pos}/{len}  {elapsed}  {wide_msg}",
            )?);
        progress.set_prefix(name.to_owned());

        let best_path = folder.join("best.safetensors");
        let mut best: Option<(f64, usize)> = None;
        let mut epochs = 0;
        let steps = plan.train.len().div_ceil(training.batch);
        for epoch in 1..=training.epochs {
            let mut order = plan.train.to_vec();
            order.shuffle(&mut rng);
            let mut loss_sum = 0.0;
            for (step, songs) in order.chunks(training.batch).enumerate() {
                let loss = self.crop_loss(&network, songs, &targets, &mean, &mut rng)?;
                let progress =
                    ((epoch - 1) * steps + step) as f64 / (training.epochs * steps) as f64;
                let rate = learning_rate_at(progress, training.learning_rate);
                optimiser.step(&loss, rate)?;
                // A young average forgets faster, so that it does not hang on to where it began.
                let steps_done = ((epoch - 1) * steps + step) as f64;
                let keep = training.averaging.min((1.0 + steps_done) / (10.0 + steps_done));
                average.follow(&network, if training.averaging > 0.0 { keep } else { 0.0 })?;
                loss_sum += f64::from(loss.to_scalar::<f32>()?);
            }
            epochs = epoch;
            let train_loss = loss_sum / steps as f64;
            let validation_loss = self.validation_loss(&average, plan.validation, &targets)?;
            let row = serde_json::json!({ "epoch": epoch, "train_loss": train_loss, "validation_loss": validation_loss });
            writeln!(log, "{row}")?;
            ensure!(
                train_loss.is_finite(),
                "{name}: the loss is no longer a number; lower the learning rate"
            );
            progress.set_position(epoch as u64);
            match validation_loss {
                Some(loss) => {
                    progress.set_message(format!("loss {train_loss:.4}, validation {loss:.4}"));
                    if best.is_none_or(|(least, _)| loss < least) {
                        best = Some((loss, epoch));
                        average.save(&best_path)?;
                    } else if best.is_some_and(|(_, at)| epoch - at >= training.patience) {
                        break;
                    }
                }
                None => progress.set_message(format!("loss {train_loss:.4}")),
            }
            if plan.stop_at.is_some_and(|last| epoch >= last) {
                break;
            }
        }
        progress.finish();
        let Some((loss, best_epoch)) = best else {
            return Ok((average, Outcome { best_epoch: epochs, epochs, validation_loss: None }));
        };
        let network = Network::load(&shape, &best_path, self.device)?;
        std::fs::remove_file(&best_path).ok();
        Ok((network, Outcome { best_epoch, epochs, validation_loss: Some(loss) }))
    }

    fn predict(
        &self,
        network: &Network,
        songs: &[&Audible],
        lanes: usize,
    ) -> Result<Vec<Vec<f32>>> {
        let window = self.recipe.data.window_frames;
        predict(network, songs, self.settings, window, lanes, self.device)
    }

    /// Logits of the mean targets: where training starts from, so that it need not find them first.
    fn output_bias(&self, targets: &[Target], train: &[usize]) -> Vec<f32> {
        (0..self.recipe.heads.len())
            .map(|head| {
                let sum: f32 = train.iter().map(|&song| targets[song].shares[head]).sum();
                let mean = (sum / train.len() as f32).clamp(1e-3, 1.0 - 1e-3);
                (mean / (1.0 - mean)).ln()
            })
            .collect()
    }

    /// The loss of one step: a varied crop of each song, judged at several of its frames.
    fn crop_loss(
        &self,
        network: &Network,
        songs: &[usize],
        targets: &[Target],
        blank: &[f32],
        rng: &mut Rng,
    ) -> Result<Tensor> {
        let data = &self.recipe.data;
        let shortest = songs.iter().map(|&song| self.songs[song].len()).min().unwrap_or(0);
        let longest = data.window_frames.min(shortest);
        let count = rng.random_range(data.warm_up_frames.min(longest)..=longest);
        let crops: Vec<Vec<f32>> = songs
            .iter()
            .map(|&song| {
                let start = rng.random_range(0..=self.songs[song].len() - count);
                let augmentation = &self.recipe.augmentation;
                self.songs[song].varied(self.settings, start, count, augmentation, blank, rng)
            })
            .collect();
        let frames = side_by_side(&crops, self.settings.n_mels, self.device)?;
        let share = self.recipe.model.dropout;
        let hidden = network.hidden(&frames, Some(Dropout { share, rng: &mut *rng }))?;
        let mut positions = vec![count as u32 - 1];
        for _ in 1..self.recipe.training.positions {
            positions.push(rng.random_range(data.warm_up_frames.min(count) - 1..count) as u32);
        }
        let judged = hidden.index_select(&Tensor::new(positions.as_slice(), self.device)?, 0)?;
        let (positions, batch, width) = judged.dims3()?;
        let logits = network
            .logits(&judged.reshape((positions * batch, width))?, Some(Dropout { share, rng }))?
            .reshape((positions, batch, ()))?;
        self.loss(&logits, songs, targets)
    }

    /// Weighted cross-entropy of logits `[positions, batch, heads]` against the songs' shares.
    fn loss(&self, logits: &Tensor, songs: &[usize], targets: &[Target]) -> Result<Tensor> {
        let (_, batch, heads) = logits.dims3()?;
        let rows = |f: fn(&Target) -> &Vec<f32>| -> Result<Tensor> {
            let values: Vec<f32> =
                songs.iter().flat_map(|&song| f(&targets[song]).iter().copied()).collect();
            Ok(Tensor::from_vec(values, (1, batch, heads), self.device)?)
        };
        let (shares, weights) = (rows(|t| &t.shares)?, rows(|t| &t.weights)?);
        // −y ln p − (1 − y) ln(1 − p) = max(x, 0) − x y + ln(1 + exp(−|x|))
        let tail = (logits.abs()?.neg()?.exp()? + 1.0)?.log()?;
        let losses = ((logits.relu()? - logits.broadcast_mul(&shares)?)? + tail)?;
        let total: f32 = songs.iter().flat_map(|&song| &targets[song].weights).sum();
        let positions = logits.dim(0)? as f64;
        Ok((losses.broadcast_mul(&weights)?.sum_all()? / (f64::from(total) * positions))?)
    }

    fn validation_loss(
        &self,
        network: &Network,
        songs: &[usize],
        targets: &[Target],
    ) -> Result<Option<f64>> {
        if songs.is_empty() {
            return Ok(None);
        }
        let heard: Vec<&Audible> = songs.iter().map(|&song| &self.songs[song]).collect();
        // Windows that do not overlap tell as much about the loss, at a fraction of the time.
        let raw = self.predict(network, &heard, 1)?;
        let heads = self.recipe.heads.len();
        let logits = Tensor::from_vec(raw.concat(), (1, songs.len(), heads), self.device)?;
        Ok(Some(f64::from(self.loss(&logits, songs, targets)?.to_scalar::<f32>()?)))
    }
}
