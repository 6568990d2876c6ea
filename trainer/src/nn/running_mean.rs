//! The mean over all frames so far, at every frame.

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::lstm_layer::{by_step, contiguous, shares, with_values};

/// `y_t = (x_0 + … + x_t) / (t + 1)` along the first axis of `[steps, batch, width]`.
///
/// # Errors
/// When the shape does not fit or the device fails.
pub fn running_mean(x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() && x.dtype() == DType::F32 {
        return x.contiguous()?.apply_op1(RunningMean);
    }
    let steps = x.dim(0)?;
    let counts = Tensor::arange(1u32, steps as u32 + 1, x.device())?.to_dtype(x.dtype())?;
    x.cumsum(0)?.broadcast_div(&counts.reshape((steps, 1, 1))?)
}

struct RunningMean;

impl CustomOp1 for RunningMean {
    fn name(&self) -> &'static str {
        "running-mean"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (steps, batch, width) = layout.shape().dims3()?;
        let (x, row) = (contiguous(storage, layout)?, batch * width);
        let means = by_column(steps, row, |first, mut means| {
            let mut sums = vec![0.0f32; means.first().map_or(0, |means| means.len())];
            for (t, means) in means.iter_mut().enumerate() {
                let scale = 1.0 / (t + 1) as f32;
                let x = &x[t * row + first..];
                for ((mean, sum), x) in means.iter_mut().zip(&mut sums).zip(x) {
                    *sum += x;
                    *mean = *sum * scale;
                }
            }
        });
        Ok((CpuStorage::F32(means), layout.shape().clone()))
    }

    /// `dx_t = Σ_{s ≥ t} dy_s / (s + 1)`.
    fn bwd(&self, _x: &Tensor, _y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let (steps, batch, width) = gradient.dims3()?;
        let (gradient, row) = (gradient.contiguous()?, batch * width);
        let values = with_values([&gradient], |[gradient]| {
            by_column(steps, row, |first, mut values| {
                let mut sums = vec![0.0f32; values.first().map_or(0, |values| values.len())];
                for (t, values) in values.iter_mut().enumerate().rev() {
                    let scale = 1.0 / (t + 1) as f32;
                    let gradient = &gradient[t * row + first..];
                    for ((value, sum), gradient) in values.iter_mut().zip(&mut sums).zip(gradient) {
                        *sum += gradient * scale;
                        *value = *sum;
                    }
                }
            })
        })?;
        Ok(Some(Tensor::from_vec(values, (steps, batch, width), gradient.device())?))
    }
}

/// Makes a buffer of `steps` rows, its columns shared out among threads: `work(first column, slices)`
/// has a slice of each row.
fn by_column(steps: usize, row: usize, work: impl Fn(usize, Vec<&mut [f32]>) + Sync) -> Vec<f32> {
    let mut values = vec![0.0; steps * row];
    let shares = shares(row);
    let mut first = 0;
    let mut pieces = Vec::new();
    for (slices, share) in by_step(&mut values, steps, 1, &shares).into_iter().zip(&shares) {
        pieces.push((first, slices));
        first += share;
    }
    pieces.into_par_iter().for_each(|(first, slices)| work(first, slices));
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

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
