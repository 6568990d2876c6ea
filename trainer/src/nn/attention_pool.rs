//! `attention-pool`: whole songs in place of 30 s. A long window is cut into patches, which an LSTM steps
//! through; attention says how much each counts (M. Ilse et al., "Attention-based Deep Multiple Instance
//! Learning", ICML 2018), and the outputs are taken of the weighted mean.

use anyhow::Result;
use candle_core::{Tensor, Var};

use super::autocast::product;
use super::dropout::dropout;
use super::init::{Fill, Maker, default_limit};
use super::linear::Linear;
use super::lstm_stack::LstmLayer;
use super::patches::Patches;
use super::recipe::AttentionPoolRecipe;
use super::softmax::softmax;
use super::standardise::Standardise;
use super::{Blueprint, Network, Weights, check_frames};
use crate::Rng;
use crate::onnx::{Attribute, Graph};

/// See the module.
pub(super) struct AttentionPool {
    weights: Weights,
    standardise: Standardise,
    patches: Patches,
    lstm: LstmLayer,
    /// tanh of this …
    attention: Linear,
    /// … times this `[attention, 1]` is what a patch counts, before the softmax.
    question: Var,
    head: Linear,
    frames: usize,
    dropout: f64,
}

impl AttentionPool {
    /// Fresh weights: PyTorch's default; the forget gates' bias 1.
    pub(super) fn new(recipe: &AttentionPoolRecipe, blueprint: &Blueprint<'_>) -> Result<Self> {
        let maker = &mut Maker::new(blueprint);
        let patches = Patches::of(blueprint.frames, recipe.patch)?;
        let (hidden, width) = (recipe.hidden, recipe.attention);
        let bias = LstmLayer::open_gates(hidden);
        let inputs = patches.width(blueprint.bands);
        let lstm = LstmLayer::new(maker, "lstm", (inputs, hidden), Fill::Values(&bias))?;
        let attention = Linear::default(maker, "attention", (hidden, width))?;
        let question =
            maker.trained("question", &[width, 1], Fill::Uniform(default_limit(width)))?;
        let head = Linear::outputs(maker, "head", hidden, Fill::Uniform(default_limit(hidden)))?;
        let standardise = Standardise::new(maker)?;
        let weights = std::mem::take(&mut maker.weights);
        let (frames, dropout) = (blueprint.frames, recipe.dropout);
        Ok(Self { weights, standardise, patches, lstm, attention, question, head, frames, dropout })
    }
}

impl Network for AttentionPool {
    fn forward(
        &self,
        frames: &Tensor,
        _judged_at: &[u32],
        mut training: Option<&mut Rng>,
    ) -> Result<Tensor> {
        check_frames(frames, self.frames)?;
        let patches = self.patches.gather(&self.standardise.forward(frames)?)?;
        let states = self.lstm.forward(&patches)?;
        let states = dropout(&states, self.dropout, &mut training)?;
        let (count, batch, hidden) = states.dims3()?;
        let asked = self.attention.forward(&states)?.tanh()?;
        let asked = product(&asked.reshape((count * batch, ()))?, &self.question)?;
        // [batch, 1, patches] · [batch, patches, hidden]
        let shares = softmax(&asked.reshape((count, batch))?.t()?.contiguous()?)?.unsqueeze(1)?;
        let pooled = product(&shares, &states.transpose(0, 1)?.contiguous()?)?;
        Ok(self.head.forward(&pooled.reshape((batch, hidden))?)?.unsqueeze(0)?)
    }

    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn write_onnx(&self, graph: &mut Graph, outputs: usize) -> Result<()> {
        let x = self.standardise.open_window(graph, (self.frames, outputs))?;
        let patches = self.patches.write_onnx(graph, x, self.standardise.bands());
        let states = self.lstm.write_onnx(graph, "lstm", &patches)?;
        let width = self.attention.width();
        self.attention.write_onnx(graph, "attention", &states, width, "attention.y")?;
        let asked = graph.apply("Tanh", &["attention.y"], vec![]);
        graph.weights("question", &self.question)?;
        let asked = graph.apply("MatMul", &[&asked, "question"], vec![]);
        // [patches, batch, 1] → [batch, 1, patches]
        let asked = graph.apply("Transpose", &[&asked], vec![Attribute::ints("perm", &[1, 2, 0])]);
        let shares = graph.apply("Softmax", &[&asked], vec![Attribute::int("axis", -1)]);
        let states =
            graph.apply("Transpose", &[&states], vec![Attribute::ints("perm", &[1, 0, 2])]);
        let pooled = graph.apply("MatMul", &[&shares, &states], vec![]);
        let flat = graph.apply("Flatten", &[&pooled], vec![Attribute::int("axis", 1)]);
        self.head.write_onnx(graph, "head", &flat, outputs, "score")
    }
}
