//! The readings along a file: all of them for a table, or thinned out for a picture.

use earworm_scorer::Reading;
use serde::Serialize;

use crate::clock::round_ms;

/// The scores at one moment of a file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Point {
    /// Seconds from the start, behind the last frame that counts.
    pub(crate) t: f64,
    /// Score of the last few seconds.
    pub(crate) momentary: Option<f32>,
    /// Score of the last window.
    pub(crate) window: Option<f32>,
    /// Score of everything so far.
    pub(crate) integrated: Option<f32>,
}

impl Point {
    /// The reading at `t` seconds.
    pub(crate) fn new(t: f64, reading: &Reading) -> Self {
        Self {
            t: round_ms(t),
            momentary: reading.momentary,
            window: reading.window,
            integrated: reading.integrated,
        }
    }
}

/// Points in bounded memory: when full, every second one goes, and from then on only every second
/// one of those that come is kept.
#[derive(Debug, Clone)]
pub(crate) struct Curve {
    points: Vec<Point>,
    most: usize,
    stride: usize,
    skipped: usize,
}

impl Curve {
    /// An empty curve of at most `most` points.
    pub(crate) fn new(most: usize) -> Self {
        Self { points: Vec::new(), most: most.max(2), stride: 1, skipped: 0 }
    }

    /// Adds a point, or leaves it out.
    pub(crate) fn push(&mut self, point: Point) {
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        if self.points.len() == self.most {
            let mut index = 0;
            self.points.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.stride *= 2;
        }
        self.points.push(point);
        self.skipped = self.stride - 1;
    }

    /// What is left of the points, in order.
    pub(crate) fn points(&self) -> &[Point] {
        &self.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distinct;

    fn point(t: f64) -> Point {
        Point { t, momentary: None, window: Some(50.0), integrated: None }
    }

    #[test]
    fn a_long_curve_stays_small_and_even() {
        let mut curve = Curve::new(100);
        for i in 0..100_000 {
            curve.push(point(f64::from(i)));
        }
        let times: Vec<f64> = curve.points().iter().map(|p| p.t).collect();
        assert!((50..=100).contains(&times.len()), "{}", times.len());
        let step = times[1] - times[0];
        assert!(times.windows(2).all(|w| w[1] - w[0] == step), "{times:?}");
        assert!(times[times.len() - 1] > 99_000.0 - step);
    }

    #[test]
    fn a_short_curve_is_kept_whole() {
        let mut curve = Curve::new(100);
        (0..100).for_each(|i| curve.push(point(f64::from(i))));
        assert_eq!(curve.points().len(), 100);
    }

    #[test]
    fn each_score_keeps_its_name() {
        let point = serde_json::to_value(Point::new(1.5, &distinct::reading())).unwrap();
        for (name, score) in distinct::SCORES {
            assert_eq!(point[name], f64::from(score), "{name} of {point}");
        }
        assert_eq!(point["t"], 1.5);
    }
}
