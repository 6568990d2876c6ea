//! What GUIs and servers read: the latest reading and the rolling mel frames.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};

use super::frame_history::{FrameHistory, HistoryFrame};
use crate::front_end::Frame;
use crate::model::Model;
use crate::reading::Reading;

/// Seconds of mel frames that are kept for drawing.
const HISTORY_SECONDS: f64 = 30.0;

struct Shared {
    model: Arc<Model>,
    reading: ArcSwap<Reading>,
    readings: AtomicU64,
    resets: AtomicU64,
    failure: ArcSwapOption<String>,
    frames: FrameHistory,
}

/// Reads one stream's results from any thread, without locks. Clones read the same stream.
#[derive(Clone)]
pub struct Meter {
    shared: Arc<Shared>,
}

impl Meter {
    /// The model behind the scores.
    pub fn model(&self) -> &Arc<Model> {
        &self.shared.model
    }

    /// The latest reading.
    pub fn reading(&self) -> Arc<Reading> {
        self.shared.reading.load_full()
    }

    /// How many readings have been published: tells whether there is a new one.
    pub fn readings(&self) -> u64 {
        self.shared.readings.load(Ordering::Acquire)
    }

    /// How many times the stream was reset.
    pub fn resets(&self) -> u64 {
        self.shared.resets.load(Ordering::Acquire)
    }

    /// Why scoring stopped, if it did.
    pub fn failure(&self) -> Option<Arc<String>> {
        self.shared.failure.load_full()
    }

    /// Appends the mel frames from number `from` on that are still kept (the last 30 s), oldest
    /// first, and returns the number to ask for next. Allocates; not for the audio thread.
    pub fn frames_since(&self, from: u64, frames: &mut Vec<HistoryFrame>) -> u64 {
        self.shared.frames.read(from, frames)
    }
}

/// The worker's end of a meter.
pub(super) struct Publisher {
    shared: Arc<Shared>,
}

pub(super) fn new(model: Arc<Model>) -> (Meter, Publisher) {
    let front_end = &model.metadata().front_end;
    let capacity = (HISTORY_SECONDS * front_end.frame_rate()).ceil() as usize;
    let shared = Arc::new(Shared {
        frames: FrameHistory::new(front_end.n_mels, capacity),
        reading: ArcSwap::from_pointee(Reading::default()),
        readings: AtomicU64::new(0),
        resets: AtomicU64::new(0),
        failure: ArcSwapOption::empty(),
        model,
    });
    (Meter { shared: shared.clone() }, Publisher { shared })
}

impl Publisher {
    pub(super) fn publish(&self, reading: &Reading) {
        self.shared.reading.store(Arc::new(reading.clone()));
        self.shared.readings.fetch_add(1, Ordering::Release);
    }

    pub(super) fn frame(&self, frame: Frame<'_>, end_s: f64) {
        self.shared.frames.write(end_s, frame.level_db, frame.mel_db);
    }

    pub(super) fn reset(&self) {
        self.shared.resets.fetch_add(1, Ordering::Release);
    }

    pub(super) fn fail(&self, reason: &str) {
        self.shared.failure.store(Some(Arc::new(reason.to_owned())));
    }
}
