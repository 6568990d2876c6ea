//! A linear layer.

use anyhow::{Result, ensure};
use candle_core::{Tensor, Var};

use super::autocast::product;
use super::init::{Fill, Maker, default_limit};
use crate::onnx::Graph;

/// `y = W x + b`.
pub(super) struct Linear {
    /// `[outputs, inputs]`.
    pub(super) weight: Var,
    /// `[outputs]`.
    pub(super) bias: Var,
}

impl Linear {
    /// Values called `<name>.weight` and `<name>.bias`, weights drawn first.
    pub(super) fn new(
        maker: &mut Maker<'_>,
        name: &str,
        (inputs, outputs): (usize, usize),
        weight: Fill<'_>,
        bias: Fill<'_>,
    ) -> Result<Self> {
        Ok(Self {
            weight: maker.trained(&format!("{name}.weight"), &[outputs, inputs], weight)?,
            bias: maker.trained(&format!("{name}.bias"), &[outputs], bias)?,
        })
    }

    /// Drawn as PyTorch draws `nn.Linear`: weights and bias uniform in ± 1/√inputs.
    pub(super) fn default(
        maker: &mut Maker<'_>,
        name: &str,
        (inputs, outputs): (usize, usize),
    ) -> Result<Self> {
        let limit = default_limit(inputs);
        Self::new(maker, name, (inputs, outputs), Fill::Uniform(limit), Fill::Uniform(limit))
    }

    /// The layer that gives the outputs: weights by `weight`, bias as the blueprint says.
    pub(super) fn outputs(
        maker: &mut Maker<'_>,
        name: &str,
        inputs: usize,
        weight: Fill<'_>,
    ) -> Result<Self> {
        let (outputs, bias) = (maker.blueprint.outputs, maker.blueprint.output_bias);
        Self::new(maker, name, (inputs, outputs), weight, Fill::Values(bias))
    }

    /// `x [.., inputs]` → `[.., outputs]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut dims = x.dims().to_vec();
        let inputs = dims.pop().unwrap_or(0);
        dims.push(self.bias.elem_count());
        let flat = x.reshape(((), inputs))?;
        let y = product(&flat, &self.weight.t()?)?.broadcast_add(&self.bias)?;
        Ok(y.reshape(dims)?)
    }

    /// The first `outputs` outputs for `x [.., inputs]`, under the name `to`. Its values are called
    /// `<name>.w` and `<name>.b`.
    pub(super) fn write_onnx(
        &self,
        graph: &mut Graph,
        name: &str,
        x: &str,
        outputs: usize,
        to: &str,
    ) -> Result<()> {
        let there = self.bias.elem_count();
        ensure!(outputs <= there, "{outputs} outputs are asked for, but there are {there}");
        let (w, b, product) = (format!("{name}.w"), format!("{name}.b"), format!("{name}.product"));
        graph.weights(&w, &self.weight.narrow(0, 0, outputs)?.t()?)?;
        graph.weights(&b, &self.bias.narrow(0, 0, outputs)?)?;
        graph.node("MatMul", &[x, &w], &[&product], vec![]);
        graph.node("Add", &[&product, &b], &[to], vec![]);
        Ok(())
    }

    /// Number of outputs.
    pub(super) fn width(&self) -> usize {
        self.bias.elem_count()
    }
}
