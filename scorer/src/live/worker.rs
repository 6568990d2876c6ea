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
    /// Answer as soon as everything pushed before has been taken in.
    Drain(Sender<()>),
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
        let (done, wait) = channel::bounded(1);
        if self.commands.send(Command::Drain(done)).is_ok() {
            let _ = wait.recv();
        }
    }
}

fn run(inbox: &Receiver<Command>) {
    let mut streams: Vec<Stream> = Vec::new();
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
            } else if streams.iter().any(Stream::is_watched) {
                NAP
            } else {
                UNWATCHED_NAP
            };
            inbox.recv_timeout(nap).map_err(|e| e == RecvTimeoutError::Disconnected)
        };
        match command {
            Ok(Command::Attach(stream)) => streams.push(*stream),
            Ok(Command::Drain(done)) => {
                while serve(&mut streams) {}
                let _ = done.send(());
            }
            // Streams that are still attached are served to their end, handles or not.
            Err(true) if streams.is_empty() => return,
            Err(true) if !busy => std::thread::sleep(NAP),
            Err(_) => {}
        }
    }
}

/// Gives every stream one turn; true if any had work.
fn serve(streams: &mut Vec<Stream>) -> bool {
    let mut busy = false;
    streams.retain_mut(|stream| match catch_unwind(AssertUnwindSafe(|| stream.turn())) {
        Ok(Turn::Busy) => {
            busy = true;
            true
        }
        Ok(Turn::Idle) => true,
        Ok(Turn::Ended) => false,
        Err(_) => {
            tracing::error!("a stream's scorer panicked; the stream is closed, others go on");
            stream.fail("the scorer panicked; this is a fault in Earworm");
            false
        }
    });
    busy
}
