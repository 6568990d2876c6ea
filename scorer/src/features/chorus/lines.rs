//! Lines in the time-lag matrix: sections that come again, and which of them is the chorus.

use super::similarity::Square;

/// A line is where the matrix stays above this …
const THRESHOLD: f32 = 0.15;
/// … which is lowered by this factor, so often, until there are that many lines.
const LOWERING: f32 = 0.95;
const TRIES: usize = 8;
const ENOUGH: usize = 8;
/// Two sections cover each other if they do so but for this share of the wanted length.
const MARGIN: f32 = 0.2;

/// A section, in frames: `start..end` sounds like `start - lag..end - lag`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) lag: usize,
}

/// Lines longer than `shortest` frames among the lags that stand out from their neighbours.
///
/// A line that lasts to the song's end may have been cut off there. As in pychorus it counts for
/// nothing where there are lines that end before; here it is used where there are none.
pub(super) fn detect(matrix: &Square, shortest: f32) -> Vec<Line> {
    let lags: Vec<usize> =
        outstanding_lags(matrix).into_iter().filter(|&lag| lag as f32 >= shortest).collect();
    let mut threshold = THRESHOLD;
    let (mut whole, mut cut_off) = (Vec::new(), Vec::new());
    for _ in 0..TRIES {
        let lines = lags.iter().flat_map(|&lag| lines_of(matrix, lag, threshold, shortest));
        (whole, cut_off) = lines.partition(|line| line.end < matrix.size);
        if whole.len() >= ENOUGH {
            break;
        }
        threshold *= LOWERING;
    }
    if whole.is_empty() { cut_off } else { whole }
}

/// Lags whose mean is larger than those of both lags next to them.
fn outstanding_lags(matrix: &Square) -> Vec<usize> {
    let n = matrix.size;
    let mean = |lag: usize| matrix.row(lag).iter().sum::<f32>() / (n - lag) as f32;
    let means: Vec<f32> = (0..n).map(mean).collect();
    let stands_out = |lag: &usize| means[*lag] > means[lag - 1] && means[*lag] > means[lag + 1];
    (1..n.saturating_sub(1)).filter(stands_out).collect()
}

fn lines_of(matrix: &Square, lag: usize, threshold: f32, shortest: f32) -> Vec<Line> {
    let row = matrix.row(lag);
    let mut lines = Vec::new();
    let mut since = None;
    // One step further than the row: what lasts to its end ends there.
    for end in lag..=row.len() {
        if row.get(end).is_some_and(|&x| x > threshold) {
            since.get_or_insert(end);
        } else if let Some(start) = since.take()
            && (end - start) as f32 > shortest
        {
            lines.push(Line { start, end, lag });
        }
    }
    lines
}

/// The line whose section, or its earlier occurrence, most other lines cover too; of those the
/// longest, of those the first.
pub(super) fn best(lines: &[Line], shortest: f32) -> Option<Line> {
    let margin = MARGIN * shortest;
    let score =
        |line: &Line| lines.iter().filter(|other| supports(other, line, margin, shortest)).count();
    let scored: Vec<_> = lines.iter().map(|line| (score(line), line.end - line.start)).collect();
    let most = *scored.iter().max()?;
    scored.iter().position(|&s| s == most).map(|at| lines[at])
}

/// Whether another lag's line tells of the same section, as it is or as it was before.
fn supports(other: &Line, line: &Line, margin: f32, shortest: f32) -> bool {
    let covers = |from: f32, to: f32, other_from: f32, other_to: f32| {
        other_from < from + margin && other_to > to - margin
    };
    let [start, end, lag] = [line.start, line.end, line.lag].map(|x| x as f32);
    let [other_start, other_end, other_lag] = [other.start, other.end, other.lag].map(|x| x as f32);
    (other_lag - lag).abs() > shortest
        && (covers(start, end, other_start, other_end)
            || covers(start - lag, end - lag, other_start - other_lag, other_end - other_lag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(lines: &[(Line, f32)], size: usize) -> Square {
        let mut values = vec![0.0; size * size];
        for (line, value) in lines {
            values[line.lag * size + line.start..line.lag * size + line.end].fill(*value);
        }
        Square { size, values }
    }

    #[test]
    fn lines_are_found_at_lowered_thresholds_and_up_to_the_end() {
        let cut_off = Line { start: 80, end: 100, lag: 40 };
        let weak = Line { start: 50, end: 65, lag: 20 };
        assert_eq!(detect(&matrix(&[(cut_off, 0.3), (weak, 0.12)], 100), 10.0), [weak]);
        assert_eq!(detect(&matrix(&[(cut_off, 0.3)], 100), 10.0), [cut_off]);
        let too_short = Line { start: 50, end: 59, lag: 20 };
        let too_weak = Line { start: 80, end: 100, lag: 40 };
        assert!(detect(&matrix(&[(too_short, 0.3), (too_weak, 0.1)], 100), 10.0).is_empty());
    }

    #[test]
    fn what_comes_three_times_wins_over_what_is_longer() {
        let twice = Line { start: 200, end: 280, lag: 120 };
        // A section at 100, 300 and 400: one line for each pair.
        let once_more = Line { start: 300, end: 340, lag: 200 };
        let again = Line { start: 400, end: 440, lag: 100 };
        let and_again = Line { start: 400, end: 440, lag: 300 };
        let lines = [twice, once_more, again, and_again];
        assert_eq!(best(&lines, 20.0), Some(and_again));
        assert_eq!(best(&[], 20.0), None);
    }
}
