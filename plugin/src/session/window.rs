//! The window behind the number that is shown, to be looked at more closely or to be kept.

use std::sync::Arc;

use earworm_scorer::live::{HistoryFrame, Meter};
use earworm_scorer::{Model, Reading};

use super::Session;
use crate::curve::Point;
use crate::state::Snapshot;

/// Scores, and what they rest on.
#[derive(Clone)]
pub struct Scored {
    /// The scores.
    pub point: Point,
    /// The latest reading, which may be of silence after them.
    pub reading: Arc<Reading>,
    /// The window behind them.
    pub window: ShownWindow,
}

/// The mel frames that a window score rests on.
#[derive(Clone)]
pub struct ShownWindow {
    model: Arc<Model>,
    /// Frames of the window, silent ones left out, and of what came before it.
    frames: Arc<Vec<HistoryFrame>>,
    /// How many of them the score rests on.
    count: usize,
    /// How many a whole window has.
    whole: usize,
}

impl ShownWindow {
    /// The model that scored it.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Its frames and those before them that were still kept, oldest first.
    pub fn frames(&self) -> &[HistoryFrame] {
        &self.frames
    }

    /// How many audible frames its score rests on.
    pub fn count(&self) -> usize {
        self.count
    }
}

impl Session {
    /// The scores that are shown: the latest, or while they are held those that were so then.
    pub fn scored(&self) -> Option<Scored> {
        if let Some(held) = self.held() {
            return held.scored.clone();
        }
        let (meter, latest, reading) =
            self.with_log(|log| (self.meter(), log.latest, log.reading.clone()));
        self.scored_of(&meter?, latest, &reading)
    }

    pub(super) fn scored_of(
        &self,
        meter: &Meter,
        latest: Option<Point>,
        reading: &Arc<Reading>,
    ) -> Option<Scored> {
        let point = latest?;
        let model = meter.model().clone();
        let whole = self.window_frames(&model);
        let count = (point.coverage * whole as f32).round() as usize;
        let frames = Arc::new(frames_until(meter, point.sound_s));
        let window = ShownWindow { model, frames, count, whole };
        Some(Scored { point, reading: reading.clone(), window })
    }

    /// The scores that are shown, and the window they rest on.
    pub fn shown_window(&self) -> Option<(Point, ShownWindow)> {
        self.scored().map(|scored| (scored.point, scored.window))
    }

    /// The shown window as a snapshot, without its influence, which takes a while to find.
    pub fn snapshot(&self) -> Option<(Snapshot, ShownWindow)> {
        let Scored { point, reading, window } = self.scored()?;
        let song = Some(point.song_s).filter(|s| !s.is_nan());
        let some = |score: f32| Some(score).filter(|score| !score.is_nan());
        let snapshot = Snapshot {
            name: String::new(),
            model: window.model.metadata().name.clone(),
            sha256: window.model.sha256().to_owned(),
            window_frames: window.whole,
            window: Some(some(point.window)?),
            integrated: some(point.integrated),
            details: reading.details.clone(),
            influence: Vec::new(),
            at_s: song.unwrap_or(point.sound_s),
            in_song: song.is_some(),
        };
        Some((snapshot, window))
    }
}

/// The frames that are still kept, up to a moment, without those from before the last reset.
fn frames_until(meter: &Meter, end_s: f64) -> Vec<HistoryFrame> {
    let mut frames = Vec::new();
    meter.frames_since(0, &mut frames);
    // Frames from before a reset are of another song.
    let fresh = frames.windows(2).rposition(|w| w[1].time_s < w[0].time_s);
    frames.drain(..fresh.map_or(0, |at| at + 1));
    // Half a millisecond for rounding; frames are further apart.
    let late = frames.partition_point(|frame| frame.time_s <= end_s + 0.0005);
    frames.truncate(late);
    frames
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::harness::automate;

    #[test]
    fn a_snapshot_says_which_model_and_window_it_is_of() {
        let session = Session::new(Arc::default());
        // Half of the model's own.
        automate(&session.params.window, 0.5);
        session.activate(48_000, Duration::from_secs(30));
        let point = Point { clock_s: 1e9, window: 50.0, coverage: 1.0, ..Point::gap(20.0) };
        session.log_reading(1, point, &Reading::default(), None, None);
        let (snapshot, window) = session.snapshot().unwrap();
        let (model, metadata) = (window.model(), window.model().metadata());
        let frames = session.window_frames(model);
        assert!(0 < frames && frames < metadata.window_frames, "{frames} frames");
        assert_eq!((snapshot.sha256.as_str(), snapshot.window_frames), (model.sha256(), frames));
        let why = snapshot.incomparable(&metadata.name, model.sha256(), metadata.window_frames);
        assert_eq!(why, Some("other window"));
    }
}
