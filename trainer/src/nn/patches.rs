//! Frames gathered into patches of about a second: what a sequence network steps through.

use anyhow::{Result, ensure};
use candle_core::Tensor;

use crate::onnx::{Attribute, Graph};

/// Added to variances before the root.
const EPSILON: f64 = 1e-6;

/// How frames are gathered.
#[derive(Clone, Copy)]
pub(super) struct Patches {
    /// Frames of a patch.
    pub(super) frames: usize,
    /// Number of patches; frames behind the last are left out.
    pub(super) count: usize,
}

impl Patches {
    /// The patches of a window.
    pub(super) fn of(window: usize, frames: usize) -> Result<Self> {
        ensure!(
            frames <= window,
            "a window of {window} frames is shorter than one patch of {frames}; make data.window_frames longer"
        );
        Ok(Self { frames, count: window / frames })
    }

    /// Values of a patch of frames of `bands` values: the mean and the deviation of each, or, where a
    /// patch is one frame (an embedding), that frame.
    pub(super) fn width(&self, bands: usize) -> usize {
        if self.frames == 1 { bands } else { 2 * bands }
    }

    /// `[frames, batch, bands]` → `[patches, batch, width]`.
    pub(super) fn gather(&self, x: &Tensor) -> Result<Tensor> {
        if self.frames == 1 {
            return Ok(x.clone());
        }
        let (_, batch, bands) = x.dims3()?;
        let x = x.narrow(0, 0, self.count * self.frames)?;
        let x = x.contiguous()?.reshape((self.count, self.frames, batch, bands))?;
        let mean = x.mean_keepdim(1)?;
        let variance = x.broadcast_sub(&mean)?.sqr()?.mean(1)?;
        Ok(Tensor::cat(&[&mean.squeeze(1)?, &(variance + EPSILON)?.sqrt()?], 2)?)
    }

    /// The same for `[batch, frames, bands]`; returns the name of `[patches, batch, width]`.
    pub(super) fn write_onnx(&self, graph: &mut Graph, x: &str, bands: usize) -> String {
        let turned = |graph: &mut Graph, x: &str| {
            graph.apply("Transpose", &[x], vec![Attribute::ints("perm", &[1, 0, 2])])
        };
        if self.frames == 1 {
            return turned(graph, x);
        }
        graph.integers("patches.start", &[0]);
        graph.integers("patches.end", &[(self.count * self.frames) as i64]);
        graph.integers("patches.axis", &[1]);
        graph.integers("patches.axis.frames", &[2]);
        let shape = [0, self.count as i64, self.frames as i64, bands as i64];
        graph.integers("patches.shape", &shape);
        graph.values("patches.epsilon", &[], &[EPSILON as f32]);
        let cut =
            graph.apply("Slice", &[x, "patches.start", "patches.end", "patches.axis"], vec![]);
        let split = graph.apply("Reshape", &[&cut, "patches.shape"], vec![]);
        let mean_of = |graph: &mut Graph, x: &str| {
            graph.apply("ReduceMean", &[x], vec![Attribute::ints("axes", &[2])])
        };
        let mean = mean_of(graph, &split);
        let centred = graph.apply("Sub", &[&split, &mean], vec![]);
        let squares = graph.apply("Mul", &[&centred, &centred], vec![]);
        let variance = mean_of(graph, &squares);
        let variance = graph.apply("Add", &[&variance, "patches.epsilon"], vec![]);
        let deviation = graph.apply("Sqrt", &[&variance], vec![]);
        let both = vec![Attribute::int("axis", 3)];
        let joined = graph.apply("Concat", &[&mean, &deviation], both);
        let flat = graph.apply("Squeeze", &[&joined, "patches.axis.frames"], vec![]);
        turned(graph, &flat)
    }
}
