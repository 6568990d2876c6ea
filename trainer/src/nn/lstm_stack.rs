//! Stacked LSTM layers, forwards and as ONNX.

use anyhow::Result;
use candle_core::{Tensor, Var};

use super::init::{Fill, Maker};
use super::lstm_layer::lstm_layer;
use crate::onnx::{Attribute, Dim, Graph};

/// One LSTM layer in one direction: gates in the order input, output, forget, cell, which is ONNX's
/// (PyTorch's is input, forget, cell, output).
pub(super) struct LstmLayer {
    /// Input weights `[4 hidden, inputs]`.
    pub(super) input: Var,
    /// Recurrent weights `[4 hidden, hidden]`.
    pub(super) recurrent: Var,
    /// Bias `[4 hidden]`.
    pub(super) bias: Var,
}

impl LstmLayer {
    /// Values called `<name>.input`, `<name>.recurrent` and `<name>.bias`. The weights are drawn in this
    /// order, uniform in ± 1/√hidden, as PyTorch draws them; the bias is given for each gate.
    pub(super) fn new(
        maker: &mut Maker<'_>,
        name: &str,
        (inputs, hidden): (usize, usize),
        bias: Fill<'_>,
    ) -> Result<Self> {
        let limit = 1.0 / (hidden as f32).sqrt();
        let wide = 4 * hidden;
        let part = |part: &str| format!("{name}.{part}");
        Ok(Self {
            input: maker.trained(&part("input"), &[wide, inputs], Fill::Uniform(limit))?,
            recurrent: maker.trained(&part("recurrent"), &[wide, hidden], Fill::Uniform(limit))?,
            bias: maker.trained(&part("bias"), &[wide], bias)?,
        })
    }

    /// Biases of a layer that remembers at first: 1 for the forget gates, 0 for the others.
    pub(super) fn open_gates(hidden: usize) -> Vec<f32> {
        let mut bias = vec![0.0; 4 * hidden];
        bias[2 * hidden..3 * hidden].fill(1.0);
        bias
    }

    /// Hidden states `[steps, batch, hidden]` over `x [steps, batch, inputs]`, from states of zeros.
    pub(super) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        lstm_layer(x, &self.input, &self.recurrent, &self.bias)
    }

    /// The layer over `x [steps, batch, inputs]`, from states of zeros; returns the name of its hidden
    /// states `[steps, batch, hidden]`. Its values are called `<name>.…`.
    pub(super) fn write_onnx(&self, graph: &mut Graph, name: &str, x: &str) -> Result<String> {
        let hidden = self.hidden();
        let part = |part: &str| format!("{name}.{part}");
        graph.integers(&part("directions"), &[1]);
        graph.weights(&part("w"), &self.input.unsqueeze(0)?)?;
        graph.weights(&part("r"), &self.recurrent.unsqueeze(0)?)?;
        // ONNX has a bias for the input and one for the recurrence; their sum counts.
        graph.weights(&part("b"), &self.bias.pad_with_zeros(0, 0, 4 * hidden)?.unsqueeze(0)?)?;
        graph.node(
            "LSTM",
            &[x, &part("w"), &part("r"), &part("b")],
            &[&part("y")],
            vec![Attribute::int("hidden_size", hidden as i64)],
        );
        Ok(graph.apply("Squeeze", &[&part("y"), &part("directions")], vec![]))
    }

    fn hidden(&self) -> usize {
        self.bias.elem_count() / 4
    }
}

/// Layers that each read the hidden states of the one below.
pub(super) struct LstmStack {
    layers: Vec<LstmLayer>,
}

impl LstmStack {
    /// Layers called `lstm.0`, `lstm.1` …, with the biases that `bias(maker)` gives.
    pub(super) fn new<'a>(
        maker: &mut Maker<'a>,
        layers: usize,
        hidden: usize,
        mut bias: impl FnMut(&mut Maker<'a>) -> Vec<f32>,
    ) -> Result<Self> {
        let mut inputs = maker.blueprint.bands;
        let layers = (0..layers)
            .map(|n| {
                let bias = bias(maker);
                let sizes = (std::mem::replace(&mut inputs, hidden), hidden);
                LstmLayer::new(maker, &format!("lstm.{n}"), sizes, Fill::Values(&bias))
            })
            .collect::<Result<_>>()?;
        Ok(Self { layers })
    }

    /// Number of layers.
    pub(super) fn len(&self) -> usize {
        self.layers.len()
    }

    /// The last layer's hidden states, `[steps, batch, hidden]`, for `x [steps, batch, inputs]`.
    /// `between(n, x)` is applied to the hidden states of each layer.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        mut between: impl FnMut(usize, Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let mut x = x.clone();
        for (n, layer) in self.layers.iter().enumerate() {
            x = between(n, layer.forward(&x)?)?;
        }
        Ok(x)
    }

    /// The layers over `x [batch, frames, inputs]`, with two states each; returns the name of the last
    /// layer's hidden states, `[frames, batch, hidden]`.
    pub(super) fn write_onnx(&self, graph: &mut Graph, x: &str) -> Result<String> {
        graph.integers("axis.directions", &[1]);
        graph.node("Transpose", &[x], &["lstm.0.x"], vec![Attribute::ints("perm", &[1, 0, 2])]);
        for (n, layer) in self.layers.iter().enumerate() {
            let hidden = layer.hidden();
            let name = |part: &str| format!("lstm.{n}.{part}");
            graph.weights(&name("w"), &layer.input.unsqueeze(0)?)?;
            graph.weights(&name("r"), &layer.recurrent.unsqueeze(0)?)?;
            // ONNX has a bias for the input and one for the recurrence; their sum counts.
            graph
                .weights(&name("b"), &layer.bias.pad_with_zeros(0, 0, 4 * hidden)?.unsqueeze(0)?)?;
            let state = [Dim::Size(1), Dim::Any("batch"), Dim::Size(hidden)];
            let ((h_in, h_out), (c_in, c_out)) = (graph.state(&state), graph.state(&state));
            graph.node(
                "LSTM",
                &[&name("x"), &name("w"), &name("r"), &name("b"), "", &h_in, &c_in],
                &[&name("y"), &h_out, &c_out],
                vec![Attribute::int("hidden_size", hidden as i64)],
            );
            let next = format!("lstm.{}.x", n + 1);
            graph.node("Squeeze", &[&name("y"), "axis.directions"], &[&next], vec![]);
        }
        Ok(format!("lstm.{}.x", self.layers.len()))
    }
}
