//! Networks in Candle: what they have in common, and [`build`], which makes one from a recipe.

mod adam;
mod attention_pool;
mod autocast;
mod autoen_chorder;
mod autoencoder;
mod beside;
mod cepstrum;
mod dropout;
mod elementwise;
mod few_features;
mod hit_music_net;
mod image;
mod init;
mod late_fusion;
mod layer_norm;
mod linear;
mod lstm;
mod lstm_layer;
mod lstm_stack;
mod mean_lstm;
mod optimiser;
mod patches;
mod recipe;
mod running_mean;
mod softmax;
mod sound_lstm;
mod standardise;
mod transformer;
mod weights;

use anyhow::{Result, bail, ensure};
use candle_core::{Device, Tensor};

use crate::Rng;
use crate::onnx::Graph;

pub use autocast::Precision;
pub use dropout::Dropout;
pub use earworm_scorer::model::Contract;
pub use elementwise::{sequence_mask, standardise};
pub use lstm_layer::{lstm_layer, lstm_steps};
pub use mean_lstm::MeanLstm;
pub use optimiser::{Diverged, Kind, Optimiser};
pub use recipe::{
    AlexNetRecipe, AttentionPoolRecipe, AutoenChorderRecipe, Cnn3Recipe, FewFeaturesRecipe,
    HitMusicNetRecipe, LateFusionRecipe, LstmRecipe, MeanLstmRecipe, MlpRecipe, MobileNetV2Recipe,
    ModelRecipe, Norm, PopularityCnnRecipe, Positions, SoundCnnRecipe, SoundLstmRecipe, Token,
    TransformerRecipe, Variant, Vgg11Recipe, VggishRecipe,
};
pub use running_mean::running_mean;
pub use weights::Weights;

/// Slope of leaky rectifiers below zero, as in seed system A (PyTorch's default).
pub const LEAK: f64 = 0.01;

/// A network that is trained in Candle and exported as ONNX.
pub trait Network: Send + Sync {
    /// `frames` is `[frames, batch, bands]` as lanes normalise them (dB); returns the raw outputs
    /// `[positions, batch, outputs]`.
    ///
    /// A streaming network answers at every frame index of `judged_at`. A window network sees the
    /// whole window at once, answers in one position and ignores `judged_at`; it only takes the
    /// number of frames it was built for. `training` switches dropout and batch statistics on, and
    /// moves the running statistics of batch norms.
    ///
    /// # Errors
    /// When shapes do not fit or the device fails.
    fn forward(
        &self,
        frames: &Tensor,
        judged_at: &[u32],
        training: Option<&mut Rng>,
    ) -> Result<Tensor>;

    /// Named values: trained ones, and running ones (statistics of batch norms, mean and deviation
    /// of the bands) that are saved but not trained.
    fn weights(&self) -> &Weights;

    /// Which contract its ONNX graph fulfils: most see whole windows. Streaming networks can be judged
    /// at any frame after warm-up.
    fn contract(&self) -> Contract {
        Contract::Window
    }

    /// Passes over the songs that come first, in which not the target is learnt but what
    /// [`preparation_loss`](Self::preparation_loss) says; none for most networks.
    fn preparation(&self) -> usize {
        0
    }

    /// What is minimised in those passes, for frames as in [`forward`](Self::forward).
    ///
    /// # Errors
    /// When there is no such thing, shapes do not fit or the device fails.
    fn preparation_loss(&self, _frames: &Tensor, _training: &mut Rng) -> Result<Tensor> {
        bail!("this network has nothing to prepare")
    }

    /// Adds the network to an ONNX graph: input `mel [batch, frames, bands]`, output
    /// `score [batch, outputs]` with the first `outputs` of its outputs, and the states of a
    /// streaming network.
    ///
    /// # Errors
    /// When there are not that many outputs or a weight cannot be read from its device.
    fn write_onnx(&self, graph: &mut Graph, outputs: usize) -> Result<()>;
}

/// Refuses windows of another number of frames than a network was built for.
fn check_frames(frames: &Tensor, built_for: usize) -> Result<()> {
    let count = frames.dim(0)?;
    ensure!(
        count == built_for,
        "a window of {count} frames was given to a network for windows of {built_for}"
    );
    Ok(())
}

/// Frames of a patch that VGGish takes.
pub const VGGISH_FRAMES: usize = 96;
/// Mel bands of such a patch.
pub const VGGISH_BANDS: usize = 64;

/// VGGish's embedding as an ONNX file, with the weights of a safetensors file.
///
/// # Errors
/// When the file cannot be read or does not fit.
pub fn vggish_embedding_onnx(weights: &std::path::Path) -> Result<Vec<u8>> {
    image::vggish_embedding_onnx(weights)
}

/// What every network is built from.
#[derive(Clone, Copy)]
pub struct Blueprint<'a> {
    /// Mel bands of a frame, and the numbers beside them; columns of a table row.
    pub bands: usize,
    /// How many of the bands, the last ones, are numbers of the song, the same at every frame.
    pub beside: usize,
    /// Frames of a window; one for table rows.
    pub frames: usize,
    /// Outputs.
    pub outputs: usize,
    /// Mean of each band over the training songs.
    pub mean: &'a [f32],
    /// Standard deviation of each band over the training songs, above zero.
    pub deviation: &'a [f32],
    /// Bias of each output at the start, such as the logit of its mean target.
    pub output_bias: &'a [f32],
    /// All fresh weights follow from it.
    pub seed: u64,
    /// Where the weights lie.
    pub device: &'a Device,
}

/// A network with fresh weights; every kind says how they are drawn. The last layer's bias is the
/// blueprint's `output_bias` in all of them. A file of weights that the recipe names is not read: see
/// [`start`].
///
/// # Errors
/// When the recipe or the blueprint has values that do not fit, or the device fails.
pub fn build(recipe: &ModelRecipe, blueprint: &Blueprint<'_>) -> Result<Box<dyn Network>> {
    recipe.validate()?;
    let Blueprint { bands, frames, outputs, .. } = *blueprint;
    ensure!(
        bands > 0 && frames > 0 && outputs > 0,
        "a network needs bands, frames and outputs; it was given {bands}, {frames} and {outputs}"
    );
    ensure!(
        blueprint.mean.len() == bands && blueprint.deviation.len() == bands,
        "{} means and {} deviations are not one for each of {bands} bands",
        blueprint.mean.len(),
        blueprint.deviation.len()
    );
    ensure!(
        blueprint.deviation.iter().all(|&d| d > 0.0),
        "every band needs a deviation above zero"
    );
    ensure!(
        blueprint.output_bias.len() == outputs,
        "{} biases are not one for each of {outputs} outputs",
        blueprint.output_bias.len()
    );
    Ok(match recipe {
        ModelRecipe::MeanLstm(recipe) => Box::new(MeanLstm::new(recipe, blueprint)?),
        ModelRecipe::Lstm(recipe) => Box::new(lstm::Lstm::new(recipe, blueprint)?),
        ModelRecipe::Mlp(recipe) => Box::new(image::mlp(recipe, blueprint)?),
        ModelRecipe::Cnn3(recipe) => Box::new(image::cnn3(recipe, blueprint)?),
        ModelRecipe::MobileNetV2(recipe) => Box::new(image::mobilenet_v2(recipe, blueprint)?),
        ModelRecipe::Vgg11(recipe) => Box::new(image::vgg11(recipe, blueprint)?),
        ModelRecipe::AlexNet(recipe) => Box::new(image::alexnet(recipe, blueprint)?),
        ModelRecipe::Transformer(recipe) => {
            Box::new(transformer::Transformer::new(recipe, blueprint)?)
        }
        ModelRecipe::FewFeatures(recipe) => {
            Box::new(few_features::FewFeatures::new(recipe, blueprint)?)
        }
        ModelRecipe::HitMusicNet(recipe) => {
            Box::new(hit_music_net::HitMusicNet::new(recipe, blueprint)?)
        }
        ModelRecipe::AutoenChorder(recipe) => {
            Box::new(autoen_chorder::AutoenChorder::new(recipe, blueprint)?)
        }
        ModelRecipe::Vggish(recipe) => Box::new(image::vggish(recipe, blueprint)?),
        ModelRecipe::PopularityCnn(recipe) => Box::new(image::popularity_cnn(recipe, blueprint)?),
        ModelRecipe::SoundCnn(recipe) => Box::new(image::sound_cnn(recipe, blueprint)?),
        ModelRecipe::SoundLstm(recipe) => Box::new(sound_lstm::SoundLstm::new(recipe, blueprint)?),
        ModelRecipe::LateFusion(recipe) => {
            Box::new(late_fusion::LateFusion::new(recipe, blueprint)?)
        }
        ModelRecipe::AttentionPool(recipe) => {
            Box::new(attention_pool::AttentionPool::new(recipe, blueprint)?)
        }
    })
}

/// Takes over into a fresh network what its recipe starts it from, if it names a file of weights. The last
/// layer stays as it is.
///
/// # Errors
/// When the file cannot be read or does not fit; the message names it, and nothing has changed then.
pub fn start(recipe: &ModelRecipe, network: &dyn Network) -> Result<()> {
    match recipe.pretrained() {
        Some((path, last)) => image::start_from(network.weights(), path, last),
        None => Ok(()),
    }
}

/// The rows of `hidden [frames, batch, width]` that are to be judged.
fn judged(hidden: &Tensor, judged_at: &[u32]) -> Result<Tensor> {
    let frames = hidden.dim(0)?;
    ensure!(!judged_at.is_empty(), "no frame to judge at was named");
    ensure!(
        judged_at.iter().all(|&at| (at as usize) < frames),
        "a frame to judge at lies behind the {frames} there are: {judged_at:?}"
    );
    Ok(hidden.index_select(&Tensor::new(judged_at, hidden.device())?, 0)?)
}
