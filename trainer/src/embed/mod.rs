//! Embeddings in place of mel frames: `dataset build --embedding MODEL`.
//!
//! The model is VGGish from a file of weights, or any ONNX file that makes one row of numbers of each second
//! or so of sound. A song's embeddings then stand where its frames would, 0.96 s each.

mod vggish;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use earworm_scorer::front_end::{FrontEndSettings, LevelKind, LevelSettings, MelNorm, MelScale};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;

pub use vggish::{BANDS, FRAMES, FrontEnd, HOP, PATCH, RATE};

use crate::files;

/// Most values of an embedding: as many as a frame may have bands.
const MOST_VALUES: usize = 512;

/// What a model is fed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Feed {
    /// Samples: `[1, samples]`.
    Samples(usize),
    /// VGGish's patches: `[1, 96, 64]`, or with a channel `[1, 1, 96, 64]`.
    Patches { channel: bool },
}

/// Makes embeddings of sound.
pub struct Embedder {
    plan: Arc<TypedSimplePlan>,
    feed: Feed,
    width: usize,
    sha256: String,
}

impl Embedder {
    /// Reads a model: ONNX, or the weights of VGGish as safetensors.
    ///
    /// # Errors
    /// When the file cannot be read or run, or its input or output is of another shape.
    pub fn open(path: &Path) -> Result<Self> {
        let read = || -> Result<Self> {
            let content = std::fs::read(path)?;
            let sha256 = files::sha256_hex(&content);
            match path.extension().and_then(|e| e.to_str()) {
                Some("onnx") => Self::of_onnx(&content, sha256),
                Some("safetensors") => {
                    Self::of_onnx(&crate::nn::vggish_embedding_onnx(path)?, sha256)
                }
                _ => Err(anyhow!("its name ends neither in .onnx nor in .safetensors")),
            }
        };
        read().with_context(|| format!("cannot embed with {}", path.display()))
    }

    fn of_onnx(content: &[u8], sha256: String) -> Result<Self> {
        let mut model = tract_onnx::onnx().model_for_read(&mut &content[..])?;
        ensure!(model.inputs.len() == 1, "it has {} inputs, not one", model.inputs.len());
        let fact = model.input_fact(0)?.clone();
        let dims: Vec<Option<usize>> =
            fact.shape.dims().map(|dim| dim.concretize()?.to_i64().ok()?.try_into().ok()).collect();
        let fits = |dim: Option<usize>, wanted: usize| dim.is_none_or(|dim| dim == wanted);
        let (feed, shape) = match dims.as_slice() {
            [_, samples] => {
                let samples = samples.unwrap_or(PATCH);
                (Feed::Samples(samples), tvec![1, samples])
            }
            [_, frames, bands] if fits(*frames, FRAMES) && fits(*bands, BANDS) => {
                (Feed::Patches { channel: false }, tvec![1, FRAMES, BANDS])
            }
            [_, one, frames, bands]
                if fits(*one, 1) && fits(*frames, FRAMES) && fits(*bands, BANDS) =>
            {
                (Feed::Patches { channel: true }, tvec![1, 1, FRAMES, BANDS])
            }
            other => {
                return Err(anyhow!(
                    "its input has the shape {other:?}; wanted are [batch, samples] at {RATE} Hz, or VGGish's patches, [batch, {FRAMES}, {BANDS}] or [batch, 1, {FRAMES}, {BANDS}]"
                ));
            }
        };
        model.set_input_fact(0, InferenceFact::dt_shape(DatumType::F32, &shape))?;
        let plan = model.into_optimized()?.into_runnable()?;
        let mut embedder = Self { plan, feed, width: 0, sha256 };
        // One run on silence tells how wide embeddings are, and that the model runs.
        let silence = vec![0.0; embedder.samples()];
        embedder.width = embedder.run(&mut FrontEnd::new(), &silence)?.len();
        ensure!(
            (1..=MOST_VALUES).contains(&embedder.width),
            "its embeddings have {} values; 1 to {MOST_VALUES} can be used",
            embedder.width
        );
        Ok(embedder)
    }

    /// Values of an embedding.
    pub fn width(&self) -> usize {
        self.width
    }

    /// SHA-256 of the model's file.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Samples that one embedding is made of.
    fn samples(&self) -> usize {
        match self.feed {
            Feed::Samples(samples) => samples,
            Feed::Patches { .. } => (FRAMES - 1) * HOP + vggish::WINDOW,
        }
    }

    /// Settings that stand for the embeddings in a data set: one frame each, taken as they are.
    pub fn settings(&self) -> FrontEndSettings {
        FrontEndSettings {
            sample_rate: RATE,
            n_fft: PATCH,
            hop: PATCH,
            n_mels: self.width,
            mel_scale: MelScale::Htk,
            mel_norm: MelNorm::None,
            f_min: 125.0,
            f_max: 7500.0,
            amin: 1e-10,
            level: LevelSettings { kind: LevelKind::None, gate_db: -70.0, floor_db: 1e6 },
        }
    }

    /// The embeddings of samples at [`RATE`] Hz, one for each whole patch, one behind the other.
    ///
    /// # Errors
    /// When there is not one whole patch, or the model fails or gives what is not finite.
    pub fn embed(&self, samples: &[f32]) -> Result<Vec<f32>> {
        let length = self.samples();
        let mut front_end = FrontEnd::new();
        let mut values = Vec::new();
        let mut start = 0;
        while let Some(patch) = samples.get(start..start + length) {
            values.extend(self.run(&mut front_end, patch)?);
            start += PATCH;
        }
        ensure!(
            !values.is_empty(),
            "it lasts {:.2} s, less than one patch of {:.2} s",
            samples.len() as f64 / f64::from(RATE),
            length as f64 / f64::from(RATE)
        );
        ensure!(values.iter().all(|v| v.is_finite()), "the model gave what is no number");
        Ok(values)
    }

    fn run(&self, front_end: &mut FrontEnd, samples: &[f32]) -> Result<Vec<f32>> {
        let tensor = match self.feed {
            Feed::Samples(count) => Tensor::from_shape(&[1, count], samples)?,
            Feed::Patches { channel } => {
                let patch = front_end.patch(samples);
                match channel {
                    true => Tensor::from_shape(&[1, 1, FRAMES, BANDS], &patch)?,
                    false => Tensor::from_shape(&[1, FRAMES, BANDS], &patch)?,
                }
            }
        };
        let outputs = self.plan.run(tvec![tensor.into()])?;
        let values: Vec<f32> = outputs[0].to_plain_array_view::<f32>()?.iter().copied().collect();
        ensure!(
            self.width == 0 || values.len() == self.width,
            "an embedding has {} values, the others {}",
            values.len(),
            self.width
        );
        Ok(values)
    }
}
