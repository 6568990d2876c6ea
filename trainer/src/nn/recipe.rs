//! The `[model]` section of a recipe: which network, and its sizes.

mod sizes;
mod systems;

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::Contract;

pub use sizes::{
    AlexNetRecipe, Cnn3Recipe, LstmRecipe, MeanLstmRecipe, MlpRecipe, MobileNetV2Recipe, Norm,
    Positions, Token, TransformerRecipe, Vgg11Recipe,
};
pub use systems::{
    AttentionPoolRecipe, AutoenChorderRecipe, FewFeaturesRecipe, HitMusicNetRecipe,
    LateFusionRecipe, PopularityCnnRecipe, SoundCnnRecipe, SoundLstmRecipe, Variant, VggishRecipe,
};

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
    /// HitMusicNet over rows: seed system B. Window.
    #[serde(rename = "hit-music-net")]
    HitMusicNet(HitMusicNetRecipe),
    /// Two autoencoders over rows and sequences, or one of its alternatives: seed system B. Window.
    #[serde(rename = "autoen-chorder")]
    AutoenChorder(AutoenChorderRecipe),
    /// VGGish, which makes the embeddings of seed system B, with an output layer. Window.
    #[serde(rename = "vggish")]
    Vggish(VggishRecipe),
    /// The convolutional network of seed system C. Window.
    #[serde(rename = "popularity-cnn")]
    PopularityCnn(PopularityCnnRecipe),
    /// The convolutional network of seed system D. Window.
    #[serde(rename = "sound-cnn")]
    SoundCnn(SoundCnnRecipe),
    /// The bidirectional LSTM of seed system D. Window.
    #[serde(rename = "sound-lstm")]
    SoundLstm(SoundLstmRecipe),
    /// Sound and numbers of the song beside it. Window.
    #[serde(rename = "late-fusion")]
    LateFusion(LateFusionRecipe),
    /// Whole songs, pooled by attention. Window.
    #[serde(rename = "attention-pool")]
    AttentionPool(AttentionPoolRecipe),
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
            Self::HitMusicNet(m) => m.validate(),
            Self::AutoenChorder(m) => m.validate(),
            Self::Vggish(m) => m.validate(),
            Self::PopularityCnn(m) => m.validate(),
            Self::SoundCnn(m) => m.validate(),
            Self::SoundLstm(m) => m.validate(),
            Self::LateFusion(m) => m.validate(),
            Self::AttentionPool(m) => m.validate(),
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
            Self::HitMusicNet(_) => "hit-music-net",
            Self::AutoenChorder(_) => "autoen-chorder",
            Self::Vggish(_) => "vggish",
            Self::PopularityCnn(_) => "popularity-cnn",
            Self::SoundCnn(_) => "sound-cnn",
            Self::SoundLstm(_) => "sound-lstm",
            Self::LateFusion(_) => "late-fusion",
            Self::AttentionPool(_) => "attention-pool",
        }
    }

    /// What its ONNX graph is given; see [`Network::contract`](super::Network::contract).
    pub fn contract(&self) -> Contract {
        match self {
            Self::MeanLstm(_) | Self::Lstm(_) => Contract::Streaming,
            _ => Contract::Window,
        }
    }

    /// Whether it takes rows of numbers as well as, or in place of, windows of frames.
    pub fn takes_rows(&self) -> bool {
        matches!(self, Self::Mlp(_)) || self.needs_rows()
    }

    /// Whether it takes nothing but rows of numbers.
    pub fn needs_rows(&self) -> bool {
        matches!(self, Self::FewFeatures(_) | Self::HitMusicNet(_))
    }

    /// Whether it takes numbers of the song beside its sound.
    pub fn needs_beside(&self) -> bool {
        matches!(self, Self::AutoenChorder(_) | Self::LateFusion(_))
    }

    /// Passes in which it learns to give back what it is given, before it learns the target.
    pub fn preparation(&self) -> usize {
        match self {
            Self::HitMusicNet(m) => m.preparation,
            Self::AutoenChorder(m) => m.preparation,
            _ => 0,
        }
    }

    /// The file of weights that training starts from, and the name of the layer that is not in it.
    pub fn pretrained(&self) -> Option<(&Path, &'static str)> {
        let (weights, last) = match self {
            Self::MobileNetV2(m) => (&m.weights, "classifier.1"),
            Self::Vgg11(m) => (&m.weights, "classifier.6"),
            Self::AlexNet(m) => (&m.weights, "classifier.6"),
            _ => return None,
        };
        Some((weights.as_deref()?, last))
    }

    /// Whether it could start from a file of weights, but its recipe names none.
    pub fn from_scratch(&self) -> bool {
        let could = matches!(self, Self::MobileNetV2(_) | Self::Vgg11(_) | Self::AlexNet(_));
        could && self.pretrained().is_none()
    }

    /// The network in a sentence, for model cards.
    pub fn describe(&self) -> String {
        let from = |weights: &Option<PathBuf>| match weights {
            Some(_) => ", started from ImageNet weights",
            None => ", trained from scratch",
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
            Self::HitMusicNet(m) => m.describe(),
            Self::AutoenChorder(m) => m.describe(),
            Self::Vggish(m) => m.describe(),
            Self::PopularityCnn(m) => m.describe(),
            Self::SoundCnn(m) => m.describe(),
            Self::SoundLstm(m) => m.describe(),
            Self::LateFusion(m) => m.describe(),
            Self::AttentionPool(m) => m.describe(),
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
