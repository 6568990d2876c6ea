//! What one instance of the plugin knows, shared between its audio thread, the worker and its editor.
//!
//! The audio thread only touches the atomics here and the hand-over; everything behind a
//! lock belongs to the worker, the opener and the editor.

mod handover;
mod held;
mod opening;
mod output;
mod parts;
mod watcher;
mod window;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use earworm_scorer::live::{Meter, Tap};
use earworm_scorer::{Hook, Model, Reading};
use nice_plug_egui::RepaintNotifier;
use ringbuf::HeapProd;

use crate::curve::{Curve, Point};
use crate::editor::Dialogs;
use crate::offline::Desk;
use crate::params::EarwormParams;
use crate::song_map::Anchor;

use handover::Handover;
pub use held::Held;
#[cfg(test)]
pub(crate) use opening::occupy_opener;
pub(crate) use opening::warm_up;
use opening::{Opening, options};
use output::Writer;
pub use window::{Scored, ShownWindow};

/// What the audio thread needs for one stream.
pub(crate) struct Line {
    pub(crate) tap: Tap,
    pub(crate) anchors: HeapProd<Anchor>,
    /// Which of the session's streams it is.
    pub(crate) stream: u64,
    /// Rate in Hz of the audio that it takes.
    pub(crate) rate: u32,
}

/// Where things stand on the audio thread, as it last said.
#[derive(Debug, Default)]
pub struct Pulse {
    /// Frames of audio handed to the tap since the instance was made.
    pub frames: AtomicU64,
    /// Whether the host's transport runs.
    pub playing: AtomicBool,
    /// Whether the host has ever said that its transport runs.
    pub transport: AtomicBool,
    /// The host's song position in seconds as bits of an `f64`; NaN while there is none.
    pub song_s: AtomicU64,
    /// Rate of the audio in Hz.
    pub rate: AtomicU32,
    /// Blocks that waited for the worker in offline rendering.
    pub waits: AtomicU64,
}

/// The best window, and where in the song it lies.
#[derive(Debug, Clone, PartialEq)]
pub struct SongHook {
    /// The window, in seconds of sound since the reset.
    pub hook: Hook,
    /// The stretches of the song it covers, in seconds; empty where the host gave no position.
    pub stretches: Vec<(f64, f64)>,
}

/// What has been read since the reset.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// The scores against time.
    pub curve: Curve,
    /// The best whole window.
    pub hook: Option<SongHook>,
    /// The highest window score, of about a whole window, since the reset or since it was cleared.
    pub maximum: Option<f32>,
    /// The latest scores, which the curve may leave out when they follow each other closely.
    pub latest: Option<Point>,
    /// The latest reading; [`latest`](Self::latest) is of this one or, where this has no scores, of one before.
    pub reading: Arc<Reading>,
}

/// The log and the stream that writes it. A stream that another has replaced is still served to its
/// end, and must leave no trace in the log of the next one.
#[derive(Default)]
struct Logbook {
    /// Streams so far: the number of the present one.
    stream: u64,
    log: Log,
}

/// One instance.
pub struct Session {
    /// Its parameters and saved settings.
    pub params: Arc<EarwormParams>,
    /// Written by the audio thread.
    pub pulse: Pulse,
    /// Asks the editor to draw again.
    pub notifier: RepaintNotifier,
    /// Audio files that are scored beside the live meter.
    pub desk: Desk,
    /// The file dialogs that editors have opened.
    pub(crate) dialogs: Dialogs,
    editor_open: AtomicBool,
    /// Whether the host renders offline.
    offline: AtomicBool,
    /// Whether that has changed on the audio thread, which leaves to the worker what comes of it.
    pace_due: AtomicBool,
    meter: RwLock<Option<Meter>>,
    logbook: Mutex<Logbook>,
    opening: Mutex<Opening>,
    /// Why no sound will come, where that is known.
    silence: OnceLock<String>,
    opened: Condvar,
    /// Requests for a stream made, and the last one that was answered, for those who must not lock.
    asked: AtomicU64,
    answered: AtomicU64,
    /// Changes of the settings that the present stream has taken in; see [`EarwormParams::changes`].
    changes_taken: AtomicU64,
    held: Mutex<Option<Arc<Held>>>,
    writer: Mutex<Writer>,
    /// The window score that is to be written next, as bits of an `f32`; NaN while there is none. The meter
    /// publishes a reading only after it has been logged.
    window_score: AtomicU32,
    /// Lines on their way to the audio thread, and back.
    lines: Handover<Line>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    /// A session that hears nothing yet.
    pub fn new(params: Arc<EarwormParams>) -> Arc<Self> {
        debug_assert!(parts::Place::<Line>::is_lock_free());
        let pulse = Pulse::default();
        pulse.song_s.store(f64::NAN.to_bits(), Ordering::Relaxed);
        Arc::new(Self {
            notifier: params.notifier.clone(),
            params,
            pulse,
            desk: Desk::default(),
            dialogs: Dialogs::default(),
            editor_open: AtomicBool::new(false),
            offline: AtomicBool::new(false),
            pace_due: AtomicBool::new(false),
            meter: RwLock::default(),
            logbook: Mutex::default(),
            opening: Mutex::default(),
            silence: OnceLock::new(),
            opened: Condvar::new(),
            asked: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            changes_taken: AtomicU64::new(0),
            held: Mutex::default(),
            writer: Mutex::default(),
            window_score: AtomicU32::new(f32::NAN.to_bits()),
            lines: Handover::new(),
        })
    }

    // ---- the audio thread ------------------------------------------------------------------------

    /// Puts a line that has arrived in the place of the present one, or takes that one away. Wait-free;
    /// frees nothing.
    #[inline]
    pub(crate) fn exchange_line(&self, line: &mut Option<Box<Line>>) -> bool {
        self.lines.exchange(line)
    }

    /// Tells that the host renders offline from now on, or no longer. Wait-free.
    pub(crate) fn turn_offline(&self, offline: bool) {
        self.offline.store(offline, Ordering::Relaxed);
        self.pace_due.store(true, Ordering::Release);
    }

    // ---- the worker ------------------------------------------------------------------------------

    fn frame_heard(&self) {
        if self.editor_open.load(Ordering::Relaxed) {
            self.notifier.request_repaint();
        }
    }

    /// Takes a reading of a stream into the log, unless another stream has taken its place.
    fn log_reading(
        &self,
        stream: u64,
        point: Point,
        reading: &Reading,
        hook: Option<Hook>,
        stretches: Option<Vec<(f64, f64)>>,
    ) {
        self.collect_lines();
        if self.pace_due.swap(false, Ordering::Acquire) {
            self.set_pace();
        }
        // What is held is kept before there is something newer.
        let is_held = self.held().is_some();
        {
            let mut logbook = lock(&self.logbook);
            if logbook.stream != stream {
                return;
            }
            if !is_held {
                self.window_score.store(point.window.to_bits(), Ordering::Relaxed);
            }
            let log = &mut logbook.log;
            log.reading = Arc::new(reading.clone());
            if !point.is_gap() {
                log.latest = Some(point);
            }
            if !point.window.is_nan() && point.is_whole() {
                log.maximum = Some(log.maximum.map_or(point.window, |max| max.max(point.window)));
            }
            log.curve.push(point);
            if let Some(hook) = hook {
                log.hook = Some(SongHook { hook, stretches: stretches.unwrap_or_default() });
            }
        }
        self.ask_to_publish();
    }

    /// A stream starts anew; see [`log_reading`](Self::log_reading).
    fn log_reset(&self, stream: u64) {
        self.held();
        let mut logbook = lock(&self.logbook);
        if logbook.stream == stream {
            logbook.log = Log::default();
            drop(logbook);
            self.notifier.request_repaint();
        }
    }

    /// Makes way for the next stream, or for none.
    fn turn_over(&self, meter: Option<Meter>) {
        self.held();
        let mut logbook = lock(&self.logbook);
        logbook.log = Log::default();
        logbook.stream += 1;
        self.window_score.store(f32::NAN.to_bits(), Ordering::Relaxed);
        *self.meter.write().unwrap_or_else(PoisonError::into_inner) = meter;
        self.set_pace();
    }

    /// Lets the worker come as often as somebody looks, or waits.
    fn set_pace(&self) {
        let hurry = self.is_editor_open() || self.offline.load(Ordering::Relaxed);
        if let Some(meter) = self.meter() {
            meter.set_watched(hurry);
        }
    }

    /// Tells whether the host renders offline, as fast as it can. Not for the audio thread.
    pub(crate) fn set_offline(&self, offline: bool) {
        self.offline.store(offline, Ordering::Relaxed);
        self.set_pace();
    }

    // ---- the editor and everyone else ------------------------------------------------------------

    /// The meter of the present stream.
    pub fn meter(&self) -> Option<Meter> {
        self.meter.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The latest reading.
    pub fn reading(&self) -> Arc<Reading> {
        self.meter().map(|meter| meter.reading()).unwrap_or_default()
    }

    /// The model that scores.
    pub fn model(&self) -> Option<Arc<Model>> {
        self.meter().map(|meter| meter.model().clone())
    }

    /// Seconds of a window of the present stream.
    pub fn window_seconds(&self) -> Option<f64> {
        let model = self.model()?;
        Some(model.metadata().front_end.seconds(self.window_frames(&model)))
    }

    /// Frames of a window of the present stream, whose model this is.
    pub(crate) fn window_frames(&self, model: &Model) -> usize {
        options(model, self.opened_window()).window_frames(model.metadata())
    }

    /// Looks at the log. The worker waits meanwhile, so copy and go.
    pub fn with_log<R>(&self, look: impl FnOnce(&Log) -> R) -> R {
        look(&lock(&self.logbook).log)
    }

    /// Forgets the highest score.
    pub fn clear_maximum(&self) {
        lock(&self.logbook).log.maximum = None;
    }

    /// Says in the editor that no sound will come, and why: in a window of its own that has no input.
    pub fn hears_nothing(&self, why: &str) {
        let text = format!("There is no sound; songs can still be dropped here. {why}");
        // What was wrong first is told.
        let _ = self.silence.set(text);
        self.notifier.request_repaint();
    }

    /// Starts the meter anew with the next block of audio.
    pub fn reset(&self) {
        self.params.resets.fetch_add(1, Ordering::Relaxed);
    }

    /// Streams opened or given up so far: how often settings have led to another one.
    pub fn streams(&self) -> u64 {
        lock(&self.logbook).stream
    }

    /// Tells whether an editor shows this session.
    pub fn set_editor_open(&self, open: bool) {
        self.editor_open.store(open, Ordering::Relaxed);
        self.set_pace();
        if !open {
            self.end_gesture();
        }
    }

    /// Whether an editor shows this session.
    pub fn is_editor_open(&self) -> bool {
        self.editor_open.load(Ordering::Relaxed)
    }
}
