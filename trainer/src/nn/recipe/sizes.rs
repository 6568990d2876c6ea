//! The sizes of the networks of seed system A and of the default model.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Sizes of the default network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeanLstmRecipe {
    /// Hidden values of each LSTM layer.
    pub hidden: usize,
    /// LSTM layers.
    pub layers: usize,
    /// Widths of the linear layers between the last LSTM layer and the outputs.
    pub head: Vec<usize>,
    /// Share of hidden values dropped in training, between layers.
    pub dropout: f64,
}

/// Sizes of seed system A's LSTM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LstmRecipe {
    /// Hidden values of each LSTM layer; the seed has 128.
    pub hidden: usize,
    /// LSTM layers; the seed has 3.
    pub layers: usize,
    /// Share of values dropped in training, between LSTM layers and in the head; the seed has 0.3.
    pub dropout: f64,
    /// Width of the two linear layers before the outputs; the seed has 512.
    #[serde(default = "seed_width")]
    pub width: usize,
    /// The published defect: a softmax inside the network, on top of which the loss takes its own. What
    /// comes out lies between −1 and 1, so that no answer can be sure and gradients fade.
    #[serde(default)]
    pub double_softmax: bool,
}

/// Sizes of a network of linear layers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MlpRecipe {
    /// Widths of the layers before the outputs.
    pub widths: Vec<usize>,
    /// Share of values dropped in training after each of them.
    pub dropout: f64,
}

/// Sizes of seed system A's convolutional network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cnn3Recipe {
    /// Channels of the three blocks; the seed has 64, 128 and 64.
    #[serde(default = "seed_channels")]
    pub channels: [usize; 3],
    /// Width of the linear layer before the outputs; the seed has 512.
    #[serde(default = "seed_width")]
    pub width: usize,
    /// Share of values dropped in training before the outputs.
    #[serde(default)]
    pub dropout: f64,
    /// The published defect: nothing lies between the last two linear layers, which then are one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub straight: bool,
    /// Whether the network sees each window as a picture of 256 greys from its weakest value to its
    /// strongest, as the seed's convolutional variant did, in place of standardised bands.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub eight_bit: bool,
}

/// Sizes of a MobileNetV2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MobileNetV2Recipe {
    /// Share of values dropped in training before the outputs; torchvision has 0.2.
    #[serde(default = "mobilenet_dropout")]
    pub dropout: f64,
    /// Torchvision's `width_mult`: channels in relation to the published network.
    #[serde(default = "full")]
    pub width: f64,
    /// ImageNet weights to start from: safetensors or ONNX with torchvision's names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// Whether the network sees each window as a picture of 256 greys from its weakest value to its
    /// strongest, as the seed's convolutional variant did, in place of standardised bands.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub eight_bit: bool,
}

/// Sizes of a VGG11.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vgg11Recipe {
    /// Share of values dropped in training between the linear layers; torchvision has 0.5.
    #[serde(default = "half")]
    pub dropout: f64,
    /// Channels and widths in relation to the published network, which has 129 million values.
    #[serde(default = "full")]
    pub width: f64,
    /// ImageNet weights to start from: safetensors or ONNX with torchvision's names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// Whether the network sees each window as a picture of 256 greys from its weakest value to its
    /// strongest, as the seed's convolutional variant did, in place of standardised bands.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub eight_bit: bool,
}

/// Sizes of an AlexNet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlexNetRecipe {
    /// Share of values dropped in training between the linear layers; torchvision has 0.5.
    #[serde(default = "half")]
    pub dropout: f64,
    /// Channels and widths in relation to the published network, which has 57 million values.
    #[serde(default = "full")]
    pub width: f64,
    /// ImageNet weights to start from: safetensors or ONNX with torchvision's names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// Whether the network sees each window as a picture of 256 greys from its weakest value to its
    /// strongest, as the seed's convolutional variant did, in place of standardised bands.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub eight_bit: bool,
}

/// Sizes of a transformer encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformerRecipe {
    /// Values of each position; a multiple of `heads`.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Encoder layers.
    pub layers: usize,
    /// Width of the layers between attentions.
    pub feed_forward: usize,
    /// Share of values dropped in training.
    pub dropout: f64,
    /// Where layers are normed.
    #[serde(default)]
    pub norm: Norm,
    /// How positions are told apart.
    #[serde(default)]
    pub positions: Positions,
    /// Where the class token is.
    #[serde(default)]
    pub token: Token,
}

/// Where the class token of a transformer is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Token {
    /// Before the first frame: a position that can attend to all others.
    #[default]
    Time,
    /// The published defect: another band of every frame. What is judged is then the first frame.
    Band,
}

/// Where the layers of a transformer are normed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// Before attention and before the linear layers, and once behind the last layer (PyTorch's
    /// `norm_first`): trains without a warm-up.
    #[default]
    Pre,
    /// After each sum, as first published.
    Post,
}

/// How a transformer tells positions apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Positions {
    /// Sines and cosines of geometrically spaced wavelengths, as first published.
    #[default]
    Sinusoidal,
    /// A trained vector for each position.
    Learnt,
}

fn seed_width() -> usize {
    512
}

fn seed_channels() -> [usize; 3] {
    [64, 128, 64]
}

fn mobilenet_dropout() -> f64 {
    0.2
}

fn half() -> f64 {
    0.5
}

fn full() -> f64 {
    1.0
}
