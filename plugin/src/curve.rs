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
    /// Mean score of the whole windows since the reset.
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

/// Points in order of time. When there are too many, those that lie close together go.
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

    /// Most seconds of sound between two neighbours where nothing is missing: so far apart, points are thinned after
    /// days of sound, which makes no gaps of them.
    pub fn apart_s(&self) -> f64 {
        2.0 * self.step_s
    }

    /// Makes room: points that jumps and gaps brought within a step go, and where that is not enough, the step
    /// grows. It grows no further than the length of the session takes, however often it is silent.
    fn thin(&mut self) {
        self.keep_apart();
        while self.points.len() > MOST * 3 / 4 {
            self.step_s *= 2.0;
            self.keep_apart();
        }
    }

    /// Keeps points that are a step apart, and of gaps without points between them the first.
    fn keep_apart(&mut self) {
        let step_s = self.step_s;
        let (mut last_s, mut in_gap) = (f64::NEG_INFINITY, false);
        self.points.retain(|point| {
            // Gaps stay, or lines would run across them.
            let keep = if point.is_gap() { !in_gap } else { point.sound_s - last_s >= step_s };
            if keep {
                in_gap = point.is_gap();
                last_s = if in_gap { last_s } else { point.sound_s };
            }
            keep
        });
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
    fn neighbours_lie_as_near_as_is_said_after_a_week() {
        let mut curve = Curve::default();
        for i in 0..7 * 24 * 3600 {
            curve.push(point(f64::from(i), 50.0));
        }
        let widest = curve.points().windows(2).map(|w| w[1].sound_s - w[0].sound_s);
        let widest = widest.fold(0.0, f64::max);
        assert!((50.0..=curve.apart_s()).contains(&widest), "{widest} of {}", curve.apart_s());
        curve.clear();
        assert!(curve.apart_s() < 1.0);
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

    /// Sound and silence in turn, for so many hours.
    fn alternating(sound_s: f64, silence_s: f64, hours: f64) -> Curve {
        let mut curve = Curve::default();
        let mut start_s = 0.0;
        while start_s < hours * 3600.0 {
            let mut at_s = 0.0;
            while at_s < sound_s {
                curve.push(point(start_s + at_s, 50.0));
                at_s += 0.093;
            }
            curve.push(Point::gap(start_s + sound_s + silence_s / 2.0));
            start_s += sound_s + silence_s;
        }
        curve
    }

    #[test]
    fn silence_in_between_costs_no_points() {
        for (sound_s, silence_s, hours) in
            [(2.0, 1.5, 24.0), (2.0, 1.5, 120.0), (5.0, 2.0, 24.0), (20.0, 5.0, 48.0)]
        {
            let case = format!("{sound_s} s of sound, {silence_s} s without, {hours} hours");
            let mut curve = alternating(sound_s, silence_s, hours);
            let end_s = hours * 3600.0;
            let needed_s = end_s / MOST as f64;
            assert!(curve.points.len() <= MOST, "{case}");
            assert!(curve.step_s < 6.0 * needed_s, "{case}: a step of {} s", curve.step_s);
            let heard: Vec<f64> =
                curve.points.iter().filter(|p| !p.is_gap()).map(|p| p.sound_s).collect();
            assert!(heard[0] == 0.0 && end_s - heard.last().unwrap() < 30.0, "{case}");
            let widest = heard.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
            assert!(widest < 8.0 * needed_s, "{case}: {widest} s without a point");
            let gaps = curve.points.iter().filter(|p| p.is_gap()).count();
            assert!(gaps.abs_diff(heard.len()) < heard.len(), "{case}: {gaps} gaps");
            assert!(!curve.points.windows(2).any(|p| p[0].is_gap() && p[1].is_gap()), "{case}");
            // Music without a pause is drawn as well as the length allows.
            for i in 0..36_000 {
                curve.push(point(end_s + f64::from(i) * 0.1, 50.0));
            }
            let recent = curve.points.iter().filter(|p| p.sound_s >= end_s).count() as f64;
            assert!(recent >= (3600.0 / (8.0 * needed_s)).floor(), "{case}: {recent} points");
        }
    }

    /// A host that plays one bar again and again jumps every few seconds, and each jump is kept at first.
    #[test]
    fn jumps_widen_the_step_no_further_than_the_length_does() {
        let mut curve = Curve::default();
        for i in 0..22 * 36_000 {
            let sound_s = f64::from(i) * 0.1;
            curve.push(Point { song_s: sound_s % 2.0, ..point(sound_s, 50.0) });
        }
        let needed_s = 22.0 * 3600.0 / MOST as f64;
        assert!(curve.points.len() <= MOST && curve.step_s < 6.0 * needed_s, "{}", curve.step_s);
        assert!(curve.points[0].sound_s < 1.0 && curve.points.last().unwrap().sound_s > 79_190.0);
    }
}
