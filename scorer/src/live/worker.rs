//! The one thread that scores for a whole process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::time::Duration;

use crossbeam::channel::{self, Receiver, RecvTimeoutError, Sender};

use super::inlet::Turn;
use super::stream::Stream;

/// How long the worker sleeps when no stream has anything for it. The audio thread cannot wake it,
/// as that would be a system call; at this pace a reading comes late by less than a frame. Each waking
/// has to bring the model's weights back into the cache, so that more of them cost more.
const NAP: Duration = Duration::from_millis(40);
/// How long it sleeps when nobody looks: about as long as the model waits for frames anyway.
const UNWATCHED_NAP: Duration = Duration::from_millis(90);
/// How long it sleeps when there has been nothing for a while. The first sound after that comes to
/// be scored so much later; the ring holds far more.
const LONG_NAP: Duration = Duration::from_millis(100);
/// Naps until they become long: two seconds.
const SHORT_NAPS: u32 = 50;

enum Command {
    Attach(Box<Stream>),
    /// Keep this until everything pushed before has been taken in; nothing is sent.
    Drain(Sender<()>),
    /// Answer now.
    Ping(Sender<()>),
}

/// A stream, and who waits for it.
struct Served {
    stream: Stream,
    /// Up to which sample each of them waits. They go on when nobody keeps their sender any more.
    waiting: Vec<(u64, Sender<()>)>,
}

/// A handle on a worker thread; the thread ends when all handles are gone.
#[derive(Clone)]
pub struct Worker {
    commands: Sender<Command>,
}

impl Worker {
    /// Starts a worker of one's own.
    ///
    /// # Panics
    /// When the system gives no thread.
    pub fn start() -> Self {
        let (commands, inbox) = channel::unbounded();
        std::thread::Builder::new()
            .name("earworm-worker".into())
            .spawn(move || run(&inbox))
            .expect("the system gives a thread");
        Self { commands }
    }

    /// The worker that all parts of this process share, started on first use.
    pub fn shared() -> &'static Self {
        static WORKER: OnceLock<Worker> = OnceLock::new();
        WORKER.get_or_init(Self::start)
    }

    /// Hands a stream to the worker, which serves it until its tap is dropped.
    pub fn attach(&self, stream: Stream) {
        // The thread only ends when the last handle has gone, and this is one.
        let _ = self.commands.send(Command::Attach(Box::new(stream)));
    }

    /// Waits until everything that was pushed into taps before this call has been scored.
    /// Not for the audio thread, unless the host renders offline.
    pub fn drain(&self) {
        self.ask(Command::Drain);
    }

    /// Waits until the worker has ended the turn that it is in: where that hangs, so does this. It does not
    /// wait for audio, of which there is always more where scoring is slower than sound.
    pub fn ping(&self) {
        self.ask(Command::Ping);
    }

    fn ask(&self, question: fn(Sender<()>) -> Command) {
        let (answer, wait) = channel::bounded(1);
        if self.commands.send(question(answer)).is_ok() {
            let _ = wait.recv();
        }
    }
}

fn run(inbox: &Receiver<Command>) {
    let mut streams: Vec<Served> = Vec::new();
    let mut naps = 0u32;
    loop {
        let busy = serve(&mut streams);
        naps = if busy { 0 } else { naps.saturating_add(1) };
        let command = if busy {
            inbox.try_recv().map_err(|e| e == channel::TryRecvError::Disconnected)
        } else if streams.is_empty() {
            inbox.recv().map_err(|_| true)
        } else {
            let nap = if naps > SHORT_NAPS {
                LONG_NAP
            } else if streams.iter().any(|served| served.stream.is_watched()) {
                NAP
            } else {
                UNWATCHED_NAP
            };
            inbox.recv_timeout(nap).map_err(|e| e == RecvTimeoutError::Disconnected)
        };
        match command {
            Ok(Command::Attach(stream)) => {
                streams.push(Served { stream: *stream, waiting: Vec::new() });
            }
            // Not at once: live streams may never be empty, and other commands must not wait for that.
            Ok(Command::Drain(done)) => {
                for Served { stream, waiting } in &mut streams {
                    waiting.push((stream.written(), done.clone()));
                }
            }
            Ok(Command::Ping(answer)) => {
                let _ = answer.send(());
            }
            // Streams that are still attached are served to their end, handles or not.
            Err(true) if streams.is_empty() => return,
            Err(true) if !busy => std::thread::sleep(NAP),
            Err(_) => {}
        }
    }
}

/// Gives every stream one turn; true if any had work.
fn serve(streams: &mut Vec<Served>) -> bool {
    let mut busy = false;
    streams.retain_mut(|Served { stream, waiting }| {
        match catch_unwind(AssertUnwindSafe(|| stream.turn())) {
            Ok(Turn::Ended) => false,
            Ok(turn) => {
                busy |= turn == Turn::Busy;
                waiting.retain(|(until, _)| !stream.has_taken(*until));
                true
            }
            Err(_) => {
                tracing::error!("a stream's scorer panicked; the stream is closed, others go on");
                stream.fail("the scorer panicked; this is a fault in Earworm");
                false
            }
        }
    });
    busy
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::front_end::Frame;
    use crate::live::{Tap, open_watched};
    use crate::model::Model;
    use crate::scorer::{Observer, ScorerOptions};
    use crate::span::Span;

    /// Samples a second.
    const RATE: u32 = 48_000;
    /// Samples of which at least one frame comes, whatever the resampler keeps; two of them are a turn.
    const PIECE: usize = 8192;

    /// Audio that comes in while audio is scored, so that the ring is never empty.
    struct Endless {
        tap: Arc<Mutex<Option<Tap>>>,
        empty: usize,
        left: u32,
        /// What comes over them, and what had until the end.
        drained: Receiver<()>,
        answered: Receiver<()>,
        seen: Arc<Mutex<(bool, bool)>>,
    }

    impl Observer for Endless {
        fn frame(&mut self, _frame: Frame<'_>, _span: Span) {
            let mut place = self.tap.lock().unwrap();
            let Some(tap) = place.as_mut().filter(|tap| tap.room() == self.empty) else { return };
            tap.push_planar(&[&[0.25; PIECE]]);
            self.left -= 1;
            if self.left == 0 {
                let drained = self.drained.try_recv() == Err(channel::TryRecvError::Disconnected);
                *self.seen.lock().unwrap() = (drained, self.answered.try_recv().is_ok());
                *place = None;
            }
        }
    }

    /// Where scoring is slower than sound, a live ring is not empty for hours.
    #[test]
    fn neither_a_drain_nor_a_ping_waits_for_sound_to_end() {
        let (done, drained) = channel::bounded(1);
        let (answer, answered) = channel::bounded(1);
        let (place, seen) = (Arc::default(), Arc::default());
        let endless = Endless {
            tap: Arc::clone(&place),
            empty: (RATE * super::super::RING_SECONDS) as usize,
            left: 12,
            drained,
            answered,
            seen: Arc::clone(&seen),
        };
        let (mut tap, stream, _meter) =
            open_watched(Model::embedded(), RATE, ScorerOptions::LIVE, Box::new(endless)).unwrap();
        tap.push_planar(&[&[0.25; 2 * PIECE]]);
        *place.lock().unwrap() = Some(tap);
        let (commands, inbox) = channel::unbounded();
        for command in
            [Command::Attach(Box::new(stream)), Command::Drain(done), Command::Ping(answer)]
        {
            assert!(commands.send(command).is_ok());
        }
        drop(commands);
        run(&inbox);
        assert_eq!(*seen.lock().unwrap(), (true, true), "drained, answered");
    }

    #[test]
    fn a_drain_ends_with_what_was_pushed_before_it() {
        let (mut tap, mut stream, _meter) =
            crate::live::open(Model::embedded(), RATE, ScorerOptions::LIVE).unwrap();
        tap.push_planar(&[&[0.25; PIECE]]);
        tap.reset();
        let until = stream.written();
        tap.push_planar(&[&[0.25; PIECE]]);
        assert!(!stream.has_taken(until));
        while !stream.has_taken(until) {
            assert_eq!(stream.turn(), Turn::Busy, "the reset is a part of it");
        }
        drop(tap);
        assert!(!stream.has_taken(stream.written()), "its end is to come");
    }
}
