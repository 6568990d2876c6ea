//! Rectifiers: plain, leaky and capped ones in one operation.

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::{contiguous, read};

/// `x` above zero, `leak · x` below, and at most `cap`: with a leak of zero PyTorch's `ReLU`, with a cap
/// of six as well `ReLU6`. The slope at zero is the leak and at the cap zero, as there.
///
/// # Errors
/// When the device fails.
pub(in crate::nn) fn rectify(x: &Tensor, leak: f64, cap: Option<f64>) -> Result<Tensor> {
    match x.device() {
        Device::Cpu => {
            let (leak, cap) = (leak as f32, cap.map_or(f32::INFINITY, |cap| cap as f32));
            x.contiguous()?.apply_op1(Rectify { leak, cap })
        }
        _ => rectify_plain(x, leak, cap),
    }
}

/// The same in Candle's own operations.
fn rectify_plain(x: &Tensor, leak: f64, cap: Option<f64>) -> Result<Tensor> {
    let above = match cap {
        Some(cap) => x.clamp(0.0, cap)?,
        None => x.relu()?,
    };
    match leak {
        0.0 => Ok(above),
        leak => above - (x.neg()?.relu()? * leak)?,
    }
}

struct Rectify {
    leak: f32,
    cap: f32,
}

/// Values that a thread takes at a time.
const CHUNK: usize = 1 << 14;

impl CustomOp1 for Rectify {
    fn name(&self) -> &'static str {
        "rectify"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let &Self { leak, cap } = self;
        let mut y = contiguous(x, layout)?.to_vec();
        // What is not a number stays so.
        let rectify = |x: f32| {
            if x > cap {
                cap
            } else if x > 0.0 {
                x
            } else {
                leak * x
            }
        };
        y.par_chunks_mut(CHUNK).for_each(|y| y.iter_mut().for_each(|y| *y = rectify(*y)));
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let &Self { leak, cap } = self;
        let slope = |x: f32| {
            if x >= cap {
                0.0
            } else if x > 0.0 {
                1.0
            } else {
                leak
            }
        };
        let dx = read([x, gradient], |[x, gradient]| {
            let mut dx = gradient.to_vec();
            dx.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(dx, x)| {
                dx.iter_mut().zip(x).for_each(|(dx, x)| *dx *= slope(*x));
            });
            dx
        })?;
        Ok(Some(Tensor::from_vec(dx, x.shape(), x.device())?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_close, gradients, made};
    use super::*;

    #[test]
    fn equals_the_plain_one_and_its_gradient() {
        let x = made(1, &[5, 7], 20.0);
        for (leak, cap) in [(0.0, None), (0.01, None), (0.0, Some(6.0))] {
            let ours = gradients(&[&x], 2, || rectify(&x, leak, cap));
            let plain = gradients(&[&x], 2, || rectify_plain(&x, leak, cap));
            assert_close(&ours, &plain, 1e-6);
        }
    }
}
