//! What the worker does with each reading beside the meter: the curve grows, whether or not anyone looks.

use std::sync::Weak;
use std::time::{SystemTime, UNIX_EPOCH};

use earworm_scorer::front_end::Frame;
use earworm_scorer::{Hook, Observer, Reading, Span, Status};
use ringbuf::HeapCons;
use ringbuf::traits::Consumer as _;

use super::Session;
use crate::curve::Point;
use crate::song_map::{Anchor, SongMap};

/// Sees one stream's results on the worker and keeps the session's log.
pub(super) struct Watcher {
    session: Weak<Session>,
    /// The stream's number, by which the session knows whether it is still the present one.
    stream: u64,
    anchors: HeapCons<Anchor>,
    map: SongMap,
    /// Behind the last frame.
    now_s: f64,
    hook: Option<Hook>,
}

impl Watcher {
    pub(super) fn new(session: Weak<Session>, stream: u64, anchors: HeapCons<Anchor>) -> Self {
        Self { session, stream, anchors, map: SongMap::default(), now_s: 0.0, hook: None }
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
        session.log_reading(self.stream, point, reading, moved, stretches);
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
            session.log_reset(self.stream);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use earworm_scorer::Model;
    use ringbuf::HeapRb;
    use ringbuf::traits::Split as _;

    use super::*;
    use crate::params::{EarwormParams, WindowLength};
    use crate::state::{ModelFile, ModelSetting};

    fn watcher(session: &Arc<Session>, stream: u64) -> Watcher {
        Watcher::new(Arc::downgrade(session), stream, HeapRb::new(8).split().1)
    }

    fn reading(score: f32) -> Reading {
        let hook = Some(Hook { score, start_s: 0.0, end_s: 30.0 });
        let score = Some(score);
        let status = Status::Scoring;
        Reading {
            window: score,
            integrated: score,
            coverage: 1.0,
            status,
            hook,
            ..Default::default()
        }
    }

    #[test]
    fn a_stream_that_was_replaced_leaves_no_trace() {
        let session = Session::new(Arc::default());
        session.activate(48_000, Duration::from_secs(30));
        assert_eq!(session.streams(), 1);
        let mut old = watcher(&session, 1);
        old.reading(&reading(80.0));
        session
            .with_log(|log| assert_eq!((log.maximum, log.curve.points().len()), (Some(80.0), 1)));
        session.activate(44_100, Duration::from_secs(30));
        assert_eq!(session.streams(), 2);
        session.with_log(|log| assert!(log.curve.points().is_empty() && log.maximum.is_none()));
        // What still lay in the old stream's ring.
        old.reading(&reading(81.0));
        session.with_log(|log| {
            assert!(log.curve.points().is_empty());
            assert_eq!((log.maximum, log.hook.as_ref(), log.latest), (None, None, None));
        });
        let mut new = watcher(&session, 2);
        new.reading(&reading(40.0));
        old.reset();
        session.with_log(|log| {
            assert_eq!((log.maximum, log.latest.unwrap().window), (Some(40.0), 40.0))
        });
    }

    #[test]
    fn every_score_is_logged_as_what_it_is() {
        let session = Session::new(Arc::default());
        session.activate(48_000, Duration::from_secs(30));
        watcher(&session, 1).reading(&Reading {
            momentary: Some(11.0),
            window: Some(22.0),
            integrated: Some(33.0),
            level_db: -44.0,
            ..reading(0.0)
        });
        let point = session.with_log(|log| log.latest).unwrap();
        assert_eq!((point.momentary, point.window, point.integrated), (11.0, 22.0, 33.0));
        assert_eq!((point.level_db, point.coverage), (-44.0, 1.0));
    }

    #[test]
    fn a_rate_that_cannot_be_heard_ends_the_stream() {
        let session = Session::new(Arc::default());
        session.activate(48_000, Duration::from_secs(30));
        watcher(&session, 1).reading(&reading(80.0));
        let mut line = None;
        assert!(session.exchange_line(&mut line) && line.is_some());
        session.activate(4_000, Duration::from_secs(30));
        assert!(session.trouble().unwrap().contains("4000 Hz"));
        assert!(session.meter().is_none());
        assert!(session.exchange_line(&mut line) && line.is_none(), "audio goes nowhere");
        assert!(session.with_log(|log| log.curve.points().is_empty()));
        session.activate(48_000, Duration::from_secs(30));
        assert!(session.exchange_line(&mut line) && line.is_some());
        assert!(session.trouble().is_none() && session.meter().is_some());
    }

    #[test]
    fn a_model_that_is_back_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.onnx");
        let tiny = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../scorer/tests/fixtures/tiny_lstm.onnx");
        let sha256 = Model::load(&tiny).unwrap().sha256().to_owned();
        let file = ModelFile { path: path.display().to_string(), sha256, name: "mine".into() };
        let setting = ModelSetting { file: Some(file) };
        let session = Session::new(Arc::<EarwormParams>::default());
        session.params.model.set(setting.clone());
        session.activate(48_000, Duration::from_secs(30));
        assert!(session.trouble().unwrap().contains("is gone"));
        assert!(Arc::ptr_eq(&session.model().unwrap(), &Model::embedded()));
        // Still gone: the stream that there is goes on.
        session.activate(48_000, Duration::from_secs(30));
        assert_eq!(session.streams(), 1);
        // Back, and chosen again, which changes no setting.
        std::fs::copy(&tiny, &path).unwrap();
        session.choose_model(setting.clone());
        session.activate(48_000, Duration::from_secs(30));
        assert_eq!(session.model().unwrap().path(), Some(path.as_path()));
        assert_eq!((session.trouble(), session.streams()), (None, 2));
        // A choice that changes nothing and is missing nothing opens nothing.
        session.choose_model(setting.clone());
        session.activate(48_000, Duration::from_secs(30));
        assert_eq!(session.streams(), 2);

        // Or just back when the host activates the next time.
        let other = Session::new(Arc::<EarwormParams>::default());
        std::fs::remove_file(&path).unwrap();
        other.params.model.set(setting);
        other.activate(48_000, Duration::from_secs(30));
        assert!(other.trouble().is_some());
        std::fs::copy(&tiny, &path).unwrap();
        other.activate(48_000, Duration::from_secs(30));
        assert_eq!((other.trouble(), other.streams()), (None, 2));
        assert_eq!(other.params.window.value(), WindowLength::Whole);
    }
}
