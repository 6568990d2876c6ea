//! The recurrence on a GPU: one launch for all steps of a layer forwards, one back.
//!
//! The projection of the inputs before it and the gradients of the weights behind it are large products,
//! which Candle leaves to cuBLAS. Candle's own operations would launch a dozen kernels a step.

#[cfg(feature = "cuda")]
mod first_use;
#[cfg(feature = "cuda")]
mod launch;
mod plan;

#[cfg(feature = "cuda")]
use candle_core::{DType, Device, Result, Tensor};

/// What `lstm_steps` gives for the same arguments, or `None` where the kernels do not serve: on other devices and
/// types, in layers they are not made for, and where they have failed. A result can be walked back from once.
#[cfg(feature = "cuda")]
pub(super) fn recurrence(projected: &Tensor, recurrent: &Tensor) -> Result<Option<Tensor>> {
    let (Device::Cuda(device), DType::F32) = (projected.device(), projected.dtype()) else {
        return Ok(None);
    };
    let (_, batch, _) = projected.dims3()?;
    match launch::planned(device, recurrent.dim(1)?, batch)? {
        Some(plan) if first_use::is_good(device, plan, batch) => {
            launch::recurrence(projected, recurrent, plan).map(Some)
        }
        _ => Ok(None),
    }
}
