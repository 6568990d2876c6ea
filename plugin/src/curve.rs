//! The scores of a session against time, in bounded memory.

/// Most points: at most half a megabyte an instance.
const MOST: usize = 8192;
/// Seconds of sound between points at first.
const FIRST_STEP_S: f64 = 0.18;

/// The scores at one moment; what is missing is NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Seconds of sound since the reset.
    pub sound_s: f64,
    /// Seconds in the song, or NaN.
    pub song_s: f64,
    /// Seconds since 1970.
    pub clock_s: f64,
    /// Score of the last few seconds, 0 to 100.
    pub momentary: f32,
    /// Score of the last window.
    pub window: f32,
    /// Score of everything since the reset.
    pub integrated: f32,
    /// Level in dBFS.
    pub level_db: f32,
    /// How much of a window `window` rests on, 0 to 1.
    pub coverage: f32,
}

impl Point {
    /// A gap: from here on there is nothing to show until the next point.
    pub fn gap(sound_s: f64) -> Self {
        Self {
            sound_s,
            song_s: f64::NAN,
            clock_s: f64::NAN,
            momentary: f32::NAN,
            window: f32::NAN,
            integrated: f32::NAN,
            level_db: f32::NAN,
            coverage: 0.0,
        }
    }

    /// Whether about a whole window has been heard. The oldest of four lanes, which gives the score, is
    /// between three quarters of a window and a whole one old, once the first has completed.
    pub fn is_whole(&self) -> bool {
        self.coverage >= 0.745
    }

    /// Whether it stands for a gap.
    pub fn is_gap(&self) -> bool {
        self.clock_s.is_nan()
    }
}

/// Points in order of time. When there are too many, every other one goes.
#[derive(Debug, Clone)]
pub struct Curve {
    points: Vec<Point>,
    step_s: f64,
    /// Raised with every change: tells whether there is something new.
    changes: u64,
}

impl Default for Curve {
    fn default() -> Self {
        Self { points: Vec::new(), step_s: FIRST_STEP_S, changes: 0 }
    }
}

impl Curve {
    /// Starts anew.
    pub fn clear(&mut self) {
        self.points.clear();
        self.step_s = FIRST_STEP_S;
        self.changes += 1;
    }

    /// Takes a point, unless the last one was only just before it. A jump in the song is always kept.
    pub fn push(&mut self, point: Point) {
        if let Some(last) = self.points.last() {
            let step = point.sound_s - last.sound_s;
            // More than a step, as a song that runs at another pace is no jump.
            let jumped = (point.song_s - last.song_s - step).abs() > step.max(0.1)
                || point.song_s.is_nan() != last.song_s.is_nan();
            if point.is_gap() && last.is_gap() {
                return;
            }
            if step < self.step_s && !jumped && point.is_gap() == last.is_gap() {
                return;
            }
        }
        if self.points.len() == MOST {
            self.thin();
        }
        self.points.push(point);
        self.changes += 1;
    }

    fn thin(&mut self) {
        let mut index = 0;
        // Gaps stay, or lines would run across them.
        self.points.retain(|point| {
            index += 1;
            index % 2 == 0 || point.is_gap()
        });
        self.step_s *= 2.0;
        if self.points.len() > MOST * 3 / 4 {
            // Hardly anything but gaps: the oldest half goes.
            self.points.drain(..self.points.len() / 2);
        }
    }

    /// All points, oldest first.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Changes so far.
    pub fn changes(&self) -> u64 {
        self.changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(sound_s: f64, window: f32) -> Point {
        Point { sound_s, song_s: sound_s, clock_s: sound_s, window, ..Point::gap(sound_s) }
    }

    #[test]
    fn hours_stay_bounded_and_in_order() {
        let mut curve = Curve::default();
        let readings = 6 * 3600 * 10;
        for i in 0..readings {
            curve.push(point(f64::from(i) * 0.1, i as f32));
        }
        let points = curve.points();
        assert!(points.len() <= MOST && points.len() > MOST / 3, "{}", points.len());
        assert!(points.is_sorted_by(|a, b| a.sound_s < b.sound_s));
        assert!(points[0].sound_s < 20.0 && points.last().unwrap().sound_s > 21_580.0);
        let changes = curve.changes();
        curve.clear();
        assert!(curve.points().is_empty() && curve.changes() > changes);
    }

    #[test]
    fn a_song_at_another_pace_fills_it_no_faster() {
        let mut curve = Curve::default();
        for i in 0..6 * 3600 * 10 {
            let sound_s = f64::from(i) * 0.1;
            curve.push(Point { song_s: sound_s * 0.5, ..point(sound_s, 50.0) });
        }
        let widest = curve.points().windows(2).map(|w| w[1].sound_s - w[0].sound_s);
        let widest = widest.fold(0.0, f64::max);
        assert!(widest < 8.0, "{widest} s without a point");
    }

    #[test]
    fn jumps_and_gaps_are_kept() {
        let mut curve = Curve::default();
        curve.push(point(1.0, 50.0));
        curve.push(point(1.05, 50.0));
        assert_eq!(curve.points().len(), 1);
        curve.push(Point { song_s: 30.0, ..point(1.06, 50.0) });
        assert_eq!(curve.points().len(), 2);
        curve.push(Point::gap(1.07));
        curve.push(Point::gap(1.08));
        curve.push(point(1.09, 51.0));
        assert_eq!(curve.points().iter().filter(|p| p.is_gap()).count(), 1);
        assert_eq!(curve.points().len(), 4);
        for i in 0..100_000 {
            curve.push(Point::gap(2.0 + f64::from(i)));
            curve.push(point(2.5 + f64::from(i), 51.0));
        }
        assert!(curve.points().len() <= MOST);
    }
}
