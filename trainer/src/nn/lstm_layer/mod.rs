//! An LSTM layer as one operation with its own backward pass through time.
//!
//! Candle's tape would record a dozen operations for each of hundreds of time steps, and allocate
//! full-size gradients for each. Here the time loop runs once forwards and once backwards over flat
//! buffers:
//!
//! - [`forward`]: projection, recurrence and gates of a step together, from weights packed once;
//! - [`backward`]: the same way back; gradients by gates take the place of the gates kept;
//! - [`weights`]: gradients of the weights, as products over all steps;
//! - [`panels`], [`gates`], [`buffers`]: what these are made of;
//! - [`cuda`]: the same on a GPU.
//!
//! Sequences of the batch do not depend on each other, so threads share the batch and never wait for
//! one another. No sum depends on how the work is shared out: results are the same bit for bit on any
//! number of threads.
//!
//! Gates stand in ONNX's order: input, output, forget, cell.

mod backward;
mod buffers;
#[cfg(any(test, feature = "cuda"))]
mod cuda;
mod forward;
mod gates;
mod panels;
mod weights;
mod width;

use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp2, DType, Device, Layout, Result, Shape, Storage, Tensor};

use super::autocast::{factor, product};
use backward::{Known, backward};
use forward::{Saved, forward};
pub(super) use panels::{by_step, shares};

/// Gates of an LSTM.
const GATES: usize = 4;

/// Runs an LSTM layer over whole sequences, from states of zeros: `h_t` for every step.
///
/// `x [steps, batch, inputs]`; `input [4 hidden, inputs]` and `recurrent [4 hidden, hidden]` are the
/// weights, `bias [4 hidden]` is the only bias; gates are in the order input, output, forget, cell. The
/// result is `[steps, batch, hidden]`.
///
/// `f32` is fast, on the CPU and, in layers of up to 256 values, on a GPU; there a result can be walked
/// back from once, as what the forward pass kept is used up by the gradient. Anything else takes the way of
/// [`lstm_steps`].
///
/// # Errors
/// When shapes do not fit, one of the sizes is zero or the device fails.
pub fn lstm_layer(x: &Tensor, input: &Tensor, recurrent: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let sizes = Sizes::of(x, input, recurrent, bias)?;
    if x.device().is_cpu() && x.dtype() == DType::F32 {
        // Operations take three tensors at most, so the weights go in as one; the tape cuts its
        // gradient up again.
        let (x, input) = (factor(x)?, factor(input)?);
        let packed = Tensor::cat(&[&input, recurrent, &bias.unsqueeze(1)?], 1)?;
        return x.contiguous()?.apply_op2(&packed, Layer { sizes, saved: Mutex::new(None) });
    }
    let Sizes { steps, batch, inputs, .. } = sizes;
    let flat = x.reshape((steps * batch, inputs))?;
    let projected = product(&flat, &input.t()?)?.broadcast_add(bias)?;
    let projected = projected.reshape((steps, batch, ()))?;
    #[cfg(feature = "cuda")]
    if let Some(hidden) = cuda::recurrence(&projected, recurrent)? {
        return Ok(hidden);
    }
    lstm_steps(&projected, recurrent)
}

/// The recurrence alone, written out in Candle's own operations: slow, the way where nothing faster serves,
/// and what the fused layers are tested against.
///
/// `projected [steps, batch, 4 hidden]` are the inputs' contributions to the gates, bias included.
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sizes {
    steps: usize,
    batch: usize,
    inputs: usize,
    hidden: usize,
}

impl Sizes {
    fn of(x: &Tensor, input: &Tensor, recurrent: &Tensor, bias: &Tensor) -> Result<Self> {
        let (steps, batch, inputs) = x.dims3()?;
        let (_, hidden) = recurrent.dims2()?;
        let sizes = Self { steps, batch, inputs, hidden };
        let rows = GATES * hidden;
        let fit = input.dims() == [rows, inputs]
            && recurrent.dims() == [rows, hidden]
            && bias.dims() == [rows];
        if !fit || steps * batch * inputs * hidden == 0 {
            candle_core::bail!(
                "an LSTM layer of inputs {:?} cannot have input weights {:?}, recurrent weights {:?} \
                 and bias {:?}",
                x.dims(),
                input.dims(),
                recurrent.dims(),
                bias.dims()
            );
        }
        Ok(sizes)
    }

    /// Values in a row of the packed weights.
    fn packed_row(self) -> usize {
        self.inputs + self.hidden + 1
    }
}

struct Layer {
    sizes: Sizes,
    saved: Mutex<Option<Saved>>,
}

impl CustomOp2 for Layer {
    fn name(&self) -> &'static str {
        "lstm-layer"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        packed: &CpuStorage,
        packed_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let Sizes { steps, batch, hidden, .. } = self.sizes;
        let x = contiguous(x, x_layout)?;
        let packed = contiguous(packed, packed_layout)?;
        let (outputs, saved) = forward(x, packed, self.sizes);
        *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = Some(saved);
        Ok((CpuStorage::F32(outputs), (steps, batch, hidden).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        packed: &Tensor,
        outputs: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(saved) = saved else {
            candle_core::bail!("lstm-layer: its gradient can be asked for once only");
        };
        let gradient = gradient.contiguous()?;
        let x_wanted = x.track_op();
        let (d_x, d_packed) = with_values([x, packed, outputs, &gradient], |values| {
            let [x, packed, outputs, gradient] = values;
            backward(&Known { x, packed, outputs, gradient }, saved, self.sizes, x_wanted)
        })?;
        let d_x = d_x.map(|d_x| Tensor::from_vec(d_x, x.shape(), &Device::Cpu)).transpose()?;
        Ok((d_x, Some(Tensor::from_vec(d_packed, packed.shape(), &Device::Cpu)?)))
    }
}

/// Calls `work` with the values of contiguous tensors, which are not copied.
pub(super) fn with_values<const N: usize, T>(
    tensors: [&Tensor; N],
    work: impl FnOnce([&[f32]; N]) -> T,
) -> Result<T> {
    let guards = tensors.map(Tensor::storage_and_layout);
    let mut values = [[].as_slice(); N];
    for (values, (storage, layout)) in values.iter_mut().zip(&guards) {
        let Storage::Cpu(storage) = &**storage else {
            candle_core::bail!("a tensor is not on the CPU");
        };
        *values = contiguous(storage, layout)?;
    }
    Ok(work(values))
}

/// The values of a contiguous tensor.
pub(super) fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let values = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&values[start..end]),
        None => candle_core::bail!("the tensor must be contiguous"),
    }
}

#[cfg(test)]
mod tests;
