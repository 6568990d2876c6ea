//! Convolution of each channel with a kernel of its own, with its backward pass.

use candle_core::{CpuStorage, CustomOp2, Device, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::taps::taps;
use super::{Sweep, contiguous, read};

/// `x [n, channels, height, width]` convolved with `kernel [channels, 1, kernel height, kernel width]`.
///
/// # Errors
/// When shapes do not fit or the device fails.
pub(super) fn depthwise(
    x: &Tensor,
    kernel: &Tensor,
    stride: usize,
    padding: usize,
) -> Result<Tensor> {
    match x.device() {
        Device::Cpu => {
            x.contiguous()?.apply_op2(&kernel.contiguous()?, Depthwise { stride, padding })
        }
        _ => depthwise_plain(x, kernel, stride, padding),
    }
}

/// The same in Candle's own operations.
pub(super) fn depthwise_plain(
    x: &Tensor,
    kernel: &Tensor,
    stride: usize,
    padding: usize,
) -> Result<Tensor> {
    let (channels, _, height, width) = kernel.dims4()?;
    let kernel = kernel.reshape((1, channels, height * width))?;
    let mut sum: Option<Tensor> = None;
    for (n, tap) in taps(x, &Sweep { kernel: (height, width), stride, padding })?.iter().enumerate()
    {
        let product = tap.broadcast_mul(&kernel.narrow(2, n, 1)?.unsqueeze(3)?)?;
        sum = Some(match sum {
            Some(sum) => (sum + product)?,
            None => product,
        });
    }
    sum.ok_or_else(|| candle_core::Error::Msg("the kernel is empty".into()))
}

struct Depthwise {
    stride: usize,
    padding: usize,
}

#[derive(Clone, Copy)]
struct Sizes {
    images: usize,
    channels: usize,
    image: (usize, usize),
    out: (usize, usize),
    sweep: Sweep,
}

impl Sizes {
    fn plane(&self) -> usize {
        (self.image.0 * self.image.1).max(1)
    }

    fn out_plane(&self) -> usize {
        (self.out.0 * self.out.1).max(1)
    }

    fn taps(&self) -> usize {
        self.sweep.kernel.0 * self.sweep.kernel.1
    }

    /// For each entry of the kernel and each output row that it reaches inside the image: the entry,
    /// where the row of outputs begins and ends, and where the first of its inputs lies.
    fn each_line(&self, mut visit: impl FnMut(usize, std::ops::Range<usize>, usize)) {
        let (sweep, (height, width), (out_height, out_width)) = (&self.sweep, self.image, self.out);
        for ky in 0..sweep.kernel.0 {
            for kx in 0..sweep.kernel.1 {
                let inside = sweep.inside(kx, width, out_width);
                if inside.is_empty() {
                    continue;
                }
                for y in sweep.inside(ky, height, out_height) {
                    let from = sweep.place(ky, y) * width + sweep.place(kx, inside.start);
                    let line = y * out_width;
                    visit(ky * sweep.kernel.1 + kx, line + inside.start..line + inside.end, from);
                }
            }
        }
    }
}

impl Depthwise {
    fn sizes(&self, x: &[usize], kernel: &[usize]) -> Result<Sizes> {
        let (&[images, channels, height, width], &[kernels, 1, kh, kw]) = (x, kernel) else {
            candle_core::bail!("an image of shape {x:?} and kernels of {kernel:?} do not fit")
        };
        let sweep = Sweep { kernel: (kh, kw), stride: self.stride, padding: self.padding };
        match sweep.over((height, width)) {
            Some(out) if kernels == channels => {
                Ok(Sizes { images, channels, image: (height, width), out, sweep })
            }
            _ => candle_core::bail!("an image of shape {x:?} and kernels of {kernel:?} do not fit"),
        }
    }
}

impl CustomOp2 for Depthwise {
    fn name(&self) -> &'static str {
        "depthwise"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        kernel: &CpuStorage,
        kernel_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let sizes = self.sizes(x_layout.dims(), kernel_layout.dims())?;
        let (x, kernel) = (contiguous(x, x_layout)?, contiguous(kernel, kernel_layout)?);
        let mut y = vec![0.0f32; sizes.images * sizes.channels * sizes.out_plane()];
        let planes = y.par_chunks_mut(sizes.out_plane()).zip(x.par_chunks(sizes.plane()));
        planes.enumerate().for_each(|(n, (y, x))| {
            let kernel = &kernel[n % sizes.channels * sizes.taps()..];
            sizes.each_line(|tap, to, from| {
                let weight = kernel[tap];
                let x = x[from..].iter().step_by(sizes.sweep.stride);
                y[to].iter_mut().zip(x).for_each(|(y, x)| *y += weight * x);
            });
        });
        let shape = (sizes.images, sizes.channels, sizes.out.0, sizes.out.1);
        Ok((CpuStorage::F32(y), shape.into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        kernel: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let sizes = self.sizes(x.dims(), kernel.dims())?;
        let (dx, dk) = read([x, kernel, gradient], |[x, kernel, dy]| {
            let mut dx = vec![0.0f32; x.len()];
            let planes = dx.par_chunks_mut(sizes.plane()).zip(dy.par_chunks(sizes.out_plane()));
            planes.enumerate().for_each(|(n, (dx, dy))| {
                let kernel = &kernel[n % sizes.channels * sizes.taps()..];
                sizes.each_line(|tap, to, from| {
                    let weight = kernel[tap];
                    let dx = dx[from..].iter_mut().step_by(sizes.sweep.stride);
                    dx.zip(&dy[to]).for_each(|(dx, dy)| *dx += weight * dy);
                });
            });
            // A channel's kernel sums over all images in order, whatever the number of threads.
            let mut dk = vec![0.0f32; kernel.len()];
            dk.par_chunks_mut(sizes.taps().max(1)).enumerate().for_each(|(channel, dk)| {
                for image in 0..sizes.images {
                    let n = image * sizes.channels + channel;
                    let x = &x[n * sizes.plane()..(n + 1) * sizes.plane()];
                    let dy = &dy[n * sizes.out_plane()..(n + 1) * sizes.out_plane()];
                    sizes.each_line(|tap, to, from| {
                        let x = x[from..].iter().step_by(sizes.sweep.stride);
                        dk[tap] += x.zip(&dy[to]).map(|(x, dy)| x * dy).sum::<f32>();
                    });
                }
            });
            (dx, dk)
        })?;
        Ok((
            Some(Tensor::from_vec(dx, x.shape(), x.device())?),
            Some(Tensor::from_vec(dk, kernel.shape(), x.device())?),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_close, gradients, made};
    use super::*;

    #[test]
    fn equals_the_plain_one_and_its_gradients() {
        for (x, stride) in [([2, 3, 7, 9], 1), ([2, 3, 8, 9], 2), ([3, 5, 1, 2], 2)] {
            let (kernel, x) = (made(2, &[x[1], 1, 3, 3], 1.0), made(1, &x, 1.0));
            let ours = gradients(&[&x, &kernel], 4, || depthwise(&x, &kernel, stride, 1));
            let plain = gradients(&[&x, &kernel], 4, || depthwise_plain(&x, &kernel, stride, 1));
            assert_close(&ours, &plain, 1e-5);
            let grouped = x.conv2d(&kernel, 1, stride, 1, x.dim(1).unwrap()).unwrap();
            let grouped = vec![grouped.flatten_all().unwrap().to_vec1::<f32>().unwrap()];
            assert_close(&ours[..1], &grouped, 1e-5);
        }
    }
}
