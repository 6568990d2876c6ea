//! What the worker does with each reading beside the meter: the curve grows, whether or not anyone looks.

use std::sync::Weak;
use std::time::{SystemTime, UNIX_EPOCH};

use earworm_scorer::front_end::Frame;
use earworm_scorer::{Hook, Observer, Reading, Span, Status};
use ringbuf::HeapCons;
use ringbuf::traits::Consumer as _;

use crate::curve::Point;
use crate::session::Session;
use crate::song_map::{Anchor, SongMap};

/// Sees one stream's results on the worker and keeps the session's log.
pub(crate) struct Watcher {
    session: Weak<Session>,
    anchors: HeapCons<Anchor>,
    map: SongMap,
    /// Behind the last frame.
    now_s: f64,
    hook: Option<Hook>,
}

impl Watcher {
    pub(crate) fn new(session: Weak<Session>, anchors: HeapCons<Anchor>) -> Self {
        Self { session, anchors, map: SongMap::default(), now_s: 0.0, hook: None }
    }

    /// Takes what the audio thread noted since, up to the next reset.
    fn take_anchors(&mut self) {
        use ringbuf::traits::Observer as _;
        while !self.anchors.is_empty() && self.anchors.first().is_some_and(|a| !a.reset) {
            if let Some(anchor) = self.anchors.try_pop() {
                self.map.push(anchor);
            }
        }
    }
}

impl Observer for Watcher {
    fn frame(&mut self, _frame: Frame<'_>, span: Span) {
        self.now_s = span.end_s;
        self.take_anchors();
        if let Some(session) = self.session.upgrade() {
            session.frame_heard();
        }
    }

    fn reading(&mut self, reading: &Reading) {
        let Some(session) = self.session.upgrade() else { return };
        self.take_anchors();
        let score = |score: Option<f32>| score.unwrap_or(f32::NAN);
        let point = if reading.status == Status::Scoring {
            let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Point {
                sound_s: self.now_s,
                song_s: self.map.song_at(self.now_s).unwrap_or(f64::NAN),
                clock_s: clock.as_secs_f64(),
                momentary: score(reading.momentary),
                window: score(reading.window),
                integrated: score(reading.integrated),
                level_db: reading.level_db,
                coverage: reading.coverage,
            }
        } else {
            Point::gap(self.now_s)
        };
        let moved = reading.hook.filter(|&hook| self.hook != Some(hook));
        self.hook = reading.hook;
        let stretches = moved.map(|hook| self.map.stretches(hook.start_s, hook.end_s));
        session.log_reading(point, moved, stretches);
    }

    fn reset(&mut self) {
        self.take_anchors();
        self.map.clear();
        self.now_s = 0.0;
        self.hook = None;
        if let Some(anchor) = self.anchors.try_pop() {
            self.map.push(anchor);
        }
        if let Some(session) = self.session.upgrade() {
            session.log_reset();
        }
    }
}
