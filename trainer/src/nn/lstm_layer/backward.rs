//! One layer backwards through time, then the gradients of its weights as products over all steps.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::buffers::Buffer;
use super::forward::Saved;
use super::gates::{load, slope_of_sigmoid, slope_of_tanh, store, tanh};
use super::panels::{Panels, WIDE, by_step, multiply, shares, tiles, with_rows};
use super::weights::gradient_of_weights;
use super::width::dispatch;
use super::{GATES, Sizes};

/// What the gradient of a layer is computed from, besides what the forward pass kept.
pub(super) struct Known<'a> {
    /// The layer's inputs `[steps, batch, inputs]`.
    pub(super) x: &'a [f32],
    /// Its weights `[4 hidden, inputs + hidden + 1]`.
    pub(super) packed: &'a [f32],
    /// Its hidden states `[steps, batch, hidden]`.
    pub(super) outputs: &'a [f32],
    /// The gradient of the loss by these states.
    pub(super) gradient: &'a [f32],
}

/// The gradients of the loss by `x`, where it is wanted, and by `packed`.
pub(super) fn backward(
    known: &Known<'_>,
    saved: Saved,
    sizes: Sizes,
    x_wanted: bool,
) -> (Option<Vec<f32>>, Vec<f32>) {
    let Sizes { steps, batch, inputs, hidden } = sizes;
    let Saved { mut gates, cells } = saved;
    let mut d_x = x_wanted.then(|| vec![0.0; steps * batch * inputs]);
    let mut d_bias = vec![0.0; batch * GATES * hidden];
    dispatch(Pass {
        known,
        sizes,
        cells: &cells,
        gates: &mut gates,
        d_x: d_x.as_deref_mut(),
        d_bias: &mut d_bias,
    });
    // `gates` now holds the gradient by what went into the gates.
    let d_packed = gradient_of_weights(&gates, known.x, known.outputs, &d_bias, sizes);
    (d_x, d_packed)
}

struct Pass<'a> {
    known: &'a Known<'a>,
    sizes: Sizes,
    cells: &'a [f32],
    /// Activated gates; overwritten with the gradient by their sums.
    gates: &'a mut Buffer,
    d_x: Option<&'a mut [f32]>,
    /// `[batch, 4 hidden]`: sums over the steps, one a sequence, so that they do not depend on how
    /// sequences are shared out.
    d_bias: &'a mut [f32],
}

impl WithSimd for Pass<'_> {
    type Output = ();

    fn with_simd<S: Simd>(self, simd: S) {
        let Self { known, sizes, cells, gates, d_x, d_bias } = self;
        let Sizes { steps, batch, inputs, hidden } = sizes;
        let (wide, stride) = (GATES * hidden, sizes.packed_row());
        let of_columns = |first, columns| {
            Panels::of_columns(known.packed, stride, first, wide, columns, S::F32_LANES)
        };
        let input = &d_x.is_some().then(|| of_columns(0, inputs));
        let recurrent = &of_columns(inputs, hidden);
        let shares = shares(batch);
        let gates = by_step(gates, steps, wide, &shares);
        let mut d_x = match d_x {
            Some(d_x) => by_step(d_x, steps, inputs, &shares),
            None => shares.iter().map(|_| Vec::new()).collect(),
        };
        let mut d_bias = by_step(d_bias, 1, wide, &shares);
        let mut first = 0;
        let mut pieces = Vec::with_capacity(shares.len());
        for (n, (&count, gates)) in shares.iter().zip(gates).enumerate() {
            let (d_x, d_bias) = (std::mem::take(&mut d_x[n]), d_bias[n].remove(0));
            pieces.push(Piece {
                gradient: known.gradient,
                input: input.as_ref(),
                recurrent,
                cells,
                sizes,
                first,
                count,
                gates,
                d_x,
                d_bias,
            });
            first += count;
        }
        pieces.into_par_iter().for_each(|piece| simd.vectorize(piece));
    }
}

/// The sequences that one thread takes, from the last step to the first.
struct Piece<'a> {
    gradient: &'a [f32],
    /// Input weights, where the gradient by the inputs is wanted.
    input: Option<&'a Panels>,
    recurrent: &'a Panels,
    cells: &'a [f32],
    sizes: Sizes,
    first: usize,
    count: usize,
    gates: Vec<&'a mut [f32]>,
    /// Empty where it is not wanted.
    d_x: Vec<&'a mut [f32]>,
    d_bias: &'a mut [f32],
}

impl WithSimd for Piece<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let Sizes { steps, batch, inputs, hidden } = self.sizes;
        let row = batch * hidden;
        let mine = self.first * hidden..(self.first + self.count) * hidden;
        let mut d_output = vec![0.0; self.count * hidden];
        let mut d_cell = vec![0.0; self.count * hidden];
        self.d_bias.fill(0.0);
        for t in (0..steps).rev() {
            let mut step = Step {
                hidden,
                gradient: &self.gradient[t * row..][mine.clone()],
                cell: &self.cells[t * row..][mine.clone()],
                last_cell: t.checked_sub(1).map(|t| &self.cells[t * row..][mine.clone()]),
                gates: &mut *self.gates[t],
                d_output: &d_output,
                d_cell: &mut d_cell,
                d_bias: &mut *self.d_bias,
            };
            for sequence in 0..self.count {
                through_gates(simd, &mut step, sequence);
            }
            let d_gates = &*self.gates[t];
            if t > 0 {
                product(simd, d_gates, self.recurrent, &mut d_output, hidden);
            }
            if let Some(input) = self.input {
                product(simd, d_gates, input, &mut *self.d_x[t], inputs);
            }
        }
    }
}

/// What one step reads and writes of a piece's sequences.
struct Step<'a> {
    hidden: usize,
    gradient: &'a [f32],
    cell: &'a [f32],
    /// Absent in the first step.
    last_cell: Option<&'a [f32]>,
    gates: &'a mut [f32],
    /// The gradient by the hidden state that comes from the next step.
    d_output: &'a [f32],
    /// The same for the cell state; here for the next step on the way back.
    d_cell: &'a mut [f32],
    d_bias: &'a mut [f32],
}

/// From the gradient by a sequence's hidden and cell state to that by the sums in its gates.
#[inline(always)]
fn through_gates<S: Simd>(simd: S, step: &mut Step<'_>, sequence: usize) {
    let hidden = step.hidden;
    let states = sequence * hidden..(sequence + 1) * hidden;
    let gates = &mut step.gates[sequence * GATES * hidden..][..GATES * hidden];
    let d_bias = &mut step.d_bias[sequence * GATES * hidden..][..GATES * hidden];
    let (gradient, cell) = (&step.gradient[states.clone()], &step.cell[states.clone()]);
    let last_cell = step.last_cell.map(|last| &last[states.clone()]);
    let d_output = &step.d_output[states.clone()];
    let d_cell = &mut step.d_cell[states];
    for at in (0..hidden).step_by(S::F32_LANES) {
        let mut gate = [simd.splat_f32s(0.0); GATES];
        for (gate, values) in gate.iter_mut().zip(gates.chunks_exact(hidden)) {
            *gate = load(simd, values, at);
        }
        let [input, output, forget, candidate] = gate;
        let squashed = tanh(simd, load(simd, cell, at));
        let last = match last_cell {
            Some(last) => load(simd, last, at),
            None => simd.splat_f32s(0.0),
        };
        let d_h = simd.add_f32s(load(simd, gradient, at), load(simd, d_output, at));
        let d_squashed = simd.mul_f32s(d_h, output);
        let d_c =
            simd.mul_add_e_f32s(d_squashed, slope_of_tanh(simd, squashed), load(simd, d_cell, at));
        let gradients = [
            simd.mul_f32s(simd.mul_f32s(d_c, candidate), slope_of_sigmoid(simd, input)),
            simd.mul_f32s(simd.mul_f32s(d_h, squashed), slope_of_sigmoid(simd, output)),
            simd.mul_f32s(simd.mul_f32s(d_c, last), slope_of_sigmoid(simd, forget)),
            simd.mul_f32s(simd.mul_f32s(d_c, input), slope_of_tanh(simd, candidate)),
        ];
        store(simd, d_cell, at, without_traces(simd, simd.mul_f32s(d_c, forget)));
        for (index, value) in gradients.into_iter().enumerate() {
            let value = without_traces(simd, value);
            let of_gate = index * hidden..(index + 1) * hidden;
            store(simd, &mut gates[of_gate.clone()], at, value);
            let sums = &mut d_bias[of_gate];
            let sum = simd.add_f32s(load(simd, sums, at), value);
            store(simd, sums, at, sum);
        }
    }
}

/// Gradients too small to matter become zero; what is not a number stays so. On the way back through hundreds of
/// steps gradients fade below 10⁻³⁸, where some processors take a hundred times as long for a product: a
/// training step over 646 frames took 3 s instead of 0.4.
#[inline(always)]
fn without_traces<S: Simd>(simd: S, gradient: S::f32s) -> S::f32s {
    const TRACE: f32 = 1e-30;
    let is_trace = simd.less_than_f32s(simd.abs_f32s(gradient), simd.splat_f32s(TRACE));
    simd.select_f32s(is_trace, simd.splat_f32s(0.0), gradient)
}

/// `out [rows, columns] = rows · panels`.
#[inline(always)]
fn product<S: Simd>(simd: S, rows: &[f32], panels: &Panels, out: &mut [f32], columns: usize) {
    let depth = panels.depth();
    for panel in 0..columns.div_ceil(WIDE * S::F32_LANES) {
        for (first, count) in tiles::<S>(rows.len() / depth) {
            with_rows!(count, product_tile::<S, _>(simd, rows, first, panels, panel, out, columns));
        }
    }
}

#[inline(always)]
fn product_tile<S: Simd, const R: usize>(
    simd: S,
    rows: &[f32],
    first: usize,
    panels: &Panels,
    panel: usize,
    out: &mut [f32],
    columns: usize,
) {
    let depth = panels.depth();
    let rows = std::array::from_fn(|r| &rows[(first + r) * depth..][..depth]);
    let zeros = [[simd.splat_f32s(0.0); WIDE]; R];
    let sums = multiply(simd, zeros, rows, panels.panel::<S>(panel));
    for (r, sums) in sums.into_iter().enumerate() {
        let row = &mut out[(first + r) * columns..][..columns];
        for (v, sum) in sums.into_iter().enumerate() {
            let at = (panel * WIDE + v) * S::F32_LANES;
            if at < columns {
                store(simd, row, at, sum);
            }
        }
    }
}
