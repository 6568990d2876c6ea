//! `few-features`: a small residual network over a row of few numbers (seed system E).
//!
//! Each number x becomes a vector of its own, relu(w x + b), so that the network can bend every axis
//! before it combines them (Y. Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep
//! Learning", NeurIPS 2022). Linear → residual blocks of layer norm, linear, ReLU, dropout, linear →
//! layer norm → ReLU → outputs (the ResNet of Gorishniy et al., "Revisiting Deep Learning Models for
//! Tabular Data", NeurIPS 2021, with layer norms, which small batches suit better).

use anyhow::{Result, ensure};
use candle_core::{Tensor, Var};

use super::dropout::dropout;
use super::init::{Fill, Maker, default_limit};
use super::layer_norm::LayerNorm;
use super::linear::Linear;
use super::recipe::FewFeaturesRecipe;
use super::standardise::Standardise;
use super::{Blueprint, Network, Weights};
use crate::Rng;
use crate::onnx::{Attribute, Graph};

/// See the module.
pub(super) struct FewFeatures {
    weights: Weights,
    standardise: Standardise,
    /// Factors and offsets of the embeddings, `[features, embedding]`.
    factors: Var,
    offsets: Var,
    input: Linear,
    blocks: Vec<Block>,
    norm: LayerNorm,
    head: Linear,
    dropout: f64,
}

/// What is added to a row in one step.
struct Block {
    norm: LayerNorm,
    first: Linear,
    second: Linear,
}

impl FewFeatures {
    /// Fresh weights: factors normal and offsets uniform in ± 1, so that the bends of each number lie
    /// where its standardised values are; linear layers as PyTorch's default.
    pub(super) fn new(recipe: &FewFeaturesRecipe, blueprint: &Blueprint<'_>) -> Result<Self> {
        ensure!(
            blueprint.frames == 1,
            "few-features takes rows of numbers, not windows of {} frames; name `data.columns`",
            blueprint.frames
        );
        let maker = &mut Maker::new(blueprint);
        let (features, width) = (blueprint.bands, recipe.width);
        let dims = [features, recipe.embedding];
        let factors = maker.trained("embedding.factors", &dims, Fill::Normal(1.0))?;
        let offsets = maker.trained("embedding.offsets", &dims, Fill::Uniform(1.0))?;
        let input = Linear::default(maker, "input", (features * recipe.embedding, width))?;
        let blocks = (0..recipe.blocks)
            .map(|n| {
                let name = |part: &str| format!("blocks.{n}.{part}");
                Ok(Block {
                    norm: LayerNorm::new(maker, &name("norm"), width)?,
                    first: Linear::default(maker, &name("first"), (width, 2 * width))?,
                    second: Linear::default(maker, &name("second"), (2 * width, width))?,
                })
            })
            .collect::<Result<_>>()?;
        let norm = LayerNorm::new(maker, "norm", width)?;
        let head = Linear::outputs(maker, "head", width, Fill::Uniform(default_limit(width)))?;
        let standardise = Standardise::new(maker)?;
        let weights = std::mem::take(&mut maker.weights);
        let dropout = recipe.dropout;
        Ok(Self { weights, standardise, factors, offsets, input, blocks, norm, head, dropout })
    }
}

impl Network for FewFeatures {
    fn forward(
        &self,
        frames: &Tensor,
        _judged_at: &[u32],
        mut training: Option<&mut Rng>,
    ) -> Result<Tensor> {
        ensure!(frames.dim(0)? == 1, "a row is one frame, not {}", frames.dim(0)?);
        let row = self.standardise.forward(frames)?.squeeze(0)?;
        let embedded =
            row.unsqueeze(2)?.broadcast_mul(&self.factors)?.broadcast_add(&self.offsets)?;
        let mut x = self.input.forward(&embedded.relu()?.flatten_from(1)?)?;
        for block in &self.blocks {
            let wide = block.first.forward(&block.norm.forward(&x)?)?.relu()?;
            let wide = dropout(&wide, self.dropout, &mut training)?;
            let step = dropout(&block.second.forward(&wide)?, self.dropout, &mut training)?;
            x = (x + step)?;
        }
        Ok(self.head.forward(&self.norm.forward(&x)?.relu()?)?.unsqueeze(0)?)
    }

    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn write_onnx(&self, graph: &mut Graph, outputs: usize) -> Result<()> {
        let x = self.standardise.open_window(graph, (1, outputs))?;
        let turned = graph.apply("Transpose", &[x], vec![Attribute::ints("perm", &[0, 2, 1])]);
        graph.weights("embedding.w", &self.factors)?;
        graph.weights("embedding.b", &self.offsets)?;
        let scaled = graph.apply("Mul", &[&turned, "embedding.w"], vec![]);
        let moved = graph.apply("Add", &[&scaled, "embedding.b"], vec![]);
        let bent = graph.apply("Relu", &[&moved], vec![]);
        let flat = graph.apply("Flatten", &[&bent], vec![Attribute::int("axis", 1)]);
        let mut x = "input.x".to_owned();
        self.input.write_onnx(graph, "input", &flat, self.input.width(), &x)?;
        for (n, block) in self.blocks.iter().enumerate() {
            let name = |part: &str| format!("blocks.{n}.{part}");
            let normed = block.norm.write_onnx(graph, &name("norm"), &x)?;
            let (wide, step) = (name("wide"), name("step"));
            let first = block.first.width();
            block.first.write_onnx(graph, &name("first"), &normed, first, &wide)?;
            let wide = graph.apply("Relu", &[&wide], vec![]);
            let second = block.second.width();
            block.second.write_onnx(graph, &name("second"), &wide, second, &step)?;
            x = graph.apply("Add", &[&x, &step], vec![]);
        }
        let normed = self.norm.write_onnx(graph, "norm", &x)?;
        let bent = graph.apply("Relu", &[&normed], vec![]);
        self.head.write_onnx(graph, "head", &bent, outputs, "score")
    }
}
