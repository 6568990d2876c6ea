//! Where tensors live.
//!
//! Tensors are `f32` on every device; [`Precision`] says what large products are computed in. No CUDA device
//! has been tried: `cargo xtask cuda-check` is there to compile the feature without one.
//!
//! A build with the feature `cuda` is linked with the libraries of CUDA and of the driver (`libcuda.so.1`).
//! Where they are missing, the system says which one in a line of its own and the program does not start,
//! not even for `--device cpu`; for machines without a GPU, build without the feature.

use anyhow::{Result, bail};
use candle_core::Device;

use crate::nn::Precision;

/// Opens `cpu`, or in builds with the feature `cuda` also `cuda` and `cuda:N`, the GPU of that number,
/// counted from zero; `cuda` is the first.
///
/// # Errors
/// When the name is unknown, the build has no CUDA, or there is no such GPU or no driver for it.
pub fn open(name: &str) -> Result<Device> {
    let number = match name {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => Some(0),
        _ => name.strip_prefix("cuda:").and_then(|number| number.parse::<usize>().ok()),
    };
    match number {
        Some(number) => open_cuda(number),
        None => bail!("no device is called {name:?}; there are cpu, cuda and cuda:N, N from 0"),
    }
}

/// Refuses a precision that the device has no products in: `bf16` needs a GPU of compute capability 8.0
/// (Ampere) or later. On a CPU it is imitated.
///
/// # Errors
/// When it has none, or does not say what it is.
pub fn check_precision(device: &Device, precision: Precision) -> Result<()> {
    match (device, precision) {
        #[cfg(feature = "cuda")]
        (Device::Cuda(cuda), Precision::Bf16) => {
            let (major, minor) = cuda.cuda_stream().context().compute_capability()?;
            anyhow::ensure!(
                major >= 8,
                "optimiser.precision = \"bf16\" needs a GPU of compute capability 8.0 or later; this one \
                 has {major}.{minor}. Use \"f32\""
            );
            Ok(())
        }
        _ => Ok(()),
    }
}

#[cfg(not(feature = "cuda"))]
fn open_cuda(_: usize) -> Result<Device> {
    bail!("this build has no CUDA; build it with `--features cuda`, or use --device cpu")
}

#[cfg(feature = "cuda")]
fn open_cuda(number: usize) -> Result<Device> {
    // Candle's errors may go on with a backtrace.
    let first_line = |error: &dyn std::fmt::Display| {
        error.to_string().lines().next().unwrap_or_default().to_owned()
    };
    match std::panic::catch_unwind(|| Device::new_cuda(number)) {
        Ok(Ok(device)) => Ok(device),
        Ok(Err(error)) => bail!(
            "cannot use the GPU cuda:{number} ({}); `nvidia-smi` lists the GPUs there are",
            first_line(&error)
        ),
        Err(_) => bail!("the CUDA driver cannot be used; is it older than the toolkit?"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there() {
        assert!(open("cpu").unwrap().is_cpu());
    }

    #[test]
    fn unknown_names_say_which_there_are() {
        for name in ["gpu", "cuda:", "cuda:x", "cuda:-1", "CUDA", ""] {
            let error = open(name).unwrap_err().to_string();
            assert!(error.contains(&format!("{name:?}")) && error.contains("cuda:N"), "{error}");
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn cuda_without_the_feature_is_one_line() {
        for name in ["cuda", "cuda:0", "cuda:3"] {
            let error = format!("{:#}", open(name).unwrap_err());
            assert!(error.contains("--features cuda") && error.lines().count() == 1, "{error}");
        }
    }
}
