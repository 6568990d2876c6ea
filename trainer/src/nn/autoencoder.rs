//! Autoencoders: linear layers that bring a row down to a few numbers and back.

use anyhow::Result;
use candle_core::Tensor;

use super::dropout::dropout;
use super::init::{Fill, Maker};
use super::linear::Linear;
use crate::Rng;
use crate::onnx::Graph;

/// How the weights of linear layers are drawn.
#[derive(Clone, Copy)]
pub(super) enum Draw {
    /// He: normal with deviation √(2/inputs), biases zero. HitMusicNet.
    He,
    /// Xavier: uniform in ± √(6/(inputs + outputs)), biases 0.1. Autoen-chorder.
    Xavier,
}

impl Draw {
    pub(super) fn linear(
        self,
        maker: &mut Maker<'_>,
        name: &str,
        (inputs, outputs): (usize, usize),
    ) -> Result<Linear> {
        let (weight, bias) = match self {
            Self::He => (Fill::Normal((2.0 / inputs as f32).sqrt()), 0.0),
            Self::Xavier => (Fill::Uniform((6.0 / (inputs + outputs) as f32).sqrt()), 0.1),
        };
        Linear::new(maker, name, (inputs, outputs), weight, Fill::Constant(bias))
    }

    /// The layer that gives the outputs: its bias is the blueprint's.
    pub(super) fn outputs(
        self,
        maker: &mut Maker<'_>,
        name: &str,
        inputs: usize,
    ) -> Result<Linear> {
        let outputs = maker.blueprint.outputs;
        let weight = match self {
            // The mean target is where training starts from; large weights would hide it.
            Self::He => Fill::Normal(1.0 / (inputs as f32).sqrt()),
            Self::Xavier => Fill::Uniform((6.0 / (inputs + outputs) as f32).sqrt()),
        };
        Linear::outputs(maker, name, inputs, weight)
    }
}

/// Linear layers with ReLUs between them.
pub(super) struct Stack {
    names: Vec<String>,
    layers: Vec<Linear>,
    /// Whether a ReLU follows the last one, too.
    rectified: bool,
}

impl Stack {
    /// Layers `<name>.0` … through `widths`, the first of which is that of the input.
    pub(super) fn new(
        maker: &mut Maker<'_>,
        name: &str,
        widths: &[usize],
        draw: Draw,
        rectified: bool,
    ) -> Result<Self> {
        let names: Vec<String> = (1..widths.len()).map(|n| format!("{name}.{}", n - 1)).collect();
        let layers = names
            .iter()
            .zip(widths.windows(2))
            .map(|(name, pair)| draw.linear(maker, name, (pair[0], pair[1])))
            .collect::<Result<_>>()?;
        Ok(Self { names, layers, rectified })
    }

    /// `x [.., inputs]`; dropout behind every ReLU.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        share: f64,
        training: &mut Option<&mut Rng>,
    ) -> Result<Tensor> {
        let mut x = x.clone();
        for (n, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x)?;
            if n + 1 < self.layers.len() || self.rectified {
                x = dropout(&x.relu()?, share, training)?;
            }
        }
        Ok(x)
    }

    pub(super) fn write_onnx(&self, graph: &mut Graph, x: &str) -> Result<String> {
        let mut x = x.to_owned();
        for (n, (name, layer)) in self.names.iter().zip(&self.layers).enumerate() {
            let to = format!("{name}.y");
            layer.write_onnx(graph, name, &x, layer.width(), &to)?;
            let bent = n + 1 < self.layers.len() || self.rectified;
            x = if bent { graph.apply("Relu", &[&to], vec![]) } else { to };
        }
        Ok(x)
    }
}

/// A row's way down to its code and back.
pub(super) struct Autoencoder {
    encoder: Stack,
    decoder: Stack,
}

impl Autoencoder {
    /// `<name>.encoder` through `widths`, input first and code last; `<name>.decoder` back.
    pub(super) fn new(
        maker: &mut Maker<'_>,
        name: &str,
        widths: &[usize],
        draw: Draw,
    ) -> Result<Self> {
        let back: Vec<usize> = widths.iter().rev().copied().collect();
        Ok(Self {
            encoder: Stack::new(maker, &format!("{name}.encoder"), widths, draw, false)?,
            decoder: Stack::new(maker, &format!("{name}.decoder"), &back, draw, false)?,
        })
    }

    /// The code of `x [.., inputs]`.
    pub(super) fn code(&self, x: &Tensor) -> Result<Tensor> {
        self.encoder.forward(x, 0.0, &mut None)
    }

    /// What is left of an input when only its code is known.
    pub(super) fn back(&self, code: &Tensor) -> Result<Tensor> {
        self.decoder.forward(code, 0.0, &mut None)
    }

    pub(super) fn write_onnx(&self, graph: &mut Graph, x: &str) -> Result<String> {
        self.encoder.write_onnx(graph, x)
    }
}

/// The widths of an autoencoder that comes down from `inputs` to `code` in steps of half, third and so
/// on: input, a half, a third … while they are above the code.
pub(super) fn halving(inputs: usize, code: usize, most: usize) -> Vec<usize> {
    let between = (2..2 + most).map(|part| inputs / part).take_while(|&width| width > code);
    std::iter::once(inputs).chain(between).chain([code]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_come_down_to_the_code() {
        assert_eq!(halving(228, 45, 2), [228, 114, 76, 45]);
        assert_eq!(halving(10, 8, 2), [10, 8]);
        assert_eq!(halving(4, 4, 2), [4, 4]);
    }
}
