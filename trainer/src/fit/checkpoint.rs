//! A training's whole state on disk, so that it goes on as if it had never stopped.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::files;
use crate::nn::{Diverged, Network, Optimiser};
use crate::run::EpochRow;

/// Name of the tensor that holds [`Progress`] as JSON.
const PROGRESS: &str = "progress";

/// Where a training is. With weights and moments it is all that the next step depends on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// What the recipe and the songs hash to: another training's checkpoint is refused.
    pub(super) belongs_to: String,
    /// Steps done.
    pub(super) step: usize,
    /// Sum of the losses of this pass so far.
    pub(super) loss_sum: f64,
    /// Songs of this pass judged right so far, and judged at all.
    pub(super) right: (usize, usize),
    /// The passes done.
    pub(super) epochs: Vec<EpochRow>,
    /// Least validation loss and the pass it came with.
    #[serde(deserialize_with = "of_a_number")]
    pub(super) best: Option<(f64, usize)>,
    /// Time spent in seconds.
    pub(super) seconds: f64,
    /// Whether nothing is left to do.
    pub(super) finished: bool,
}

/// JSON has no word for what is not a number. What was saved when such a loss could still be the least has
/// `null` in its place.
fn of_a_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<(f64, usize)>, D::Error> {
    let best: Option<(Option<f64>, usize)> = Option::deserialize(from)?;
    Ok(best.and_then(|(loss, pass)| Some((loss?, pass))))
}

impl Progress {
    /// Takes in the validation loss of a pass, counted from 1, before the pass joins the others. Says whether it is
    /// the least so far, with weights that are to be kept. When that was `patience` passes ago, the training is
    /// finished.
    pub(super) fn judge(&mut self, loss: f64, pass: usize, patience: usize) -> bool {
        // Nothing is less than what is not a number: it would stay the least for good.
        if loss.is_finite() && self.best.is_none_or(|(least, _)| loss < least) {
            self.best = Some((loss, pass));
            return true;
        }
        let since = match self.best {
            Some((_, best)) => pass - best,
            None => 1 + self.judged_passes(),
        };
        self.finished |= since >= patience;
        false
    }

    /// Checks that some pass came to a validation loss, where any was judged.
    ///
    /// # Errors
    /// [`Diverged`] when none of them came to a number.
    pub(super) fn ensure_judged(&self) -> Result<()> {
        ensure!(
            self.best.is_some() || self.judged_passes() == 0,
            Diverged(
                "the validation loss is not a number after any pass; lower optimiser.learning_rate"
                    .into()
            )
        );
        Ok(())
    }

    /// Passes after which validation songs were asked; what only prepares a network is not judged.
    fn judged_passes(&self) -> usize {
        self.epochs.iter().filter(|row| !row.preparing).count()
    }
}

/// The file that a training's state is kept in.
pub(super) struct Checkpoint {
    path: PathBuf,
}

impl Checkpoint {
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self { path: folder.join("checkpoint.safetensors") }
    }

    /// Writes everything that the next step depends on.
    pub(super) fn save(
        &self,
        progress: &Progress,
        network: &dyn Network,
        average: Option<&dyn Network>,
        optimiser: &Optimiser,
    ) -> Result<()> {
        let mut tensors = HashMap::new();
        let mut add = |prefix: &str, named: HashMap<String, Tensor>| {
            tensors.extend(named.into_iter().map(|(name, t)| (format!("{prefix}.{name}"), t)));
        };
        add("network", network.weights().tensors());
        if let Some(average) = average {
            add("average", average.weights().tensors());
        }
        add("optimiser", optimiser.state()?);
        let json = serde_json::to_vec(progress)?;
        let length = json.len();
        tensors.insert(PROGRESS.into(), Tensor::from_vec(json, length, &Device::Cpu)?);
        files::write_whole(&self.path, |to| Ok(candle_core::safetensors::save(&tensors, to)?))
    }

    /// Puts a saved state back; `None` where nothing was saved.
    ///
    /// # Errors
    /// When the file is damaged or belongs to another training.
    pub(super) fn restore(
        &self,
        belongs_to: &str,
        network: &dyn Network,
        average: Option<&dyn Network>,
        optimiser: &mut Optimiser,
        device: &Device,
    ) -> Result<Option<Progress>> {
        if !self.path.exists() {
            return Ok(None);
        }
        let mut read = || -> Result<Progress> {
            let tensors = candle_core::safetensors::load(&self.path, device)?;
            let json = tensors.get(PROGRESS).context("it is no checkpoint")?;
            ensure!(json.dtype() == DType::U8, "it is no checkpoint");
            let progress: Progress = serde_json::from_slice(&json.to_vec1::<u8>()?)?;
            ensure!(
                progress.belongs_to == belongs_to,
                "it belongs to a training of another recipe or other songs"
            );
            let part = |prefix: &str| -> HashMap<String, Tensor> {
                let named =
                    |name: &String| Some(name.strip_prefix(prefix)?.strip_prefix('.')?.to_owned());
                tensors.iter().filter_map(|(k, t)| Some((named(k)?, t.clone()))).collect()
            };
            network.weights().set(&part("network"))?;
            if let Some(average) = average {
                average.weights().set(&part("average"))?;
            }
            optimiser.restore(&part("optimiser"))?;
            Ok(progress)
        };
        read().map(Some).with_context(|| {
            format!("cannot go on from {}; delete it to start this part again", self.path.display())
        })
    }

    /// Takes the file away once it is no longer needed.
    pub(super) fn remove(&self) {
        // A file left behind does no harm: a finished part never reads it.
        std::fs::remove_file(&self.path).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes in losses one after the other, as a training does; after the first so many passes, which only
    /// prepare.
    fn after(preparing: usize, losses: &[f64], patience: usize) -> (Progress, Vec<bool>) {
        let mut progress = Progress::default();
        let row = |epoch: usize, loss: Option<f64>| EpochRow {
            epoch,
            preparing: loss.is_none(),
            train_loss: 0.5,
            validation_loss: loss,
            learning_rate: 1e-3,
            train_accuracy: None,
            validation_accuracy: None,
            wall_time: None,
        };
        progress.epochs.extend((1..=preparing).map(|epoch| row(epoch, None)));
        let mut kept = Vec::new();
        for (pass, &loss) in (preparing + 1..).zip(losses) {
            kept.push(progress.judge(loss, pass, patience));
            progress.epochs.push(row(pass, Some(loss)));
        }
        (progress, kept)
    }

    #[test]
    fn a_loss_that_is_no_number_is_never_the_least() {
        for none in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let (progress, kept) = after(0, &[none, 0.7, none, 0.6, 0.65], 3);
            assert_eq!(kept, [false, true, false, true, false], "{none}");
            assert_eq!((progress.best, progress.finished), (Some((0.6, 4)), false), "{none}");
            progress.ensure_judged().unwrap();
        }
        let (progress, _) = after(2, &[0.6, f64::NAN, 0.6], 2);
        assert_eq!((progress.best, progress.finished), (Some((0.6, 3)), true));
    }

    #[test]
    fn a_training_without_any_validation_loss_ends_and_says_so() {
        let (progress, _) = after(4, &[f64::NAN, f64::NAN], 3);
        assert!(!progress.finished, "what only prepares is not counted");
        let (progress, kept) = after(4, &[f64::NAN; 3], 3);
        assert!(progress.finished && progress.best.is_none());
        assert_eq!(kept, [false; 3]);
        let error = progress.ensure_judged().unwrap_err();
        assert!(error.is::<Diverged>() && error.to_string().contains("validation loss"), "{error}");
        // Where nothing was judged yet, nothing is wrong.
        after(4, &[], 3).0.ensure_judged().unwrap();
    }

    #[test]
    fn what_was_saved_with_a_loss_that_is_no_number_is_read() {
        let (mut progress, _) = after(0, &[f64::NAN], 3);
        let read = |progress: &Progress| -> Progress {
            serde_json::from_slice(&serde_json::to_vec(progress).unwrap()).unwrap()
        };
        assert_eq!((read(&progress).best, read(&progress).epochs[0].validation_loss), (None, None));
        // As it was saved once.
        progress.best = Some((f64::NAN, 1));
        assert_eq!(read(&progress).best, None);
        progress.best = Some((0.25, 1));
        assert_eq!(read(&progress).best, progress.best);
    }
}
