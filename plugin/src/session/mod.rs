//! What one instance of the plugin knows, shared between its audio thread, the worker and its editor.
//!
//! The audio thread only touches the atomics here and the two one-place hand-overs; everything behind a
//! lock belongs to the worker, the opener and the editor.

mod opening;
mod output;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};

use crossbeam::atomic::AtomicCell;
use earworm_scorer::live::{Meter, Tap};
use earworm_scorer::{Hook, Model, Reading};
use nice_plug_egui::RepaintNotifier;
use ringbuf::HeapProd;

use crate::curve::{Curve, Point};
use crate::params::EarwormParams;
use crate::song_map::Anchor;
use crate::state::Snapshot;

pub(crate) use opening::warm_up;
use opening::{Opening, options};
use output::Writer;

/// What the audio thread needs for one stream.
pub(crate) struct Line {
    pub(crate) tap: Tap,
    pub(crate) anchors: HeapProd<Anchor>,
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
}

/// One instance.
pub struct Session {
    /// Its parameters and saved settings.
    pub params: Arc<EarwormParams>,
    /// Written by the audio thread.
    pub pulse: Pulse,
    /// Asks the editor to draw again.
    pub notifier: RepaintNotifier,
    editor_open: AtomicBool,
    meter: RwLock<Option<Meter>>,
    log: Mutex<Log>,
    opening: Mutex<Opening>,
    opened: Condvar,
    writer: Mutex<Writer>,
    /// The window score of the last reading as bits of an `f32`; NaN while there is none. The meter
    /// publishes a reading only after it has been logged.
    window_score: AtomicU32,
    /// A new line on its way to the audio thread, and whether there is one.
    arriving: AtomicCell<Option<Box<Line>>>,
    arrived: AtomicBool,
    /// The old line on its way back, as it must not be freed there.
    leaving: AtomicCell<Option<Box<Line>>>,
    left: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    /// A session that hears nothing yet.
    pub fn new(params: Arc<EarwormParams>) -> Arc<Self> {
        debug_assert!(AtomicCell::<Option<Box<Line>>>::is_lock_free());
        let pulse = Pulse::default();
        pulse.song_s.store(f64::NAN.to_bits(), Ordering::Relaxed);
        Arc::new(Self {
            params,
            pulse,
            notifier: RepaintNotifier::new(),
            editor_open: AtomicBool::new(false),
            meter: RwLock::default(),
            log: Mutex::default(),
            opening: Mutex::default(),
            opened: Condvar::new(),
            writer: Mutex::default(),
            window_score: AtomicU32::new(f32::NAN.to_bits()),
            arriving: AtomicCell::new(None),
            arrived: AtomicBool::new(false),
            leaving: AtomicCell::new(None),
            left: AtomicBool::new(false),
        })
    }

    // ---- the audio thread ------------------------------------------------------------------------

    /// Puts a line that has arrived in the place of the present one. Wait-free; frees nothing.
    #[inline]
    pub(crate) fn exchange_line(&self, line: &mut Option<Box<Line>>) -> bool {
        if !self.arrived.load(Ordering::Relaxed) || self.left.load(Ordering::Acquire) {
            return false;
        }
        self.arrived.store(false, Ordering::Relaxed);
        let Some(new) = self.arriving.take() else { return false };
        if let Some(old) = line.replace(new) {
            // The place is free, so nothing is dropped by this.
            self.leaving.store(Some(old));
            self.left.store(true, Ordering::Release);
        }
        true
    }

    // ---- the worker ------------------------------------------------------------------------------

    pub(crate) fn frame_heard(&self) {
        if self.editor_open.load(Ordering::Relaxed) {
            self.notifier.request_repaint();
        }
    }

    pub(crate) fn log_reading(
        self: &Arc<Self>,
        point: Point,
        hook: Option<Hook>,
        stretches: Option<Vec<(f64, f64)>>,
    ) {
        self.collect_lines();
        self.window_score.store(point.window.to_bits(), Ordering::Relaxed);
        {
            let mut log = lock(&self.log);
            if !point.window.is_nan() && point.is_whole() {
                log.maximum = Some(log.maximum.map_or(point.window, |max| max.max(point.window)));
            }
            log.curve.push(point);
            if let Some(hook) = hook {
                log.hook = Some(SongHook { hook, stretches: stretches.unwrap_or_default() });
            }
        }
        self.ask_to_publish();
        self.refresh();
    }

    pub(crate) fn log_reset(&self) {
        *lock(&self.log) = Log::default();
        self.notifier.request_repaint();
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
        let frames = options(&model, self.params.window.value()).window_frames(model.metadata());
        Some(model.metadata().front_end.seconds(frames))
    }

    /// Looks at the log. The worker waits meanwhile, so copy and go.
    pub fn with_log<R>(&self, look: impl FnOnce(&Log) -> R) -> R {
        look(&lock(&self.log))
    }

    /// Forgets the highest score.
    pub fn clear_maximum(&self) {
        lock(&self.log).maximum = None;
    }

    /// Starts the meter anew with the next block of audio.
    pub fn reset(&self) {
        self.params.resets.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether an editor shows this session.
    pub fn set_editor_open(&self, open: bool) {
        self.editor_open.store(open, Ordering::Relaxed);
    }

    /// The present window as a snapshot.
    pub fn snapshot(&self, influence: Vec<f32>) -> Option<Snapshot> {
        let reading = self.reading();
        let model = self.model()?;
        let last = self.with_log(|log| log.curve.points().last().copied());
        let song = last.map(|point| point.song_s).filter(|s| !s.is_nan());
        reading.window?;
        Some(Snapshot {
            name: String::new(),
            model: model.metadata().name.clone(),
            window: reading.window,
            integrated: reading.integrated,
            details: reading.details.clone(),
            influence,
            at_s: song.unwrap_or(reading.time_s),
            in_song: song.is_some(),
        })
    }
}
