//! Windows that carry numbers of the song beside every frame: the last bands of a frame are these, the
//! same at all frames of a window.

use anyhow::{Result, ensure};
use candle_core::Tensor;

use super::Blueprint;
use super::standardise::Standardise;
use crate::onnx::{Attribute, Graph};

/// Takes frames apart.
pub(super) struct Beside {
    /// Bands of sound.
    pub(super) bands: usize,
    /// Numbers beside them.
    pub(super) numbers: usize,
}

impl Beside {
    /// What a network of this kind is built for, which cannot do without numbers.
    pub(super) fn of(kind: &str, blueprint: &Blueprint<'_>) -> Result<Self> {
        ensure!(
            blueprint.beside > 0,
            "{kind} needs numbers of the song beside its sound; name them in `data.beside`"
        );
        let numbers = blueprint.beside;
        Ok(Self { bands: blueprint.bands - numbers, numbers })
    }

    /// Frames `[frames, batch, bands + numbers]` as standardised sound `[frames, batch, bands]` and rows
    /// `[batch, numbers]`. They are taken apart first: many numbers would be standardised at every frame.
    pub(super) fn apart(&self, x: &Tensor, standardise: &Standardise) -> Result<(Tensor, Tensor)> {
        let sound = x.narrow(2, 0, self.bands)?.contiguous()?;
        let row = x.get(0)?.narrow(1, self.bands, self.numbers)?.contiguous()?;
        Ok((
            standardise.part(&sound, 0, self.bands)?,
            standardise.part(&row, self.bands, self.numbers)?,
        ))
    }

    /// Opens the graph of a window of `size` (frames, outputs) and does the same to `mel [batch, frames, bands + numbers]`; returns the
    /// names of sound `[batch, frames, bands]` and rows `[batch, numbers]`.
    pub(super) fn write_onnx(
        &self,
        graph: &mut Graph,
        standardise: &Standardise,
        size: (usize, usize),
    ) -> Result<(String, String)> {
        let whole = self.bands + self.numbers;
        let x = standardise.open_window(graph, size)?;
        for (name, value) in [
            ("beside.start", 0),
            ("beside.one", 1),
            ("beside.bands", self.bands as i64),
            ("beside.whole", whole as i64),
            ("beside.time", 1),
            ("beside.values", 2),
        ] {
            graph.integers(name, &[value]);
        }
        let sound =
            graph.apply("Slice", &[x, "beside.start", "beside.bands", "beside.values"], vec![]);
        let first = graph.apply("Slice", &[x, "beside.start", "beside.one", "beside.time"], vec![]);
        let row = graph.apply(
            "Slice",
            &[&first, "beside.bands", "beside.whole", "beside.values"],
            vec![],
        );
        let row = graph.apply("Flatten", &[&row], vec![Attribute::int("axis", 1)]);
        Ok((sound, row))
    }
}
