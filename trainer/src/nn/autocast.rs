//! Large products in fewer bits, as PyTorch's autocast has them.
//!
//! Within [`Precision::autocast`] the factors of matrix products and convolutions are rounded to `bf16`, which a
//! GPU multiplies many times as fast, and so are the results; sums run in `f32`. Weights, what the optimiser
//! keeps, recurrences, norms, softmax and losses stay `f32`: `bf16` has 8 bits of mantissa, too few to add a
//! small step to a weight. What is recorded for the way back goes the same way.
//!
//! On a CPU nothing gets faster: there values are rounded and multiplied as `f32`, so that a machine without a
//! GPU can tell what the rounding costs.

use std::cell::Cell;

use candle_core::{DType, Result, Tensor};
use serde::{Deserialize, Serialize};

/// What large products are computed in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// As everything else.
    #[default]
    F32,
    /// Factors and results of 16 bits.
    Bf16,
}

thread_local! {
    static CURRENT: Cell<Precision> = const { Cell::new(Precision::F32) };
}

impl Precision {
    /// Does `work`, with large products on this thread in this precision.
    pub fn autocast<T>(self, work: impl FnOnce() -> T) -> T {
        struct Restore(Precision);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0);
            }
        }
        let _restore = Restore(CURRENT.replace(self));
        work()
    }

    /// What products are computed in here and now.
    pub(super) fn current() -> Self {
        CURRENT.get()
    }
}

/// `a · b`.
pub(super) fn product(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    result(&factor(a)?.matmul(&factor(b)?)?)
}

/// A factor of a product, as the precision wants it: of 16 bits, on a CPU as the `f32` of the same value.
pub(super) fn factor(x: &Tensor) -> Result<Tensor> {
    match (Precision::current(), x.device().is_cpu()) {
        (Precision::F32, _) => Ok(x.clone()),
        (Precision::Bf16, true) => rounded(x),
        (Precision::Bf16, false) => x.to_dtype(DType::BF16),
    }
}

/// The result of a product of such factors, as `f32`.
pub(super) fn result(x: &Tensor) -> Result<Tensor> {
    match (Precision::current(), x.device().is_cpu()) {
        (Precision::F32, _) => Ok(x.clone()),
        (Precision::Bf16, true) => rounded(x),
        (Precision::Bf16, false) => x.to_dtype(DType::F32),
    }
}

fn rounded(x: &Tensor) -> Result<Tensor> {
    x.to_dtype(DType::BF16)?.to_dtype(DType::F32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    const ONE_AND_A_BIT: f32 = 1.0 + 1.0 / 512.0;

    fn product_and_gradient(precision: Precision) -> (Vec<f32>, Vec<f32>) {
        let a = Var::new(&[[ONE_AND_A_BIT, 3.0]], &Device::Cpu).unwrap();
        let b = Tensor::new(&[[ONE_AND_A_BIT], [2.0]], &Device::Cpu).unwrap();
        let y = precision.autocast(|| product(&a, &b)).unwrap();
        // The way back needs no autocast: it follows what was recorded.
        let gradient = y.sum_all().unwrap().backward().unwrap().remove(&a).unwrap();
        let values = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        (values(&y), values(&gradient))
    }

    #[test]
    fn factors_and_results_are_rounded() {
        let (y, gradient) = product_and_gradient(Precision::F32);
        assert_eq!((y[0], gradient[0]), (ONE_AND_A_BIT * ONE_AND_A_BIT + 6.0, ONE_AND_A_BIT));
        // 1 + 1/512 lies nearest to 1 among the numbers with 8 bits.
        assert_eq!(product_and_gradient(Precision::Bf16), (vec![7.0], vec![1.0, 2.0]));
    }

    #[test]
    fn it_ends_where_it_was_begun() {
        let inner = Precision::Bf16
            .autocast(|| (Precision::F32.autocast(Precision::current), Precision::current()));
        assert_eq!(inner, (Precision::F32, Precision::Bf16));
        let panicked =
            std::panic::catch_unwind(|| Precision::Bf16.autocast(|| panic!("on purpose")));
        assert!(panicked.is_err());
        assert_eq!(Precision::current(), Precision::F32);
        let elsewhere = Precision::Bf16.autocast(|| std::thread::spawn(Precision::current).join());
        assert_eq!(elsewhere.unwrap(), Precision::F32);
    }
}
