//! Sweeps in Candle's own operations: one strided copy of the image for each entry of the kernel. Slow
//! on the CPU, the way on other devices, and what the fused operations are tested against.

use candle_core::{Result, Tensor};

use super::Sweep;

/// Zeros around an image `[n, c, h, w]`.
pub(super) fn padded(x: &Tensor, padding: usize) -> Result<Tensor> {
    x.pad_with_zeros(2, padding, padding)?.pad_with_zeros(3, padding, padding)
}

/// For each entry of the kernel, row by row: what it sees at every output position.
pub(super) fn taps(x: &Tensor, sweep: &Sweep) -> Result<Vec<Tensor>> {
    let (_, _, height, width) = x.dims4()?;
    let Some((out_height, out_width)) = sweep.over((height, width)) else {
        candle_core::bail!("a kernel of {:?} does not fit into {height} × {width}", sweep.kernel)
    };
    let x = padded(x, sweep.padding)?;
    let along = |x: &Tensor, axis: usize, first: usize, count: usize| -> Result<Tensor> {
        if sweep.stride == 1 {
            return x.narrow(axis, first, count);
        }
        let at: Vec<u32> = (0..count).map(|n| (first + n * sweep.stride) as u32).collect();
        x.contiguous()?.index_select(&Tensor::new(at, x.device())?, axis)
    };
    let mut taps = Vec::with_capacity(sweep.kernel.0 * sweep.kernel.1);
    for row in 0..sweep.kernel.0 {
        let rows = along(&x, 2, row, out_height)?;
        for column in 0..sweep.kernel.1 {
            taps.push(along(&rows, 3, column, out_width)?);
        }
    }
    Ok(taps)
}
