//! Convolution over images, with its own backward pass: patches of the image as columns of a matrix
//! (im2col), a stretch of them at a time so that they stay in the cache, times the kernels.

use candle_core::{CpuStorage, CustomOp3, Device, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::super::autocast::{Precision, factor, result};
use super::matrix::{Matrix, product};
use super::taps::padded;
use super::{Sweep, contiguous, read};

/// Most values in a stretch of columns: a megabyte.
const STRETCH: usize = 1 << 18;
/// The images of a batch are shared out in at most this many parts, whatever the number of threads:
/// each part has a sum of its own for the kernels' gradient, and sums in another order would differ.
const PARTS: usize = 8;

/// `x [n, inputs, height, width]` convolved with `kernel [outputs, inputs, kernel height, kernel
/// width]`, plus `bias [outputs]`.
///
/// # Errors
/// When shapes do not fit or the device fails.
pub(super) fn conv2d(
    x: &Tensor,
    kernel: &Tensor,
    bias: &Tensor,
    stride: usize,
    padding: usize,
) -> Result<Tensor> {
    if Precision::current() == Precision::Bf16 {
        let (x, kernel) = (factor(x)?, factor(kernel)?);
        let none = bias.zeros_like()?.to_dtype(kernel.dtype())?;
        let y = result(&convolved(&x, &kernel, &none, stride, padding)?)?;
        return y.broadcast_add(&bias.reshape((1, (), 1, 1))?);
    }
    convolved(x, kernel, bias, stride, padding)
}

fn convolved(
    x: &Tensor,
    kernel: &Tensor,
    bias: &Tensor,
    stride: usize,
    padding: usize,
) -> Result<Tensor> {
    match x.device() {
        Device::Cpu => x.contiguous()?.apply_op3(
            &kernel.contiguous()?,
            &bias.contiguous()?,
            Conv { stride, padding },
        ),
        _ => conv2d_plain(x, kernel, bias, stride, padding),
    }
}

/// The same in Candle's own operations. The image is padded and cut to what the kernel reaches first:
/// Candle's backward pass is right for nothing else.
pub(super) fn conv2d_plain(
    x: &Tensor,
    kernel: &Tensor,
    bias: &Tensor,
    stride: usize,
    padding: usize,
) -> Result<Tensor> {
    let (_, _, height, width) = x.dims4()?;
    let shape = Conv { stride, padding }.shape(x.dims(), kernel.dims(), bias.dims())?;
    let reached = |out: usize, kernel: usize| (out - 1) * stride + kernel;
    let (h, w) = (reached(shape.out.0, shape.kernel.0), reached(shape.out.1, shape.kernel.1));
    let x = padded(x, padding)?;
    debug_assert!(h <= height + 2 * padding && w <= width + 2 * padding);
    let x = x.narrow(2, 0, h)?.narrow(3, 0, w)?.contiguous()?;
    let y = x.conv2d(kernel, 0, stride, 1, 1)?;
    y.broadcast_add(&bias.reshape((1, (), 1, 1))?)
}

struct Conv {
    stride: usize,
    padding: usize,
}

#[derive(Clone, Copy)]
struct Sizes {
    images: usize,
    inputs: usize,
    image: (usize, usize),
    outputs: usize,
    kernel: (usize, usize),
    out: (usize, usize),
    sweep: Sweep,
}

impl Sizes {
    /// Values in the patch that one output sees.
    fn patch(&self) -> usize {
        self.inputs * self.kernel.0 * self.kernel.1
    }

    fn image_len(&self) -> usize {
        self.inputs * self.image.0 * self.image.1
    }

    fn out_len(&self) -> usize {
        self.outputs * self.positions()
    }

    fn positions(&self) -> usize {
        self.out.0 * self.out.1
    }

    /// Whether the image itself is the matrix of columns.
    fn is_pointwise(&self) -> bool {
        self.kernel == (1, 1) && self.sweep.stride == 1 && self.sweep.padding == 0
    }

    /// Stretches of output rows whose columns fit into the cache: first row and number of rows.
    fn stretches(&self) -> impl Iterator<Item = (usize, usize)> {
        let rows = (STRETCH / (self.patch() * self.out.1).max(1)).clamp(1, self.out.0.max(1));
        let height = self.out.0;
        (0..height).step_by(rows).map(move |first| (first, rows.min(height - first)))
    }

    /// Goes through the values of a patch: its row in the matrix of columns, and where it reads.
    fn each_tap(&self, mut visit: impl FnMut(usize, usize, usize, usize)) {
        let mut row = 0;
        for channel in 0..self.inputs {
            for y in 0..self.kernel.0 {
                for x in 0..self.kernel.1 {
                    visit(row, channel, y, x);
                    row += 1;
                }
            }
        }
    }

    /// The columns `[patch, rows · width]` of `rows` output rows from `first` on.
    fn columns(&self, image: &[f32], first: usize, rows: usize, columns: &mut [f32]) {
        let ((height, width), out_width) = (self.image, self.out.1);
        self.each_tap(|row, channel, ky, kx| {
            let line = &mut columns[row * rows * out_width..(row + 1) * rows * out_width];
            let inside_x = self.sweep.inside(kx, width, out_width);
            let inside_y = self.sweep.inside(ky, height, self.out.0);
            for (n, line) in line.chunks_exact_mut(out_width).enumerate() {
                let y = first + n;
                if !inside_y.contains(&y) || inside_x.is_empty() {
                    line.fill(0.0);
                    continue;
                }
                let from = (channel * height + self.sweep.place(ky, y)) * width;
                line[..inside_x.start].fill(0.0);
                line[inside_x.end..].fill(0.0);
                let from = &image[from + self.sweep.place(kx, inside_x.start)..];
                let to = &mut line[inside_x.clone()];
                match self.sweep.stride {
                    1 => to.copy_from_slice(&from[..to.len()]),
                    stride => {
                        to.iter_mut().zip(from.iter().step_by(stride)).for_each(|(to, x)| *to = *x);
                    }
                }
            }
        });
    }

    /// Adds the columns of `rows` output rows back to where they came from.
    fn add_columns(&self, columns: &[f32], first: usize, rows: usize, image: &mut [f32]) {
        let ((height, width), out_width) = (self.image, self.out.1);
        self.each_tap(|row, channel, ky, kx| {
            let line = &columns[row * rows * out_width..(row + 1) * rows * out_width];
            let inside_x = self.sweep.inside(kx, width, out_width);
            let inside_y = self.sweep.inside(ky, height, self.out.0);
            if inside_x.is_empty() {
                return;
            }
            for (n, line) in line.chunks_exact(out_width).enumerate() {
                let y = first + n;
                if !inside_y.contains(&y) {
                    continue;
                }
                let to = (channel * height + self.sweep.place(ky, y)) * width;
                let to = &mut image[to + self.sweep.place(kx, inside_x.start)..];
                let from = &line[inside_x.clone()];
                let stride = self.sweep.stride;
                to.iter_mut().step_by(stride).zip(from).for_each(|(to, x)| *to += x);
            }
        });
    }
}

impl Conv {
    fn shape(&self, x: &[usize], kernel: &[usize], bias: &[usize]) -> Result<Sizes> {
        let (&[images, inputs, height, width], &[outputs, of, kh, kw]) = (x, kernel) else {
            candle_core::bail!("an image of shape {x:?} and a kernel of {kernel:?} do not fit")
        };
        let sweep = Sweep { kernel: (kh, kw), stride: self.stride, padding: self.padding };
        match sweep.over((height, width)) {
            Some(out) if of == inputs && bias == [outputs] => Ok(Sizes {
                images,
                inputs,
                image: (height, width),
                outputs,
                kernel: (kh, kw),
                out,
                sweep,
            }),
            _ => candle_core::bail!(
                "an image of shape {x:?}, a kernel of {kernel:?} and a bias of {bias:?} do not fit"
            ),
        }
    }
}

impl CustomOp3 for Conv {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        kernel: &CpuStorage,
        kernel_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let sizes = self.shape(x_layout.dims(), kernel_layout.dims(), bias_layout.dims())?;
        let (x, kernel) = (contiguous(x, x_layout)?, contiguous(kernel, kernel_layout)?);
        let y = forward(x, kernel, contiguous(bias, bias_layout)?, &sizes);
        let shape = (sizes.images, sizes.outputs, sizes.out.0, sizes.out.1);
        Ok((CpuStorage::F32(y), shape.into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        kernel: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let sizes = self.shape(x.dims(), kernel.dims(), bias.dims())?;
        let (dx, dk, db) = read([x, kernel, gradient], |[x, kernel, gradient]| {
            backward(x, kernel, gradient, &sizes)
        })?;
        Ok((
            Some(Tensor::from_vec(dx, x.shape(), x.device())?),
            Some(Tensor::from_vec(dk, kernel.shape(), x.device())?),
            Some(Tensor::from_vec(db, bias.shape(), x.device())?),
        ))
    }
}

fn forward(x: &[f32], kernel: &[f32], bias: &[f32], sizes: &Sizes) -> Vec<f32> {
    let (patch, positions, out_width) = (sizes.patch(), sizes.positions(), sizes.out.1);
    let kernel = Matrix::rows(kernel, (sizes.outputs, patch), patch);
    let mut y = vec![0.0f32; sizes.images * sizes.out_len()];
    let images =
        y.par_chunks_mut(sizes.out_len().max(1)).zip(x.par_chunks(sizes.image_len().max(1)));
    images.for_each_init(Vec::new, |columns, (y, image)| {
        if sizes.is_pointwise() {
            let image = Matrix::rows(image, (patch, positions), positions);
            product(y, positions, kernel, image, false);
        } else {
            for (first, rows) in sizes.stretches() {
                let count = rows * out_width;
                columns.resize(patch * count, 0.0);
                sizes.columns(image, first, rows, columns);
                let columns = Matrix::rows(columns, (patch, count), count);
                product(&mut y[first * out_width..], positions, kernel, columns, false);
            }
        }
        for (y, bias) in y.chunks_exact_mut(positions).zip(bias) {
            if *bias != 0.0 {
                y.iter_mut().for_each(|y| *y += bias);
            }
        }
    });
    y
}

/// The gradients of image, kernel and bias.
fn backward(
    x: &[f32],
    kernel: &[f32],
    gradient: &[f32],
    sizes: &Sizes,
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let (patch, positions, out_width) = (sizes.patch(), sizes.positions(), sizes.out.1);
    let turned = Matrix::rows(kernel, (sizes.outputs, patch), patch).transposed();
    let each = sizes.images.div_ceil(PARTS).max(1);
    let (image_len, out_len) = (sizes.image_len().max(1), sizes.out_len().max(1));
    let mut dx = vec![0.0f32; x.len()];
    let parts: Vec<(Vec<f32>, Vec<f32>)> = dx
        .par_chunks_mut(each * image_len)
        .zip(x.par_chunks(each * image_len))
        .zip(gradient.par_chunks(each * out_len))
        .map(|((dx, x), gradient)| {
            let mut dk = vec![0.0f32; kernel.len()];
            let mut db = vec![0.0f32; sizes.outputs];
            let (mut columns, mut d_columns) = (Vec::new(), Vec::new());
            let images = dx.chunks_mut(image_len).zip(x.chunks(image_len));
            for ((dx, image), dy) in images.zip(gradient.chunks(out_len)) {
                for (db, dy) in db.iter_mut().zip(dy.chunks_exact(positions)) {
                    *db += dy.iter().sum::<f32>();
                }
                if sizes.is_pointwise() {
                    let dy = Matrix::rows(dy, (sizes.outputs, positions), positions);
                    let image = Matrix::rows(image, (patch, positions), positions);
                    product(dx, positions, turned, dy, false);
                    product(&mut dk, patch, dy, image.transposed(), true);
                    continue;
                }
                for (first, rows) in sizes.stretches() {
                    let count = rows * out_width;
                    let dy = &dy[first * out_width..];
                    let dy = Matrix::rows(dy, (sizes.outputs, count), positions);
                    columns.resize(patch * count, 0.0);
                    d_columns.resize(patch * count, 0.0);
                    sizes.columns(image, first, rows, &mut columns);
                    let seen = Matrix::rows(&columns, (patch, count), count);
                    product(&mut dk, patch, dy, seen.transposed(), true);
                    product(&mut d_columns, count, turned, dy, false);
                    sizes.add_columns(&d_columns, first, rows, dx);
                }
            }
            (dk, db)
        })
        .collect();
    let mut sums = (vec![0.0f32; kernel.len()], vec![0.0f32; sizes.outputs]);
    for (dk, db) in parts {
        sums.0.iter_mut().zip(dk).for_each(|(sum, x)| *sum += x);
        sums.1.iter_mut().zip(db).for_each(|(sum, x)| *sum += x);
    }
    (dx, sums.0, sums.1)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_close, gradients, made};
    use super::*;

    /// Odd and even sizes, strides and paddings, more images than parts, and a single position.
    #[test]
    fn equals_the_plain_one_and_its_gradients() {
        for (x, kernel, stride, padding) in [
            ([2, 3, 7, 9], [4, 3, 3, 3], 1, 1),
            ([2, 3, 8, 9], [4, 3, 3, 3], 2, 1),
            ([1, 1, 15, 20], [5, 1, 11, 11], 4, 2),
            ([11, 2, 5, 6], [3, 2, 5, 5], 1, 2),
            ([3, 6, 4, 5], [2, 6, 1, 1], 1, 0),
            ([2, 4, 5, 5], [3, 4, 1, 1], 2, 0),
            ([2, 2, 1, 1], [3, 2, 3, 3], 2, 1),
        ] {
            let (bias, seed) = (made(3, &[kernel[0]], 1.0), 4);
            let (x, kernel) = (made(1, &x, 1.0), made(2, &kernel, 1.0));
            let of = [&x, &kernel, &bias];
            let ours = gradients(&of, seed, || conv2d(&x, &kernel, &bias, stride, padding));
            let plain = gradients(&of, seed, || conv2d_plain(&x, &kernel, &bias, stride, padding));
            assert_close(&ours, &plain, 1e-5);
        }
    }

    /// Stretches shorter than the image give what the whole would.
    #[test]
    fn large_images_are_taken_in_stretches() {
        let (x, kernel) = (made(1, &[1, 20, 64, 64], 1.0), made(2, &[3, 20, 3, 3], 1.0));
        let bias = made(3, &[3], 1.0);
        let sizes = Conv { stride: 1, padding: 1 };
        let sizes = sizes.shape(x.dims(), kernel.dims(), bias.dims()).unwrap();
        assert!(sizes.stretches().count() > 2);
        let of = [&x, &kernel, &bias];
        let ours = gradients(&of, 4, || conv2d(&x, &kernel, &bias, 1, 1));
        let plain = gradients(&of, 4, || conv2d_plain(&x, &kernel, &bias, 1, 1));
        assert_close(&ours, &plain, 1e-5);
    }

    /// The same bits on any number of threads.
    #[test]
    fn gradients_do_not_depend_on_the_number_of_threads() {
        let (x, kernel) = (made(1, &[13, 3, 9, 9], 1.0), made(2, &[5, 3, 3, 3], 1.0));
        let bias = made(3, &[5], 1.0);
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                gradients(&[&x, &kernel, &bias], 4, || conv2d(&x, &kernel, &bias, 2, 1))
            })
        };
        let one = on(1);
        assert!([2, 3, 7].into_iter().all(|threads| on(threads) == one));
    }

    #[test]
    fn shapes_that_do_not_fit_are_errors() {
        let (x, bias) = (made(1, &[1, 2, 4, 4], 1.0), made(3, &[3], 1.0));
        assert!(conv2d(&x, &made(2, &[3, 2, 7, 7], 1.0), &bias, 1, 1).is_err());
        assert!(conv2d(&x, &made(2, &[3, 1, 3, 3], 1.0), &bias, 1, 1).is_err());
    }
}
