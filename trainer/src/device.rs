//! Where tensors live.

use anyhow::{Result, bail};
use candle_core::Device;

/// Opens `cpu`, or `cuda` in builds with that feature.
///
/// # Errors
/// When the name is unknown or the device is not there.
pub fn open(name: &str) -> Result<Device> {
    match name {
        "cpu" => Ok(Device::Cpu),
        #[cfg(feature = "cuda")]
        "cuda" => Ok(Device::new_cuda(0)?),
        #[cfg(not(feature = "cuda"))]
        "cuda" => bail!("this build has no CUDA; build it with `--features cuda`"),
        other => bail!("no device is called {other:?}; there are cpu and cuda"),
    }
}
