//! `late-fusion`: sound and numbers of the song, each through a network of its own, joined before the
//! outputs. The numbers may be metadata, features of the lyrics or descriptors: what seed systems A and C
//! wished for.
//!
//! Patches of sound → LSTM → mean over the patches; numbers → linear layer with ReLU; both → dropout →
//! linear layer with ReLU → dropout → outputs.

use anyhow::Result;
use candle_core::Tensor;

use super::beside::Beside;
use super::dropout::dropout;
use super::init::{Fill, Maker, default_limit};
use super::linear::Linear;
use super::lstm_stack::LstmLayer;
use super::patches::Patches;
use super::recipe::LateFusionRecipe;
use super::standardise::Standardise;
use super::{Blueprint, Network, Weights, check_frames};
use crate::Rng;
use crate::onnx::{Attribute, Graph};

/// See the module.
pub(super) struct LateFusion {
    weights: Weights,
    standardise: Standardise,
    beside: Beside,
    patches: Patches,
    lstm: LstmLayer,
    numbers: Linear,
    joined: Linear,
    head: Linear,
    frames: usize,
    dropout: f64,
}

impl LateFusion {
    /// Fresh weights: PyTorch's default; the forget gates' bias 1.
    pub(super) fn new(recipe: &LateFusionRecipe, blueprint: &Blueprint<'_>) -> Result<Self> {
        let beside = Beside::of("late-fusion", blueprint)?;
        let maker = &mut Maker::new(blueprint);
        let (bands, numbers) = (beside.bands, beside.numbers);
        let patches = Patches::of(blueprint.frames, recipe.patch)?;
        let (hidden, width) = (recipe.hidden, recipe.width);
        let bias = LstmLayer::open_gates(hidden);
        let inputs = patches.width(bands);
        let lstm = LstmLayer::new(maker, "lstm", (inputs, hidden), Fill::Values(&bias))?;
        let numbers_layer = Linear::default(maker, "numbers", (numbers, width))?;
        let joined = Linear::default(maker, "joined", (hidden + width, width))?;
        let head = Linear::outputs(maker, "head", width, Fill::Uniform(default_limit(width)))?;
        let standardise = Standardise::new(maker)?;
        let weights = std::mem::take(&mut maker.weights);
        Ok(Self {
            weights,
            standardise,
            beside,
            patches,
            lstm,
            numbers: numbers_layer,
            joined,
            head,
            frames: blueprint.frames,
            dropout: recipe.dropout,
        })
    }
}

impl Network for LateFusion {
    fn forward(
        &self,
        frames: &Tensor,
        _judged_at: &[u32],
        mut training: Option<&mut Rng>,
    ) -> Result<Tensor> {
        check_frames(frames, self.frames)?;
        let (sound, row) = self.beside.apart(frames, &self.standardise)?;
        let states = self.lstm.forward(&self.patches.gather(&sound)?)?;
        let (sound, row) = (states.mean(0)?, self.numbers.forward(&row)?.relu()?);
        let both = dropout(&Tensor::cat(&[&sound, &row], 1)?, self.dropout, &mut training)?;
        let joined = dropout(&self.joined.forward(&both)?.relu()?, self.dropout, &mut training)?;
        Ok(self.head.forward(&joined)?.unsqueeze(0)?)
    }

    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn write_onnx(&self, graph: &mut Graph, outputs: usize) -> Result<()> {
        let size = (self.frames, outputs);
        let (sound, row) = self.beside.write_onnx(graph, &self.standardise, size)?;
        let patches = self.patches.write_onnx(graph, &sound, self.beside.bands);
        let states = self.lstm.write_onnx(graph, "lstm", &patches)?;
        let over = vec![Attribute::ints("axes", &[0]), Attribute::int("keepdims", 0)];
        let sound = graph.apply("ReduceMean", &[&states], over);
        self.numbers.write_onnx(graph, "numbers", &row, self.numbers.width(), "numbers.y")?;
        let row = graph.apply("Relu", &["numbers.y"], vec![]);
        let both = graph.apply("Concat", &[&sound, &row], vec![Attribute::int("axis", 1)]);
        self.joined.write_onnx(graph, "joined", &both, self.joined.width(), "joined.y")?;
        let joined = graph.apply("Relu", &["joined.y"], vec![]);
        self.head.write_onnx(graph, "head", &joined, outputs, "score")
    }
}
