//! The networks of seed systems B to E, and of what those systems wished for.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::{positive, scale, share};

/// Sizes of a network over few numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FewFeaturesRecipe {
    /// Values that each number becomes.
    pub embedding: usize,
    /// Values of a row behind its embeddings.
    pub width: usize,
    /// Residual blocks.
    pub blocks: usize,
    /// Share of values dropped in training, within blocks.
    #[serde(default)]
    pub dropout: f64,
}

impl FewFeaturesRecipe {
    pub(super) fn validate(&self) -> Result<()> {
        positive("embedding", &[self.embedding])?;
        positive("width", &[self.width])?;
        positive("blocks", &[self.blocks])?;
        share("dropout", self.dropout)
    }

    pub(super) fn describe(&self) -> String {
        format!(
            "Residual network of {} blocks and width {} over numbers that are embedded in {} values each",
            self.blocks, self.width, self.embedding
        )
    }
}

/// Sizes of a HitMusicNet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HitMusicNetRecipe {
    /// Values of the autoencoder's code; a fifth of the row's without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<usize>,
    /// Share of values dropped in training behind the code; published 0.25.
    #[serde(default = "quarter")]
    pub dropout: f64,
    /// Passes in which the autoencoder alone learns.
    #[serde(default = "twenty")]
    pub preparation: usize,
    /// Whether the autoencoder goes on learning with the rest; as published it stays.
    #[serde(default)]
    pub joint: bool,
}

fn quarter() -> f64 {
    0.25
}

fn twenty() -> usize {
    20
}

impl HitMusicNetRecipe {
    pub(super) fn validate(&self) -> Result<()> {
        positive("code", self.code.as_slice())?;
        share("dropout", self.dropout)
    }

    pub(super) fn describe(&self) -> String {
        let code =
            self.code.map_or("a fifth of the row".to_owned(), |code| format!("{code} values"));
        format!("HitMusicNet: an autoencoder to {code}, and linear layers")
    }
}

/// Sizes of an Autoen-chorder or one of its alternatives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoenChorderRecipe {
    /// Which of them.
    #[serde(default)]
    pub variant: Variant,
    /// Frames of a patch, about a second; 1 where frames are embeddings.
    #[serde(default = "a_second")]
    pub patch: usize,
    /// Hidden values of the LSTMs.
    #[serde(default = "wide")]
    pub hidden: usize,
    /// Values of each code; published 20.
    #[serde(default = "twenty")]
    pub code: usize,
    /// Linear layers from the codes to the outputs; published 7, 9 or 12.
    #[serde(default = "seven")]
    pub layers: usize,
    /// Share of values dropped in training between them.
    #[serde(default)]
    pub dropout: f64,
    /// Passes in which the autoencoders alone learn.
    #[serde(default = "twenty")]
    pub preparation: usize,
}

/// Autoen-chorder and its alternatives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// One autoencoder for numbers, one with LSTMs for the sequence.
    #[default]
    TwoAutoencoders,
    /// One for the numbers and the mean of the sequence together.
    SingleAutoencoder,
    /// One for the numbers, and an LSTM without one.
    LstmAndAutoencoder,
    /// HitMusicNet's for the numbers, and the mean of the sequence as it is.
    HitMusicNetAndEmbeddings,
}

fn a_second() -> usize {
    21
}

fn wide() -> usize {
    64
}

fn seven() -> usize {
    7
}

impl AutoenChorderRecipe {
    pub(super) fn validate(&self) -> Result<()> {
        positive("patch", &[self.patch])?;
        positive("hidden", &[self.hidden])?;
        positive("code", &[self.code])?;
        ensure!((2..=100).contains(&self.layers), "model.layers must be from 2 to 100");
        share("dropout", self.dropout)
    }

    pub(super) fn describe(&self) -> String {
        let what = match self.variant {
            Variant::TwoAutoencoders => "two autoencoders",
            Variant::SingleAutoencoder => "a single autoencoder",
            Variant::LstmAndAutoencoder => "an LSTM and an autoencoder",
            Variant::HitMusicNetAndEmbeddings => "HitMusicNet's autoencoder and the mean embedding",
        };
        format!("Autoen-chorder: {what}, and {} linear layers", self.layers)
    }
}

/// Sizes of a VGGish.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VggishRecipe {
    /// Channels and widths in relation to the published network, which has 72 million values.
    #[serde(default = "full")]
    pub width: f64,
    /// Share of values dropped in training before the outputs.
    #[serde(default)]
    pub dropout: f64,
    /// Refused, with the reason: published weights are for another front end. Embeddings take them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
}

fn full() -> f64 {
    1.0
}

impl VggishRecipe {
    pub(super) fn validate(&self) -> Result<()> {
        ensure!(
            self.weights.is_none(),
            "model.weights: what VGGish has learnt expects ln(mel + 0.01) of its own front end, and the frames of a data set are decibels whose level is removed; make embeddings with `dataset build --embedding FILE` and learn from those, or leave weights out to train from scratch"
        );
        scale(self.width)?;
        share("dropout", self.dropout)
    }

    pub(super) fn describe(&self) -> String {
        format!("VGGish of width {}", self.width)
    }
}

/// Sizes of seed system C's network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PopularityCnnRecipe {
    /// Convolutions: 2, 4 or 6.
    pub convolutions: usize,
    /// Whether the image goes through a colour map, as the seed's pictures did. A colour map is a function
    /// of the one value a pixel has: it adds nothing that was not there.
    #[serde(default)]
    pub colour: bool,
    /// Channels of the first two convolutions; doubled for each two more.
    #[serde(default = "sixteen")]
    pub channels: usize,
    /// Width of the linear layer before the outputs; published 512.
    #[serde(default = "published_width")]
    pub width: usize,
    /// Share of values dropped in training behind it; published 0.4.
    #[serde(default = "published_dropout")]
    pub dropout: f64,
    /// Height and width of the image that a window becomes; published 102 × 159.
    #[serde(default = "published_image")]
    pub image: (usize, usize),
}

fn sixteen() -> usize {
    16
}

fn published_width() -> usize {
    512
}

fn published_dropout() -> f64 {
    0.4
}

fn published_image() -> (usize, usize) {
    (102, 159)
}

impl PopularityCnnRecipe {
    pub(super) fn validate(&self) -> Result<()> {
        ensure!([2, 4, 6].contains(&self.convolutions), "model.convolutions must be 2, 4 or 6");
        ensure!(
            (1..=4096).contains(&self.image.0) && (1..=4096).contains(&self.image.1),
            "model.image must be from 1 × 1 to 4096 × 4096"
        );
        let least = 1 << self.convolutions;
        ensure!(
            self.image.0.min(self.image.1) >= least,
            "model.image must be at least {least} × {least} for {} convolutions, each of which halves it; it is {} × {}",
            self.convolutions,
            self.image.0,
            self.image.1
        );
        positive("channels", &[self.channels])?;
        positive("width", &[self.width])?;
        share("dropout", self.dropout)
    }

    pub(super) fn describe(&self) -> String {
        let (height, width) = self.image;
        let colours = if self.colour { "coloured" } else { "grey" };
        format!("{} convolutions over {colours} images of {height} × {width}", self.convolutions)
    }
}

/// Sizes of seed system D's convolutional network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoundCnnRecipe {
    /// Cepstral coefficients; published 13.
    #[serde(default = "thirteen")]
    pub coefficients: usize,
    /// Channels of the four blocks.
    #[serde(default = "four_blocks")]
    pub channels: [usize; 4],
    /// Share of values dropped in training before the outputs.
    #[serde(default)]
    pub dropout: f64,
}

fn thirteen() -> usize {
    13
}

fn four_blocks() -> [usize; 4] {
    [16, 32, 64, 128]
}

impl SoundCnnRecipe {
    pub(super) fn validate(&self) -> Result<()> {
        positive("coefficients", &[self.coefficients])?;
        positive("channels", &self.channels)?;
        share("dropout", self.dropout)
    }

    pub(super) fn describe(&self) -> String {
        format!(
            "Four blocks of 5 × 5 convolutions over {} cepstral coefficients",
            self.coefficients
        )
    }
}

/// Sizes of seed system D's recurrent network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoundLstmRecipe {
    /// Cepstral coefficients; published 13.
    #[serde(default = "thirteen")]
    pub coefficients: usize,
    /// Hidden values of each direction; published 64.
    #[serde(default = "wide")]
    pub hidden: usize,
    /// Bidirectional layers; published 2.
    #[serde(default = "two")]
    pub layers: usize,
    /// Share of values dropped in training behind them; published 0.5.
    #[serde(default = "half")]
    pub dropout: f64,
}

fn two() -> usize {
    2
}

fn half() -> f64 {
    0.5
}

impl SoundLstmRecipe {
    pub(super) fn validate(&self) -> Result<()> {
        positive("coefficients", &[self.coefficients])?;
        positive("hidden", &[self.hidden])?;
        positive("layers", &[self.layers])?;
        share("dropout", self.dropout)
    }

    pub(super) fn describe(&self) -> String {
        format!(
            "{} bidirectional LSTM layers of {} over {} cepstral coefficients",
            self.layers, self.hidden, self.coefficients
        )
    }
}

/// Sizes of a network over sound and numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LateFusionRecipe {
    /// Frames of a patch, about a second; 1 where frames are embeddings.
    #[serde(default = "a_second")]
    pub patch: usize,
    /// Hidden values of the LSTM.
    pub hidden: usize,
    /// Width of the linear layers.
    pub width: usize,
    /// Share of values dropped in training.
    #[serde(default)]
    pub dropout: f64,
}

impl LateFusionRecipe {
    pub(super) fn validate(&self) -> Result<()> {
        positive("patch", &[self.patch])?;
        positive("hidden", &[self.hidden])?;
        positive("width", &[self.width])?;
        share("dropout", self.dropout)
    }

    pub(super) fn describe(&self) -> String {
        format!(
            "LSTM of {} over sound, joined with numbers in a layer of {}",
            self.hidden, self.width
        )
    }
}

/// Sizes of a network over whole songs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttentionPoolRecipe {
    /// Frames of a patch, about a second; 1 where frames are embeddings.
    #[serde(default = "a_second")]
    pub patch: usize,
    /// Hidden values of the LSTM.
    pub hidden: usize,
    /// Width of the layer that asks what a patch counts.
    pub attention: usize,
    /// Share of values dropped in training.
    #[serde(default)]
    pub dropout: f64,
}

impl AttentionPoolRecipe {
    pub(super) fn validate(&self) -> Result<()> {
        positive("patch", &[self.patch])?;
        positive("hidden", &[self.hidden])?;
        positive("attention", &[self.attention])?;
        share("dropout", self.dropout)
    }

    pub(super) fn describe(&self) -> String {
        format!("LSTM of {} over patches of a long window, pooled by attention", self.hidden)
    }
}
