//! The arithmetic of a forward LSTM layer: products with packed weights, and the cell.
//!
//! Every output is summed over its inputs in the same order whatever the number of rows, so that lanes and
//! chunks of any shape give the same bits.

use pulp::{Arch, Simd, WithSimd};

/// Outputs in a block of packed weights: a multiple of every vector's length.
const BLOCK: usize = 64;
/// Rows of inputs that are multiplied before the recurrence runs over them: their products fit into the
/// second-level cache.
const ROWS: usize = 64;

/// A matrix of weights, laid out in the order in which it is read: blocks of outputs, in each the inputs one
/// after the other.
struct Packed {
    inputs: usize,
    weights: Vec<f32>,
}

impl Packed {
    /// Packs a matrix of `[outputs, inputs]`; outputs are filled up with zeros to whole blocks.
    fn new(matrix: &[f32], inputs: usize) -> Self {
        let outputs = matrix.len() / inputs;
        let mut weights = vec![0.0; outputs.div_ceil(BLOCK) * BLOCK * inputs];
        for (output, row) in matrix.chunks_exact(inputs).enumerate() {
            let block = output / BLOCK * BLOCK * inputs;
            for (input, &weight) in row.iter().enumerate() {
                weights[block + input * BLOCK + output % BLOCK] = weight;
            }
        }
        Self { inputs, weights }
    }
}

/// A layer: weights and bias, gates in ONNX's order (input, output, forget, cell).
pub(super) struct Layer {
    /// The vector instructions there are, found once.
    arch: Arch,
    inputs: usize,
    hidden: usize,
    of_inputs: Packed,
    of_states: Packed,
    /// Both of ONNX's biases together, as long as whole blocks.
    bias: Vec<f32>,
}

/// What a layer works on: `frames` of `batch` sequences.
pub(super) struct Work<'a> {
    /// `[frames, batch, inputs]`.
    pub(super) inputs: &'a [f32],
    /// `[frames, batch, hidden]`: filled with the outputs.
    pub(super) outputs: &'a mut [f32],
    /// `[batch, hidden]`: the state before the first frame, and then the one after the last.
    pub(super) hidden: &'a mut [f32],
    /// The same of the cells.
    pub(super) cells: &'a mut [f32],
}

impl Layer {
    /// From ONNX's `W` (`[4·hidden, inputs]`), `R` (`[4·hidden, hidden]`) and `B` (`[8·hidden]` or empty).
    pub(super) fn new(w: &[f32], r: &[f32], b: &[f32], inputs: usize, hidden: usize) -> Self {
        let mut bias = vec![0.0; (4 * hidden).div_ceil(BLOCK) * BLOCK];
        let (of_inputs, of_states) = b.split_at(b.len() / 2);
        for ((sum, x), h) in bias.iter_mut().zip(of_inputs).zip(of_states) {
            *sum = x + h;
        }
        Self {
            arch: Arch::new(),
            inputs,
            hidden,
            of_inputs: Packed::new(w, inputs),
            of_states: Packed::new(r, hidden),
            bias,
        }
    }

    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(super) fn hidden(&self) -> usize {
        self.hidden
    }

    /// Runs it.
    ///
    /// # Panics
    /// When sizes do not fit together.
    pub(super) fn run(&self, work: Work<'_>) {
        self.arch.dispatch(Running { layer: self, work });
    }
}

struct Running<'a> {
    layer: &'a Layer,
    work: Work<'a>,
}

impl WithSimd for Running<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layer, work } = self;
        let (hidden, wide) = (layer.hidden, layer.bias.len());
        let batch = work.hidden.len() / hidden;
        let frames = (ROWS / batch).max(1).min(work.inputs.len() / (batch * layer.inputs));
        let mut gates = Vec::with_capacity(frames * batch * wide);
        let mut turned = Vec::with_capacity(frames * batch * layer.inputs.max(hidden));
        let pieces = work.inputs.chunks(frames * batch * layer.inputs);
        for (inputs, outputs) in pieces.zip(work.outputs.chunks_mut(frames * batch * hidden)) {
            gates.clear();
            (0..inputs.len() / layer.inputs).for_each(|_| gates.extend_from_slice(&layer.bias));
            add_product(simd, &layer.of_inputs, inputs, &mut gates, &mut turned);
            let steps = gates.chunks_exact_mut(batch * wide);
            for (gates, outputs) in steps.zip(outputs.chunks_exact_mut(batch * hidden)) {
                add_product(simd, &layer.of_states, work.hidden, gates, &mut turned);
                let cells = work.cells.chunks_exact_mut(hidden);
                for ((gates, cells), outputs) in
                    gates.chunks_exact(wide).zip(cells).zip(outputs.chunks_exact_mut(hidden))
                {
                    cell(simd, gates, cells, outputs);
                }
                work.hidden.copy_from_slice(outputs);
            }
        }
    }
}

/// Adds the products of `rows` (`[m, inputs]`) with the weights to `sums` (`[m, outputs]`). `turned` is
/// scratch.
#[inline(always)]
fn add_product<S: Simd>(
    simd: S,
    packed: &Packed,
    rows: &[f32],
    sums: &mut [f32],
    turned: &mut Vec<f32>,
) {
    // As many rows at a time, and vectors of outputs of each, as there are registers for the sums: longer
    // vectors come with more registers.
    if S::F32_LANES >= 16 {
        tiles::<S, 4, 4, 4>(simd, packed, rows, sums, turned);
    } else {
        tiles::<S, 8, 4, 2>(simd, packed, rows, sums, turned);
    }
}

/// Block by block of outputs, so that a block's weights stay in the first-level cache for all rows.
#[inline(always)]
fn tiles<S: Simd, const V1: usize, const V2: usize, const V4: usize>(
    simd: S,
    packed: &Packed,
    rows: &[f32],
    sums: &mut [f32],
    turned: &mut Vec<f32>,
) {
    let (inputs, wide) = (packed.inputs, packed.weights.len() / packed.inputs);
    let count = rows.len() / inputs;
    turn(rows, inputs, turned);
    for (block, weights) in packed.weights.chunks_exact(inputs * BLOCK).enumerate() {
        let mut done = 0;
        while done < count {
            let values = &turned[done * inputs..];
            let sums = &mut sums[done * wide + block * BLOCK..];
            done += match count - done {
                1 => tile::<S, 1, V1>(simd, weights, values, sums, wide),
                2 | 3 => tile::<S, 2, V2>(simd, weights, values, sums, wide),
                _ => tile::<S, 4, V4>(simd, weights, values, sums, wide),
            };
        }
    }
}

/// Puts the values of four rows (or of the last two, or the last) that meet the same weight next to each
/// other.
#[inline(always)]
fn turn(rows: &[f32], inputs: usize, turned: &mut Vec<f32>) {
    turned.clear();
    let mut rest = rows;
    while !rest.is_empty() {
        let together = match rest.len() / inputs {
            1 => 1,
            2 | 3 => 2,
            _ => 4,
        };
        let (now, later) = rest.split_at(together * inputs);
        match together {
            1 => turned.extend_from_slice(now),
            2 => {
                let (a, b) = now.split_at(inputs);
                turned.extend(a.iter().zip(b).flat_map(|(&a, &b)| [a, b]));
            }
            _ => {
                let (a, b) = now.split_at(2 * inputs);
                let (a, b, c, d) = (&a[..inputs], &a[inputs..], &b[..inputs], &b[inputs..]);
                let four = a.iter().zip(b).zip(c.iter().zip(d));
                turned.extend(four.flat_map(|((&a, &b), (&c, &d))| [a, b, c, d]));
            }
        }
        rest = later;
    }
}

/// Adds to a block of outputs of `R` rows, which lie `wide` apart, `V` vectors at a time; returns `R`.
#[inline(always)]
fn tile<S: Simd, const R: usize, const V: usize>(
    simd: S,
    weights: &[f32],
    values: &[f32],
    sums: &mut [f32],
    wide: usize,
) -> usize {
    let (values, _) = values.as_chunks::<R>();
    let (weights, _) = S::as_simd_f32s(weights);
    let vectors = BLOCK / S::F32_LANES;
    for first in (0..vectors).step_by(V) {
        let mut tile = [[simd.splat_f32s(0.0); V]; R];
        for (row, tile) in tile.iter_mut().enumerate() {
            let (old, _) = S::as_simd_f32s(&sums[row * wide..][..BLOCK]);
            tile.copy_from_slice(&old[first..first + V]);
        }
        for (weights, values) in weights.chunks_exact(vectors).zip(values) {
            let weights = &weights[first..first + V];
            for (tile, &value) in tile.iter_mut().zip(values) {
                let value = simd.splat_f32s(value);
                for (sum, &weight) in tile.iter_mut().zip(weights) {
                    *sum = simd.mul_add_e_f32s(weight, value, *sum);
                }
            }
        }
        for (row, tile) in tile.iter().enumerate() {
            let (new, _) = S::as_mut_simd_f32s(&mut sums[row * wide..][..BLOCK]);
            new[first..first + V].copy_from_slice(tile);
        }
    }
    R
}

/// One step of one sequence: the cells and the output from the sums at the gates. All that is divided is divided
/// at once, as a division takes as long as some ten products.
#[inline(always)]
fn cell<S: Simd>(simd: S, gates: &[f32], cells: &mut [f32], outputs: &mut [f32]) {
    let hidden = cells.len();
    let mut at = 0;
    while at < hidden {
        let to = (at + S::F32_LANES).min(hidden);
        let gate = |n: usize| simd.partial_load_f32s(&gates[n * hidden + at..n * hidden + to]);
        let old = simd.partial_load_f32s(&cells[at..to]);
        let (input, input_d) = sigmoid(simd, gate(0));
        let (forget, forget_d) = sigmoid(simd, gate(2));
        let (cell, cell_d) = tanh(simd, gate(3));
        // forget · old + input · cell, over the product of their divisors.
        let added_d = simd.mul_f32s(input_d, cell_d);
        let added = simd.mul_f32s(simd.mul_f32s(input, cell), forget_d);
        let sum = simd.mul_add_e_f32s(simd.mul_f32s(forget, old), added_d, added);
        let new = simd.div_f32s(sum, simd.mul_f32s(forget_d, added_d));
        let (gain, gain_d) = sigmoid(simd, gate(1));
        let (level, level_d) = tanh(simd, new);
        let output = simd.div_f32s(simd.mul_f32s(gain, level), simd.mul_f32s(gain_d, level_d));
        simd.partial_store_f32s(&mut cells[at..to], new);
        simd.partial_store_f32s(&mut outputs[at..to], output);
        at = to;
    }
}

/// The logistic function, as dividend and divisor.
#[inline(always)]
fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    let half = simd.splat_f32s(0.5);
    let (dividend, divisor) = tanh(simd, simd.mul_f32s(half, x));
    (simd.mul_f32s(half, simd.add_f32s(dividend, divisor)), divisor)
}

/// Hyperbolic tangent as dividend and divisor, polynomials whose ratio is right within a few units in the last
/// place; the divisor lies between 0.0048 and 0.9. The coefficients are those of Eigen's `generic_fast_tanh_float`.
#[inline(always)]
fn tanh<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    const EDGE: f32 = 7.905_311;
    const ODD: [f32; 7] = [
        -2.760_768_5e-16,
        2.000_188e-13,
        -8.604_672e-11,
        5.122_297e-8,
        1.485_722_4e-5,
        6.372_619_4e-4,
        4.893_524_6e-3,
    ];
    const EVEN: [f32; 4] = [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3];
    // In this order, as x86 gives the second of two where one is no number: that is to be told, not hidden.
    let x = simd.max_f32s(simd.splat_f32s(-EDGE), simd.min_f32s(simd.splat_f32s(EDGE), x));
    let square = simd.mul_f32s(x, x);
    let polynomial = |coefficients: &[f32]| {
        let first = simd.splat_f32s(coefficients[0]);
        coefficients[1..].iter().fold(first, |sum, &coefficient| {
            simd.mul_add_e_f32s(sum, square, simd.splat_f32s(coefficient))
        })
    };
    (simd.mul_f32s(x, polynomial(&ODD)), polynomial(&EVEN))
}

#[cfg(test)]
mod tests;
