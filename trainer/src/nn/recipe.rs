//! The `[model]` section of a recipe: which network, and its sizes.

mod systems;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

pub use systems::FewFeaturesRecipe;

/// A network and its sizes; `kind` says which one.
///
/// Streaming networks judge any frame and carry states along; window networks judge whole windows of
/// the length they were trained on. Image networks see a window as a grey image, bands upright and
/// frames across, of any size that their layers can take: the last pools are adaptive.
///
/// # ImageNet weights
///
/// Where to get a file (any machine with Python; `alexnet`, `vgg11` or `mobilenet_v2`):
///
/// ```python
/// import torchvision
/// from safetensors.torch import save_file
/// save_file(torchvision.models.mobilenet_v2(weights="DEFAULT").state_dict(), "mobilenet_v2.safetensors")
/// ```
///
/// An ONNX file will do as well where its initialisers still carry torchvision's names: exporters fold
/// batch norms into convolutions and rename what is left unless told to keep them
/// (`torch.onnx.export(…, training=TrainingMode.PRESERVE, do_constant_folding=False)`). Weights of
/// `timm` have names of their own and do not fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum ModelRecipe {
    /// LSTM layers and a head on the mean of the hidden states so far: the default model. Streaming.
    #[serde(rename = "mean-lstm")]
    MeanLstm(MeanLstmRecipe),
    /// The LSTM of seed system A, corrected. Streaming.
    #[serde(rename = "lstm")]
    Lstm(LstmRecipe),
    /// Linear layers over all values of a window, or of a table row. Window.
    #[serde(rename = "mlp")]
    Mlp(MlpRecipe),
    /// The three-block convolutional network of seed system A. Window.
    #[serde(rename = "cnn3")]
    Cnn3(Cnn3Recipe),
    /// MobileNetV2 as in torchvision. Window.
    #[serde(rename = "mobilenet-v2")]
    MobileNetV2(MobileNetV2Recipe),
    /// VGG11 without batch norm as in torchvision. Window.
    #[serde(rename = "vgg11")]
    Vgg11(Vgg11Recipe),
    /// AlexNet as in torchvision. Window.
    #[serde(rename = "alexnet")]
    AlexNet(AlexNetRecipe),
    /// A transformer encoder with a class token on the time axis. Window.
    #[serde(rename = "transformer")]
    Transformer(TransformerRecipe),
    /// A residual network over rows of few numbers, each embedded by itself: seed system E. Window.
    #[serde(rename = "few-features")]
    FewFeatures(FewFeaturesRecipe),
}

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

/// More than any sensible network has: sizes are multiplied with each other later.
const LARGEST: usize = 1 << 16;

fn positive(name: &str, sizes: &[usize]) -> Result<()> {
    ensure!(
        sizes.iter().all(|size| (1..=LARGEST).contains(size)),
        "model.{name} must be from 1 to {LARGEST}"
    );
    Ok(())
}

fn share(name: &str, share: f64) -> Result<()> {
    ensure!((0.0..1.0).contains(&share), "model.{name} must be from 0 to below 1");
    Ok(())
}

fn scale(width: f64) -> Result<()> {
    ensure!(width > 0.0 && width <= 8.0, "model.width must be above 0 and at most 8");
    Ok(())
}

impl ModelRecipe {
    /// Checks what serde cannot.
    ///
    /// # Errors
    /// Names the first value that cannot be honoured.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::MeanLstm(m) => {
                positive("hidden", &[m.hidden])?;
                positive("layers", &[m.layers])?;
                positive("head", &m.head)?;
                share("dropout", m.dropout)
            }
            Self::Lstm(m) => {
                positive("hidden", &[m.hidden])?;
                positive("layers", &[m.layers])?;
                positive("width", &[m.width])?;
                share("dropout", m.dropout)
            }
            Self::Mlp(m) => {
                positive("widths", &m.widths)?;
                share("dropout", m.dropout)
            }
            Self::Cnn3(m) => {
                positive("channels", &m.channels)?;
                positive("width", &[m.width])?;
                share("dropout", m.dropout)
            }
            Self::MobileNetV2(m) => scale(m.width).and_then(|()| share("dropout", m.dropout)),
            Self::Vgg11(m) => scale(m.width).and_then(|()| share("dropout", m.dropout)),
            Self::AlexNet(m) => scale(m.width).and_then(|()| share("dropout", m.dropout)),
            Self::Transformer(m) => {
                positive("width", &[m.width])?;
                positive("heads", &[m.heads])?;
                positive("layers", &[m.layers])?;
                positive("feed_forward", &[m.feed_forward])?;
                ensure!(
                    m.width % m.heads == 0,
                    "model.width must be a multiple of model.heads: {} is none of {}",
                    m.width,
                    m.heads
                );
                share("dropout", m.dropout)
            }
            Self::FewFeatures(m) => m.validate(),
        }
    }

    /// The value of `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::MeanLstm(_) => "mean-lstm",
            Self::Lstm(_) => "lstm",
            Self::Mlp(_) => "mlp",
            Self::Cnn3(_) => "cnn3",
            Self::MobileNetV2(_) => "mobilenet-v2",
            Self::Vgg11(_) => "vgg11",
            Self::AlexNet(_) => "alexnet",
            Self::Transformer(_) => "transformer",
            Self::FewFeatures(_) => "few-features",
        }
    }

    /// Whether it takes rows of numbers as well as, or in place of, windows of frames.
    pub fn takes_rows(&self) -> bool {
        matches!(self, Self::Mlp(_)) || self.needs_rows()
    }

    /// Whether it takes nothing but rows of numbers.
    pub fn needs_rows(&self) -> bool {
        matches!(self, Self::FewFeatures(_))
    }

    /// The network in a sentence, for model cards.
    pub fn describe(&self) -> String {
        let from = |weights: &Option<PathBuf>| match weights {
            Some(_) => ", started from ImageNet weights",
            None => "",
        };
        match self {
            Self::MeanLstm(m) => format!(
                "LSTM of {} layers with {} hidden values and linear layers of {:?}",
                m.layers, m.hidden, m.head
            ),
            Self::Lstm(m) => format!(
                "LSTM of {} layers with {} hidden values, judged at the last step through two linear layers of {}",
                m.layers, m.hidden, m.width
            ),
            Self::Mlp(m) => format!("Linear layers of {:?}", m.widths),
            Self::Cnn3(m) => format!(
                "Three blocks of 5 × 5 convolutions with {:?} channels and a linear layer of {}",
                m.channels, m.width
            ),
            Self::MobileNetV2(m) => {
                format!("MobileNetV2 of width {}{}", m.width, from(&m.weights))
            }
            Self::Vgg11(m) => format!("VGG11 of width {}{}", m.width, from(&m.weights)),
            Self::AlexNet(m) => format!("AlexNet of width {}{}", m.width, from(&m.weights)),
            Self::Transformer(m) => format!(
                "Transformer encoder of {} layers with {} heads, width {} and linear layers of {}",
                m.layers, m.heads, m.width, m.feed_forward
            ),
            Self::FewFeatures(m) => m.describe(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ModelRecipe, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn every_kind_is_read_under_its_name() {
        for (kind, rest) in [
            ("mean-lstm", "hidden = 8\nlayers = 2\nhead = [4]\ndropout = 0.1"),
            ("lstm", "hidden = 128\nlayers = 3\ndropout = 0.3"),
            ("mlp", "widths = [64, 64, 64]\ndropout = 0.0"),
            ("cnn3", ""),
            ("mobilenet-v2", "weights = \"mobilenet.safetensors\""),
            ("vgg11", ""),
            ("alexnet", "dropout = 0.1"),
            (
                "transformer",
                "width = 64\nheads = 4\nlayers = 2\nfeed_forward = 128\ndropout = 0.1\nnorm = \"post\"\npositions = \"learnt\"",
            ),
        ] {
            let recipe = read(&format!("kind = \"{kind}\"\n{rest}")).unwrap();
            recipe.validate().unwrap();
            assert_eq!(recipe.kind(), kind);
            assert_eq!(read(&toml::to_string(&recipe).unwrap()).unwrap(), recipe);
            let message = read(&format!("kind = \"{kind}\"\n{rest}\nhiden = 1")).unwrap_err();
            assert!(message.to_string().contains("hiden"), "{message}");
        }
        let message = read("kind = \"resnet\"").unwrap_err().to_string();
        assert!(message.contains("resnet") && message.contains("mobilenet-v2"), "{message}");
    }

    #[test]
    fn impossible_sizes_are_named() {
        for (text, word) in [
            ("kind = \"lstm\"\nhidden = 0\nlayers = 3\ndropout = 0.3", "model.hidden"),
            ("kind = \"mlp\"\nwidths = [0]\ndropout = 0.3", "model.widths"),
            ("kind = \"cnn3\"\ndropout = 1.0", "model.dropout"),
            ("kind = \"vgg11\"\nwidth = 0.0", "model.width"),
            (
                "kind = \"transformer\"\nwidth = 63\nheads = 4\nlayers = 2\nfeed_forward = 128\ndropout = 0.1",
                "model.heads",
            ),
        ] {
            let message = read(text).unwrap().validate().unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
    }
}
