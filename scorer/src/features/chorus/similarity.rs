//! How alike a song's moments are: frame by frame, then by time and lag, then cleaned so that
//! repeated sections stand out as lines.

use crate::features::chroma::NOTES;

/// Lags below this many frames are a frame's own neighbourhood.
const SHORTEST_LAG: usize = 5;
/// The Gaussian that closes holes in lines ends at so many standard deviations.
const GAUSSIAN_REACH: f32 = 4.0;

/// A square matrix, row after row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Square {
    pub(super) size: usize,
    pub(super) values: Vec<f32>,
}

impl Square {
    fn new(size: usize) -> Self {
        Self { size, values: vec![0.0; size * size] }
    }

    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.size..(row + 1) * self.size]
    }

    fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.size..(row + 1) * self.size]
    }
}

/// Likeness of two chroma, 0 to 1: one less their distance over the largest there can be.
#[inline(always)]
pub(super) fn likeness(a: &[f32; NOTES], b: &[f32; NOTES]) -> f32 {
    let squares: f32 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
    1.0 - (squares / NOTES as f32).sqrt()
}

/// The likeness of every frame to every other.
#[inline(always)]
pub(super) fn time_time(chroma: &[[f32; NOTES]]) -> Square {
    let n = chroma.len();
    let by_note: Vec<Vec<f32>> =
        (0..NOTES).map(|note| chroma.iter().map(|frame| frame[note]).collect()).collect();
    let mut matrix = Square::new(n);
    for (x, frame) in chroma.iter().enumerate() {
        let row = matrix.row_mut(x);
        for (notes, &here) in by_note.iter().zip(frame) {
            for (sum, &there) in row.iter_mut().zip(notes) {
                *sum += (here - there) * (here - there);
            }
        }
        row.iter_mut().for_each(|sum| *sum = 1.0 - (*sum / NOTES as f32).sqrt());
    }
    matrix
}

/// The likeness of each frame (column) to the one `lag` frames earlier (row). Before the song's
/// start it goes on with the song's end, as pychorus does; such values only reach averages.
#[inline(always)]
fn time_lag(time_time: &Square) -> Square {
    let n = time_time.size;
    let mut matrix = Square::new(n);
    for time in 0..n {
        let row = time_time.row(time);
        for lag in 0..n {
            let earlier = if lag <= time { time - lag } else { n + time - lag };
            matrix.values[lag * n + time] = row[earlier];
        }
    }
    matrix
}

/// The time-lag matrix with what is no repetition suppressed: from each value an average along
/// one of the other directions is taken away, the least of them within horizontal lines, else the
/// largest; then rows are smoothed. `width` is the length of the averages in frames.
///
/// Averages reach over `width` frames to either side: along the lag's row (left, right), over the
/// lags (up, down), and along the diagonals, which are rows of the time-time matrix.
#[inline(always)]
pub(super) fn denoised_time_lag(chroma: &[[f32; NOTES]], width: usize) -> Square {
    let time_time = time_time(chroma);
    let lagged = time_lag(&time_time);
    let n = lagged.size;
    let diagonal = Prefix::of_rows(&time_time);
    let mut out = Square::new(n);
    // Sums over the lags from here on, and up to here.
    let (mut up, mut down) = (vec![0.0f32; n], vec![0.0f32; n]);
    for row in 0..width.saturating_sub(1).min(n) {
        add(&mut up, lagged.row(row), 1.0);
    }
    let mut row_prefix = vec![0.0f64; n + 1];
    let mut cleaned = vec![0.0f32; n];
    let gaussian = gaussian(width as f32);
    let mut padded = Vec::new();
    let share = 1.0 / width as f32;
    for lag in 0..n {
        if lag + width <= n {
            add(&mut up, lagged.row(lag + width - 1), 1.0);
        }
        add(&mut down, lagged.row(lag), 1.0);
        if lag >= width {
            add(&mut down, lagged.row(lag - width), -1.0);
        }
        if lag >= SHORTEST_LAG {
            fill_prefix(lagged.row(lag), &mut row_prefix);
            for time in lag..n {
                let (left, right) = both_sides(&row_prefix, time, width);
                let (ll, ur) = if time > lag {
                    both_sides(diagonal.row(time - lag), time, width)
                } else {
                    (0.0, 0.0)
                };
                let (up, down) = (up[time] * share, down[time] * share);
                let most = up.max(down).max(ll.max(ur));
                let least = up.min(down).min(ll.min(ur));
                let suppressed = if left.max(right) > most { least } else { most };
                cleaned[time] = lagged.row(lag)[time] - suppressed;
            }
            cleaned[..lag].fill(0.0);
            smooth(&cleaned, &gaussian, &mut padded, out.row_mut(lag));
        }
        add(&mut up, lagged.row(lag), -1.0);
    }
    out
}

#[inline(always)]
fn add(sums: &mut [f32], row: &[f32], sign: f32) {
    sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += sign * x);
}

/// Running sums of each row, one value longer than the row.
struct Prefix {
    width: usize,
    values: Vec<f64>,
}

impl Prefix {
    fn of_rows(matrix: &Square) -> Self {
        let width = matrix.size + 1;
        let mut values = vec![0.0; matrix.size * width];
        for (row, prefix) in values.chunks_exact_mut(width).enumerate() {
            fill_prefix(matrix.row(row), prefix);
        }
        Self { width, values }
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.width..(row + 1) * self.width]
    }
}

fn fill_prefix(row: &[f32], prefix: &mut [f64]) {
    let mut sum = 0.0;
    for (prefix, &x) in prefix[1..].iter_mut().zip(row) {
        sum += f64::from(x);
        *prefix = sum;
    }
}

/// Averages over `width` values that end and that begin at `at`; outside the row there are zeros.
#[inline(always)]
fn both_sides(prefix: &[f64], at: usize, width: usize) -> (f32, f32) {
    let end = (at + width).min(prefix.len() - 1);
    let left = prefix[at + 1] - prefix[(at + 1).saturating_sub(width)];
    let right = prefix[end] - prefix[at];
    ((left / width as f64) as f32, (right / width as f64) as f32)
}

/// One half of the weights, the middle first; all of them sum to one.
fn gaussian(deviation: f32) -> Vec<f32> {
    let reach = (GAUSSIAN_REACH * deviation + 0.5) as usize;
    let weight = |i: usize| (-0.5 * (i as f32 / deviation).powi(2)).exp();
    let half: Vec<f32> = (0..=reach).map(weight).collect();
    let sum = 2.0 * half.iter().sum::<f32>() - half[0];
    half.iter().map(|w| w / sum).collect()
}

/// Smooths a row, mirrored at its ends, and raises negative results to zero.
#[inline(always)]
fn smooth(row: &[f32], half: &[f32], padded: &mut Vec<f32>, out: &mut [f32]) {
    let (n, reach) = (row.len() as isize, half.len() as isize - 1);
    let mirrored = |at: isize| {
        let at = at.rem_euclid(2 * n);
        row[if at < n { at } else { 2 * n - 1 - at } as usize]
    };
    padded.clear();
    padded.extend((-reach..0).map(mirrored));
    padded.extend_from_slice(row);
    padded.extend((n..n + reach).map(mirrored));
    let reach = reach as usize;
    out.fill(0.0);
    for (i, &weight) in half.iter().enumerate() {
        let later = &padded[reach + i..];
        let earlier = &padded[reach - i..];
        let weight = if i == 0 { 0.5 * weight } else { weight };
        for ((out, &a), &b) in out.iter_mut().zip(earlier).zip(later) {
            *out += weight * (a + b);
        }
    }
    out.iter_mut().for_each(|x| *x = x.max(0.0));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random notes, the same again from frame 60 on.
    fn repeated() -> Vec<[f32; NOTES]> {
        let mut state = 7u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let once: Vec<[f32; NOTES]> = (0..60).map(|_| std::array::from_fn(|_| next())).collect();
        once.iter().chain(&once).copied().collect()
    }

    #[test]
    fn likeness_of_each_pair_and_each_lag() {
        let chroma = repeated();
        let matrix = time_time(&chroma);
        let lagged = time_lag(&matrix);
        for (x, y) in [(3, 3), (10, 70), (100, 40), (5, 119)] {
            assert!((matrix.row(x)[y] - likeness(&chroma[x], &chroma[y])).abs() < 1e-6);
        }
        assert_eq!(lagged.row(60)[70], 1.0);
        assert_eq!(lagged.row(7)[50], matrix.row(50)[43]);
        assert_eq!(lagged.row(9)[2], matrix.row(2)[113], "before the start comes the end");
    }

    #[test]
    fn a_repetition_is_a_line_in_its_lag() {
        let matrix = denoised_time_lag(&repeated(), 6);
        let sums: Vec<f32> = (0..matrix.size).map(|lag| matrix.row(lag).iter().sum()).collect();
        let strongest = (0..sums.len()).max_by(|&a, &b| sums[a].total_cmp(&sums[b]));
        assert_eq!(strongest, Some(60));
        assert!(matrix.row(60)[90] > 0.2);
        assert!(matrix.row(3).iter().all(|&x| x == 0.0));
    }
}
