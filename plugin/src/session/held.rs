//! What is shown while it is held. It is kept here, not in the editor, which may be closed and opened meanwhile.

use std::sync::Arc;

use earworm_scorer::{Model, Reading};

use super::{Log, Scored, Session, lock};

/// What there was to be seen when hold went on, or when there first was something after that.
pub struct Held {
    /// The latest reading.
    pub reading: Arc<Reading>,
    /// The model that scored.
    pub model: Arc<Model>,
    /// Frames of a window.
    pub window_frames: usize,
    /// What had been read since the reset.
    pub log: Log,
    /// The latest scores, if there were any.
    pub scored: Option<Scored>,
}

impl Session {
    /// What is held, while something is. Nothing tells when the host puts hold on, so that this is to be called
    /// before anything that is shown is replaced.
    pub fn held(&self) -> Option<Arc<Held>> {
        let mut held = lock(&self.held);
        if !self.params.hold.value() {
            *held = None;
        } else if held.is_none() {
            *held = self.present().map(Arc::new);
        }
        held.clone()
    }

    /// What there is to be seen now; nothing before the first scores, as in a project that opens with hold on:
    /// held, nothing would stay nothing.
    fn present(&self) -> Option<Held> {
        // Both at once, so that they are of one stream.
        let (meter, log) = self.with_log(|log| (self.meter(), log.clone()));
        let (meter, _) = meter.zip(log.latest)?;
        let model = meter.model().clone();
        Some(Held {
            reading: log.reading.clone(),
            window_frames: self.window_frames(&model),
            scored: self.scored_of(&meter, log.latest, &log.reading),
            model,
            log,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::curve::Point;
    use crate::harness::automate;

    fn log(session: &Session, point: Point) {
        session.log_reading(1, point, &Reading::default(), None, None);
    }

    fn scores(window: f32) -> Point {
        Point { clock_s: 1e9, window, coverage: 1.0, ..Point::gap(f64::from(window)) }
    }

    /// As in a project that was saved with hold on.
    #[test]
    fn nothing_is_not_held() {
        let session = Session::new(Arc::default());
        let params = &session.params;
        automate(&params.hold, 1.0);
        automate(&params.write, 1.0);
        assert!(session.held().is_none(), "there is no stream");
        session.activate(48_000, Duration::from_secs(30));
        log(&session, Point::gap(0.5));
        assert!(session.held().is_none() && session.scored().is_none(), "there are no scores");
        let is_held = |window: f32| {
            let held = session.held().and_then(|held| held.log.latest);
            assert_eq!(held.map(|point| point.window), Some(window));
            let written = params.score.value();
            assert!((written - window).abs() < 0.06, "{written} was written");
        };
        log(&session, scores(40.0));
        is_held(40.0);
        log(&session, scores(60.0));
        is_held(40.0);
        automate(&params.hold, 0.0);
        log(&session, scores(70.0));
        automate(&params.hold, 1.0);
        is_held(70.0);
    }
}
