//! One layer forwards: projection of the input, recurrence and gates in one go.
//!
//! A panel of weights holds the four gates of as many hidden values as a vector has lanes, over the
//! inputs and then the last hidden state. So when the sums of a panel are done, all that these hidden
//! values need is in registers, and gates are written once, already activated.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::buffers::Buffer;
use super::gates::{load, sigmoid, store, tanh};
use super::panels::{Panels, Tile, WIDE, by_step, multiply, shares, tiles, with_rows};
use super::width::dispatch;
use super::{GATES, Sizes};

/// What the forward pass keeps for the backward pass.
pub(super) struct Saved {
    /// Activated gates, `[steps, batch, 4 hidden]`.
    pub(super) gates: Buffer,
    /// Cell states, `[steps, batch, hidden]`.
    pub(super) cells: Buffer,
}

/// The hidden states `[steps, batch, hidden]` of inputs `x [steps, batch, inputs]`, from states of
/// zeros. `packed [4 hidden, inputs + hidden + 1]` are input weights, recurrent weights and bias.
pub(super) fn forward(x: &[f32], packed: &[f32], sizes: Sizes) -> (Vec<f32>, Saved) {
    let Sizes { steps, batch, hidden, .. } = sizes;
    let mut outputs = vec![0.0; steps * batch * hidden];
    let mut saved = Saved {
        gates: Buffer::take(steps * batch * GATES * hidden),
        cells: Buffer::take(steps * batch * hidden),
    };
    let pass = Pass { x, packed, sizes, outputs: &mut outputs, saved: &mut saved };
    dispatch(pass);
    (outputs, saved)
}

struct Pass<'a> {
    x: &'a [f32],
    packed: &'a [f32],
    sizes: Sizes,
    outputs: &'a mut [f32],
    saved: &'a mut Saved,
}

/// The weights as the inner loop reads them.
struct Weights {
    input: Panels,
    recurrent: Panels,
    bias: Panels,
}

impl Weights {
    fn pack<S: Simd>(packed: &[f32], sizes: Sizes) -> Self {
        let Sizes { inputs, hidden, .. } = sizes;
        let (lanes, stride) = (S::F32_LANES, sizes.packed_row());
        let pack = |first: usize, depth: usize| {
            Panels::pack(hidden.div_ceil(lanes), depth, lanes, |panel, k, place| {
                let (gate, unit) = (place / lanes, panel * lanes + place % lanes);
                if unit < hidden {
                    packed[(gate * hidden + unit) * stride + first + k]
                } else {
                    0.0
                }
            })
        };
        Self {
            input: pack(0, inputs),
            recurrent: pack(inputs, hidden),
            bias: pack(inputs + hidden, 1),
        }
    }
}

impl WithSimd for Pass<'_> {
    type Output = ();

    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, packed, sizes, outputs, saved } = self;
        let Sizes { steps, batch, hidden, .. } = sizes;
        let weights = &Weights::pack::<S>(packed, sizes);
        let shares = shares(batch);
        let outputs = by_step(outputs, steps, hidden, &shares);
        let gates = by_step(&mut saved.gates, steps, GATES * hidden, &shares);
        let cells = by_step(&mut saved.cells, steps, hidden, &shares);
        let mut first = 0;
        let mut pieces = Vec::with_capacity(shares.len());
        for (((&count, outputs), gates), cells) in shares.iter().zip(outputs).zip(gates).zip(cells)
        {
            pieces.push(Piece { x, weights, sizes, first, count, outputs, gates, cells });
            first += count;
        }
        pieces.into_par_iter().for_each(|piece| simd.vectorize(piece));
    }
}

/// The sequences that one thread takes, step by step.
struct Piece<'a> {
    x: &'a [f32],
    weights: &'a Weights,
    sizes: Sizes,
    first: usize,
    count: usize,
    outputs: Vec<&'a mut [f32]>,
    gates: Vec<&'a mut [f32]>,
    cells: Vec<&'a mut [f32]>,
}

impl WithSimd for Piece<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, weights, sizes, first, count, mut outputs, mut gates, mut cells } = self;
        let Sizes { steps, batch, inputs, hidden } = sizes;
        for t in 0..steps {
            let (past, present) = outputs.split_at_mut(t);
            let (cells_past, cells_present) = cells.split_at_mut(t);
            let mut step = Step {
                weights,
                inputs,
                hidden,
                x: &x[(t * batch + first) * inputs..][..count * inputs],
                last_output: past.last().map(|last| &**last),
                last_cell: cells_past.last().map(|last| &**last),
                output: &mut *present[0],
                cell: &mut *cells_present[0],
                gates: &mut *gates[t],
            };
            for panel in 0..hidden.div_ceil(S::F32_LANES) {
                for (first, rows) in tiles::<S>(count) {
                    with_rows!(rows, tile::<S, _>(simd, &mut step, panel, first));
                }
            }
        }
    }
}

/// What a step reads and writes of its sequences.
struct Step<'a> {
    weights: &'a Weights,
    inputs: usize,
    hidden: usize,
    x: &'a [f32],
    /// Absent in the first step.
    last_output: Option<&'a [f32]>,
    last_cell: Option<&'a [f32]>,
    output: &'a mut [f32],
    cell: &'a mut [f32],
    gates: &'a mut [f32],
}

/// `R` sequences from `first` on, the hidden values of one panel.
#[inline(always)]
fn tile<S: Simd, const R: usize>(simd: S, step: &mut Step<'_>, panel: usize, first: usize) {
    let (inputs, hidden) = (step.inputs, step.hidden);
    let weights = step.weights;
    let bias = weights.bias.panel::<S>(panel)[0];
    let rows = std::array::from_fn(|r| &step.x[(first + r) * inputs..][..inputs]);
    let mut sums: Tile<S, R> = [bias; R];
    sums = multiply(simd, sums, rows, weights.input.panel::<S>(panel));
    if let Some(last) = step.last_output {
        let rows = std::array::from_fn(|r| &last[(first + r) * hidden..][..hidden]);
        sums = multiply(simd, sums, rows, weights.recurrent.panel::<S>(panel));
    }
    let at = panel * S::F32_LANES;
    for (r, [input, output, forget, candidate]) in sums.into_iter().enumerate() {
        let row = (first + r) * hidden..(first + r + 1) * hidden;
        let input = sigmoid(simd, input);
        let output = sigmoid(simd, output);
        let forget = sigmoid(simd, forget);
        let candidate = tanh(simd, candidate);
        let mut cell = simd.mul_f32s(input, candidate);
        if let Some(last) = step.last_cell {
            cell = simd.mul_add_e_f32s(forget, load(simd, &last[row.clone()], at), cell);
        }
        let squashed = simd.mul_f32s(output, tanh(simd, cell));
        let gates = &mut step.gates[(first + r) * GATES * hidden..][..GATES * hidden];
        for (gates, value) in gates.chunks_exact_mut(hidden).zip([input, output, forget, candidate])
        {
            store(simd, gates, at, value);
        }
        store(simd, &mut step.cell[row.clone()], at, cell);
        store(simd, &mut step.output[row], at, squashed);
    }
}

const _: () = assert!(GATES == WIDE, "a panel holds the four gates");
