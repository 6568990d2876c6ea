//! Opening streams: one thread of the process loads models and opens what instances ask for.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use earworm_scorer::live::{Worker, open_watched};
use earworm_scorer::{Model, ScorerOptions};
use ringbuf::HeapRb;
use ringbuf::traits::Split as _;

use super::{Line, Session, lock};
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
    /// The present setup is to be opened again.
    again: bool,
    /// Another model scores because there was no file.
    missing: bool,
    trouble: Option<String>,
}

impl Opening {
    /// What there is to open, if anything.
    fn due(&mut self) -> Option<Setup> {
        let wanted = self.wanted.clone()?;
        let file = wanted.model.file.as_ref();
        let is_back = self.missing && file.is_some_and(|file| Path::new(&file.path).exists());
        let again = std::mem::take(&mut self.again) || is_back;
        (again || self.present.as_ref() != Some(&wanted)).then_some(wanted)
    }
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
            let mut opening = lock(&self.opening);
            (opening.due(), opening.asked)
        };
        let opened = setup.map(|setup| (self.open_as(&setup), setup));
        let mut opening = lock(&self.opening);
        if let Some(((missing, trouble), setup)) = opened {
            opening.present = Some(setup);
            (opening.missing, opening.trouble) = (missing, trouble);
        }
        opening.answered = asked;
        self.opened.notify_all();
        drop(opening);
        self.notifier.request_repaint();
    }

    /// Whether the model's file is missing, and what is wrong.
    fn open_as(self: &Arc<Self>, setup: &Setup) -> (bool, Option<String>) {
        let models::Resolved { model, missing, trouble } = models::resolve(&setup.model);
        let options = options(&model, setup.window);
        let (anchors, anchors_out) = HeapRb::new(ANCHORS).split();
        // Only this thread turns streams over, so that this is the number of the next one.
        let number = self.streams() + 1;
        let watcher = Box::new(Watcher::new(Arc::downgrade(self), number, anchors_out));
        match open_watched(model, setup.rate, options, watcher) {
            Ok((tap, stream, meter)) => {
                // Before the worker has it, so that what the stream says first is logged.
                self.turn_over(Some(meter));
                Worker::shared().attach(stream);
                self.lines.send(Some(Box::new(Line { tap, anchors })));
                (missing, trouble)
            }
            Err(error) => {
                // The old line would go on with audio of another rate.
                self.turn_over(None);
                self.lines.send(None);
                (missing, Some(error.to_string()))
            }
        }
    }

    /// Frees what the audio thread gave back.
    pub(crate) fn collect_lines(&self) {
        self.lines.collect();
    }

    /// The window's length of the present stream.
    pub(super) fn opened_window(&self) -> WindowLength {
        let present = lock(&self.opening).present.as_ref().map(|setup| setup.window);
        present.unwrap_or(self.params.window.value())
    }

    /// What is wrong with the chosen model or the host's audio, if something is.
    pub fn trouble(&self) -> Option<String> {
        let failure = self.meter().and_then(|meter| meter.failure());
        lock(&self.opening).trouble.clone().or(failure.map(|reason| (*reason).clone()))
    }

    /// Chooses a model from now on. Chosen again, one that was missing is looked for again.
    pub fn choose_model(self: &Arc<Self>, setting: ModelSetting) {
        *self.params.model.write().unwrap_or_else(PoisonError::into_inner) = setting;
        let troubled = {
            let mut opening = lock(&self.opening);
            opening.again |= opening.trouble.is_some();
            opening.again
        };
        if troubled && self.pulse.rate.load(Ordering::Relaxed) > 0 {
            self.ask();
        } else {
            self.refresh();
        }
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
