//! `export`: a run's final model as ONNX, with everything a listener needs to know inside it.
//!
//! The file only gets its name after tract has read it back and given what Candle gives.

mod card;
mod graph;
mod parity;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use candle_core::Device;
use earworm_scorer::model::{
    CONTRACT_VERSION, Class, Contract, DataSource, Metadata, Metric, Model, Task,
};

use crate::dataset::Dataset;
use crate::evaluate::{Evaluation, evaluate};
use crate::files;
use crate::fit::{RunData, network_shape, read_json};
use crate::nn::Network;
use crate::recipe::Recipe;

pub use card::model_card;
pub use graph::onnx_bytes;
pub use parity::{LARGEST_DIFFERENCE, largest_difference};

/// What an export came to.
pub struct ExportReport {
    /// The model file.
    pub model: PathBuf,
    /// Size of the file in bytes.
    pub bytes: usize,
    /// Largest difference between Candle and tract over the frames compared.
    pub difference: f32,
    /// Number of windows of real frames that were compared.
    pub windows: usize,
}

impl fmt::Display for ExportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "wrote {} ({} kB) and its card; tract and Candle differ by at most {:.1e} over {} windows of real songs",
            self.model.display(),
            self.bytes / 1000,
            self.difference,
            self.windows
        )
    }
}

/// Exports a run's final model to `out/model.onnx`, with its card beside it as `README.md`.
///
/// # Errors
/// When the run is not complete, its data set is gone, or tract does not reproduce the network; then
/// nothing is written.
pub fn export(run: &Path, out: &Path) -> Result<ExportReport> {
    let recipe = Recipe::load(&run.join("recipe.toml"))?;
    let data: RunData = read_json(&run.join("data.json"))?;
    let evaluation = evaluate(run)?;
    let shape = network_shape(&recipe, data.front_end.n_mels);
    let weights = run.join("final/weights.safetensors");
    ensure!(weights.exists(), "{} has no final model; run `fit` to its end first", run.display());
    let network = Network::load(&shape, &weights, &Device::Cpu)?;

    let metadata = metadata(&recipe, &data, &evaluation);
    metadata.validate().context("the metadata would not be accepted")?;
    let bytes = onnx_bytes(&network, &metadata)?;
    let model = Model::from_bytes(&bytes, "the exported model")
        .context("the exported model cannot be read back")?;

    let dataset = Dataset::open(&data.folder)
        .context("the run's data set is needed: the export is compared on real songs")?;
    let (difference, windows) = largest_difference(&network, &model, &dataset)?;
    ensure!(
        difference <= LARGEST_DIFFERENCE,
        "tract and Candle differ by {difference:e}, more than {LARGEST_DIFFERENCE:e}: nothing was written"
    );
    let path = out.join("model.onnx");
    files::write_bytes(&path, &bytes)?;
    files::write_bytes(
        &out.join("README.md"),
        model_card(&metadata, &recipe, &evaluation, &model),
    )?;
    Ok(ExportReport { model: path, bytes: bytes.len(), difference, windows })
}

fn metadata(recipe: &Recipe, data: &RunData, evaluation: &Evaluation) -> Metadata {
    let class = |head: &crate::recipe::Head| Class {
        name: head.name.clone(),
        meaning: head.meaning.clone(),
    };
    Metadata {
        contract_version: CONTRACT_VERSION,
        contract: Contract::Streaming,
        name: recipe.name.clone(),
        front_end: data.front_end.clone(),
        window_frames: recipe.data.window_frames,
        warm_up_frames: recipe.data.warm_up_frames,
        task: Task::Binary,
        classes: recipe.heads.iter().filter(|head| !head.auxiliary).map(class).collect(),
        score_class: recipe.heads[0].name.clone(),
        calibration: evaluation.calibration,
        label: format!(
            "The score is the probability, in percent, that a song lies in the upper half of the {} songs of the data set by the {}.",
            data.songs, recipe.heads[0].meaning
        ),
        data: DataSource {
            name: recipe.data.name.clone(),
            songs: data.songs,
            sha256: data.sha256.clone(),
            licence: recipe.data.licence.clone(),
            about: recipe.data.about.clone(),
        },
        metrics: evaluation.metrics.clone(),
        trust: trust(&evaluation.metrics),
        licence: recipe.licence.clone(),
    }
}

/// How far to trust a score, in plain words that follow from the figures.
fn trust(metrics: &[Metric]) -> String {
    let find = |scope: &str| metrics.iter().find(|m| m.name == "auc" && m.scope == scope);
    let (Some(all), Some(within)) = (find("all"), find("within genre")) else {
        return "It was not measured; do not trust it.".into();
    };
    let overall = format!(
        "Of two songs by artists it has never heard, one liked by more and one by fewer people than the median song, it puts the right one first {:.0} times in 100 (between {:.0} and {:.0}; a coin would 50 times).",
        all.value * 100.0,
        all.low * 100.0,
        all.high * 100.0
    );
    let genre = if within.low > 0.5 {
        format!(
            " Between songs of one genre it does so {:.0} times in 100 ({:.0} to {:.0}).",
            within.value * 100.0,
            within.low * 100.0,
            within.high * 100.0
        )
    } else {
        format!(
            " Between songs of one genre it is not proven to do better than a coin: {:.0} times in 100 ({:.0} to {:.0}).",
            within.value * 100.0,
            within.low * 100.0,
            within.high * 100.0
        )
    };
    let advice = if all.low <= 0.5 {
        " That is not proven to be more than chance."
    } else if all.value < 0.7 {
        " That is a hint, not a promise: use it to compare versions of a mix, not to judge a song."
    } else {
        " Use it as one opinion among several."
    };
    overall + &genre + advice
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_follows_from_the_figures() {
        let metric = |scope: &str, value, low, high| Metric {
            name: "auc".into(),
            scope: scope.into(),
            value,
            low,
            high,
        };
        let weak = trust(&[metric("all", 0.55, 0.45, 0.65), metric("within genre", 0.5, 0.4, 0.6)]);
        assert!(weak.contains("not proven to be more than chance"), "{weak}");
        let fair =
            trust(&[metric("all", 0.66, 0.58, 0.74), metric("within genre", 0.6, 0.53, 0.68)]);
        assert!(fair.contains("66 times") && fair.contains("a hint"), "{fair}");
    }
}
