//! Window networks that see a window as an image: bands from bottom to top, frames from left to
//! right, one channel. Each is a list of layers; the operations under them are here, because Candle
//! has no backward pass for pools that overlap, takes grouped convolutions apart into one for each
//! group, and gets gradients of strided convolutions wrong where height and width need another
//! padding.

mod architectures;
mod conv;
mod depthwise;
mod eight_bit;
mod layers;
mod matrix;
mod network;
mod norm;
mod pool;
mod pretrained;
mod rectify;
mod systems;
mod taps;

pub(super) use architectures::{alexnet, cnn3, mlp, mobilenet_v2, vgg11};
pub(super) use pretrained::start_from;
pub(super) use rectify::rectify;
pub(super) use systems::{popularity_cnn, sound_cnn, vggish, vggish_embedding_onnx};

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor};

/// The values of a contiguous tensor in main memory.
pub(super) fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let values = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&values[start..end]),
        None => candle_core::bail!("the tensor must be contiguous"),
    }
}

/// Works on the values of tensors in main memory.
pub(super) fn read<const N: usize, T>(
    tensors: [&Tensor; N],
    work: impl FnOnce([&[f32]; N]) -> T,
) -> Result<T> {
    let tensors: Vec<Tensor> =
        tensors.into_iter().map(Tensor::contiguous).collect::<Result<_>>()?;
    let guards: Vec<_> = tensors.iter().map(Tensor::storage_and_layout).collect();
    let mut values = [&[][..]; N];
    for (values, (storage, layout)) in values.iter_mut().zip(&guards) {
        let Storage::Cpu(storage) = &**storage else {
            candle_core::bail!("the tensor does not lie in main memory")
        };
        *values = contiguous(storage, layout)?;
    }
    Ok(work(values))
}

/// A window of `kernel` (height, width) values that moves by `stride` over an image with `padding`
/// values around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sweep {
    kernel: (usize, usize),
    stride: usize,
    padding: usize,
}

impl Sweep {
    fn square(kernel: usize, stride: usize, padding: usize) -> Self {
        Self { kernel: (kernel, kernel), stride, padding }
    }

    /// Height and width of what comes out, or none where the kernel does not fit in.
    fn over(&self, (height, width): (usize, usize)) -> Option<(usize, usize)> {
        let along = |size: usize, kernel: usize| {
            (size + 2 * self.padding).checked_sub(kernel).map(|rest| rest / self.stride + 1)
        };
        Some((along(height, self.kernel.0)?, along(width, self.kernel.1)?))
    }

    /// The output positions, along one axis, at which kernel entry `at` lies inside the image.
    fn inside(&self, at: usize, size: usize, out: usize) -> std::ops::Range<usize> {
        let first = self.padding.saturating_sub(at).div_ceil(self.stride);
        let end = match (size + self.padding).checked_sub(at + 1) {
            Some(last) => (last / self.stride + 1).min(out),
            None => 0,
        };
        first.min(end)..end
    }

    /// Where in the image kernel entry `at` lies at output position `out`, which is inside.
    fn place(&self, at: usize, out: usize) -> usize {
        out * self.stride + at - self.padding
    }
}

/// What the tests of the operations share.
#[cfg(test)]
pub(super) mod testing {
    use candle_core::{Device, Result, Tensor, Var};

    /// Values in ± half the scale, from an integer hash.
    pub(in crate::nn) fn made(seed: u32, shape: &[usize], scale: f32) -> Var {
        let count: usize = shape.iter().product();
        let value = |i: u32| {
            let mut x = i.wrapping_mul(0x9e37_79b9).wrapping_add(seed.wrapping_mul(0x85eb_ca6b));
            x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
            x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
            ((x ^ (x >> 16)) as f32 / u32::MAX as f32 - 0.5) * scale
        };
        let values: Vec<f32> = (0..count as u32).map(value).collect();
        Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu).unwrap()).unwrap()
    }

    /// The result of an operation, and the gradients of its sum weighted at random.
    pub(in crate::nn) fn gradients(
        of: &[&Var],
        seed: u32,
        run: impl Fn() -> Result<Tensor>,
    ) -> Vec<Vec<f32>> {
        let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let y = run().unwrap();
        let weights = made(seed, y.dims(), 2.0);
        let loss = (&y * weights.as_tensor()).unwrap().sum_all().unwrap();
        let store = loss.backward().unwrap();
        let gradients = of.iter().map(|var| flat(store.get(var).expect("it has a gradient")));
        std::iter::once(flat(&y)).chain(gradients).collect()
    }

    pub(in crate::nn) fn assert_close(ours: &[Vec<f32>], plain: &[Vec<f32>], tolerance: f32) {
        assert_eq!(ours.len(), plain.len());
        for (n, (a, b)) in ours.iter().zip(plain).enumerate() {
            assert_eq!(a.len(), b.len(), "{n}");
            let scale = b.iter().fold(1.0f32, |m, x| m.max(x.abs()));
            let worst = a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
            assert!(worst <= tolerance * scale, "part {n}: {worst} of {scale}");
        }
    }
}
