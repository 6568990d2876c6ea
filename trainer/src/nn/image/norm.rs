//! Batch norm of images with PyTorch's meaning: in training, each channel is normed by mean and
//! variance of the batch, and running statistics follow them; otherwise by the running ones.

use anyhow::Result;
use candle_core::{CpuStorage, CustomOp3, Device, Layout, Shape, Tensor, Var};
use rayon::prelude::*;

use super::super::init::{Fill, Maker};
use super::{contiguous, read};

/// Added to variances.
pub(super) const EPSILON: f64 = 1e-5;
/// Share of the batch in the running statistics after a step.
const MOMENTUM: f64 = 0.1;

/// A batch norm; its values carry PyTorch's names.
pub(super) struct BatchNorm {
    weight: Var,
    bias: Var,
    mean: Var,
    variance: Var,
}

impl BatchNorm {
    /// Weights and variances of one, biases and means of zero.
    pub(super) fn new(maker: &mut Maker<'_>, name: &str, channels: usize) -> Result<Self> {
        let part = |part: &str| format!("{name}.{part}");
        let dims = [channels];
        Ok(Self {
            weight: maker.trained(&part("weight"), &dims, Fill::Constant(1.0))?,
            bias: maker.trained(&part("bias"), &dims, Fill::Constant(0.0))?,
            mean: maker.running(&part("running_mean"), &dims, Fill::Constant(0.0))?,
            variance: maker.running(&part("running_var"), &dims, Fill::Constant(1.0))?,
        })
    }

    /// `x [n, channels, height, width]`. A batch of one value a channel has no variance: it is normed
    /// by the running statistics, which then stay (PyTorch refuses it).
    pub(super) fn forward(&self, x: &Tensor, training: bool) -> Result<Tensor> {
        let (images, channels, height, width) = x.dims4()?;
        let count = images * height * width;
        if !training || count < 2 {
            let (scale, shift) = self.folded()?;
            let shape = (1, channels, 1, 1);
            return Ok(x
                .broadcast_mul(&scale.reshape(shape)?)?
                .broadcast_add(&shift.reshape(shape)?)?);
        }
        let (y, mean, variance) = match x.device() {
            Device::Cpu => batch_norm(x, &self.weight, &self.bias)?,
            _ => batch_norm_plain(x, &self.weight, &self.bias)?,
        };
        let follow = |running: &Var, batch: Tensor| -> Result<()> {
            let before = (running.as_detached_tensor() * (1.0 - MOMENTUM))?;
            Ok(running.set(&(before + (batch * MOMENTUM)?)?)?)
        };
        follow(&self.mean, mean)?;
        // The running variance is the unbiased one.
        follow(&self.variance, (variance * (count as f64 / (count - 1) as f64))?)?;
        Ok(y)
    }

    /// Scale and shift `[channels]` that norm by the running statistics.
    pub(super) fn folded(&self) -> Result<(Tensor, Tensor)> {
        let (mean, variance) = (self.mean.as_detached_tensor(), self.variance.as_detached_tensor());
        let scale = (self.weight.as_tensor() / (variance + EPSILON)?.sqrt()?)?;
        let shift = (self.bias.as_tensor() - (mean * &scale)?)?;
        Ok((scale, shift))
    }
}

/// Normed by the batch, with the batch's mean and biased variance.
fn batch_norm(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
) -> candle_core::Result<(Tensor, Tensor, Tensor)> {
    let (_, channels, height, width) = x.dims4()?;
    let x = x.contiguous()?;
    let statistics = read([&x], |[x]| statistics(x, channels, height * width))?;
    let tensor = |of: fn(&(f64, f64)) -> f64| {
        let values: Vec<f32> = statistics.iter().map(|s| of(s) as f32).collect();
        Tensor::from_vec(values, channels, x.device())
    };
    let (mean, variance) = (tensor(|s| s.0)?, tensor(|s| s.1)?);
    let y = x.apply_op3(weight, bias, Norm { statistics })?;
    Ok((y, mean, variance))
}

/// The same in Candle's own operations.
fn batch_norm_plain(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
) -> candle_core::Result<(Tensor, Tensor, Tensor)> {
    let channels = x.dim(1)?;
    let shape = (1, channels, 1, 1);
    let mean_of =
        |x: &Tensor| -> candle_core::Result<Tensor> { x.transpose(0, 1)?.flatten_from(1)?.mean(1) };
    let mean = mean_of(x)?;
    let centred = x.broadcast_sub(&mean.reshape(shape)?)?;
    let variance = mean_of(&centred.sqr()?)?;
    let scale = (weight / (&variance + EPSILON)?.sqrt()?)?;
    let y = centred.broadcast_mul(&scale.reshape(shape)?)?;
    let y = y.broadcast_add(&bias.reshape(shape)?)?;
    Ok((y, mean.detach(), variance.detach()))
}

/// Mean and biased variance of each channel.
fn statistics(x: &[f32], channels: usize, plane: usize) -> Vec<(f64, f64)> {
    let planes = |channel: usize| x.chunks_exact(plane).skip(channel).step_by(channels);
    let count = (x.len() / channels.max(1)) as f64;
    (0..channels)
        .into_par_iter()
        .map(|channel| {
            let sum: f64 = planes(channel).flatten().map(|&x| f64::from(x)).sum();
            let mean = sum / count;
            let squares: f64 =
                planes(channel).flatten().map(|&x| (f64::from(x) - mean).powi(2)).sum();
            (mean, squares / count)
        })
        .collect()
}

struct Norm {
    statistics: Vec<(f64, f64)>,
}

impl Norm {
    /// Mean and one over the deviation.
    fn of(&self, channel: usize) -> (f32, f32) {
        let (mean, variance) = self.statistics[channel];
        (mean as f32, (1.0 / (variance + EPSILON).sqrt()) as f32)
    }
}

impl CustomOp3 for Norm {
    fn name(&self) -> &'static str {
        "batch-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (_, channels, height, width) = layout.shape().dims4()?;
        let weight = contiguous(weight, weight_layout)?;
        let bias = contiguous(bias, bias_layout)?;
        let mut y = contiguous(x, layout)?.to_vec();
        y.par_chunks_mut((height * width).max(1)).enumerate().for_each(|(n, plane)| {
            let channel = n % channels;
            let (mean, scale) = self.of(channel);
            let (scale, bias) = (scale * weight[channel], bias[channel]);
            plane.iter_mut().for_each(|x| *x = (*x - mean) * scale + bias);
        });
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    /// With x̂ the normed values of a channel, `dβ = Σ dy`, `dγ = Σ dy x̂`, and
    /// `dx = γ/σ · (dy − dβ/count − x̂ dγ/count)`: mean and variance depend on x, too.
    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _bias: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (images, channels, height, width) = x.dims4()?;
        let plane = (height * width).max(1);
        let count = (images * plane) as f64;
        let (dx, dw, db) = read([x, weight, gradient], |[x, weight, gradient]| {
            let sums: Vec<(f64, f64)> = (0..channels)
                .into_par_iter()
                .map(|channel| {
                    let (mean, scale) = self.of(channel);
                    let planes = x.chunks_exact(plane).zip(gradient.chunks_exact(plane));
                    let mut sums = (0.0f64, 0.0f64);
                    for (x, dy) in planes.skip(channel).step_by(channels) {
                        for (x, dy) in x.iter().zip(dy) {
                            sums.0 += f64::from(*dy);
                            sums.1 += f64::from(dy * (x - mean) * scale);
                        }
                    }
                    sums
                })
                .collect();
            let mut dx = gradient.to_vec();
            dx.par_chunks_mut(plane).zip(x.par_chunks(plane)).enumerate().for_each(
                |(n, (dx, x))| {
                    let channel = n % channels;
                    let (mean, scale) = self.of(channel);
                    let sum = (sums[channel].0 / count) as f32;
                    let product = (sums[channel].1 / count) as f32;
                    let outer = weight[channel] * scale;
                    for (dx, x) in dx.iter_mut().zip(x) {
                        *dx = outer * (*dx - sum - (x - mean) * scale * product);
                    }
                },
            );
            let of = |f: fn(&(f64, f64)) -> f64| sums.iter().map(|s| f(s) as f32).collect();
            let (dw, db): (Vec<f32>, Vec<f32>) = (of(|s| s.1), of(|s| s.0));
            (dx, dw, db)
        })?;
        Ok((
            Some(Tensor::from_vec(dx, x.shape(), x.device())?),
            Some(Tensor::from_vec(dw, channels, x.device())?),
            Some(Tensor::from_vec(db, channels, x.device())?),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_close, gradients, made};
    use super::*;

    #[test]
    fn equals_the_plain_one_and_its_gradients() {
        let (x, weight, bias) =
            (made(1, &[3, 4, 5, 6], 3.0), made(2, &[4], 2.0), made(3, &[4], 1.0));
        let of = [&x, &weight, &bias];
        let ours = gradients(&of, 4, || Ok(batch_norm(&x, &weight, &bias)?.0));
        let plain = gradients(&of, 4, || Ok(batch_norm_plain(&x, &weight, &bias)?.0));
        assert_close(&ours, &plain, 1e-5);
        let flat = |t: &Tensor| t.to_vec1::<f32>().unwrap();
        let statistics =
            |(_, mean, variance): (Tensor, Tensor, Tensor)| vec![flat(&mean), flat(&variance)];
        let ours = statistics(batch_norm(&x, &weight, &bias).unwrap());
        assert_close(&ours, &statistics(batch_norm_plain(&x, &weight, &bias).unwrap()), 1e-6);
    }
}
