//! Products of a few rows with a matrix that is used over and over: the matrix is packed once, as the
//! inner loop reads it, and results stay in registers.
//!
//! Each result is summed in the order of the depth, whatever rows it is computed with, so results do
//! not depend on how rows are shared out among threads.

use pulp::Simd;

/// Vectors side by side in a panel.
pub(super) const WIDE: usize = 4;

/// Most rows of one [`Tile`]: 24 sums, four weights and a value are 29 vectors.
pub(super) const MOST_ROWS: usize = 6;

/// The sums of `R` rows: one panel's width each.
pub(super) type Tile<S, const R: usize> = [[<S as Simd>::f32s; WIDE]; R];

/// A matrix of `depth` rows in panels `[panel, depth, WIDE, lanes]`, where `lanes` is how many values a
/// vector holds. What a panel holds of the matrix is the packer's choice.
pub(super) struct Panels {
    depth: usize,
    values: Vec<f32>,
}

impl Panels {
    /// Packs `value(panel, depth, place in the panel)`, the place counting from 0 to `WIDE · lanes`.
    pub(super) fn pack(
        panels: usize,
        depth: usize,
        lanes: usize,
        value: impl Fn(usize, usize, usize) -> f32,
    ) -> Self {
        let width = WIDE * lanes;
        let mut values = Vec::with_capacity(panels * depth * width);
        for panel in 0..panels {
            for k in 0..depth {
                values.extend((0..width).map(|place| value(panel, k, place)));
            }
        }
        Self { depth, values }
    }

    /// Packs a row-major matrix `[depth, columns]`, its columns from left to right.
    pub(super) fn of_columns(
        matrix: &[f32],
        stride: usize,
        first: usize,
        depth: usize,
        columns: usize,
        lanes: usize,
    ) -> Self {
        let width = WIDE * lanes;
        Self::pack(columns.div_ceil(width), depth, lanes, |panel, k, place| {
            let column = panel * width + place;
            if column < columns { matrix[k * stride + first + column] } else { 0.0 }
        })
    }

    /// Rows of the matrix.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// One panel, `depth` times `WIDE` vectors.
    #[inline(always)]
    pub(super) fn panel<S: Simd>(&self, panel: usize) -> &[[S::f32s; WIDE]] {
        let size = self.depth * WIDE * S::F32_LANES;
        S::as_simd_f32s(&self.values[panel * size..(panel + 1) * size]).0.as_chunks().0
    }
}

/// Adds the product of `rows` with a panel, or with part of its depth.
///
/// # Panics
/// When a row is shorter than the panel is deep.
#[inline(always)]
pub(super) fn multiply<S: Simd, const R: usize>(
    simd: S,
    mut sums: Tile<S, R>,
    rows: [&[f32]; R],
    panel: &[[S::f32s; WIDE]],
) -> Tile<S, R> {
    let rows = rows.map(|row| &row[..panel.len()]);
    for (k, weights) in panel.iter().enumerate() {
        for (sums, row) in sums.iter_mut().zip(&rows) {
            let value = simd.splat_f32s(row[k]);
            for (sum, &weight) in sums.iter_mut().zip(weights) {
                *sum = simd.mul_add_e_f32s(value, weight, *sum);
            }
        }
    }
    sums
}

/// Shares `rows` out over as few tiles as registers allow, as evenly as can be: the first row and the
/// number of rows of each, at most six, as [`with_rows`] knows them.
///
/// This is an iterator and takes no closure, as no code on vectors may stand in one: a closure that the
/// compiler does not inline is compiled without the vector instructions, and everything in it is slow.
#[inline(always)]
pub(super) fn tiles<S: Simd>(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    let most = if S::REGISTER_COUNT >= 32 { MOST_ROWS } else { 3 };
    let count = rows.div_ceil(most);
    (0..count).map(move |tile| {
        let (first, end) = (tile * rows / count, (tile + 1) * rows / count);
        (first, end - first)
    })
}

/// Calls a function generic over the number of rows in a tile with a number known at run time.
macro_rules! with_rows {
    ($rows:expr, $function:ident::<$simd:ty, _>($($argument:expr),* $(,)?)) => {
        match $rows {
            1 => $function::<$simd, 1>($($argument),*),
            2 => $function::<$simd, 2>($($argument),*),
            3 => $function::<$simd, 3>($($argument),*),
            4 => $function::<$simd, 4>($($argument),*),
            5 => $function::<$simd, 5>($($argument),*),
            6 => $function::<$simd, 6>($($argument),*),
            rows => unreachable!("tiles never have {rows} rows"),
        }
    };
}
pub(super) use with_rows;

/// Cuts buffers `[steps, batch, width]` into pieces that threads may write at once: for every piece the
/// slice of each step. `pieces` are numbers of sequences.
pub(in crate::nn) fn by_step<'a>(
    buffer: &'a mut [f32],
    steps: usize,
    width: usize,
    pieces: &[usize],
) -> Vec<Vec<&'a mut [f32]>> {
    let mut slices: Vec<Vec<&mut [f32]>> =
        pieces.iter().map(|_| Vec::with_capacity(steps)).collect();
    let mut rest = buffer;
    for _ in 0..steps {
        for (slices, &piece) in slices.iter_mut().zip(pieces) {
            let (slice, after) = std::mem::take(&mut rest).split_at_mut(piece * width);
            slices.push(slice);
            rest = after;
        }
    }
    slices
}

/// Numbers of sequences, one for each thread at most; never more than the batch.
pub(in crate::nn) fn shares(batch: usize) -> Vec<usize> {
    let threads = rayon::current_num_threads().clamp(1, batch.max(1));
    (0..threads).map(|n| (n + 1) * batch / threads - n * batch / threads).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::{Arch, WithSimd};

    struct Product<'a> {
        rows: &'a [f32],
        matrix: &'a [f32],
        depth: usize,
        columns: usize,
        out: &'a mut [f32],
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize>(
        simd: S,
        panels: &Panels,
        (first, columns): (usize, usize),
        rows: &[f32],
        out: &mut [f32],
    ) {
        let depth = panels.depth;
        for panel in 0..columns.div_ceil(WIDE * S::F32_LANES) {
            let rows = std::array::from_fn(|r| &rows[(first + r) * depth..][..depth]);
            let sums = [[simd.splat_f32s(0.0); WIDE]; R];
            let sums = multiply::<S, R>(simd, sums, rows, panels.panel::<S>(panel));
            for (r, sums) in sums.into_iter().enumerate() {
                let row = &mut out[(first + r) * columns..][..columns];
                for (v, sum) in sums.into_iter().enumerate() {
                    let at = (panel * WIDE + v) * S::F32_LANES;
                    if at < columns {
                        super::super::gates::store(simd, row, at, sum);
                    }
                }
            }
        }
    }

    impl WithSimd for Product<'_> {
        type Output = ();
        fn with_simd<S: Simd>(self, simd: S) {
            let Self { rows, matrix, depth, columns, out } = self;
            let panels = Panels::of_columns(matrix, columns, 0, depth, columns, S::F32_LANES);
            for (first, count) in tiles::<S>(rows.len() / depth) {
                with_rows!(count, tile::<S, _>(simd, &panels, (first, columns), rows, out));
            }
        }
    }

    #[test]
    fn products_are_those_of_the_definition() {
        for (count, depth, columns) in [(1, 1, 1), (5, 7, 13), (16, 20, 64), (13, 33, 130)] {
            let made = |n: usize, seed: usize| -> Vec<f32> {
                (0..n).map(|i| ((i * 31 + seed) % 17) as f32 - 8.0).collect()
            };
            let (rows, matrix) = (made(count * depth, 3), made(depth * columns, 5));
            let mut out = vec![f32::NAN; count * columns];
            let product = Product { rows: &rows, matrix: &matrix, depth, columns, out: &mut out };
            Arch::new().dispatch(product);
            for (i, value) in out.into_iter().enumerate() {
                let (row, column) = (i / columns, i % columns);
                let sum: f32 =
                    (0..depth).map(|k| rows[row * depth + k] * matrix[k * columns + column]).sum();
                assert_eq!(value, sum, "{count} {depth} {columns}: {row}, {column}");
            }
        }
    }

    #[test]
    fn shares_make_up_the_batch() {
        for batch in 0..40 {
            let shares = shares(batch);
            assert_eq!(shares.iter().sum::<usize>(), batch);
            assert!(batch == 0 || shares.iter().all(|&share| share > 0));
        }
    }
}
