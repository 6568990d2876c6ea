//! `lstm`: the recurrent network of seed system A, corrected.
//!
//! LSTM layers → last hidden state → linear → leaky rectifier → dropout → linear → dropout → leaky
//! rectifier → outputs. Two defects are mended: the seed took a softmax inside the network and a
//! cross-entropy, with its own softmax, of that (ours gives logits, unless `double_softmax` asks for the
//! published form); and it drew the initial states at random, at inference too (ours are zero, in both
//! forms). Being causal, it can be judged at any frame.

use anyhow::{Result, ensure};
use candle_core::Tensor;

use super::dropout::dropout;
use super::image::rectify;
use super::init::{Fill, Maker, default_limit};
use super::linear::Linear;
use super::lstm_stack::LstmStack;
use super::recipe::LstmRecipe;
use super::standardise::Standardise;
use super::{Blueprint, Contract, LEAK, Network, Weights, judged};
use crate::Rng;
use crate::onnx::{Attribute, Dim, Graph};

/// See the module.
pub(super) struct Lstm {
    weights: Weights,
    standardise: Standardise,
    lstm: LstmStack,
    head: [Linear; 3],
    dropout: f64,
    double_softmax: bool,
}

impl Lstm {
    /// Fresh weights as PyTorch draws them: LSTM weights and its two biases uniform in ± 1/√hidden
    /// (only the sum of the two biases is kept), linear layers uniform in ± 1/√inputs.
    pub(super) fn new(recipe: &LstmRecipe, blueprint: &Blueprint<'_>) -> Result<Self> {
        let maker = &mut Maker::new(blueprint);
        let (hidden, width) = (recipe.hidden, recipe.width);
        let limit = default_limit(hidden);
        let lstm = LstmStack::new(maker, recipe.layers, hidden, |maker| {
            let (a, b) = (maker.uniform(4 * hidden, limit), maker.uniform(4 * hidden, limit));
            a.iter().zip(b).map(|(a, b)| a + b).collect()
        })?;
        let head = [
            Linear::default(maker, "head.0", (hidden, width))?,
            Linear::default(maker, "head.1", (width, width))?,
            Linear::outputs(maker, "head.2", width, Fill::Uniform(default_limit(width)))?,
        ];
        let standardise = Standardise::new(maker)?;
        let weights = std::mem::take(&mut maker.weights);
        let (dropout, double_softmax) = (recipe.dropout, recipe.double_softmax);
        Ok(Self { weights, standardise, lstm, head, dropout, double_softmax })
    }
}

impl Network for Lstm {
    fn forward(
        &self,
        frames: &Tensor,
        judged_at: &[u32],
        mut training: Option<&mut Rng>,
    ) -> Result<Tensor> {
        let x = self.standardise.forward(frames)?;
        // Between layers, not behind the last: PyTorch's `nn.LSTM(dropout=…)`.
        let last = self.lstm.len() - 1;
        let top = self.lstm.forward(&x, |n, x| match n < last {
            true => dropout(&x, self.dropout, &mut training),
            false => Ok(x),
        })?;
        let x = self.head[0].forward(&judged(&top, judged_at)?)?;
        let x = dropout(&rectify(&x, LEAK, None)?, self.dropout, &mut training)?;
        let x = dropout(&self.head[1].forward(&x)?, self.dropout, &mut training)?;
        let x = self.head[2].forward(&rectify(&x, LEAK, None)?)?;
        Ok(match (self.double_softmax, self.head[2].width()) {
            (false, _) => x,
            // Two probabilities p and 1 − p taken for logits: their difference is what counts.
            (true, 1) => ((candle_nn::ops::sigmoid(&x)? * 2.0)? - 1.0)?,
            (true, _) => candle_nn::ops::softmax(&x, candle_core::D::Minus1)?,
        })
    }

    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn contract(&self) -> Contract {
        Contract::Streaming
    }

    /// States are `h` and `c` of each layer.
    fn write_onnx(&self, graph: &mut Graph, outputs: usize) -> Result<()> {
        let bands = self.standardise.bands();
        graph.input("mel", &[Dim::Any("batch"), Dim::Any("frames"), Dim::Size(bands)]);
        graph.output("score", &[Dim::Any("batch"), Dim::Size(outputs)]);
        let x = self.standardise.write_onnx(graph)?;
        let top = self.lstm.write_onnx(graph, x)?;
        graph.integers("axis.frames", &[0]);
        // The last frame's hidden state: its axis is cut to one entry, then dropped.
        graph.integers("last.start", &[-1]);
        graph.integers("last.end", &[i64::MAX]);
        let last = graph.apply("Slice", &[&top, "last.start", "last.end", "axis.frames"], vec![]);
        let mut x = graph.apply("Squeeze", &[&last, "axis.frames"], vec![]);
        for (n, linear) in self.head.iter().enumerate() {
            if n > 0 {
                let leak = vec![Attribute::float("alpha", LEAK as f32)];
                x = graph.apply("LeakyRelu", &[&x], leak);
            }
            let (count, to) = match n {
                2 if self.double_softmax => (linear.width(), "head.raw".to_owned()),
                2 => (outputs, "score".to_owned()),
                _ => (linear.width(), format!("head.{}.x", n + 1)),
            };
            linear.write_onnx(graph, &format!("head.{n}"), &x, count, &to)?;
            x = to;
        }
        if self.double_softmax {
            match self.head[2].width() {
                1 => {
                    graph.values("two", &[], &[2.0]);
                    graph.values("one", &[], &[1.0]);
                    let shares = graph.apply("Sigmoid", &[&x], vec![]);
                    let twice = graph.apply("Mul", &[&shares, "two"], vec![]);
                    graph.node("Sub", &[&twice, "one"], &["score"], vec![]);
                }
                width => {
                    ensure!(
                        outputs == width,
                        "a softmax inside the network leaves no output out: {outputs} of {width}"
                    );
                    let axis = vec![Attribute::int("axis", -1)];
                    graph.node("Softmax", &[&x], &["score"], axis);
                }
            }
        }
        Ok(())
    }
}
