//! Layer norm.

use anyhow::Result;
use candle_core::{Tensor, Var};

use super::init::{Fill, Maker};
use crate::onnx::{Attribute, Graph};

/// Added to variances, as PyTorch does.
const EPSILON: f64 = 1e-5;

/// `(x − mean) / √(variance + ε) · weight + bias` over the last axis.
pub(super) struct LayerNorm {
    weight: Var,
    bias: Var,
}

impl LayerNorm {
    pub(super) fn new(maker: &mut Maker<'_>, name: &str, width: usize) -> Result<Self> {
        Ok(Self {
            weight: maker.trained(&format!("{name}.weight"), &[width], Fill::Constant(1.0))?,
            bias: maker.trained(&format!("{name}.bias"), &[width], Fill::Constant(0.0))?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let axis = x.rank() - 1;
        let centred = x.broadcast_sub(&x.mean_keepdim(axis)?)?;
        let variance = centred.sqr()?.mean_keepdim(axis)?;
        let normed = centred.broadcast_div(&(variance + EPSILON)?.sqrt()?)?;
        Ok(normed.broadcast_mul(&self.weight)?.broadcast_add(&self.bias)?)
    }

    /// Written out: the operator for it is younger than some runtimes.
    pub(super) fn write_onnx(&self, graph: &mut Graph, name: &str, x: &str) -> Result<String> {
        let part = |part: &str| format!("{name}.{part}");
        let (w, b, epsilon) = (part("w"), part("b"), part("epsilon"));
        graph.weights(&w, &self.weight)?;
        graph.weights(&b, &self.bias)?;
        graph.values(&epsilon, &[1], &[EPSILON as f32]);
        let mean = |graph: &mut Graph, x: &str| {
            graph.apply("ReduceMean", &[x], vec![Attribute::ints("axes", &[-1])])
        };
        let middle = mean(graph, x);
        let centred = graph.apply("Sub", &[x, &middle], vec![]);
        let square = graph.apply("Mul", &[&centred, &centred], vec![]);
        let variance = mean(graph, &square);
        let shifted = graph.apply("Add", &[&variance, &epsilon], vec![]);
        let deviation = graph.apply("Sqrt", &[&shifted], vec![]);
        let normed = graph.apply("Div", &[&centred, &deviation], vec![]);
        let scaled = graph.apply("Mul", &[&normed, &w], vec![]);
        Ok(graph.apply("Add", &[&scaled, &b], vec![]))
    }
}
