//! The functions of an LSTM's gates, on vectors of whatever width the processor has.

use pulp::Simd;

/// `exp(x)` to about one part in 10⁷ for x within ± 87, held to that range outside it:
/// x = n ln 2 + r, 2ⁿ from the exponent bits, eʳ by the polynomial of the Cephes library (`expf`).
#[inline(always)]
pub(super) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    /// Adding 1.5 · 2²³ rounds to a whole number and leaves it in the low bits.
    const ROUNDER: f32 = 12_582_912.0;
    const POLYNOMIAL: [f32; 5] =
        [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];

    // In this order, what is not a number stays so.
    let x = simd.min_f32s(simd.splat_f32s(87.0), x);
    let x = simd.max_f32s(simd.splat_f32s(-87.0), x);
    let rounder = simd.splat_f32s(ROUNDER);
    let shifted = simd.mul_add_e_f32s(x, simd.splat_f32s(std::f32::consts::LOG2_E), rounder);
    let n = simd.sub_f32s(shifted, rounder);
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-LN2_HIGH), x);
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-LN2_LOW), r);
    let mut p = simd.splat_f32s(1.987_569_1e-4);
    for coefficient in POLYNOMIAL {
        p = simd.mul_add_e_f32s(p, r, simd.splat_f32s(coefficient));
    }
    let one = simd.splat_f32s(1.0);
    let e_to_r = simd.add_f32s(simd.mul_add_e_f32s(simd.mul_f32s(p, r), r, r), one);
    let exponent =
        simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    let power = simd.add_u32s(exponent, simd.splat_u32s(0x3f80_0000));
    simd.mul_f32s(e_to_r, simd.transmute_f32s_u32s(power))
}

/// 1 / (1 + e⁻ˣ), to within 10⁻⁶.
#[inline(always)]
pub(super) fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    simd.div_f32s(one, simd.add_f32s(one, exp(simd, simd.neg_f32s(x))))
}

/// tanh x = 1 − 2 / (1 + e²ˣ), to within 10⁻⁶.
#[inline(always)]
pub(super) fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    let e = exp(simd, simd.add_f32s(x, x));
    simd.sub_f32s(one, simd.div_f32s(simd.splat_f32s(2.0), simd.add_f32s(one, e)))
}

/// The slope of the sigmoid where its value is `s`: s (1 − s).
#[inline(always)]
pub(super) fn slope_of_sigmoid<S: Simd>(simd: S, s: S::f32s) -> S::f32s {
    simd.negate_mul_add_e_f32s(s, s, s)
}

/// The slope of the hyperbolic tangent where its value is `t`: 1 − t².
#[inline(always)]
pub(super) fn slope_of_tanh<S: Simd>(simd: S, t: S::f32s) -> S::f32s {
    simd.negate_mul_add_e_f32s(t, t, simd.splat_f32s(1.0))
}

/// The vector at `at` in `row`; past the end of the row it is filled up with zeros.
#[inline(always)]
pub(super) fn load<S: Simd>(simd: S, row: &[f32], at: usize) -> S::f32s {
    let rest = &row[at..];
    if rest.len() >= S::F32_LANES {
        S::as_simd_f32s(&rest[..S::F32_LANES]).0[0]
    } else {
        simd.partial_load_f32s(rest)
    }
}

/// Writes what of a vector at `at` lies inside `row`.
#[inline(always)]
pub(super) fn store<S: Simd>(simd: S, row: &mut [f32], at: usize, value: S::f32s) {
    let rest = &mut row[at..];
    if rest.len() >= S::F32_LANES {
        S::as_mut_simd_f32s(&mut rest[..S::F32_LANES]).0[0] = value;
    } else {
        simd.partial_store_f32s(rest, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::{Arch, WithSimd};

    struct Apply<'a> {
        x: &'a [f32],
        out: &'a mut [[f32; 3]],
    }

    impl WithSimd for Apply<'_> {
        type Output = ();
        fn with_simd<S: Simd>(self, simd: S) {
            for (x, out) in self.x.iter().zip(self.out) {
                let x = simd.splat_f32s(*x);
                for (f, out) in [exp::<S>, sigmoid::<S>, tanh::<S>].into_iter().zip(out) {
                    store(simd, std::slice::from_mut(out), 0, f(simd, x));
                }
            }
        }
    }

    /// On the widest vectors of this machine and one value at a time, as where there are none.
    #[test]
    fn the_functions_are_accurate() {
        let x: Vec<f32> = (-9000..=9000).map(|i| i as f32 / 100.0).collect();
        let mut wide = vec![[0.0; 3]; x.len()];
        Arch::new().dispatch(Apply { x: &x, out: &mut wide });
        let mut scalar = wide.clone();
        Apply { x: &x, out: &mut scalar }.with_simd(pulp::Scalar);
        for out in [wide, scalar] {
            for (&x, [exp, sigmoid, tanh]) in x.iter().zip(out) {
                let exact = f64::from(x);
                if x.abs() <= 87.0 {
                    assert!((f64::from(exp) / exact.exp() - 1.0).abs() < 3e-7, "exp({x})");
                }
                let logistic = 1.0 / (1.0 + (-exact).exp());
                assert!((f64::from(sigmoid) - logistic).abs() < 3e-7, "sigmoid({x}) is {sigmoid}");
                assert!((f64::from(tanh) - exact.tanh()).abs() < 6e-7, "tanh({x}) is {tanh}");
            }
        }
        let mut ends = [[0.0; 3]; 2];
        let x = [f32::INFINITY, f32::NEG_INFINITY];
        Arch::new().dispatch(Apply { x: &x, out: &mut ends });
        assert!(ends[0][1..] == [1.0, 1.0] && ends[1][2] == -1.0 && ends[1][1] < 1e-37, "{ends:?}");
    }

    struct Copy<'a>(&'a [f32], &'a mut [f32]);

    impl WithSimd for Copy<'_> {
        type Output = ();
        fn with_simd<S: Simd>(self, simd: S) {
            for at in (0..self.0.len()).step_by(S::F32_LANES) {
                store(simd, self.1, at, load(simd, self.0, at));
            }
        }
    }

    #[test]
    fn rows_of_any_length_are_read_and_written() {
        for length in 1..40 {
            let from: Vec<f32> = (0..length).map(|i| i as f32).collect();
            let mut to = vec![0.0; length];
            Arch::new().dispatch(Copy(&from, &mut to));
            assert_eq!(from, to);
        }
    }
}
