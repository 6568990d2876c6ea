//! The thread that keeps a stream open: opens, closes and waits as the supervisor says.

mod finding;
mod telling;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::bail;
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender};
use earworm_scorer::live::Tap;

use super::Message;
use super::server::Server;
use super::stream::{Attempt, OPENING, Opening, Outcome, Stream};
use super::supervisor::{Order, Reason, Supervisor, Target};
use crate::exit::describe;
use crate::station::{Command, SourceState, Station, Wish};

/// How often devices are looked for where nobody tells of changes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often a default is looked for where there is no sound server.
const LOOK_FOR_DEFAULT: Duration = Duration::from_secs(2);

/// An attempt to open a stream that the sound system has not answered in time.
struct Late {
    attempt: Attempt,
    device: String,
    rate: u32,
}

/// Keeps a stream open.
pub(super) struct Keeper {
    station: Arc<Station>,
    wish: Wish,
    supervisor: Supervisor,
    inbox: Sender<Message>,
    start: Instant,
    host: Option<cpal::Host>,
    /// While no stream has it.
    tap: Option<(Tap, u32)>,
    stream: Option<Stream>,
    late: Option<Late>,
    rate: u32,
    streams: u64,
    failure: Option<String>,
    /// The device of the stream that is open, or that was until nothing played; nothing once another
    /// one is wished for.
    device: Option<String>,
    /// What was captured last under the name that is wished for: where several fit, it stays.
    named: Option<String>,
    /// Why the device of the stream that is open, or was, is not found any more.
    missing: Option<String>,
    /// What was said last of why there is no stream, so that it is said once.
    said: Option<String>,
    /// The stream that was told of last and has not given anything yet: its device, and what was said
    /// before. It is told of once.
    announced: Option<(String, Option<String>)>,
    /// The target, when none is named and it is not to follow the default.
    held: Option<String>,
    server: Server,
}

impl Keeper {
    /// One that captures into the station, with a first tap of it and the tap's rate.
    pub(super) fn new(
        station: Arc<Station>,
        tap: (Tap, u32),
        wish: Wish,
        inbox: Sender<Message>,
    ) -> Self {
        Self {
            supervisor: Supervisor::new(wish.rest_after),
            start: Instant::now(),
            host: None,
            tap: Some(tap),
            stream: None,
            late: None,
            rate: 0,
            streams: 0,
            failure: None,
            device: None,
            named: None,
            missing: None,
            said: None,
            announced: None,
            held: None,
            server: Server::default(),
            station,
            wish,
            inbox,
        }
    }

    /// Captures until it is told to stop.
    pub(super) fn run(mut self, messages: &Receiver<Message>) {
        loop {
            self.server.watch(&self.wish, &self.inbox);
            self.reset_at_rest();
            let sight = self.look();
            let order = self.supervisor.next(self.start.elapsed(), &sight);
            self.count_gap();
            let wait = match order {
                Order::Open(target) => {
                    self.open(target);
                    continue;
                }
                Order::Close(reason) => {
                    self.close(reason);
                    continue;
                }
                Order::Wait(wait) => wait,
            };
            self.tell_what_is_missing(&sight);
            let wait = match wait {
                Some(wait) => wait,
                None if self.is_told() && !self.server_is_silent() => Duration::MAX,
                // Nobody tells, so that it must be looked for; for what was not named, and is seldom
                // there where there is no sound server, less often.
                None if self.wish.device.is_none() && !self.is_told() => LOOK_FOR_DEFAULT,
                None => LOOK_EVERY,
            };
            match messages.recv_timeout(wait) {
                Ok(Message::Command(Command::Stop)) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        if let Some(stream) = self.stream.take() {
            stream.close();
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Command(Command::Change(wish)) => self.change(wish),
            Message::Command(Command::Wake | Command::Stop) => {}
            Message::Failed(stream, why) if stream == self.streams => self.failure = Some(why),
            Message::Failed(..) => {}
            #[cfg(unix)]
            Message::Seen(snapshot) => self.server.take(snapshot),
        }
    }

    /// Captures this from now on.
    fn change(&mut self, wish: Wish) {
        let source = |wish: &Wish| (wish.host.clone(), wish.device.clone(), wish.rate);
        if source(&wish) != source(&self.wish) {
            self.host = None;
            (self.held, self.device) = (None, None);
            self.supervisor.reopen();
        } else if wish.follow_default {
            self.held = None;
        } else if self.wish.follow_default && wish.device.is_none() {
            // What is heard now is kept, as if it had been opened under the new wish.
            self.held.clone_from(&self.device);
        }
        if (&wish.host, &wish.device) != (&self.wish.host, &self.wish.device) {
            self.named = None;
        }
        self.supervisor.set_rest_after(wish.rest_after);
        (self.said, self.missing) = (None, None);
        self.wish = wish;
    }

    fn open(&mut self, target: Target) {
        (self.failure, self.missing) = (None, None);
        match self.try_open(&target.id) {
            Ok(()) => self.begin_to_listen(target),
            Err(error) => {
                self.supervisor.failed(self.start.elapsed());
                // The next try starts from the beginning: the server may be another one.
                self.host = None;
                let error = error.context(format!("cannot capture {}", target.id));
                self.complain(&describe(&error));
            }
        }
    }

    /// Counts a stretch without audio once it is over: not when a stream is opened, which may give
    /// nothing either.
    fn count_gap(&mut self) {
        let Some(gap) = self.supervisor.take_gap() else { return };
        let tally = &self.station.tally;
        tally.reconnects.fetch_add(1, Ordering::Relaxed);
        tally.gaps.fetch_add(1, Ordering::Relaxed);
        tally.gap_ms.fetch_add(gap.as_millis() as u64, Ordering::Relaxed);
    }

    /// There is a stream of this device: it is held if need be, and told.
    fn begin_to_listen(&mut self, target: Target) {
        let now = self.start.elapsed();
        let gap = self.supervisor.missing_for(now);
        self.supervisor.opened(now, target.clone());
        let Target { id, .. } = target;
        self.device = Some(id.clone());
        // One that is named is looked for by its name: its identifier may change with its profile.
        if self.wish.device.is_some() {
            self.named = Some(id.clone());
        } else if !self.wish.follow_default {
            self.held = Some(id.clone());
        }
        let rate = self.rate;
        // Before it is told: who hears of it may ask at once.
        self.publish(SourceState::Running, id.clone(), Some(rate), None);
        // One that gives nothing is opened again and again.
        let news = Some((id.clone(), self.said.clone()));
        if self.announced != news {
            tracing::info!(device = id, rate, gap_s = gap.map(|g| g.as_secs_f32()), "listening");
            self.announced = news;
        }
    }

    fn try_open(&mut self, id: &str) -> anyhow::Result<()> {
        self.reclaim(id, Duration::ZERO)?;
        let opening = self.opening(id)?;
        self.begin(id, opening, OPENING)
    }

    /// Takes the tap back from an attempt that has not been answered in time. Another one beside it
    /// would hang as well, with a thread and a meter of its own.
    fn reclaim(&mut self, id: &str, patience: Duration) -> anyhow::Result<()> {
        // What hangs must not keep us from another device. Then it goes, with the tap.
        let Some(late) = self.late.take().filter(|late| late.device == id) else { return Ok(()) };
        let tap = match late.attempt.wait(patience) {
            Outcome::Late(attempt) => return self.put_off(Late { attempt, ..late }),
            // It is one of a while ago; what is wished for may have changed since.
            Outcome::Open(stream) => stream.close(),
            Outcome::Refused(_, tap) => tap,
        };
        self.tap = tap.map(|tap| (tap, late.rate));
        Ok(())
    }

    /// Leaves an attempt alone until it is answered.
    fn put_off(&mut self, late: Late) -> anyhow::Result<()> {
        self.late = Some(late);
        bail!("the sound system did not answer within {OPENING:?}")
    }

    /// Opens a stream.
    fn begin(&mut self, id: &str, opening: Opening, patience: Duration) -> anyhow::Result<()> {
        let rate = opening.rate();
        let tap = match self.tap.take() {
            // It goes on where it was.
            Some((tap, before)) if before == rate => tap,
            _ => self.station.open_tap(rate)?,
        };
        self.streams += 1;
        let (inbox, stream) = (self.inbox.clone(), self.streams);
        let failed = move |why| {
            let _ = inbox.send(Message::Failed(stream, why));
        };
        match Attempt::begin(opening, tap, &self.station, failed).wait(patience) {
            Outcome::Open(stream) => {
                self.stream = Some(stream);
                self.rate = rate;
                Ok(())
            }
            Outcome::Refused(error, tap) => {
                self.tap = tap.map(|tap| (tap, rate));
                Err(error)
            }
            Outcome::Late(attempt) => self.put_off(Late { attempt, device: id.to_owned(), rate }),
        }
    }

    fn close(&mut self, reason: Reason) {
        let why = self.failure.take();
        if let Some(stream) = self.stream.take() {
            self.tap = stream.close().map(|tap| (tap, self.rate));
        }
        let device = self.device.clone().unwrap_or_else(|| self.station.source().device.clone());
        if reason != Reason::Quiet {
            self.device = None;
        }
        if reason != Reason::Gone {
            self.missing = None;
        }
        if matches!(reason, Reason::Quiet | Reason::Moved | Reason::Asked) {
            // The next one is another one, or wanted anew.
            self.announced = None;
        }
        let said = match reason {
            Reason::Mute => {
                self.host = None;
                // The next one of it is none to tell of.
                self.announced = Some((device, self.said.clone()));
                return;
            }
            Reason::Quiet => {
                tracing::info!(device, "nothing plays; resting");
                self.publish(SourceState::Resting, device, Some(self.rate), None);
                return;
            }
            Reason::Moved | Reason::Asked => {
                // Whatever the host knew of its devices may be another host's.
                self.host = None;
                return tracing::info!(device, "the device changes");
            }
            Reason::Gone => match &self.missing {
                Some(why) => format!("the device {device} is gone: {why}"),
                None => format!("the device {device} is gone"),
            },
            Reason::Stalled => format!("the device {device} gives no audio any more"),
            Reason::Failed => {
                format!("the device {device} failed: {}", why.unwrap_or_default())
            }
        };
        // Whatever the host knew of its devices may be wrong now.
        self.host = None;
        self.complain(&said);
    }

    /// A reset reaches the tap through the audio thread; without one, here.
    fn reset_at_rest(&mut self) {
        if let Some((tap, _)) = &mut self.tap
            && self.station.take_reset()
        {
            tap.reset();
        }
    }
}
