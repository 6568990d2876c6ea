//! `hit-music-net`: HitMusicNet (D. Martín-Gutiérrez et al., "A Multimodal End-to-End Deep Learning
//! Architecture for Music Popularity Prediction", IEEE Access 8, 2020; seed system B).
//!
//! A row → autoencoder to about a fifth → linear layers of the code's width, its half and its third, with
//! ReLU and dropout → outputs. The autoencoder is trained first, to give rows back; as published it then
//! stays as it is, and with `joint` it goes on learning with the rest.

use anyhow::{Result, ensure};
use candle_core::Tensor;

use super::autoencoder::{Autoencoder, Draw, Stack, halving};
use super::init::Maker;
use super::linear::Linear;
use super::recipe::HitMusicNetRecipe;
use super::standardise::Standardise;
use super::{Blueprint, Network, Weights};
use crate::Rng;
use crate::onnx::{Attribute, Graph};

/// See the module.
pub(super) struct HitMusicNet {
    weights: Weights,
    standardise: Standardise,
    autoencoder: Autoencoder,
    layers: Stack,
    head: Linear,
    dropout: f64,
    joint: bool,
    preparation: usize,
}

impl HitMusicNet {
    /// Fresh weights after He: normal with deviation √(2/inputs), biases zero.
    pub(super) fn new(recipe: &HitMusicNetRecipe, blueprint: &Blueprint<'_>) -> Result<Self> {
        ensure!(
            blueprint.frames == 1,
            "hit-music-net takes rows of numbers, not windows of {} frames; name `data.columns`",
            blueprint.frames
        );
        let maker = &mut Maker::new(blueprint);
        let inputs = blueprint.bands;
        let code = recipe.code.unwrap_or((inputs / 5).max(1));
        let autoencoder =
            Autoencoder::new(maker, "autoencoder", &halving(inputs, code, 2), Draw::He)?;
        let widths = [code, code, (code / 2).max(1), (code / 3).max(1)];
        let layers = Stack::new(maker, "layers", &widths, Draw::He, true)?;
        let head = Draw::He.outputs(maker, "head", widths[3])?;
        let standardise = Standardise::new(maker)?;
        let weights = std::mem::take(&mut maker.weights);
        Ok(Self {
            weights,
            standardise,
            autoencoder,
            layers,
            head,
            dropout: recipe.dropout,
            joint: recipe.joint,
            preparation: recipe.preparation,
        })
    }

    fn code(&self, frames: &Tensor) -> Result<(Tensor, Tensor)> {
        ensure!(frames.dim(0)? == 1, "a row is one frame, not {}", frames.dim(0)?);
        let row = self.standardise.forward(frames)?;
        let code = self.autoencoder.code(&row)?;
        Ok((row, code))
    }
}

impl Network for HitMusicNet {
    fn forward(
        &self,
        frames: &Tensor,
        _judged_at: &[u32],
        mut training: Option<&mut Rng>,
    ) -> Result<Tensor> {
        let (_, code) = self.code(frames)?;
        let fixed = training.is_some() && !self.joint && self.preparation > 0;
        let code = if fixed { code.detach() } else { code };
        self.head.forward(&self.layers.forward(&code, self.dropout, &mut training)?)
    }

    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn preparation(&self) -> usize {
        self.preparation
    }

    /// The mean squared difference between rows and what their codes give back.
    fn preparation_loss(&self, frames: &Tensor, _training: &mut Rng) -> Result<Tensor> {
        let (row, code) = self.code(frames)?;
        Ok((self.autoencoder.back(&code)? - row)?.sqr()?.mean_all()?)
    }

    fn write_onnx(&self, graph: &mut Graph, outputs: usize) -> Result<()> {
        let x = self.standardise.open_window(graph, (1, outputs))?;
        let row = graph.apply("Flatten", &[x], vec![Attribute::int("axis", 1)]);
        let code = self.autoencoder.write_onnx(graph, &row)?;
        let x = self.layers.write_onnx(graph, &code)?;
        self.head.write_onnx(graph, "head", &x, outputs, "score")
    }
}
