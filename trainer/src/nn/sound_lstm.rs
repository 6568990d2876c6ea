//! `sound-lstm`: the recurrent network of seed system D.
//!
//! Cepstral coefficients of a segment (13 of them, the discrete cosine transform of the standardised mel
//! bands) → two bidirectional LSTM layers of 64 → dropout → a linear layer at every step → a linear layer
//! over the steps → outputs. The published sigmoid belongs to the loss.

use anyhow::{Result, ensure};
use candle_core::Tensor;

use super::cepstrum::cosines;
use super::dropout::dropout;
use super::init::{Fill, Maker, default_limit};
use super::linear::Linear;
use super::lstm_stack::LstmLayer;
use super::recipe::SoundLstmRecipe;
use super::standardise::Standardise;
use super::{Blueprint, Network, Weights};
use crate::Rng;
use crate::onnx::{Attribute, Graph};

/// See the module.
pub(super) struct SoundLstm {
    weights: Weights,
    standardise: Standardise,
    /// `[bands, coefficients]`.
    cosines: Tensor,
    /// Both directions of each layer.
    layers: Vec<[LstmLayer; 2]>,
    step: Linear,
    steps: Linear,
    frames: usize,
    dropout: f64,
}

impl SoundLstm {
    /// Fresh weights as PyTorch draws them (of the two biases only the sum is kept).
    pub(super) fn new(recipe: &SoundLstmRecipe, blueprint: &Blueprint<'_>) -> Result<Self> {
        let maker = &mut Maker::new(blueprint);
        let coefficients = recipe.coefficients.min(blueprint.bands);
        let cosines = cosines(blueprint.bands, coefficients, blueprint.device)?;
        let (hidden, limit) = (recipe.hidden, default_limit(recipe.hidden));
        let layers = (0..recipe.layers)
            .map(|n| {
                let inputs = if n == 0 { coefficients } else { 2 * hidden };
                let mut direction = |name: &str| {
                    let (a, b) =
                        (maker.uniform(4 * hidden, limit), maker.uniform(4 * hidden, limit));
                    let bias: Vec<f32> = a.iter().zip(b).map(|(a, b)| a + b).collect();
                    let name = format!("lstm.{n}.{name}");
                    LstmLayer::new(maker, &name, (inputs, hidden), Fill::Values(&bias))
                };
                Ok([direction("forwards")?, direction("backwards")?])
            })
            .collect::<Result<_>>()?;
        let step = Linear::default(maker, "step", (2 * hidden, 1))?;
        let frames = blueprint.frames;
        let steps = Linear::outputs(maker, "steps", frames, Fill::Uniform(default_limit(frames)))?;
        let standardise = Standardise::new(maker)?;
        let weights = std::mem::take(&mut maker.weights);
        let dropout = recipe.dropout;
        Ok(Self { weights, standardise, cosines, layers, step, steps, frames, dropout })
    }
}

/// Steps in the opposite order.
fn reversed(x: &Tensor) -> Result<Tensor> {
    let steps = x.dim(0)? as u32;
    let order: Vec<u32> = (0..steps).rev().collect();
    Ok(x.index_select(&Tensor::new(order, x.device())?, 0)?)
}

impl Network for SoundLstm {
    fn forward(
        &self,
        frames: &Tensor,
        _judged_at: &[u32],
        mut training: Option<&mut Rng>,
    ) -> Result<Tensor> {
        let (count, batch, bands) = frames.dims3()?;
        ensure!(
            count == self.frames,
            "a segment of {count} frames was given to a network for segments of {}",
            self.frames
        );
        let flat = self.standardise.forward(frames)?.reshape((count * batch, bands))?;
        let mut x = flat.matmul(&self.cosines)?.reshape((count, batch, ()))?;
        for [forwards, backwards] in &self.layers {
            let (there, back) = (forwards.forward(&x)?, backwards.forward(&reversed(&x)?)?);
            x = Tensor::cat(&[&there, &reversed(&back)?], 2)?;
        }
        let x = self.step.forward(&dropout(&x, self.dropout, &mut training)?)?;
        // [steps, batch, 1] → [batch, steps]
        let x = x.squeeze(2)?.t()?.contiguous()?;
        Ok(self.steps.forward(&x)?.unsqueeze(0)?)
    }

    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn write_onnx(&self, graph: &mut Graph, outputs: usize) -> Result<()> {
        let x = self.standardise.open_window(graph, (self.frames, outputs))?;
        graph.weights("cosines", &self.cosines)?;
        let x = graph.apply("MatMul", &[x, "cosines"], vec![]);
        let mut x = graph.apply("Transpose", &[&x], vec![Attribute::ints("perm", &[1, 0, 2])]);
        for (n, pair) in self.layers.iter().enumerate() {
            let name = |part: &str| format!("lstm.{n}.{part}");
            let hidden = pair[0].bias.elem_count() / 4;
            let both = |of: &dyn Fn(&LstmLayer) -> candle_core::Result<Tensor>| {
                Tensor::stack(&[of(&pair[0])?, of(&pair[1])?], 0)
            };
            graph.weights(&name("w"), &both(&|l| Ok(l.input.as_detached_tensor()))?)?;
            graph.weights(&name("r"), &both(&|l| Ok(l.recurrent.as_detached_tensor()))?)?;
            // ONNX has a bias for the input and one for the recurrence; their sum counts.
            graph.weights(&name("b"), &both(&|l| l.bias.pad_with_zeros(0, 0, 4 * hidden))?)?;
            graph.node(
                "LSTM",
                &[&x, &name("w"), &name("r"), &name("b")],
                &[&name("y")],
                vec![
                    Attribute::int("hidden_size", hidden as i64),
                    Attribute::string("direction", "bidirectional"),
                ],
            );
            // [steps, directions, batch, hidden] → [steps, batch, 2 · hidden]
            let turned = graph.apply(
                "Transpose",
                &[&name("y")],
                vec![Attribute::ints("perm", &[0, 2, 1, 3])],
            );
            graph.integers(&name("shape"), &[0, 0, 2 * hidden as i64]);
            x = graph.apply("Reshape", &[&turned, &name("shape")], vec![]);
        }
        self.step.write_onnx(graph, "step", &x, 1, "step.y")?;
        let turned =
            graph.apply("Transpose", &["step.y"], vec![Attribute::ints("perm", &[1, 0, 2])]);
        let flat = graph.apply("Flatten", &[&turned], vec![Attribute::int("axis", 1)]);
        self.steps.write_onnx(graph, "steps", &flat, outputs, "score")
    }
}
