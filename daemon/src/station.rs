//! What all parts of a running meter share: the meter of the moment, what it listens to, and how
//! that goes. Audio comes in on one side; terminal, dashboard and history look on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use arc_swap::{ArcSwap, ArcSwapOption};
use earworm_scorer::live::{self, Load, Meter, Tap, Worker};
use earworm_scorer::{Model, ScorerError, ScorerOptions};
use serde::Serialize;

use crate::capture::{Command, Wish};
use crate::history::Track;

/// How it is with the source of audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SourceState {
    /// Nothing has been opened yet.
    #[default]
    Starting,
    /// Audio comes in.
    Running,
    /// Nothing plays: the device is let go, so that the sound server may sleep, and taken again as
    /// soon as something does.
    Resting,
    /// The device is not there, or cannot be opened; it is tried again.
    Waiting,
    /// A file or stream came to its end.
    Ended,
}

/// What is listened to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Source {
    /// How it is with it.
    pub(crate) state: SourceState,
    /// The sound system, such as `pulseaudio`; `file` for files and streams.
    pub(crate) host: String,
    /// The device's identifier, or the file's name.
    pub(crate) device: String,
    /// Whether the device was named, and is not just the default.
    pub(crate) chosen: bool,
    /// Samples a second of each channel, once known.
    pub(crate) rate: Option<u32>,
    /// What keeps it from running, if anything does.
    pub(crate) problem: Option<String>,
}

/// What is counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Streams opened again after they had failed or their device had changed.
    pub(crate) reconnects: AtomicU64,
    /// Stretches without audio that nobody wanted.
    pub(crate) gaps: AtomicU64,
    /// Their length together, in milliseconds.
    pub(crate) gap_ms: AtomicU64,
    /// Over- and underruns that the sound system told of.
    pub(crate) xruns: AtomicU64,
    /// Samples (of one channel) that came in.
    pub(crate) samples: AtomicU64,
}

/// Takes a command; false if nobody follows it any more.
pub(crate) type Control = Box<dyn Fn(Command) -> bool + Send + Sync>;

/// The shared state. See the module.
pub(crate) struct Station {
    model: Arc<Model>,
    meter: ArcSwap<Meter>,
    meters: AtomicU64,
    /// What the meters before this one have counted.
    past: Mutex<Load>,
    source: ArcSwap<Source>,
    /// Asks whoever has the tap to reset it.
    reset: AtomicBool,
    control: OnceLock<Control>,
    wish: ArcSwapOption<Wish>,
    track: ArcSwapOption<Track>,
    /// What is counted.
    pub(crate) tally: Tally,
    /// When the program began.
    pub(crate) start: Instant,
}

impl Station {
    /// A station, and the tap of a first meter, for audio of `rate` Hz.
    ///
    /// # Errors
    /// When the rate is not supported or the model cannot be run.
    pub(crate) fn new(model: Arc<Model>, rate: u32) -> Result<(Arc<Self>, Tap), ScorerError> {
        let (tap, meter) = open(&model, rate)?;
        let station = Self {
            model,
            meter: ArcSwap::from_pointee(meter),
            meters: AtomicU64::new(0),
            past: Mutex::default(),
            source: ArcSwap::default(),
            reset: AtomicBool::new(false),
            control: OnceLock::new(),
            wish: ArcSwapOption::empty(),
            track: ArcSwapOption::empty(),
            tally: Tally::default(),
            start: Instant::now(),
        };
        Ok((Arc::new(station), tap))
    }

    /// Starts a new meter, for audio of another rate; the last one keeps what it showed last.
    ///
    /// # Errors
    /// When the rate is not supported or the model cannot be run.
    pub(crate) fn open_tap(&self, rate: u32) -> Result<Tap, ScorerError> {
        let (tap, meter) = open(&self.model, rate)?;
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        *past = sum(&past, &self.meter().load());
        self.meter.store(Arc::new(meter));
        self.meters.fetch_add(1, Ordering::Release);
        Ok(tap)
    }

    /// The model behind the scores.
    pub(crate) fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The meter of the moment.
    pub(crate) fn meter(&self) -> Arc<Meter> {
        self.meter.load_full()
    }

    /// Changes whenever readings start anew: with a new meter or a reset.
    pub(crate) fn epoch(&self) -> (u64, u64) {
        let meters = self.meters.load(Ordering::Acquire);
        (meters, self.meter.load().resets())
    }

    /// How the worker does: all meters since the start.
    pub(crate) fn load(&self) -> Load {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        sum(&past, &self.meter().load())
    }

    /// What is listened to.
    pub(crate) fn source(&self) -> Arc<Source> {
        self.source.load_full()
    }

    /// Takes note of what is listened to now.
    pub(crate) fn set_source(&self, source: Source) {
        self.source.store(Arc::new(source));
    }

    /// Names who can be told to change what is captured.
    pub(crate) fn set_control(&self, control: Control) {
        let _ = self.control.set(control);
    }

    /// What is to be captured; nothing where a file is listened to.
    pub(crate) fn wish(&self) -> Option<Wish> {
        self.wish.load().as_deref().cloned()
    }

    /// Takes note of what is to be captured.
    pub(crate) fn set_wish(&self, wish: Wish) {
        self.wish.store(Some(Arc::new(wish)));
    }

    /// What a player says that it plays.
    pub(crate) fn track(&self) -> Option<Arc<Track>> {
        self.track.load_full()
    }

    /// Takes note of what a player says.
    pub(crate) fn set_track(&self, track: Option<Track>) {
        self.track.store(track.map(Arc::new));
    }

    /// Tells the capture something. False where nothing is captured.
    pub(crate) fn command(&self, command: Command) -> bool {
        self.control.get().is_some_and(|control| control(command))
    }

    /// Lets the readings start anew.
    pub(crate) fn reset(&self) {
        self.reset.store(true, Ordering::Release);
        // A capture that rests has the tap itself.
        self.command(Command::Wake);
    }

    /// Whether the tap is to be reset now; for whoever has it. Wait-free.
    pub(crate) fn take_reset(&self) -> bool {
        self.reset.load(Ordering::Relaxed) && self.reset.swap(false, Ordering::Acquire)
    }
}

fn open(model: &Arc<Model>, rate: u32) -> Result<(Tap, Meter), ScorerError> {
    let (tap, stream, meter) = live::open(model.clone(), rate, ScorerOptions::LIVE)?;
    Worker::shared().attach(stream);
    Ok((tap, meter))
}

fn sum(past: &Load, now: &Load) -> Load {
    Load {
        readings: past.readings + now.readings,
        lost: past.lost + now.lost,
        waiting: now.waiting,
        scoring: std::array::from_fn(|i| past.scoring[i] + now.scoring[i]),
        scoring_s: past.scoring_s + now.scoring_s,
    }
}
