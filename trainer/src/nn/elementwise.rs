//! What is done to every frame, in one pass each on the CPU.
//!
//! Candle's broadcast operations would do, and do on other devices; but their gradients also cost what
//! nobody asks for: the gradient by a dropout mask is as much work as the layer's own.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, DType, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::lstm_layer::{contiguous, with_values};

/// `(x − mean) / deviation` for `x [steps, batch, width]` and statistics `[width]`. No gradient flows
/// through it: frames and their statistics are not trained.
///
/// # Errors
/// When shapes do not fit or the device fails.
pub fn standardise(x: &Tensor, mean: &Tensor, deviation: &Tensor) -> Result<Tensor> {
    if !on_cpu([x, mean, deviation]) {
        return x.detach().broadcast_sub(mean)?.broadcast_div(deviation);
    }
    x.contiguous()?.apply_op3_no_bwd(&mean.contiguous()?, &deviation.contiguous()?, &Standardise)
}

/// Multiplies every step of `x [steps, batch, width]` with the same `mask [batch, width]`, as dropout
/// does in recurrent networks. The mask gets no gradient.
///
/// # Errors
/// When shapes do not fit or the device fails.
pub fn sequence_mask(x: &Tensor, mask: &Tensor) -> Result<Tensor> {
    if x.rank() != 3 || mask.dims() != &x.dims()[1..] {
        candle_core::bail!("a mask {:?} does not fit {:?}", mask.shape(), x.shape());
    }
    if !on_cpu([x, mask]) {
        return x.broadcast_mul(&mask.detach());
    }
    x.contiguous()?.apply_op2(&mask.detach().contiguous()?, SequenceMask)
}

fn on_cpu<const N: usize>(tensors: [&Tensor; N]) -> bool {
    tensors.iter().all(|tensor| tensor.device().is_cpu() && tensor.dtype() == DType::F32)
}

/// `row(to, from)` for every row of `from`, on all threads.
fn by_row(from: &[f32], width: usize, row: impl Fn(&mut [f32], &[f32]) + Sync) -> Vec<f32> {
    let mut to = vec![0.0; from.len()];
    to.par_chunks_mut(width.max(1))
        .zip(from.par_chunks(width.max(1)))
        .with_min_len((1 << 14) / width.max(1) + 1)
        .for_each(|(to, from)| row(to, from));
    to
}

struct Standardise;

impl CustomOp3 for Standardise {
    fn name(&self) -> &'static str {
        "standardise"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        mean: &CpuStorage,
        mean_layout: &Layout,
        deviation: &CpuStorage,
        deviation_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let width = x_layout.dims().last().copied().unwrap_or(0);
        let mean = contiguous(mean, mean_layout)?;
        let deviation = contiguous(deviation, deviation_layout)?;
        if mean.len() != width || deviation.len() != width {
            candle_core::bail!(
                "{} means and {} deviations for frames of {width}",
                mean.len(),
                deviation.len()
            );
        }
        let values = by_row(contiguous(x, x_layout)?, width, |to, from| {
            for (((to, x), mean), deviation) in to.iter_mut().zip(from).zip(mean).zip(deviation) {
                *to = (x - mean) / deviation;
            }
        });
        Ok((CpuStorage::F32(values), x_layout.shape().clone()))
    }
}

struct SequenceMask;

impl CustomOp2 for SequenceMask {
    fn name(&self) -> &'static str {
        "sequence-mask"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        mask: &CpuStorage,
        mask_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let values = masked(contiguous(x, x_layout)?, contiguous(mask, mask_layout)?);
        Ok((CpuStorage::F32(values), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        _x: &Tensor,
        mask: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let values = with_values([&gradient, mask], |[gradient, mask]| masked(gradient, mask))?;
        Ok((Some(Tensor::from_vec(values, gradient.shape(), gradient.device())?), None))
    }
}

fn masked(x: &[f32], mask: &[f32]) -> Vec<f32> {
    by_row(x, mask.len(), |to, from| {
        for ((to, x), mask) in to.iter_mut().zip(from).zip(mask) {
            *to = x * mask;
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    fn made(shape: &[usize], seed: usize) -> Tensor {
        let count = shape.iter().product();
        let values: Vec<f32> =
            (0..count).map(|i: usize| ((i * 37 + seed) % 19) as f32 - 9.5).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    fn flat(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn standardised_frames_are_those_of_broadcasts() {
        let (x, mean, deviation) = (made(&[7, 3, 5], 1), made(&[5], 2), made(&[5], 3));
        let plain = x.broadcast_sub(&mean).unwrap().broadcast_div(&deviation).unwrap();
        assert_eq!(flat(&standardise(&x, &mean, &deviation).unwrap()), flat(&plain));
        // Not contiguous, and of another type.
        let turned = x.transpose(0, 1).unwrap();
        let plain = turned.broadcast_sub(&mean).unwrap().broadcast_div(&deviation).unwrap();
        assert_eq!(flat(&standardise(&turned, &mean, &deviation).unwrap()), flat(&plain));
        let [x, mean, deviation] = [x, mean, deviation].map(|t| t.to_dtype(DType::F64).unwrap());
        assert!(standardise(&x, &mean, &deviation).is_ok());
        assert!(standardise(&x, &made(&[4], 1), &made(&[5], 1)).is_err());
        assert!(standardise(&made(&[2, 2, 5], 1), &made(&[4], 1), &made(&[5], 1)).is_err());
    }

    #[test]
    fn a_mask_goes_over_every_step_both_ways() {
        let x = Var::from_tensor(&made(&[6, 2, 3], 1)).unwrap();
        let (mask, weights) = (made(&[2, 3], 2), made(&[6, 2, 3], 3));
        let run = |y: Tensor| {
            let gradients = (&y * &weights).unwrap().sum_all().unwrap().backward().unwrap();
            (flat(&y), flat(gradients.get(&x).unwrap()))
        };
        let plain = run(x.broadcast_mul(&mask).unwrap());
        assert_eq!(run(sequence_mask(&x, &mask).unwrap()), plain);
        assert!(sequence_mask(&x, &made(&[3, 2], 1)).is_err());
    }
}
