//! Pooling with windows that may overlap, with its backward pass.

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::taps::taps;
use super::{Sweep, contiguous, read};

/// What a pool says of the values it sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pool {
    /// The largest; its padding must be zero.
    Max,
    /// The mean of those inside the image (PyTorch's `count_include_pad=False`).
    Average,
}

/// Pools `x [n, channels, height, width]`.
///
/// # Errors
/// When the window does not fit or the device fails.
pub(super) fn pool2d(x: &Tensor, pool: Pool, sweep: Sweep) -> Result<Tensor> {
    match x.device() {
        Device::Cpu => x.contiguous()?.apply_op1(Pooling { pool, sweep }),
        _ => pool2d_plain(x, pool, sweep),
    }
}

/// The same in Candle's own operations.
pub(super) fn pool2d_plain(x: &Tensor, pool: Pool, sweep: Sweep) -> Result<Tensor> {
    let sizes = Pooling { pool, sweep }.sizes(x.dims())?;
    let mut joined: Option<Tensor> = None;
    for tap in taps(x, &sweep)? {
        joined = Some(match (joined, pool) {
            (None, _) => tap,
            (Some(joined), Pool::Max) => joined.maximum(&tap)?,
            (Some(joined), Pool::Average) => (joined + tap)?,
        });
    }
    let joined = joined.ok_or_else(|| candle_core::Error::Msg("the window is empty".into()))?;
    match pool {
        Pool::Max => Ok(joined),
        Pool::Average => {
            let (height, width) = sizes.out;
            let counts: Vec<f32> = (0..height * width)
                .map(|at| {
                    let (rows, columns) = sizes.seen(at / width, at % width);
                    (rows.len() * columns.len()) as f32
                })
                .collect();
            joined.broadcast_div(&Tensor::from_vec(counts, (1, 1, height, width), x.device())?)
        }
    }
}

struct Pooling {
    pool: Pool,
    sweep: Sweep,
}

struct Sizes {
    planes: usize,
    image: (usize, usize),
    out: (usize, usize),
    sweep: Sweep,
}

impl Sizes {
    /// The part of the image seen at an output position.
    fn seen(&self, y: usize, x: usize) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        let along = |at: usize, kernel: usize, size: usize| {
            let first = at * self.sweep.stride;
            let last = (first + kernel).saturating_sub(self.sweep.padding).min(size);
            first.saturating_sub(self.sweep.padding).min(last)..last
        };
        (along(y, self.sweep.kernel.0, self.image.0), along(x, self.sweep.kernel.1, self.image.1))
    }

    fn plane(&self) -> usize {
        (self.image.0 * self.image.1).max(1)
    }

    fn out_plane(&self) -> usize {
        (self.out.0 * self.out.1).max(1)
    }

    /// Where in a plane the largest of the values seen lies; the first, where several are as large.
    fn largest(&self, plane: &[f32], y: usize, x: usize) -> usize {
        let (rows, columns) = self.seen(y, x);
        let width = self.image.1;
        let mut best = rows.start * width + columns.start;
        for row in rows {
            for at in row * width + columns.start..row * width + columns.end {
                // What is not a number wins and stays, so that it shows.
                if plane[at] > plane[best] || (plane[at].is_nan() && !plane[best].is_nan()) {
                    best = at;
                }
            }
        }
        best
    }
}

impl Pooling {
    fn sizes(&self, x: &[usize]) -> Result<Sizes> {
        let &[images, channels, height, width] = x else {
            candle_core::bail!("{x:?} is not the shape of images")
        };
        let sweep = self.sweep;
        // With half a window of padding at most, every window sees something.
        let fits = match self.pool {
            Pool::Max => sweep.padding == 0,
            Pool::Average => 2 * sweep.padding <= sweep.kernel.0.min(sweep.kernel.1),
        };
        match sweep.over((height, width)) {
            Some(out) if fits && height > 0 && width > 0 => {
                Ok(Sizes { planes: images * channels, image: (height, width), out, sweep })
            }
            _ => candle_core::bail!("{sweep:?} cannot pool images of {height} × {width}"),
        }
    }
}

impl CustomOp1 for Pooling {
    fn name(&self) -> &'static str {
        "pool2d"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let sizes = self.sizes(layout.dims())?;
        let x = contiguous(x, layout)?;
        let mut out = vec![0.0f32; sizes.planes * sizes.out_plane()];
        let width = sizes.image.1;
        let planes = out.par_chunks_mut(sizes.out_plane()).zip(x.par_chunks(sizes.plane()));
        planes.for_each(|(out, plane)| {
            for (at, out) in out.iter_mut().enumerate() {
                let (y, x) = (at / sizes.out.1, at % sizes.out.1);
                *out = match self.pool {
                    Pool::Max => plane[sizes.largest(plane, y, x)],
                    Pool::Average => {
                        let (rows, columns) = sizes.seen(y, x);
                        let count = (rows.len() * columns.len()) as f32;
                        let line = |row: usize| {
                            let line = &plane[row * width..(row + 1) * width];
                            line[columns.clone()].iter().sum::<f32>()
                        };
                        rows.map(line).sum::<f32>() / count
                    }
                };
            }
        });
        let (n, c) = (layout.dims()[0], layout.dims()[1]);
        Ok((CpuStorage::F32(out), (n, c, sizes.out.0, sizes.out.1).into()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let sizes = self.sizes(x.dims())?;
        let width = sizes.image.1;
        let dx = read([x, gradient], |[x, gradient]| {
            let mut dx = vec![0.0f32; x.len()];
            let planes = dx.par_chunks_mut(sizes.plane()).zip(x.par_chunks(sizes.plane()));
            let planes = planes.zip(gradient.par_chunks(sizes.out_plane()));
            planes.for_each(|((dx, plane), dy)| {
                for (at, &dy) in dy.iter().enumerate() {
                    let (y, x) = (at / sizes.out.1, at % sizes.out.1);
                    match self.pool {
                        Pool::Max => dx[sizes.largest(plane, y, x)] += dy,
                        Pool::Average => {
                            let (rows, columns) = sizes.seen(y, x);
                            let share = dy / (rows.len() * columns.len()) as f32;
                            for row in rows {
                                let line = &mut dx[row * width..(row + 1) * width];
                                line[columns.clone()].iter_mut().for_each(|dx| *dx += share);
                            }
                        }
                    }
                }
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
        for (shape, pool, sweep) in [
            ([2, 3, 8, 9], Pool::Max, Sweep::square(2, 2, 0)),
            ([2, 3, 8, 9], Pool::Max, Sweep::square(3, 2, 0)),
            ([2, 3, 8, 9], Pool::Average, Sweep::square(7, 3, 3)),
            ([2, 3, 2, 1], Pool::Average, Sweep::square(7, 3, 3)),
            ([1, 2, 9, 8], Pool::Average, Sweep::square(3, 2, 0)),
        ] {
            let x = made(1, &shape, 1.0);
            let ours = gradients(&[&x], 2, || pool2d(&x, pool, sweep));
            let plain = gradients(&[&x], 2, || pool2d_plain(&x, pool, sweep));
            assert_close(&ours, &plain, 1e-5);
        }
    }

    #[test]
    fn a_window_that_does_not_fit_is_an_error() {
        let x = made(1, &[1, 1, 2, 5], 1.0);
        assert!(pool2d(&x, Pool::Max, Sweep::square(3, 2, 0)).is_err());
    }
}
