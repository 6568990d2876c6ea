//! Whether the kernels can be relied on here: before a layer first uses them, they are compiled and
//! compared with Candle's own operations, forwards and back.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use candle_core::cuda_backend::{CudaDevice, DeviceId};
use candle_core::{Device, Result, Tensor, Var};

use super::launch::recurrence;
use super::plan::Plan;
use crate::nn::lstm_layer::{GATES, lstm_steps};

/// Steps of the comparison.
const STEPS: usize = 6;
/// Most that a hidden state, and most that a gradient, may be off.
const OFF: (f32, f32) = (1e-4, 1e-3);

/// Whether the kernels of a plan do what they should on this GPU. Where they fail, a warning says why, once.
pub(super) fn is_good(device: &CudaDevice, plan: Plan, batch: usize) -> bool {
    static KNOWN: Mutex<Option<HashMap<(DeviceId, Plan), bool>>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let looked = || match compare(device, plan, batch) {
        Ok((forwards, back)) if forwards <= OFF.0 && back <= OFF.1 => true,
        Ok((forwards, back)) => {
            tracing::warn!(
                "the LSTM kernels are not used: hidden states are off by {forwards}, gradients by {back}"
            );
            false
        }
        Err(error) => {
            let error = error.to_string();
            let line = error.lines().next().unwrap_or_default();
            tracing::warn!("the LSTM kernels are not used, training is slower: {line}");
            false
        }
    };
    *known.get_or_insert_default().entry((device.id(), plan)).or_insert_with(looked)
}

/// How far hidden states and gradients are off.
fn compare(device: &CudaDevice, plan: Plan, batch: usize) -> Result<(f32, f32)> {
    let hidden = plan.hidden;
    let device = &Device::Cuda(device.clone());
    let made = |dims: &[usize], pace: f64, size: f64| -> Result<Tensor> {
        let count = dims.iter().product::<usize>() as f32;
        let wave = (Tensor::arange(0.0f32, count, device)? * pace)?.sin()?;
        (wave * size)?.reshape(dims)
    };
    let projected = Var::from_tensor(&made(&[STEPS, batch, GATES * hidden], 0.7, 1.5)?)?;
    let size = 1.5 / (hidden as f64).sqrt();
    let recurrent = Var::from_tensor(&made(&[GATES * hidden, hidden], 1.3, size)?)?;
    let gradient = made(&[STEPS, batch, hidden], 2.1, 1.0)?;
    let way = |states: Tensor| -> Result<[Tensor; 3]> {
        let gradients = (&states * &gradient)?.sum_all()?.backward()?;
        let of = |var: &Var| {
            let gradient = gradients.get(var).cloned();
            gradient.ok_or_else(|| candle_core::Error::Msg("a gradient is missing".to_owned()))
        };
        Ok([states, of(&projected)?, of(&recurrent)?])
    };
    let ours = way(recurrence(&projected, &recurrent, plan)?)?;
    let theirs = way(lstm_steps(&projected, &recurrent)?)?;
    let mut off = [0.0f32; 3];
    for ((off, ours), theirs) in off.iter_mut().zip(&ours).zip(&theirs) {
        let most = (ours - theirs)?.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?;
        // Gradients of weights are sums over all steps and sequences.
        let largest = theirs.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?.max(1.0);
        *off = if most.is_nan() { f32::INFINITY } else { most / largest };
    }
    Ok((off[0], off[1].max(off[2])))
}
