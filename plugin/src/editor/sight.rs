//! What one frame of the editor shows, gathered once; held, it stays as it was.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use earworm_scorer::{Model, Reading, Status};

use crate::curve::Point;
use crate::session::{Held, Session, SongHook};
use crate::state::Snapshot;

/// Audio that stops coming is noticed after this long.
const STOPPED_AFTER: Duration = Duration::from_millis(600);

/// In which state the meter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The model is on its way.
    Loading,
    /// The host's audio cannot be heard; the bottom line says why.
    Deaf,
    /// The host's bypass is on.
    Bypass,
    /// No audio comes: the host is asleep.
    Stopped,
    /// Not enough heard yet.
    Listening,
    /// Nothing audible.
    Silence,
    /// Scores follow the audio.
    Scoring,
}

impl State {
    /// In a word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Loading => "loading the model",
            Self::Deaf => "cannot listen",
            Self::Bypass => "bypassed",
            Self::Stopped => "no audio",
            Self::Listening => "listening",
            Self::Silence => "silence",
            Self::Scoring => "",
        }
    }
}

/// What is shown.
#[derive(Clone)]
pub(super) struct Sight {
    pub(super) state: State,
    pub(super) reading: Arc<Reading>,
    pub(super) model: Option<Arc<Model>>,
    /// Frames of a window.
    pub(super) window_frames: usize,
    pub(super) points: Arc<Vec<Point>>,
    /// Most seconds between two of them where nothing is missing.
    pub(super) apart_s: f64,
    pub(super) hook: Option<SongHook>,
    pub(super) maximum: Option<f32>,
    /// Where the host is in the song, in seconds.
    pub(super) song_s: Option<f64>,
    /// Whether the host has ever given a position.
    pub(super) follows_song: bool,
    /// Whether it is of when hold went on.
    pub(super) held: bool,
}

impl Sight {
    /// A score of less sound than the model needs, while there is no other.
    pub(super) fn first_impression(&self) -> Option<f32> {
        let reading = &self.reading;
        let early = reading.status == Status::Listening && reading.window.is_none();
        reading.momentary.filter(|_| early)
    }

    /// Seconds of a window.
    pub(super) fn window_s(&self) -> f64 {
        let seconds = |model: &Arc<Model>| model.metadata().front_end.seconds(self.window_frames);
        self.model.as_ref().map_or(30.0, seconds)
    }

    /// Why its scores cannot be compared with those of a snapshot, if they cannot.
    pub(super) fn incomparable(&self, snapshot: &Snapshot) -> Option<&'static str> {
        let model = self.model.as_ref()?;
        snapshot.incomparable(&model.metadata().name, model.sha256(), self.window_frames)
    }
}

/// Gathers sights.
pub(super) struct Eye {
    seen_changes: u64,
    seen_frames: u64,
    flowed: Option<Instant>,
    /// What is held, which was put into the last sight.
    held: Option<Arc<Held>>,
    last: Sight,
}

impl Eye {
    pub(super) fn new() -> Self {
        let last = Sight {
            state: State::Loading,
            reading: Arc::default(),
            model: None,
            window_frames: 0,
            points: Arc::default(),
            apart_s: 0.0,
            hook: None,
            maximum: None,
            song_s: None,
            follows_song: false,
            held: false,
        };
        Self { seen_changes: u64::MAX, seen_frames: 0, flowed: None, held: None, last }
    }

    /// Whether audio comes in.
    pub(super) fn flows(&self) -> bool {
        self.flowed.is_some_and(|at| at.elapsed() < STOPPED_AFTER)
    }

    /// What is held, as of the last look.
    pub(super) fn held(&self) -> Option<&Held> {
        self.held.as_deref()
    }

    /// What there is to see now; while held, what there was.
    pub(super) fn look(&mut self, session: &Session) -> Sight {
        let frames = session.pulse.frames.load(Relaxed);
        if frames != self.seen_frames {
            self.seen_frames = frames;
            self.flowed = Some(Instant::now());
        }
        let song_s = f64::from_bits(session.pulse.song_s.load(Relaxed));
        self.last.song_s = (!song_s.is_nan()).then_some(song_s);
        let meter = session.meter();
        let status = meter.as_ref().map(|meter| meter.reading().status);
        self.last.state = match status {
            None if session.trouble().is_some() => State::Deaf,
            None => State::Loading,
            _ if session.params.bypass.value() => State::Bypass,
            _ if !self.flows() => State::Stopped,
            Some(Status::Listening) => State::Listening,
            Some(Status::Silence) => State::Silence,
            Some(Status::Scoring) => State::Scoring,
        };
        self.last.follows_song = session.pulse.transport.load(Relaxed);
        let held = session.held();
        self.last.held = held.is_some();
        if let Some(held) = held {
            self.show(held);
            return self.last.clone();
        }
        self.held = None;
        if let Some(meter) = meter {
            self.last.reading = meter.reading();
            self.last.window_frames = session.window_frames(meter.model());
            self.last.model = Some(meter.model().clone());
        } else {
            self.last.reading = Arc::default();
        }
        session.with_log(|log| {
            self.last.maximum = log.maximum;
            if log.curve.changes() != self.seen_changes || log.hook != self.last.hook {
                self.seen_changes = log.curve.changes();
                self.last.points = Arc::new(log.curve.points().to_vec());
                self.last.apart_s = log.curve.apart_s();
                self.last.hook = log.hook.clone();
            }
        });
        self.last.clone()
    }

    /// Puts what is held into the sight, unless it is there.
    fn show(&mut self, held: Arc<Held>) {
        if self.held.as_ref().is_some_and(|before| Arc::ptr_eq(before, &held)) {
            return;
        }
        self.last.reading = held.reading.clone();
        self.last.model = Some(held.model.clone());
        self.last.window_frames = held.window_frames;
        self.last.maximum = held.log.maximum;
        self.last.points = Arc::new(held.log.curve.points().to_vec());
        self.last.apart_s = held.log.curve.apart_s();
        self.last.hook = held.log.hook.clone();
        // Afterwards all is to be looked at again.
        self.seen_changes = u64::MAX;
        self.held = Some(held);
    }
}
