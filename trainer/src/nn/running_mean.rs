//! The mean over all frames so far, at every frame.

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor};

/// `y_t = (x_0 + … + x_t) / (t + 1)` along the first axis of `[steps, batch, width]`.
///
/// # Errors
/// When the shape does not fit or the device fails.
pub fn running_mean(x: &Tensor) -> Result<Tensor> {
    match x.device() {
        Device::Cpu => x.contiguous()?.apply_op1(RunningMean),
        device => {
            let steps = x.dim(0)?;
            let counts = Tensor::arange(1u32, steps as u32 + 1, device)?.to_dtype(x.dtype())?;
            x.cumsum(0)?.broadcast_div(&counts.reshape((steps, 1, 1))?)
        }
    }
}

struct RunningMean;

impl CustomOp1 for RunningMean {
    fn name(&self) -> &'static str {
        "running-mean"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (steps, batch, width) = layout.shape().dims3()?;
        let Some((start, end)) = layout.contiguous_offsets() else {
            candle_core::bail!("running-mean: the tensor must be contiguous")
        };
        let row = batch * width;
        let mut sums = vec![0.0f32; row];
        let mut means = Vec::with_capacity(steps * row);
        for (t, x) in storage.as_slice::<f32>()?[start..end].chunks_exact(row.max(1)).enumerate() {
            let scale = 1.0 / (t + 1) as f32;
            sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
            means.extend(sums.iter().map(|sum| sum * scale));
        }
        Ok((CpuStorage::F32(means), layout.shape().clone()))
    }

    /// `dx_t = Σ_{s ≥ t} dy_s / (s + 1)`.
    fn bwd(&self, _x: &Tensor, _y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let (steps, batch, width) = gradient.dims3()?;
        let row = batch * width;
        let mut values = gradient.flatten_all()?.to_vec1::<f32>()?;
        let mut sums = vec![0.0f32; row];
        for t in (0..steps).rev() {
            let scale = 1.0 / (t + 1) as f32;
            for (value, sum) in values[t * row..(t + 1) * row].iter_mut().zip(&mut sums) {
                *sum += *value * scale;
                *value = *sum;
            }
        }
        Ok(Some(Tensor::from_vec(values, (steps, batch, width), gradient.device())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Var;

    #[test]
    fn equals_cumulative_sums_and_their_gradient() {
        let data: Vec<f32> = (0..5 * 2 * 3).map(|i| ((i * 37) % 11) as f32 - 5.0).collect();
        let x = Var::from_vec(data, (5, 2, 3), &Device::Cpu).unwrap();
        let weights: Vec<f32> = (0..30).map(|i| (i % 7) as f32).collect();
        let weights = Tensor::from_vec(weights, (5, 2, 3), &Device::Cpu).unwrap();
        let counts = Tensor::new(&[1.0f32, 2.0, 3.0, 4.0, 5.0], &Device::Cpu).unwrap();
        let run = |y: Tensor| {
            let gradients = (&y * &weights).unwrap().sum_all().unwrap().backward().unwrap();
            let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            (flat(&y), flat(gradients.get(&x).unwrap()))
        };
        let ours = run(running_mean(&x).unwrap());
        let plain = x.cumsum(0).unwrap();
        let plain = run(plain.broadcast_div(&counts.reshape((5, 1, 1)).unwrap()).unwrap());
        for (a, b) in ours.0.iter().zip(&plain.0).chain(ours.1.iter().zip(&plain.1)) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
}
