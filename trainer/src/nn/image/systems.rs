//! The image networks of seed systems B (VGGish), C and D, layer by layer.

use std::path::Path;

use anyhow::{Context, Result};
use candle_core::Device;

use super::super::recipe::{PopularityCnnRecipe, SoundCnnRecipe, VggishRecipe};
use super::super::{Blueprint, Network, VGGISH_BANDS, VGGISH_FRAMES};
use super::Sweep;
use super::network::{Builder, Draw, ImageNetwork, Kernel};
use super::pool::Pool;
use super::pretrained::start_from;
use crate::onnx::Graph;

/// Seed system C's network: 2, 4 or 6 blocks of convolution 3 × 3, ReLU, batch norm and max-pool, a
/// linear layer of 512 with ReLU and dropout, and the outputs. Windows become images of `image` (height,
/// width), in one channel or, as the seed's coloured pictures had it, in the three of a colour map.
/// Fresh weights: PyTorch's default.
pub(in crate::nn) fn popularity_cnn(
    recipe: &PopularityCnnRecipe,
    blueprint: &Blueprint<'_>,
) -> Result<ImageNetwork> {
    let mut net = Builder::new("popularity-cnn", blueprint);
    net.resize("image", recipe.image)?;
    if recipe.colour {
        net.colour_map();
    }
    for n in 0..recipe.convolutions {
        let outputs = recipe.channels << (n / 2).min(2);
        let kernel = Kernel { outputs, size: 3, stride: 1, padding: 1, draw: Draw::Default };
        net.conv(&format!("blocks.{n}.conv"), kernel)?
            .rectify(0.0, None)
            .norm(&format!("blocks.{n}.norm"))?
            .pool(Pool::Max, Sweep::square(2, 2, 0))?;
    }
    net.flatten().linear("linear", recipe.width, Draw::Default)?.rectify(0.0, None);
    net.dropout(recipe.dropout);
    net.outputs("outputs", Draw::Default)
}

/// Seed system D's network: four blocks of convolution 5 × 5 with stride 2, ReLU and batch norm over the
/// cepstral coefficients of a segment, and the outputs. Fresh weights: PyTorch's default.
pub(in crate::nn) fn sound_cnn(
    recipe: &SoundCnnRecipe,
    blueprint: &Blueprint<'_>,
) -> Result<ImageNetwork> {
    let mut net = Builder::new("sound-cnn", blueprint);
    net.cepstrum("cepstrum", recipe.coefficients.min(blueprint.bands))?;
    for (n, &outputs) in recipe.channels.iter().enumerate() {
        let kernel = Kernel { outputs, size: 5, stride: 2, padding: 2, draw: Draw::Default };
        net.conv(&format!("blocks.{n}.conv"), kernel)?
            .rectify(0.0, None)
            .norm(&format!("blocks.{n}.norm"))?;
    }
    net.flatten().dropout(recipe.dropout);
    net.outputs("outputs", Draw::Default)
}

/// VGGish (S. Hershey et al., "CNN Architectures for Large-Scale Audio Classification", 2017), layer by
/// layer with the names of its port to PyTorch (`torchvggish`), and an output layer behind the embedding.
/// Frames run downwards and bands across, as there. Fresh weights: PyTorch's default.
pub(in crate::nn) fn vggish(
    recipe: &VggishRecipe,
    blueprint: &Blueprint<'_>,
) -> Result<ImageNetwork> {
    let scaled = |size: usize| ((size as f64 * recipe.width).round() as usize).max(1);
    let mut net = Builder::new("vggish", blueprint);
    net.upright();
    for (number, channels, pooled) in [
        (0, 64, true),
        (3, 128, true),
        (6, 256, false),
        (8, 256, true),
        (11, 512, false),
        (13, 512, true),
    ] {
        let kernel = Kernel {
            outputs: scaled(channels),
            size: 3,
            stride: 1,
            padding: 1,
            draw: Draw::Default,
        };
        net.conv(&format!("features.{number}"), kernel)?.rectify(0.0, None);
        if pooled {
            net.pool(Pool::Max, Sweep::square(2, 2, 0))?;
        }
    }
    net.flatten_channels_last();
    for (number, width) in [(0, 4096), (2, 4096), (4, 128)] {
        net.linear(&format!("embeddings.{number}"), scaled(width), Draw::Default)?;
        net.rectify(0.0, None);
    }
    net.dropout(recipe.dropout);
    net.outputs("outputs", Draw::Default)
}

/// The embedding of VGGish as an ONNX file: `mel [batch, 96, 64]` → `embedding [batch, 128]`, with the
/// weights of a file. Narrower networks than the published one are told by the shape of their weights.
///
/// # Errors
/// When the file cannot be read or does not fit.
pub(in crate::nn) fn vggish_embedding_onnx(weights: &Path) -> Result<Vec<u8>> {
    let first = candle_core::safetensors::load(weights, &Device::Cpu)?;
    let first = first.get("features.0.weight").context("there is no features.0.weight")?;
    let recipe = VggishRecipe { width: first.dim(0)? as f64 / 64.0, dropout: 0.0, weights: None };
    let network = vggish(
        &recipe,
        &Blueprint {
            bands: VGGISH_BANDS,
            beside: 0,
            frames: VGGISH_FRAMES,
            outputs: 1,
            mean: &[0.0; VGGISH_BANDS],
            deviation: &[1.0; VGGISH_BANDS],
            output_bias: &[0.0],
            seed: 0,
            device: &Device::Cpu,
        },
    )?;
    start_from(network.weights(), weights, "outputs")?;
    let mut graph = Graph::default();
    network.write_embedding(&mut graph)?;
    Ok(graph.encode_plain("vggish"))
}
