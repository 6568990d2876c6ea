//! The gradients of a layer's weights: products over all steps and sequences.

use std::ops::Range;

use rayon::prelude::*;

use super::buffers::Buffer;
use super::{GATES, Sizes};

/// Rows (steps × sequences) that one product sums over, about. How the sum is cut depends on the sizes
/// alone, so that results are the same on any number of threads.
const ROWS_PER_PART: usize = 1024;
/// Most parts: each takes the memory of one set of weights.
const MOST_PARTS: usize = 32;

/// The gradient by the packed weights `[4 hidden, inputs + hidden + 1]`, from that by the sums in the
/// gates `[steps, batch, 4 hidden]` and what the weights were multiplied with. `d_bias [batch, 4 hidden]`
/// has the sums over the steps already.
pub(super) fn gradient_of_weights(
    d_gates: &[f32],
    x: &[f32],
    outputs: &[f32],
    d_bias: &[f32],
    sizes: Sizes,
) -> Vec<f32> {
    let Sizes { steps, batch, inputs, hidden } = sizes;
    let (wide, row) = (GATES * hidden, inputs + hidden);
    let parts = (steps * batch).div_ceil(ROWS_PER_PART).clamp(1, MOST_PARTS).min(steps.max(1));
    let mut sums = Buffer::take(parts * wide * row);
    sums.par_chunks_exact_mut(wide * row).enumerate().for_each(|(part, sums)| {
        let (from, to) = (part * steps / parts, (part + 1) * steps / parts);
        let d = Rows::of_steps(d_gates, from..to, batch, wide);
        let x = Rows::of_steps(x, from..to, batch, inputs);
        transposed_product(&d, &x, sums, 0, row);
        // The first step has no step before it.
        let from = from.max(1).min(to);
        let d = Rows::of_steps(d_gates, from..to, batch, wide);
        let last = Rows::of_steps(outputs, from.saturating_sub(1)..to - from.min(1), batch, hidden);
        transposed_product(&d, &last, sums, inputs, row);
    });
    let mut packed = vec![0.0; wide * (row + 1)];
    packed.par_chunks_exact_mut(row + 1).enumerate().for_each(|(n, packed)| {
        let (weights, bias) = packed.split_at_mut(row);
        for part in sums.chunks_exact(wide * row) {
            weights.iter_mut().zip(&part[n * row..]).for_each(|(to, sum)| *to += sum);
        }
        bias[0] = d_bias.iter().skip(n).step_by(wide).sum();
    });
    packed
}

/// A row-major matrix.
struct Rows<'a> {
    values: &'a [f32],
    width: usize,
}

impl<'a> Rows<'a> {
    /// Some of the steps of a buffer `[steps, batch, width]`.
    fn of_steps(buffer: &'a [f32], steps: Range<usize>, batch: usize, width: usize) -> Self {
        Self { values: &buffer[steps.start * batch * width..steps.end * batch * width], width }
    }
}

/// Columns `first .. first + b.width` of `out`, whose rows are `stride` apart, become `aᵀ b`.
fn transposed_product(a: &Rows<'_>, b: &Rows<'_>, out: &mut [f32], first: usize, stride: usize) {
    let (m, n) = (a.width, b.width);
    let k = a.values.len() / m;
    assert!(b.values.len() == k * n && first + n <= stride && out.len() >= m * stride);
    if k == 0 {
        out.chunks_exact_mut(stride).for_each(|row| row[first..first + n].fill(0.0));
        return;
    }
    // SAFETY: the assertion holds every index of the product inside its slice, and `out` is borrowed
    // for writing while `a` and `b` are other slices.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr().add(first),
            1,
            stride as isize,
            false,
            a.values.as_ptr(),
            m as isize,
            1,
            b.values.as_ptr(),
            1,
            n as isize,
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
