//! Softmax over the last axis as one operation: Candle's own keeps four tensors of the full size for
//! the backward pass, and attention has none larger.

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::image::{contiguous, read};

/// `y_i = exp(x_i) / Σ_j exp(x_j)` along the last axis.
///
/// # Errors
/// When the device fails.
pub(super) fn softmax(x: &Tensor) -> Result<Tensor> {
    match x.device() {
        Device::Cpu => x.contiguous()?.apply_op1(Softmax),
        _ => candle_nn::ops::softmax(x, candle_core::D::Minus1),
    }
}

struct Softmax;

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let width = layout.dims().last().copied().unwrap_or(1).max(1);
        let mut y = contiguous(x, layout)?.to_vec();
        y.par_chunks_mut(width).for_each(|row| {
            let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            row.iter_mut().for_each(|x| *x = (*x - max).exp());
            let scale = 1.0 / row.iter().sum::<f32>();
            row.iter_mut().for_each(|x| *x *= scale);
        });
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    /// `dx_i = y_i (dy_i − Σ_j dy_j y_j)`.
    fn bwd(&self, _x: &Tensor, y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let width = y.dims().last().copied().unwrap_or(1).max(1);
        let dx = read([y, gradient], |[y, gradient]| {
            let mut dx = y.to_vec();
            dx.par_chunks_mut(width).zip(gradient.par_chunks(width)).for_each(|(row, gradient)| {
                let sum: f32 = row.iter().zip(gradient).map(|(y, g)| y * g).sum();
                row.iter_mut().zip(gradient).for_each(|(y, g)| *y *= g - sum);
            });
            dx
        })?;
        Ok(Some(Tensor::from_vec(dx, y.shape(), y.device())?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::image::testing::{assert_close, gradients, made};
    use super::*;

    #[test]
    fn equals_candles_and_its_gradient() {
        let x = made(1, &[3, 4, 7], 4.0);
        let ours = gradients(&[&x], 2, || softmax(&x));
        let plain = gradients(&[&x], 2, || candle_nn::ops::softmax(&x, 2));
        assert_close(&ours, &plain, 1e-6);
    }
}
