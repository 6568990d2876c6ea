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
pub(super) use {first_use::serves, launch::recurrence};
