//! The first step of every network: each band less its mean, in units of its deviation.

use anyhow::Result;
use candle_core::{Tensor, Var};

use super::elementwise;
use super::init::{Fill, Maker};
use crate::onnx::{Dim, Graph};

/// Mean and standard deviation of each band over the training songs, each `[bands]`.
pub(super) struct Standardise {
    mean: Var,
    deviation: Var,
}

impl Standardise {
    pub(super) fn new(maker: &mut Maker<'_>) -> Result<Self> {
        let blueprint = maker.blueprint;
        let bands = [blueprint.bands];
        Ok(Self {
            mean: maker.running("mean", &bands, Fill::Values(blueprint.mean))?,
            deviation: maker.running("deviation", &bands, Fill::Values(blueprint.deviation))?,
        })
    }

    /// Number of bands.
    pub(super) fn bands(&self) -> usize {
        self.mean.elem_count()
    }

    /// `x [.., bands]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        // Who asks for the gradient by the input itself gets it: attributions do.
        if x.is_variable() {
            let mean = self.mean.as_detached_tensor();
            return Ok(x
                .broadcast_sub(&mean)?
                .broadcast_div(&self.deviation.as_detached_tensor())?);
        }
        Ok(elementwise::standardise(
            x,
            &self.mean.as_detached_tensor(),
            &self.deviation.as_detached_tensor(),
        )?)
    }

    /// The same for some of the bands: `x [.., count]` holds bands `first .. first + count`.
    pub(super) fn part(&self, x: &Tensor, first: usize, count: usize) -> Result<Tensor> {
        let of = |values: &Var| values.as_detached_tensor().narrow(0, first, count);
        Ok(elementwise::standardise(x, &of(&self.mean)?, &of(&self.deviation)?)?)
    }

    /// Opens the graph of a network of windows, of so many frames and outputs: input
    /// `mel [batch, frames, bands]`, output `score [batch, outputs]`; returns the name of the standardised
    /// input.
    pub(super) fn open_window(
        &self,
        graph: &mut Graph,
        sizes: (usize, usize),
    ) -> Result<&'static str> {
        self.declare_window(graph, sizes);
        self.write_onnx(graph)
    }

    /// Declares the input and output of such a graph.
    pub(super) fn declare_window(&self, graph: &mut Graph, (frames, outputs): (usize, usize)) {
        graph.input("mel", &[Dim::Any("batch"), Dim::Size(frames), Dim::Size(self.bands())]);
        graph.output("score", &[Dim::Any("batch"), Dim::Size(outputs)]);
    }

    /// The standardised input; returns its name.
    pub(super) fn write_onnx(&self, graph: &mut Graph) -> Result<&'static str> {
        graph.weights("mean", &self.mean)?;
        graph.weights("deviation", &self.deviation)?;
        graph.node("Sub", &["mel", "mean"], &["centred"], vec![]);
        graph.node("Div", &["centred", "deviation"], &["standardised"], vec![]);
        Ok("standardised")
    }
}
