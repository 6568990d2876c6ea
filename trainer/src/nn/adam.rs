//! One step of Adam for one tensor.
//!
//! D. Kingma, J. Ba: Adam, a method for stochastic optimization, 2015; I. Loshchilov, F. Hutter:
//! Decoupled weight decay regularization, 2019. Written in the order of PyTorch's `torch.optim.Adam` and
//! `AdamW`, whose defaults these constants are.

use candle_core::{CpuStorage, DType, InplaceOp1, Layout, Result, Tensor, Var};
use rayon::prelude::*;

/// Share of the first moment that is kept.
const KEEP_FIRST: f64 = 0.9;
/// Share of the second moment that is kept.
const KEEP_SECOND: f64 = 0.999;
/// Keeps the divisor from zero.
const EPSILON: f64 = 1e-8;
/// Values that a thread takes at a time.
const CHUNK: usize = 1 << 14;

/// How a step goes, the same for all tensors of a network.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// The gradient is multiplied by this: less than one where it is clipped.
    pub(super) scale: f64,
    /// Weight decay that is added to the gradient, times the weight.
    pub(super) coupled_decay: f64,
    /// The weight is multiplied by this: less than one where weight decay is decoupled.
    pub(super) shrink: f64,
    /// Learning rate over the bias correction of the first moment.
    size: f64,
    /// Root of the bias correction of the second moment.
    root: f64,
}

impl Step {
    /// The step of number `number`, counted from one.
    pub(super) fn new(number: u32, learning_rate: f64) -> Self {
        let correction = |keep: f64| 1.0 - keep.powi(number.min(i32::MAX as u32) as i32);
        Self {
            scale: 1.0,
            coupled_decay: 0.0,
            shrink: 1.0,
            size: learning_rate / correction(KEEP_FIRST),
            root: correction(KEEP_SECOND).sqrt(),
        }
    }

    /// Takes the step: changes the weights and both moments, which have their shape.
    ///
    /// # Errors
    /// When shapes differ or the device fails.
    pub(super) fn take(self, weights: &Var, gradient: &Tensor, moments: &Moments) -> Result<()> {
        if weights.shape() != gradient.shape() {
            candle_core::bail!("a gradient {:?} of {:?}", gradient.shape(), weights.shape());
        }
        let fused = weights.device().is_cpu()
            && weights.dtype() == DType::F32
            && gradient.dtype() == DType::F32
            && weights.is_contiguous();
        if fused {
            self.fused(weights, gradient, moments)
        } else {
            self.composed(weights, gradient, moments)
        }
    }

    /// In one pass over the values.
    fn fused(self, weights: &Var, gradient: &Tensor, moments: &Moments) -> Result<()> {
        let gradient = gradient.contiguous()?;
        on_values(&moments.first, |first| {
            on_values(&moments.second, |second| {
                on_values(weights, |weights| {
                    let (storage, layout) = gradient.storage_and_layout();
                    let candle_core::Storage::Cpu(storage) = &*storage else {
                        candle_core::bail!("a gradient is not on the CPU");
                    };
                    let gradient = super::lstm_layer::contiguous(storage, layout)?;
                    weights
                        .par_chunks_mut(CHUNK)
                        .zip(gradient.par_chunks(CHUNK))
                        .zip(first.par_chunks_mut(CHUNK).zip(second.par_chunks_mut(CHUNK)))
                        .for_each(|((w, g), (m, v))| self.on_slices(w, g, m, v));
                    Ok(())
                })
            })
        })
    }

    fn on_slices(
        self,
        weights: &mut [f32],
        gradient: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        let [scale, decay, shrink] =
            [self.scale, self.coupled_decay, self.shrink].map(|x| x as f32);
        let [size, root, epsilon] = [self.size, self.root, EPSILON].map(|x| x as f32);
        let [new_first, keep, new_second] =
            [1.0 - KEEP_FIRST, KEEP_SECOND, 1.0 - KEEP_SECOND].map(|x| x as f32);
        for (((w, &g), m), v) in weights.iter_mut().zip(gradient).zip(first).zip(second) {
            let g = g * scale + *w * decay;
            *m += (g - *m) * new_first;
            *v = *v * keep + g * g * new_second;
            *w = *w * shrink - size * *m / (v.sqrt() / root + epsilon);
        }
    }

    /// The same in Candle's operations, for any device and type.
    fn composed(self, weights: &Var, gradient: &Tensor, moments: &Moments) -> Result<()> {
        let gradient = gradient.to_dtype(weights.dtype())?;
        let (w, m, v) = (weights.detach(), moments.first.detach(), moments.second.detach());
        let g = ((gradient * self.scale)? + (&w * self.coupled_decay)?)?;
        let m = (&m + ((&g - &m)? * (1.0 - KEEP_FIRST))?)?;
        let v = ((v * KEEP_SECOND)? + (g.sqr()? * (1.0 - KEEP_SECOND))?)?;
        let change = ((&m * self.size)? / ((v.sqrt()? / self.root)? + EPSILON)?)?;
        weights.set(&((w * self.shrink)? - change)?)?;
        moments.first.set(&m)?;
        moments.second.set(&v)
    }
}

/// Running means of a tensor's gradient and of its square, and how many steps made them.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    /// Steps taken: tensors that a loss does not depend on stand still, and so do their counts.
    pub(super) steps: u32,
    pub(super) first: Var,
    pub(super) second: Var,
}

impl Moments {
    /// Zeros of a tensor's shape, where it lives.
    pub(super) fn of(weights: &Var) -> Result<Self> {
        let zeros = || Var::zeros(weights.shape(), weights.dtype(), weights.device());
        Ok(Self { steps: 0, first: zeros()?, second: zeros()? })
    }
}

/// Calls `work` with the values of a contiguous tensor on the CPU, to be changed in place.
fn on_values(var: &Var, work: impl FnOnce(&mut [f32]) -> Result<()> + Send) -> Result<()> {
    struct Change<F>(std::sync::Mutex<Option<F>>);

    impl<F: FnOnce(&mut [f32]) -> Result<()>> InplaceOp1 for Change<F> {
        fn name(&self) -> &'static str {
            "adam"
        }

        fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
            let CpuStorage::F32(values) = storage else {
                candle_core::bail!("adam: values are not f32");
            };
            let work = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
            match (layout.contiguous_offsets(), work) {
                (Some((start, end)), Some(work)) => work(&mut values[start..end]),
                _ => candle_core::bail!("adam: values are not contiguous"),
            }
        }
    }

    var.inplace_op1(&Change(std::sync::Mutex::new(Some(work))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn both_ways_take_the_same_steps() {
        let values = |seed: usize, n: usize| -> Vec<f32> {
            (0..n).map(|i| ((i * 37 + seed * 11) % 101) as f32 / 50.0 - 1.0).collect()
        };
        let n = CHUNK + 5;
        let tensor = |seed| Tensor::from_vec(values(seed, n), n, &Device::Cpu).unwrap();
        let weights = [1, 1].map(|seed| Var::from_tensor(&tensor(seed)).unwrap());
        let moments = [0, 1].map(|i| Moments::of(&weights[i]).unwrap());
        for number in 1..=5 {
            let step =
                Step { scale: 0.5, coupled_decay: 0.01, shrink: 0.99, ..Step::new(number, 0.1) };
            let gradient = tensor(number as usize);
            step.fused(&weights[0], &gradient, &moments[0]).unwrap();
            step.composed(&weights[1], &gradient, &moments[1]).unwrap();
        }
        let of = |var: &Var| var.to_vec1::<f32>().unwrap();
        for (a, b) in [(&weights[0], &weights[1]), (&moments[0].second, &moments[1].second)] {
            assert_ne!(of(a), values(1, n));
            for (a, b) in of(a).into_iter().zip(of(b)) {
                assert!((a - b).abs() < 2e-6, "{a} {b}");
            }
        }
    }
}
