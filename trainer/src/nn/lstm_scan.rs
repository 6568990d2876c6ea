//! The recurrent part of an LSTM layer as one operation with its own backward through time.
//!
//! Candle's tape would record a dozen operations for each of hundreds of time steps, and allocate
//! full-size gradients for each. Here the time loop runs once forwards and once backwards over flat
//! buffers; sequences of the batch do not depend on each other, so threads share the batch and never
//! wait for one another.
//!
//! Gates stand in ONNX's order: input, output, forget, cell.

use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp2, Device, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Runs the recurrence from zero states: `h_t` for every step.
///
/// `projected [steps, batch, 4 hidden]` are the input's contributions to the gates, bias included;
/// `recurrent [4 hidden, hidden]` is applied to the last `h`. Returns `[steps, batch, hidden]`.
///
/// # Errors
/// When shapes do not fit or the device fails.
pub fn lstm_scan(projected: &Tensor, recurrent: &Tensor) -> Result<Tensor> {
    match projected.device() {
        Device::Cpu => projected
            .contiguous()?
            .apply_op2(&recurrent.contiguous()?, LstmScan { saved: Mutex::new(None) }),
        _ => lstm_steps(projected, recurrent),
    }
}

/// The same, written out in Candle's own operations: slow on the CPU, the way on other devices, and
/// what the fused operation is tested against.
///
/// # Errors
/// When shapes do not fit or the device fails.
pub fn lstm_steps(projected: &Tensor, recurrent: &Tensor) -> Result<Tensor> {
    let (steps, batch, _) = projected.dims3()?;
    let hidden = recurrent.dim(1)?;
    let transposed = recurrent.t()?;
    let zeros = Tensor::zeros((batch, hidden), projected.dtype(), projected.device())?;
    let (mut h, mut c) = (zeros.clone(), zeros);
    let mut outputs = Vec::with_capacity(steps);
    for t in 0..steps {
        let gates = (projected.get(t)? + h.matmul(&transposed)?)?;
        let gate = |index: usize| gates.narrow(1, index * hidden, hidden);
        let input = candle_nn::ops::sigmoid(&gate(0)?)?;
        let output = candle_nn::ops::sigmoid(&gate(1)?)?;
        let forget = candle_nn::ops::sigmoid(&gate(2)?)?;
        let cell = gate(3)?.tanh()?;
        c = ((forget * &c)? + (input * cell)?)?;
        h = (output * c.tanh()?)?;
        outputs.push(h.clone());
    }
    Tensor::stack(&outputs, 0)
}

/// What the forward pass keeps for the backward pass.
struct Saved {
    /// Activated gates, `[steps, batch, 4 hidden]`.
    gates: Vec<f32>,
    /// Cell states, `[steps, batch, hidden]`.
    cells: Vec<f32>,
}

struct LstmScan {
    saved: Mutex<Option<Saved>>,
}

#[derive(Clone, Copy)]
struct Sizes {
    steps: usize,
    batch: usize,
    hidden: usize,
}

impl CustomOp2 for LstmScan {
    fn name(&self) -> &'static str {
        "lstm-scan"
    }

    fn cpu_fwd(
        &self,
        projected: &CpuStorage,
        projected_layout: &Layout,
        recurrent: &CpuStorage,
        recurrent_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (steps, batch, gates) = projected_layout.shape().dims3()?;
        let (rows, hidden) = recurrent_layout.shape().dims2()?;
        if gates != 4 * hidden || rows != 4 * hidden {
            candle_core::bail!(
                "{gates} gates and a recurrent matrix of {rows} × {hidden} do not fit"
            );
        }
        let sizes = Sizes { steps, batch, hidden };
        let projected = contiguous(projected, projected_layout)?;
        let recurrent = contiguous(recurrent, recurrent_layout)?;
        let (outputs, saved) = forward(projected, recurrent, sizes);
        *self.saved.lock().unwrap_or_else(|e| e.into_inner()) = Some(saved);
        Ok((CpuStorage::F32(outputs), (steps, batch, hidden).into()))
    }

    fn bwd(
        &self,
        _projected: &Tensor,
        recurrent: &Tensor,
        outputs: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (steps, batch, hidden) = outputs.dims3()?;
        let sizes = Sizes { steps, batch, hidden };
        let recurrent = recurrent.flatten_all()?.to_vec1::<f32>()?;
        let gradient = gradient.flatten_all()?.to_vec1::<f32>()?;
        let saved = self.saved.lock().unwrap_or_else(|e| e.into_inner());
        let Some(saved) = saved.as_ref() else {
            candle_core::bail!("lstm-scan: backward before forward");
        };
        let gates = backward(saved, &recurrent, &gradient, sizes);
        let gates = Tensor::from_vec(gates, (steps, batch, 4 * hidden), &Device::Cpu)?;
        // dR = Σ_t dgates_tᵀ h_{t−1}, as one product over all steps but the first.
        let recurrent_gradient = if steps > 1 {
            let later =
                gates.narrow(0, 1, steps - 1)?.reshape(((steps - 1) * batch, 4 * hidden))?;
            let earlier =
                outputs.narrow(0, 0, steps - 1)?.reshape(((steps - 1) * batch, hidden))?;
            later.t()?.matmul(&earlier)?
        } else {
            Tensor::zeros((4 * hidden, hidden), candle_core::DType::F32, &Device::Cpu)?
        };
        Ok((Some(gates), Some(recurrent_gradient)))
    }
}

fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let values = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&values[start..end]),
        None => candle_core::bail!("lstm-scan: tensors must be contiguous"),
    }
}

/// `exp(x)` to about one part in 10⁷, in arithmetic that compilers turn into vector instructions:
/// x = n ln 2 + r, 2ⁿ from the exponent bits, eʳ by the polynomial of the Cephes library.
#[inline(always)]
fn exp(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 87.0);
    // Adding 1.5 · 2²³ rounds to a whole number and leaves it in the low bits.
    let shifted = x * std::f32::consts::LOG2_E + 12_582_912.0;
    let n = shifted - 12_582_912.0;
    let r = x - n * LN2_HIGH - n * LN2_LOW;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    (p * r * r + r + 1.0) * power
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    2.0 * sigmoid(2.0 * x) - 1.0
}

/// `out [rows, n] += a [rows, k] · b [k, n]`, all row-major.
fn add_product(out: &mut [f32], a: &[f32], b: &[f32], rows: usize, k: usize, n: usize) {
    assert!(out.len() >= rows * n && a.len() >= rows * k && b.len() >= k * n);
    // SAFETY: the assertion holds every index the product touches inside its slice, and `out` is
    // borrowed for writing while `a` and `b` are other slices.
    unsafe {
        gemm::gemm(
            rows,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            true,
            a.as_ptr(),
            1,
            k as isize,
            b.as_ptr(),
            1,
            n as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// Sequences that one thread takes at a time. Results do not depend on how they are shared out.
fn sequences_per_task(batch: usize) -> usize {
    batch.div_ceil(rayon::current_num_threads().max(1)).max(1)
}

/// Runs `work(first sequence, number of sequences)` over the batch in parallel and puts the pieces,
/// each `[steps, its sequences, width]`, back together as `[steps, batch, width]`.
fn by_sequence<const N: usize>(
    sizes: Sizes,
    widths: [usize; N],
    work: impl Fn(usize, usize) -> [Vec<f32>; N] + Sync,
) -> [Vec<f32>; N] {
    let Sizes { steps, batch, .. } = sizes;
    let share = sequences_per_task(batch);
    let starts: Vec<usize> = (0..batch).step_by(share).collect();
    let pieces: Vec<[Vec<f32>; N]> =
        starts.par_iter().map(|&first| work(first, share.min(batch - first))).collect();
    std::array::from_fn(|i| {
        let width = widths[i];
        let mut whole = vec![0.0; steps * batch * width];
        for (&first, piece) in starts.iter().zip(&pieces) {
            let count = share.min(batch - first);
            for t in 0..steps {
                let to = (t * batch + first) * width;
                let from = t * count * width;
                whole[to..to + count * width]
                    .copy_from_slice(&piece[i][from..from + count * width]);
            }
        }
        whole
    })
}

fn forward(projected: &[f32], recurrent: &[f32], sizes: Sizes) -> (Vec<f32>, Saved) {
    let Sizes { steps, batch, hidden } = sizes;
    let wide = 4 * hidden;
    let mut transposed = vec![0.0; hidden * wide];
    for (row, values) in recurrent.chunks_exact(hidden).enumerate() {
        for (column, &value) in values.iter().enumerate() {
            transposed[column * wide + row] = value;
        }
    }
    let [outputs, gates, cells] = by_sequence(sizes, [hidden, wide, hidden], |first, count| {
        let mut outputs = vec![0.0f32; steps * count * hidden];
        let mut gates = vec![0.0f32; steps * count * wide];
        let mut cells = vec![0.0f32; steps * count * hidden];
        let zeros = vec![0.0f32; hidden];
        for t in 0..steps {
            let now = t * count;
            let from = (t * batch + first) * wide;
            let gates_now = &mut gates[now * wide..(now + count) * wide];
            gates_now.copy_from_slice(&projected[from..from + count * wide]);
            let (past, present) = outputs.split_at_mut(now * hidden);
            let (cells_past, cells_present) = cells.split_at_mut(now * hidden);
            if t > 0 {
                let last = &past[(now - count) * hidden..];
                add_product(gates_now, last, &transposed, count, hidden, wide);
            }
            for sequence in 0..count {
                let gate = &mut gates_now[sequence * wide..(sequence + 1) * wide];
                let (sigmoids, candidate) = gate.split_at_mut(3 * hidden);
                sigmoids.iter_mut().for_each(|x| *x = sigmoid(*x));
                candidate.iter_mut().for_each(|x| *x = tanh(*x));
                let (input, rest) = sigmoids.split_at(hidden);
                let (output, forget) = rest.split_at(hidden);
                let at = sequence * hidden;
                let last = match now.checked_sub(count) {
                    Some(before) => &cells_past[before * hidden + at..][..hidden],
                    None => zeros.as_slice(),
                };
                let cells = &mut cells_present[at..at + hidden];
                let outputs = &mut present[at..at + hidden];
                for j in 0..hidden {
                    let cell = forget[j] * last[j] + input[j] * candidate[j];
                    cells[j] = cell;
                    outputs[j] = output[j] * tanh(cell);
                }
            }
        }
        [outputs, gates, cells]
    });
    (outputs, Saved { gates, cells })
}

/// The gradient of the loss with respect to the gates before activation.
fn backward(saved: &Saved, recurrent: &[f32], gradient: &[f32], sizes: Sizes) -> Vec<f32> {
    let Sizes { steps, batch, hidden } = sizes;
    let wide = 4 * hidden;
    let [gates] = by_sequence(sizes, [wide], |first, count| {
        let mut result = vec![0.0f32; steps * count * wide];
        let mut d_output = vec![0.0f32; count * hidden];
        let mut d_cell = vec![0.0f32; count * hidden];
        let zeros = vec![0.0f32; hidden];
        for t in (0..steps).rev() {
            let row = t * batch + first;
            let d_gates = &mut result[t * count * wide..(t + 1) * count * wide];
            for sequence in 0..count {
                let gate = &saved.gates[(row + sequence) * wide..(row + sequence + 1) * wide];
                let d_gate = &mut d_gates[sequence * wide..(sequence + 1) * wide];
                let (input, rest) = gate.split_at(hidden);
                let (output, rest) = rest.split_at(hidden);
                let (forget, candidate) = rest.split_at(hidden);
                let (d_input, rest) = d_gate.split_at_mut(hidden);
                let (d_out, rest) = rest.split_at_mut(hidden);
                let (d_forget, d_candidate) = rest.split_at_mut(hidden);
                let at = (row + sequence) * hidden;
                let last = match at.checked_sub(batch * hidden) {
                    Some(before) => &saved.cells[before..before + hidden],
                    None => zeros.as_slice(),
                };
                let cells = &saved.cells[at..at + hidden];
                let gradient = &gradient[at..at + hidden];
                let local = sequence * hidden..(sequence + 1) * hidden;
                let (d_output, d_cell) = (&d_output[local.clone()], &mut d_cell[local]);
                for j in 0..hidden {
                    let squashed = tanh(cells[j]);
                    let d_h = gradient[j] + d_output[j];
                    let d_c = d_cell[j] + d_h * output[j] * (1.0 - squashed * squashed);
                    d_input[j] = d_c * candidate[j] * input[j] * (1.0 - input[j]);
                    d_out[j] = d_h * squashed * output[j] * (1.0 - output[j]);
                    d_forget[j] = d_c * last[j] * forget[j] * (1.0 - forget[j]);
                    d_candidate[j] = d_c * input[j] * (1.0 - candidate[j] * candidate[j]);
                    d_cell[j] = d_c * forget[j];
                }
            }
            d_output.fill(0.0);
            add_product(&mut d_output, d_gates, recurrent, count, wide, hidden);
        }
        [result]
    });
    gates
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Var;

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    fn made(seed: u32, shape: &[usize]) -> Var {
        let count: usize = shape.iter().product();
        let data: Vec<f32> = (0..count as u32)
            .map(|i| {
                ((i.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 16) % 1000) as f32 / 1000.0
                    - 0.5
            })
            .collect();
        Var::from_tensor(&Tensor::from_vec(data, shape, &Device::Cpu).unwrap()).unwrap()
    }

    /// The fused operation and the one written out give the same values and the same gradients.
    #[test]
    fn forward_and_backward_equal_the_plain_recurrence() {
        for (steps, batch, hidden) in [(1, 1, 4), (7, 3, 8), (20, 5, 16)] {
            let projected = made(1, &[steps, batch, 4 * hidden]);
            let recurrent = made(2, &[4 * hidden, hidden]);
            let weights = made(3, &[steps, batch, hidden]);
            let run = |scan: fn(&Tensor, &Tensor) -> Result<Tensor>| {
                let outputs = scan(&projected, &recurrent).unwrap();
                let loss = (&outputs * weights.as_tensor()).unwrap().sum_all().unwrap();
                let gradients = loss.backward().unwrap();
                let of = |var: &Var| {
                    gradients.get(var).map(values).unwrap_or_else(|| vec![0.0; var.elem_count()])
                };
                (values(&outputs), of(&projected), of(&recurrent))
            };
            let (fused, plain) = (run(lstm_scan), run(lstm_steps));
            for (a, b) in [(&fused.0, &plain.0), (&fused.1, &plain.1), (&fused.2, &plain.2)] {
                let worst = a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
                assert!(a.len() == b.len() && worst < 1e-5, "{steps} {batch} {hidden}: {worst}");
            }
        }
    }

    #[test]
    fn the_fast_functions_are_accurate() {
        for i in -2000..=2000 {
            let x = i as f32 / 100.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 3e-7, "exp({x})");
            assert!((tanh(x) - x.tanh()).abs() < 3e-7, "tanh({x})");
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_errors() {
        let projected = made(1, &[3, 2, 16]);
        assert!(lstm_scan(&projected, &made(2, &[20, 5])).is_err());
    }
}
