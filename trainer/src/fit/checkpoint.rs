//! A training's whole state on disk, so that it goes on as if it had never stopped.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::files;
use crate::nn::{Network, Optimiser};
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
    pub(super) best: Option<(f64, usize)>,
    /// Time spent in seconds.
    pub(super) seconds: f64,
    /// Whether nothing is left to do.
    pub(super) finished: bool,
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
