//! What GUIs and servers read: the latest reading and the rolling mel frames.

use std::sync::Arc;
use std::time::Duration;

use super::frame_history::{FrameHistory, HistoryFrame};
use super::parts::{ArcSwap, ArcSwapOption, AtomicBool, AtomicU64, Ordering};
use crate::front_end::{Frame, FrontEndSettings};
use crate::model::Model;
use crate::reading::Reading;

/// Seconds of mel frames, silent ones among them, that a [`Meter`] keeps.
pub const HISTORY_SECONDS: f64 = 30.0;

/// Upper ends of the buckets of [`Load::scoring`], in seconds.
pub const SCORING_BUCKETS: [f64; 8] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5];

/// How the worker does with one stream. Counts go on over resets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Load {
    /// Readings published.
    pub readings: u64,
    /// Samples lost because they could not be taken in fast enough.
    pub lost: u64,
    /// Samples that waited in the ring when the worker last came for them.
    pub waiting: u64,
    /// How many blocks of audio took how long, from samples to reading: one count for each of
    /// [`SCORING_BUCKETS`], and one for all that took longer.
    pub scoring: [u64; SCORING_BUCKETS.len() + 1],
    /// How long they took together, in seconds.
    pub scoring_s: f64,
}

#[derive(Default)]
struct LoadCounts {
    lost: AtomicU64,
    waiting: AtomicU64,
    scoring: [AtomicU64; SCORING_BUCKETS.len() + 1],
    scoring_ns: AtomicU64,
}

struct Shared {
    model: Arc<Model>,
    load: LoadCounts,
    reading: ArcSwap<Reading>,
    readings: AtomicU64,
    resets: AtomicU64,
    failure: ArcSwapOption<String>,
    watched: AtomicBool,
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

    /// How the worker does.
    pub fn load(&self) -> Load {
        let LoadCounts { lost, waiting, scoring, scoring_ns } = &self.shared.load;
        Load {
            readings: self.readings(),
            lost: lost.load(Ordering::Relaxed),
            waiting: waiting.load(Ordering::Relaxed),
            scoring: std::array::from_fn(|i| scoring[i].load(Ordering::Relaxed)),
            scoring_s: scoring_ns.load(Ordering::Relaxed) as f64 / 1e9,
        }
    }

    /// Why scoring stopped, if it did.
    pub fn failure(&self) -> Option<Arc<String>> {
        self.shared.failure.load_full()
    }

    /// Says whether somebody looks at this meter, as is taken for granted at first. Nobody's readings may
    /// come a tenth of a second later, which spares the worker more than half of its wakings.
    pub fn set_watched(&self, watched: bool) {
        self.shared.watched.store(watched, Ordering::Relaxed);
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
    let (bands, frames) = (front_end.n_mels, history_frames(front_end));
    sized(model, bands, frames)
}

/// Mel frames that a [`Meter`] of such a front end keeps: [`HISTORY_SECONDS`] of them.
pub fn history_frames(front_end: &FrontEndSettings) -> usize {
    (HISTORY_SECONDS * front_end.frame_rate()).ceil() as usize
}

/// A meter that keeps so many frames of so many bands.
pub(super) fn sized(model: Arc<Model>, bands: usize, frames: usize) -> (Meter, Publisher) {
    let shared = Arc::new(Shared {
        frames: FrameHistory::new(bands, frames),
        reading: ArcSwap::from_pointee(Reading::default()),
        readings: AtomicU64::new(0),
        resets: AtomicU64::new(0),
        failure: ArcSwapOption::empty(),
        watched: AtomicBool::new(true),
        load: LoadCounts::default(),
        model,
    });
    (Meter { shared: shared.clone() }, Publisher { shared })
}

impl Publisher {
    pub(super) fn publish(&self, reading: &Reading) {
        self.shared.reading.store(Arc::new(reading.clone()));
        self.shared.readings.fetch_add(1, Ordering::Release);
    }

    pub(super) fn is_watched(&self) -> bool {
        self.shared.watched.load(Ordering::Relaxed)
    }

    pub(super) fn frame(&self, frame: Frame<'_>, end_s: f64) {
        self.shared.frames.write(end_s, frame.level_db, frame.mel_db);
    }

    /// Counts samples that were lost.
    pub(super) fn count_lost(&self, samples: u64) {
        self.shared.load.lost.fetch_add(samples, Ordering::Relaxed);
    }

    /// Takes note of how many samples were waiting.
    pub(super) fn note_waiting(&self, samples: usize) {
        self.shared.load.waiting.store(samples as u64, Ordering::Relaxed);
    }

    /// Counts a block of audio that took so long.
    pub(super) fn count_scoring(&self, took: Duration) {
        let LoadCounts { scoring, scoring_ns, .. } = &self.shared.load;
        let seconds = took.as_secs_f64();
        let bucket = SCORING_BUCKETS.iter().position(|&end| seconds <= end);
        scoring[bucket.unwrap_or(SCORING_BUCKETS.len())].fetch_add(1, Ordering::Relaxed);
        scoring_ns.fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
    }

    pub(super) fn reset(&self) {
        self.shared.resets.fetch_add(1, Ordering::Release);
    }

    pub(super) fn fail(&self, reason: &str) {
        self.shared.failure.store(Some(Arc::new(reason.to_owned())));
    }
}
