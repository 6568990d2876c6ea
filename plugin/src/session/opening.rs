//! Opening streams: one thread of the process loads models and opens what instances ask for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use earworm_scorer::live::{Worker, open_watched};
use earworm_scorer::{Model, ScorerOptions};
use ringbuf::HeapRb;
use ringbuf::traits::Split as _;

use super::watcher::Watcher;
use super::{Line, Session, lock};
use crate::models;
use crate::params::WindowLength;
use crate::state::ModelSetting;

/// Anchors that may wait for the worker: each block has at most two, and in the four seconds that the stream's
/// ring holds a song at half or twice the pace has about four hundred.
const ANCHORS: usize = 512;
/// How often settings are looked at: they may change on the audio thread, which cannot wake anyone, and while no
/// audio runs.
const LOOK: Duration = Duration::from_millis(100);

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
    /// Whether this takes another stream.
    fn is_due(&mut self, wanted: &Setup) -> bool {
        let file = wanted.model.file.as_ref();
        let is_back = self.missing && file.is_some_and(|file| Path::new(&file.path).exists());
        let again = std::mem::take(&mut self.again) || is_back;
        again || self.present.as_ref() != Some(wanted)
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

    /// Has the settings looked at now if they have changed, and not only with the next look. Not for the
    /// audio thread.
    pub fn refresh(self: &Arc<Self>) {
        let changes = self.params.changes.load(Ordering::Relaxed);
        if self.pulse.rate.load(Ordering::Relaxed) > 0 && changes != self.changes_taken() {
            self.ask();
        }
    }

    /// How many of [`EarwormParams::changes`](crate::EarwormParams::changes) the present stream has taken in.
    #[inline]
    pub(crate) fn changes_taken(&self) -> u64 {
        self.changes_taken.load(Ordering::Acquire)
    }

    /// Whether an answer to somebody who asked for a stream is still to come.
    pub(crate) fn is_opening(&self) -> bool {
        self.answered.load(Ordering::Acquire) != self.asked.load(Ordering::Acquire)
    }

    fn wanted(&self) -> Setup {
        let rate = self.pulse.rate.load(Ordering::Relaxed);
        Setup { rate, window: self.params.window.value(), model: self.params.model.get() }
    }

    fn ask(self: &Arc<Self>) -> u64 {
        let asked = {
            let mut opening = lock(&self.opening);
            opening.asked += 1;
            self.asked.store(opening.asked, Ordering::Release);
            opening.asked
        };
        // The opener lives as long as the process.
        let _ = opener().send(Job::Open(Arc::downgrade(self)));
        asked
    }

    /// On the opener: opens a new stream if the settings take another one. How many changes of the settings
    /// that takes in.
    fn open(self: &Arc<Self>) -> u64 {
        // In this order: what changes from here on is there to be seen the next time.
        let asked = lock(&self.opening).asked;
        let changes = self.params.changes.load(Ordering::Acquire);
        let wanted = self.wanted();
        let is_due = lock(&self.opening).is_due(&wanted);
        let opened = is_due.then(|| self.open_guarded(&wanted));
        let mut opening = lock(&self.opening);
        if let Some((missing, trouble)) = opened {
            opening.present = Some(wanted);
            (opening.missing, opening.trouble) = (missing, trouble);
        }
        opening.answered = asked;
        self.answered.store(asked, Ordering::Release);
        self.changes_taken.store(changes, Ordering::Release);
        self.opened.notify_all();
        drop(opening);
        if is_due {
            self.notifier.request_repaint();
        }
        changes
    }

    /// As [`open_as`](Self::open_as). One thread opens for all instances of the process, which a fault in the
    /// opening of one must not end, nor the old stream outlive.
    fn open_guarded(self: &Arc<Self>, setup: &Setup) -> (bool, Option<String>) {
        let open = || {
            #[cfg(test)]
            assert_ne!(setup.rate, FAULTY, "as asked for");
            self.open_as(setup)
        };
        catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|_| {
            // It may be this that failed.
            let _ = catch_unwind(AssertUnwindSafe(|| self.turn_over(None)));
            self.lines.send(None);
            (
                false,
                Some(
                    "Opening the model failed inside Earworm: choose it again, or another one"
                        .into(),
                ),
            )
        })
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
                let line = Line { tap, anchors, stream: number, rate: setup.rate };
                self.lines.send(Some(Box::new(line)));
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
        let trouble = lock(&self.opening).trouble.clone();
        trouble
            .or_else(|| failure.map(|reason| (*reason).clone()))
            .or_else(|| self.silence.get().cloned())
    }

    /// Chooses a model from now on. Chosen again, one that was missing is looked for again.
    pub fn choose_model(self: &Arc<Self>, setting: ModelSetting) {
        {
            let mut opening = lock(&self.opening);
            opening.again |= opening.trouble.is_some();
        }
        self.params.model.set(setting);
        self.refresh();
    }
}

/// A rate at which opening fails inside Earworm.
#[cfg(test)]
const FAULTY: u32 = 12_345;

/// How an instance runs its model.
pub(super) fn options(model: &Model, window: WindowLength) -> ScorerOptions {
    let whole = model.metadata().window_frames;
    ScorerOptions { window_frames: window.frames(whole), ..ScorerOptions::LIVE }
}

enum Job {
    Open(Weak<Session>),
    Warm,
    #[cfg(test)]
    Wait(Receiver<()>),
}

/// An instance, and how many changes of its settings have been taken in.
struct Known {
    session: Weak<Session>,
    changes: Arc<AtomicU64>,
    taken: u64,
}

/// The one thread of the process that loads models and opens streams.
fn opener() -> Sender<Job> {
    static OPENER: OnceLock<Sender<Job>> = OnceLock::new();
    let start = || {
        let (jobs, inbox) = channel();
        std::thread::Builder::new()
            .name("earworm-opener".into())
            .spawn(move || serve(&inbox))
            .expect("the system gives a thread");
        jobs
    };
    OPENER.get_or_init(start).clone()
}

/// Does what is asked for, and looks after the settings of all that have ever asked.
fn serve(inbox: &Receiver<Job>) {
    let mut known: Vec<Known> = Vec::new();
    loop {
        known.retain(|one| one.session.strong_count() > 0);
        let job = if known.is_empty() {
            inbox.recv().map_err(RecvTimeoutError::from)
        } else {
            inbox.recv_timeout(LOOK)
        };
        match job {
            Ok(Job::Open(asking)) => {
                let Some(session) = asking.upgrade() else { continue };
                let taken = session.open();
                match known.iter().position(|one| one.session.ptr_eq(&asking)) {
                    Some(place) => known[place].taken = taken,
                    None => {
                        let changes = session.params.changes.clone();
                        known.push(Known { session: asking, changes, taken });
                    }
                }
            }
            Ok(Job::Warm) => drop(Model::embedded()),
            #[cfg(test)]
            Ok(Job::Wait(until)) => {
                let _ = until.recv();
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        for one in &mut known {
            let Some(session) = one.session.upgrade() else { continue };
            session.end_unwanted_gesture();
            if one.changes.load(Ordering::Relaxed) != one.taken {
                one.taken = session.open();
            }
        }
    }
}

/// Starts to load the built-in model in the background, so that it is there when the host activates.
pub(crate) fn warm_up() {
    let _ = opener().send(Job::Warm);
}

/// Keeps the opener from everything that is asked for after this, until what is returned is dropped.
#[cfg(test)]
pub(crate) fn occupy_opener() -> Sender<()> {
    let (busy, until) = channel();
    let _ = opener().send(Job::Wait(until));
    busy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_inside_earworm_ends_no_other_instances_opening() {
        let patience = Duration::from_secs(30);
        let faulty = Session::new(Arc::default());
        faulty.activate(48_000, patience);
        assert!(faulty.meter().is_some());
        faulty.activate(FAULTY, patience);
        assert!(!faulty.is_opening(), "an answer came");
        assert!(faulty.trouble().is_some_and(|trouble| trouble.contains("inside Earworm")));
        assert!(faulty.meter().is_none(), "the stream of the rate before goes on");
        let other = Session::new(Arc::default());
        other.activate(48_000, patience);
        assert!(other.meter().is_some());
        faulty.activate(48_000, patience);
        assert!(faulty.meter().is_some() && faulty.trouble().is_none());
    }
}
