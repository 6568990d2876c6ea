//! Sixteen frames side by side: the layout in which every sum over bins is a sum of vectors.
//!
//! Spectra are kept bin by bin, with the same bin of [`LANES`] successive frames next to each
//! other. What is done to one bin is then done to all those frames by the same few vector
//! instructions, without any sum across a vector. Functions on lanes are `inline(always)`, so that
//! they are compiled for the instructions that [`pulp`] finds at run time.

/// Frames that are worked on together.
pub(super) const LANES: usize = 16;

/// The same value of [`LANES`] successive frames.
pub(super) type Lanes = [f32; LANES];

/// Zero in every lane.
pub(super) const ZERO: Lanes = [0.0; LANES];

/// Adds `weight` times `x` to `sum`.
#[inline(always)]
pub(super) fn add_scaled(sum: &mut Lanes, weight: f32, x: &Lanes) {
    for (sum, &x) in sum.iter_mut().zip(x) {
        *sum += weight * x;
    }
}

/// Applies a function to each lane.
#[inline(always)]
pub(super) fn map(x: &Lanes, f: impl Fn(f32) -> f32) -> Lanes {
    let mut out = ZERO;
    for (out, &x) in out.iter_mut().zip(x) {
        *out = f(x);
    }
    out
}

/// Applies a function to each lane of two.
#[inline(always)]
pub(super) fn map2(x: &Lanes, y: &Lanes, f: impl Fn(f32, f32) -> f32) -> Lanes {
    let mut out = ZERO;
    for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
        *out = f(x, y);
    }
    out
}

/// Adds the lanes up.
#[inline(always)]
pub(super) fn total(x: &Lanes) -> f64 {
    x.iter().map(|&x| f64::from(x)).sum()
}

/// The larger of two numbers; unlike [`f32::max`] one instruction, for neither is NaN here.
#[inline(always)]
pub(super) fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// The smaller of two numbers, neither of them NaN.
#[inline(always)]
pub(super) fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}
