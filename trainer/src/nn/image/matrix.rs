//! The matrix product on slices with strides.

/// A matrix in a slice.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub(super) values: &'a [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// From one row to the next.
    pub(super) row_stride: usize,
    /// From one column to the next.
    pub(super) column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Row by row, `stride` values from one to the next.
    pub(super) fn rows(values: &'a [f32], (rows, columns): (usize, usize), stride: usize) -> Self {
        Self { values, rows, columns, row_stride: stride, column_stride: 1 }
    }

    pub(super) fn transposed(self) -> Self {
        Self {
            values: self.values,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    fn fits(&self) -> bool {
        self.rows == 0
            || self.columns == 0
            || (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride
                < self.values.len()
    }
}

/// `out = a · b`, or `out += a · b`; rows of `out` lie `stride` values apart. On this thread alone.
pub(super) fn product(
    out: &mut [f32],
    stride: usize,
    a: Matrix<'_>,
    b: Matrix<'_>,
    accumulate: bool,
) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    assert!(k == b.rows && a.fits() && b.fits(), "the factors fit each other and their slices");
    assert!(m == 0 || n == 0 || (m - 1) * stride + n <= out.len(), "the product fits its slice");
    // SAFETY: the assertions hold every index that the product touches inside its slice, and `out` is
    // borrowed for writing while `a` and `b` are other slices.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            stride as isize,
            accumulate,
            a.values.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.values.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
