//! `mean-lstm`: stacked LSTM layers, and a small head that can judge at any frame.
//!
//! The head of seed system A sees the last hidden state. Ours sees the mean of the hidden states so
//! far: what a song is like shows over its length, the mean is as cheap to carry along, and every
//! frame then has a short way to the loss.

use anyhow::Result;
use candle_core::Tensor;

use super::dropout::Dropout;
use super::init::{Fill, Maker, default_limit};
use super::linear::Linear;
use super::lstm_stack::{LstmLayer, LstmStack};
use super::recipe::MeanLstmRecipe;
use super::running_mean::running_mean;
use super::standardise::Standardise;
use super::{Blueprint, Contract, LEAK, Network, Weights, judged};
use crate::Rng;
use crate::onnx::{Attribute, Dim, Graph};

/// Standardised frames → LSTM layers → mean of the hidden states so far → linear layers.
pub struct MeanLstm {
    weights: Weights,
    standardise: Standardise,
    lstm: LstmStack,
    /// The linear layers, outputs last.
    head: Vec<Linear>,
    dropout: f64,
    hidden: usize,
}

impl MeanLstm {
    /// A network with fresh weights: uniform in ± 1/√hidden (LSTM) and ± 1/√inputs (linear layers) as
    /// PyTorch draws them; biases zero but for the forget gates, which a bias of one opens.
    pub(super) fn new(recipe: &MeanLstmRecipe, blueprint: &Blueprint<'_>) -> Result<Self> {
        let maker = &mut Maker::new(blueprint);
        let hidden = recipe.hidden;
        let bias = LstmLayer::open_gates(hidden);
        let lstm = LstmStack::new(maker, recipe.layers, hidden, |_| bias.clone())?;
        let mut head = Vec::new();
        let mut inputs = hidden;
        for (n, &width) in recipe.head.iter().enumerate() {
            let fill = Fill::Uniform(default_limit(inputs));
            let zeros = Fill::Constant(0.0);
            head.push(Linear::new(maker, &format!("head.{n}"), (inputs, width), fill, zeros)?);
            inputs = width;
        }
        let fill = Fill::Uniform(default_limit(inputs));
        head.push(Linear::outputs(maker, &format!("head.{}", head.len()), inputs, fill)?);
        let standardise = Standardise::new(maker)?;
        let weights = std::mem::take(&mut maker.weights);
        Ok(Self { weights, standardise, lstm, head, dropout: recipe.dropout, hidden })
    }

    /// The mean of the last layer's hidden states so far, at every frame, `[steps, batch, hidden]`.
    fn means(&self, frames: &Tensor, training: &mut Option<&mut Rng>) -> Result<Tensor> {
        let batch = frames.dim(1)?;
        let x = self.standardise.forward(frames)?;
        let top = self.lstm.forward(&x, |_, x| match training {
            // The same values are dropped at all steps, which regularises recurrent networks better.
            Some(rng) => Dropout { share: self.dropout, rng }.apply(&x, &[1, batch, self.hidden]),
            None => Ok(x),
        })?;
        Ok(running_mean(&top)?)
    }
}

impl Network for MeanLstm {
    fn forward(
        &self,
        frames: &Tensor,
        judged_at: &[u32],
        mut training: Option<&mut Rng>,
    ) -> Result<Tensor> {
        let means = judged(&self.means(frames, &mut training)?, judged_at)?;
        let (positions, batch, width) = means.dims3()?;
        let mut x = means.reshape((positions * batch, width))?;
        for (n, linear) in self.head.iter().enumerate() {
            if n > 0 {
                x = candle_nn::ops::leaky_relu(&x, LEAK)?;
                if let Some(rng) = &mut training {
                    let dims = x.dims().to_vec();
                    x = Dropout { share: self.dropout, rng }.apply(&x, &dims)?;
                }
            }
            x = linear.forward(&x)?;
        }
        Ok(x.reshape((positions, batch, ()))?)
    }

    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn contract(&self) -> Contract {
        Contract::Streaming
    }

    /// States are `h` and `c` of each layer, and the sum and number of the hidden states so far.
    fn write_onnx(&self, graph: &mut Graph, outputs: usize) -> Result<()> {
        let bands = self.standardise.bands();
        graph.input("mel", &[Dim::Any("batch"), Dim::Any("frames"), Dim::Size(bands)]);
        graph.output("score", &[Dim::Any("batch"), Dim::Size(outputs)]);
        let x = self.standardise.write_onnx(graph)?;
        let top = self.lstm.write_onnx(graph, x)?;
        // The mean of the hidden states so far: their sum and number are states as well.
        let (sum_in, sum_out) = graph.state(&[Dim::Any("batch"), Dim::Size(self.hidden)]);
        let (count_in, count_out) = graph.state(&[Dim::Any("batch"), Dim::Size(1)]);
        graph.integers("axis.frames", &[0]);
        graph.integers("axis.hidden.start", &[0]);
        graph.integers("axis.hidden.end", &[1]);
        graph.integers("axis.hidden", &[2]);
        graph.values("zero", &[1], &[0.0]);
        graph.values("one", &[1], &[1.0]);
        let without_axis = || vec![Attribute::int("keepdims", 0)];
        graph.node("ReduceSum", &[&top, "axis.frames"], &["pool.new"], without_axis());
        graph.node("Add", &[&sum_in, "pool.new"], &[&sum_out], vec![]);
        // One for each frame and sequence, whatever their number.
        let column = [&top, "axis.hidden.start", "axis.hidden.end", "axis.hidden"];
        graph.node("Slice", &column, &["pool.column"], vec![]);
        graph.node("Mul", &["pool.column", "zero"], &["pool.zeros"], vec![]);
        graph.node("Add", &["pool.zeros", "one"], &["pool.ones"], vec![]);
        graph.node("ReduceSum", &["pool.ones", "axis.frames"], &["pool.frames"], without_axis());
        graph.node("Add", &[&count_in, "pool.frames"], &[&count_out], vec![]);
        graph.node("Div", &[&sum_out, &count_out], &["head.0.x"], vec![]);

        for (n, linear) in self.head.iter().enumerate() {
            let last = n + 1 == self.head.len();
            let name = |part: &str| format!("head.{n}.{part}");
            let mut x = name("x");
            if n > 0 {
                let rectified = name("rectified");
                let leak = vec![Attribute::float("alpha", LEAK as f32)];
                graph.node("LeakyRelu", &[&x], &[&rectified], leak);
                x = rectified;
            }
            let (count, to) = match last {
                true => (outputs, "score".to_owned()),
                false => (linear.width(), format!("head.{}.x", n + 1)),
            };
            linear.write_onnx(graph, &format!("head.{n}"), &x, count, &to)?;
        }
        Ok(())
    }
}
