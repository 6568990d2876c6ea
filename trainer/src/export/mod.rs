//! `export`: a run's final model as ONNX, with everything a listener needs to know inside it.
//!
//! The file only gets its name after tract has read it back and given what Candle gives.

mod bytes;
mod card;
mod parity;
mod rows;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use candle_core::Device;
use earworm_scorer::front_end::FrontEndSettings;
use earworm_scorer::model::{
    CONTRACT_VERSION, Calibration, Class, Contract, DataSource, Input, Metadata,
};

use crate::dataset::Dataset;
use crate::evaluate::{Evaluation, measure};
use crate::files;
use crate::fit::trained_recipe;
use crate::nn::{Blueprint, build};
use crate::recipe::{Model, Recipe};
use crate::run::{RunInfo, Split, Task, read_json};
use crate::table::Columns;

pub use bytes::{onnx_bytes, rows_onnx_bytes, table_onnx_bytes};
pub use card::model_card;
pub use parity::{LARGEST_DIFFERENCE, compare, largest_difference};

/// What an export came to.
pub struct ExportReport {
    /// The model file.
    pub model: PathBuf,
    /// Size of the file in bytes.
    pub bytes: usize,
    /// Largest difference between the trained model and tract over what was compared.
    pub difference: f32,
    /// Number of windows of real frames, or of real songs' rows, that were compared.
    pub windows: usize,
    /// What one should know of the model.
    pub warning: Option<String>,
}

impl fmt::Display for ExportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "wrote {} ({} kB) and its card; tract and the trained model differ by at most {:.1e} over {} windows or rows of real songs",
            self.model.display(),
            self.bytes / 1000,
            self.difference,
            self.windows
        )?;
        match &self.warning {
            Some(warning) => write!(f, "\nwarning: {warning}"),
            None => Ok(()),
        }
    }
}

/// Exports a run's final model to `out/model.onnx`, with its card beside it as `README.md`.
///
/// # Errors
/// When the run is not complete, its data set is gone, or tract does not reproduce the network; then
/// nothing is written.
pub fn export(run: &Path, out: &Path) -> Result<ExportReport> {
    export_on(run, None, out)
}

/// The same with the run's data set in the folder `data`, where it has moved to.
///
/// # Errors
/// As [`export`], and when the songs there are not those that the run learnt from.
pub fn export_on(run: &Path, data: Option<&Path>, out: &Path) -> Result<ExportReport> {
    let recipe = trained_recipe(run)?;
    let info: RunInfo = read_json(&run.join("run.json"))?;
    let front_end = info.data.front_end.as_ref().with_context(|| {
        format!(
            "{} was trained on a table without audio, which the meter cannot hear",
            run.display()
        )
    })?;
    ensure!(
        run.join("final/outcome.json").exists(),
        "{} has no final model; run `fit` to its end first (with split.last = true)",
        run.display()
    );
    let evaluation = measure(run, None)?.evaluation;
    let dataset = Dataset::open(data.unwrap_or(&info.data.folder)).context(
        "the run's data set is needed, as the export is compared on real songs; --data says where it is now",
    )?;
    ensure!(
        data.is_none() || dataset.sha256 == info.data.sha256,
        "{} is not the data set that {} learnt from",
        dataset.folder.display(),
        run.display()
    );
    ensure!(
        dataset.description.extraction.embedding.is_none(),
        "{} learnt from embeddings, which the meter does not make",
        run.display()
    );
    let subject = Subject { recipe: &recipe, info: &info, front_end, evaluation: &evaluation };
    let exported = if recipe.model.wants_rows(&recipe.data) {
        rows::export(run, &subject, &dataset)?
    } else {
        frames(run, &subject, &dataset)?
    };
    let Compared(Exported { bytes, model, difference, windows }) =
        exported.compared(&dataset.folder)?;
    let path = out.join("model.onnx");
    // Both are whole before either has its name. Between the two renamings the card names the hash of the
    // model that is to come.
    let card = model_card(model.metadata(), &recipe, &evaluation, &model);
    let card = files::prepare_bytes(&out.join("README.md"), card)?;
    let file = files::prepare_bytes(&path, &bytes)?;
    card.place()?;
    file.place()?;
    let warning = rows::level_warning(model.metadata().input.names());
    Ok(ExportReport { model: path, bytes: bytes.len(), difference, windows, warning })
}

/// What is exported.
struct Subject<'a> {
    recipe: &'a Recipe,
    info: &'a RunInfo,
    front_end: &'a FrontEndSettings,
    evaluation: &'a Evaluation,
}

/// A file that was read back, and how far it is from what was trained.
struct Exported {
    bytes: Vec<u8>,
    model: Arc<earworm_scorer::Model>,
    difference: f32,
    windows: usize,
}

/// An export that says what the trained model says; no other is written.
struct Compared(Exported);

impl Exported {
    fn compared(self, songs: &Path) -> Result<Compared> {
        let Self { difference, windows, .. } = &self;
        ensure!(
            *windows > 0,
            "no song of {} has sound, or all the numbers, that the exported model could be compared on: nothing was written",
            songs.display()
        );
        ensure!(
            *difference <= LARGEST_DIFFERENCE,
            "tract and the trained model differ by {difference:e}, more than {LARGEST_DIFFERENCE:e}: nothing was written"
        );
        Ok(Compared(self))
    }
}

/// A network over frames.
fn frames(run: &Path, subject: &Subject<'_>, dataset: &Dataset) -> Result<Exported> {
    let Model::Network(model) = &subject.recipe.model else {
        bail!("{} holds a model of rows", run.display());
    };
    let outputs = subject.info.outputs.len();
    let beside: Vec<String> = match subject.recipe.data.beside.is_empty() {
        true => vec![],
        false => read_json::<Columns>(&run.join("final/columns.json"))?.names,
    };
    rows::ensure_heard(run, &beside)?;
    let bands = subject.front_end.n_mels + beside.len();
    let network = build(
        model,
        &Blueprint {
            bands,
            beside: beside.len(),
            frames: subject.recipe.data.window_frames,
            outputs,
            mean: &vec![0.0; bands],
            deviation: &vec![1.0; bands],
            output_bias: &vec![0.0; outputs],
            seed: subject.recipe.seed,
            device: &Device::Cpu,
        },
    )?;
    network.weights().load(&run.join("final/weights.safetensors"))?;
    let input = match beside.is_empty() {
        true => Input::Mel,
        false => Input::MelAndDescriptors { names: beside },
    };
    let metadata = metadata(subject, network.contract(), input);
    let bytes = onnx_bytes(network.as_ref(), &metadata)?;
    let model = read_back(&bytes)?;
    let (difference, windows) = largest_difference(network.as_ref(), &model, dataset)?;
    Ok(Exported { bytes, model, difference, windows })
}

fn read_back(bytes: &[u8]) -> Result<Arc<earworm_scorer::Model>> {
    earworm_scorer::Model::from_bytes(bytes, "the exported model")
        .context("the exported model cannot be read back")
}

fn metadata(subject: &Subject<'_>, contract: Contract, input: Input) -> Metadata {
    let Subject { recipe, info, front_end, evaluation } = *subject;
    let heads = recipe.heads.iter().filter(|head| !head.auxiliary);
    let classes = heads.flat_map(|head| {
        head.outputs().into_iter().map(|name| {
            let meaning = match head.task() {
                Task::Classes => format!("{}: {name}", head.meaning),
                _ => head.meaning.clone(),
            };
            Class { name, meaning }
        })
    });
    let warm_up_frames = match (contract, &input) {
        // Descriptors are means: there are some long before the window is full.
        (Contract::Streaming, _) | (_, Input::Descriptors { .. }) => recipe.data.warm_up_frames,
        (Contract::Window, _) => recipe.data.window_frames,
    };
    Metadata {
        contract_version: CONTRACT_VERSION,
        contract,
        input,
        name: recipe.name.clone(),
        front_end: front_end.clone(),
        window_frames: recipe.data.window_frames,
        warm_up_frames,
        task: info.task.of_model(),
        classes: classes.collect(),
        score_class: info.score.clone(),
        calibration: evaluation.calibration.clone(),
        label: label(
            info.task,
            &info.score,
            &halved(info.split, info.data.songs, evaluation.songs),
            &recipe.heads[0].meaning,
            &evaluation.calibration,
        ),
        data: DataSource {
            name: recipe.data.name.clone(),
            songs: info.data.songs,
            sha256: info.data.sha256.clone(),
            licence: recipe.data.licence.clone(),
            about: recipe.data.about.clone(),
        },
        metrics: evaluation.metrics.clone(),
        trust: evaluation.trust.clone(),
        licence: recipe.licence.clone(),
    }
}

/// The songs whose middle the halves of a share lie above and below: those that were judged, which a
/// cross-validation does with all of them.
fn halved(split: Split, all: usize, judged: usize) -> String {
    match split {
        Split::Folds => format!("the {all} songs of the data set"),
        Split::Test => format!("the {judged} songs of the test"),
    }
}

/// What the score, one of the outputs, says in a sentence. A share is one of the songs that are `halved`.
fn label(
    task: Task,
    score: &str,
    halved: &str,
    meaning: &str,
    calibration: &Calibration,
) -> String {
    match (task, calibration) {
        // Without a calibration the score of a share is the share itself.
        (Task::Regression, _) | (Task::Share, Calibration::Identity) => {
            format!("The score is the predicted {meaning}, in percent.")
        }
        (Task::Share, _) => format!(
            "The score is the probability, in percent, that a song lies in the upper half of {halved} by the {meaning}."
        ),
        (Task::Binary, _) => format!("The score is the probability, in percent, of: {meaning}."),
        (Task::Classes, _) => {
            format!("The score is the probability, in percent, of “{score}”: {meaning}.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_something_else_is_not_written() {
        let compared = |difference, windows| {
            let model = earworm_scorer::Model::embedded();
            let exported = Exported { bytes: vec![], model, difference, windows };
            exported.compared(Path::new("songs")).map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(compared(LARGEST_DIFFERENCE, 1), Ok(()));
        for difference in [1.01 * LARGEST_DIFFERENCE, f32::INFINITY, f32::NAN] {
            let refused = compared(difference, 1).unwrap_err();
            assert!(refused.contains("nothing was written"), "{refused}");
        }
        assert!(compared(0.0, 0).unwrap_err().contains("no song of songs"));
    }

    #[test]
    fn an_uncalibrated_share_is_not_called_a_probability() {
        let label = |split, calibration| {
            label(Task::Share, "liked", &halved(split, 321, 64), "share of likes", &calibration)
        };
        let plain = label(Split::Folds, Calibration::Identity);
        assert_eq!(plain, "The score is the predicted share of likes, in percent.");
        let platt = Calibration::Platt { slope: 1.0, intercept: 0.0 };
        let calibrated = label(Split::Folds, platt.clone());
        assert!(
            calibrated.contains("upper half of the 321 songs of the data set by the share"),
            "{calibrated}"
        );
        // Of songs that it learnt from, the calibration knows no middle.
        let tested = label(Split::Test, platt);
        assert!(tested.contains("upper half of the 64 songs of the test by the share"), "{tested}");
    }
}
