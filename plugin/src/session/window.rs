//! The window behind the number that is shown, to be looked at more closely or to be kept.

use std::sync::Arc;

use earworm_scorer::Model;
use earworm_scorer::live::{HistoryFrame, Meter};
use earworm_scorer::model::ModelError;

use super::{Session, options};
use crate::curve::Point;
use crate::influence::{self, Influence};
use crate::state::Snapshot;

/// The mel frames that a window score rests on.
pub struct ShownWindow {
    model: Arc<Model>,
    /// Frames of the window, silent ones left out, and of what came before it.
    frames: Vec<HistoryFrame>,
    /// How many of them the score rests on.
    count: usize,
}

impl ShownWindow {
    /// What each frequency region adds to its score, but for its oldest frames; see
    /// [`influence::examine`].
    ///
    /// # Errors
    /// When the model cannot be run.
    pub fn examine(&self) -> Result<Option<Influence>, ModelError> {
        influence::examine(&self.model, &self.frames, self.count, influence::CHUNK)
    }

    /// The same with every frame of the window, at the cost of smaller steps.
    ///
    /// # Errors
    /// When the model cannot be run.
    pub fn examine_all(&self) -> Result<Option<Influence>, ModelError> {
        let divides = |chunk: &usize| self.count.is_multiple_of(*chunk);
        let chunk = [influence::CHUNK, 8, 4, 2].into_iter().find(divides).unwrap_or(1);
        influence::examine(&self.model, &self.frames, self.count, chunk)
    }
}

impl Session {
    /// The latest scores, and the window they rest on.
    pub fn shown_window(&self) -> Option<(Point, ShownWindow)> {
        let meter = self.meter()?;
        let point = self.with_log(|log| log.latest)?;
        let model = meter.model().clone();
        let whole = options(&model, self.opened_window()).window_frames(model.metadata());
        let count = (point.coverage * whole as f32).round() as usize;
        let frames = frames_until(&meter, point.sound_s);
        Some((point, ShownWindow { model, frames, count }))
    }

    /// The present window as a snapshot, without its influence, which takes a while to find.
    pub fn snapshot(&self) -> Option<(Snapshot, ShownWindow)> {
        let reading = self.reading();
        let (point, window) = self.shown_window()?;
        let song = Some(point.song_s).filter(|s| !s.is_nan());
        let some = |score: f32| Some(score).filter(|score| !score.is_nan());
        let snapshot = Snapshot {
            name: String::new(),
            model: window.model.metadata().name.clone(),
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
