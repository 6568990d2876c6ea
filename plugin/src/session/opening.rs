//! Opening streams: one thread of the process loads models and opens what instances ask for.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use earworm_scorer::live::{Worker, open_watched};
use earworm_scorer::{Model, ScorerOptions};
use ringbuf::HeapRb;
use ringbuf::traits::Split as _;

use super::{Line, Log, Session, lock};
use crate::models;
use crate::params::WindowLength;
use crate::state::ModelSetting;
use crate::watcher::Watcher;

/// Anchors that may wait for the worker: each block has at most two.
const ANCHORS: usize = 256;

/// What the stream is to be, or is.
#[derive(Debug, Clone, PartialEq)]
struct Setup {
    rate: u32,
    window: WindowLength,
    model: ModelSetting,
}

/// Where opening stands.
#[derive(Default)]
pub(super) struct Opening {
    wanted: Option<Setup>,
    present: Option<Setup>,
    /// Requests made, and the last one that was answered.
    asked: u64,
    answered: u64,
    pub(super) trouble: Option<String>,
}

impl Session {
    /// Asks for a stream of audio of this rate and waits at most so long for it. Without it, it comes
    /// later. Not for the audio thread.
    pub(crate) fn activate(self: &Arc<Self>, rate: u32, patience: Duration) {
        self.pulse.rate.store(rate, Ordering::Relaxed);
        let asked = self.ask();
        let until = Instant::now() + patience;
        let mut opening = lock(&self.opening);
        while opening.answered < asked {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            opening =
                self.opened.wait_timeout(opening, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Opens a new stream if the settings have changed since the last one. Not for the audio thread.
    pub fn refresh(self: &Arc<Self>) {
        let setup = self.wanted();
        if setup.rate > 0 && lock(&self.opening).wanted.as_ref() != Some(&setup) {
            self.ask();
        }
    }

    fn wanted(&self) -> Setup {
        let model = self.params.model.read().unwrap_or_else(PoisonError::into_inner).clone();
        let rate = self.pulse.rate.load(Ordering::Relaxed);
        Setup { rate, window: self.params.window.value(), model }
    }

    fn ask(self: &Arc<Self>) -> u64 {
        let setup = self.wanted();
        let mut opening = lock(&self.opening);
        opening.wanted = Some(setup);
        opening.asked += 1;
        let asked = opening.asked;
        drop(opening);
        // The opener lives as long as the process.
        let _ = opener().send(Job::Open(Arc::downgrade(self)));
        asked
    }

    /// On the opener.
    fn open(self: &Arc<Self>) {
        let (setup, asked) = {
            let opening = lock(&self.opening);
            if opening.present == opening.wanted {
                (None, opening.asked)
            } else {
                (opening.wanted.clone(), opening.asked)
            }
        };
        let trouble = setup.clone().map(|setup| self.open_as(&setup));
        let mut opening = lock(&self.opening);
        if let Some(trouble) = trouble {
            opening.present = setup;
            opening.trouble = trouble;
        }
        opening.answered = asked;
        self.opened.notify_all();
        drop(opening);
        self.notifier.request_repaint();
    }

    fn open_as(self: &Arc<Self>, setup: &Setup) -> Option<String> {
        let resolved = models::resolve(&setup.model);
        let model = resolved.model;
        let options = options(&model, setup.window);
        let (anchors, anchors_out) = HeapRb::new(ANCHORS).split();
        let watcher = Box::new(Watcher::new(Arc::downgrade(self), anchors_out));
        match open_watched(model, setup.rate, options, watcher) {
            Ok((tap, stream, meter)) => {
                *self.meter.write().unwrap_or_else(PoisonError::into_inner) = Some(meter);
                *lock(&self.log) = Log::default();
                Worker::shared().attach(stream);
                self.collect_lines();
                drop(self.arriving.swap(Some(Box::new(Line { tap, anchors }))));
                self.arrived.store(true, Ordering::Release);
                resolved.trouble
            }
            Err(error) => Some(error.to_string()),
        }
    }

    /// Frees what the audio thread gave back.
    pub(crate) fn collect_lines(&self) {
        if self.left.load(Ordering::Acquire) {
            drop(self.leaving.take());
            self.left.store(false, Ordering::Release);
        }
    }

    /// What is wrong with the chosen model or the host's audio, if something is.
    pub fn trouble(&self) -> Option<String> {
        let failure = self.meter().and_then(|meter| meter.failure());
        lock(&self.opening).trouble.clone().or(failure.map(|reason| (*reason).clone()))
    }

    /// Chooses a model from now on.
    pub fn choose_model(self: &Arc<Self>, setting: ModelSetting) {
        *self.params.model.write().unwrap_or_else(PoisonError::into_inner) = setting;
        self.refresh();
    }
}

/// How an instance runs its model.
pub(super) fn options(model: &Model, window: WindowLength) -> ScorerOptions {
    let whole = model.metadata().window_frames;
    ScorerOptions { window_frames: window.frames(whole), ..ScorerOptions::LIVE }
}

enum Job {
    Open(Weak<Session>),
    Warm,
}

/// The one thread of the process that loads models and opens streams.
fn opener() -> Sender<Job> {
    static OPENER: OnceLock<Sender<Job>> = OnceLock::new();
    let start = || {
        let (jobs, inbox) = channel();
        std::thread::Builder::new()
            .name("earworm-opener".into())
            .spawn(move || {
                while let Ok(job) = inbox.recv() {
                    match job {
                        Job::Open(session) => {
                            if let Some(session) = session.upgrade() {
                                session.open();
                            }
                        }
                        Job::Warm => drop(Model::embedded()),
                    }
                }
            })
            .expect("the system gives a thread");
        jobs
    };
    OPENER.get_or_init(start).clone()
}

/// Starts to load the built-in model in the background, so that it is there when the host activates.
pub(crate) fn warm_up() {
    let _ = opener().send(Job::Warm);
}
