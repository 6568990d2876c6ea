//! System audio: whatever the workstation plays, captured for weeks. Devices come and go meanwhile;
//! [`supervisor`] says what to do about it, the thread here does it.

mod callback;
pub(crate) mod devices;
#[cfg(unix)]
mod pulse;
#[cfg(unix)]
mod pulse_stream;
mod stream;
mod supervisor;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use crossbeam::channel::{self, Receiver, RecvTimeoutError, Sender};
use earworm_scorer::live::Tap;

use crate::exit::describe;
use crate::station::{Source, SourceState, Station};

use stream::{Opening, Stream};
use supervisor::{Order, Reason, Sight, Supervisor, Target};

/// How often devices are looked for where nobody tells of changes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often a default is looked for where there is no sound server.
const LOOK_FOR_DEFAULT: Duration = Duration::from_secs(2);

/// What to capture, and how.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wish {
    /// The sound system; the first there is if `None`.
    pub(crate) host: Option<String>,
    /// The device; what the default output plays if `None`.
    pub(crate) device: Option<String>,
    /// Samples a second; the device's own if `None`.
    pub(crate) rate: Option<u32>,
    /// Whether to go along when the default output changes.
    pub(crate) follow_default: bool,
    /// How long nothing must play until the device is let go; never if `None`.
    pub(crate) rest_after: Option<Duration>,
}

/// What the capture can be told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Capture this from now on.
    Change(Wish),
    /// Look whether there is something to do.
    Wake,
    /// End.
    Stop,
}

enum Message {
    Command(Command),
    /// The open stream failed; streams are numbered.
    Failed(u64, String),
    /// What the sound server looks like.
    #[cfg(unix)]
    Seen(Option<pulse::Snapshot>),
}

/// A running capture; it ends when this is dropped.
pub(crate) struct Capture {
    inbox: Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

impl Capture {
    /// Starts to capture into the station, with a first tap of it and the tap's rate.
    ///
    /// # Errors
    /// When a sound system is named that this computer does not have.
    pub(crate) fn start(
        station: &Arc<Station>,
        tap: (Tap, u32),
        wish: Wish,
    ) -> anyhow::Result<Self> {
        devices::check_host(wish.host.as_deref())?;
        let (inbox, messages) = channel::unbounded();
        station.set_wish(wish.clone());
        let control = inbox.clone();
        station
            .set_control(Box::new(move |command| control.send(Message::Command(command)).is_ok()));
        let keeper = Keeper::new(station.clone(), tap, wish, inbox.clone());
        let thread = std::thread::Builder::new()
            .name("earworm-capture".into())
            .spawn(move || keeper.run(&messages))
            .context("the system gives no thread")?;
        Ok(Self { inbox, thread: Some(thread) })
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.inbox.send(Message::Command(Command::Stop));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Keeps a stream open.
struct Keeper {
    station: Arc<Station>,
    wish: Wish,
    supervisor: Supervisor,
    inbox: Sender<Message>,
    start: Instant,
    host: Option<cpal::Host>,
    /// While no stream has it.
    tap: Option<(Tap, u32)>,
    stream: Option<Stream>,
    rate: u32,
    streams: u64,
    failure: Option<String>,
    /// What was said last of why there is no stream, so that it is said once.
    said: Option<String>,
    /// The target, when it is not to follow the default.
    held: Option<String>,
    #[cfg(unix)]
    server: Option<Option<pulse::Snapshot>>,
}

impl Keeper {
    fn new(station: Arc<Station>, tap: (Tap, u32), wish: Wish, inbox: Sender<Message>) -> Self {
        Self {
            supervisor: Supervisor::new(wish.rest_after),
            start: Instant::now(),
            host: None,
            tap: Some(tap),
            stream: None,
            rate: 0,
            streams: 0,
            failure: None,
            said: None,
            held: None,
            #[cfg(unix)]
            server: None,
            station,
            wish,
            inbox,
        }
    }

    fn run(mut self, messages: &Receiver<Message>) {
        loop {
            self.watch_server();
            self.reset_at_rest();
            let sight = self.look();
            let wait = match self.supervisor.next(self.start.elapsed(), &sight) {
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
            Message::Command(Command::Change(wish)) => {
                let other_host = wish.host != self.wish.host;
                if other_host || wish.rate != self.wish.rate {
                    // Opened anew below, as any stream that failed.
                    self.host = None;
                    self.failure = self.stream.as_ref().map(|_| "it is to be changed".into());
                }
                self.supervisor.set_rest_after(wish.rest_after);
                self.held = None;
                self.said = None;
                self.station.set_wish(wish.clone());
                self.wish = wish;
            }
            Message::Command(Command::Wake | Command::Stop) => {}
            Message::Failed(stream, why) if stream == self.streams => self.failure = Some(why),
            Message::Failed(..) => {}
            #[cfg(unix)]
            Message::Seen(snapshot) => self.server = Some(snapshot),
        }
    }

    /// Whether a sound server tells when something changes.
    fn is_told(&self) -> bool {
        #[cfg(unix)]
        return self.server.is_some();
        #[cfg(not(unix))]
        return false;
    }

    /// Whether there is a sound server, but one that has not told anything.
    fn server_is_silent(&self) -> bool {
        #[cfg(unix)]
        return self.server == Some(None);
        #[cfg(not(unix))]
        return false;
    }

    /// Starts to watch the sound server as soon as there is one.
    fn watch_server(&mut self) {
        #[cfg(unix)]
        {
            let wanted = self.wish.host.as_deref().is_none_or(|host| host == "pulseaudio");
            if self.server.is_some() || !wanted || !pulse::is_there() {
                return;
            }
            let inbox = self.inbox.clone();
            let tell = move |snapshot| inbox.send(Message::Seen(snapshot)).is_ok();
            let name = "earworm-server".to_owned();
            if std::thread::Builder::new().name(name).spawn(|| pulse::watch(tell)).is_ok() {
                // Nothing is known yet; that comes as a message.
                self.server = Some(None);
            }
        }
    }

    /// What there is to capture.
    fn look(&mut self) -> Sight {
        let mut sight = Sight {
            frames: self.stream.as_ref().map_or(0, Stream::frames),
            failed: self.failure.is_some(),
            ..Sight::default()
        };
        let choice = self.held.clone().or_else(|| self.wish.device.clone());
        #[cfg(unix)]
        if let Some(server) = &self.server {
            let Some(snapshot) = server else { return sight };
            if let Some(id) = snapshot.target(choice.as_deref()) {
                sight.playing = snapshot.playing(&id);
                let version = snapshot.index(&id).unwrap_or(0);
                sight.target = Some(Target { id, version });
            }
            return sight;
        }
        match self.locate(choice.as_deref()) {
            Ok(id) => sight.target = Some(Target { id, version: 0 }),
            Err(error) => self.complain(&describe(&error)),
        }
        sight
    }

    fn locate(&mut self, choice: Option<&str>) -> anyhow::Result<String> {
        use cpal::traits::DeviceTrait as _;
        // Anew each time: what it keeps quiet is kept in memory.
        let _quiet = devices::quiet();
        if self.host.is_none() {
            self.host = Some(devices::open_host(self.wish.host.as_deref())?);
        }
        let host = self.host.as_ref().context("there is no sound system")?;
        Ok(devices::locate(host, choice)?.id()?.id().to_owned())
    }

    fn open(&mut self, target: Target) {
        self.failure = None;
        match self.try_open(&target.id) {
            Ok(()) => {
                let gap = self.supervisor.opened(self.start.elapsed(), target.clone());
                let tally = &self.station.tally;
                if let Some(gap) = gap {
                    tally.reconnects.fetch_add(1, Ordering::Relaxed);
                    tally.gaps.fetch_add(1, Ordering::Relaxed);
                    tally.gap_ms.fetch_add(gap.as_millis() as u64, Ordering::Relaxed);
                }
                if !self.wish.follow_default {
                    self.held = Some(target.id.clone());
                }
                self.said = None;
                let rate = self.rate;
                tracing::info!(
                    device = target.id,
                    rate,
                    gap_s = gap.map(|g| g.as_secs_f32()),
                    "listening"
                );
                self.publish(SourceState::Running, target.id, Some(rate), None);
            }
            Err(error) => {
                self.supervisor.failed(self.start.elapsed());
                // The next try starts from the beginning: the server may be another one.
                self.host = None;
                let error = error.context(format!("cannot capture {}", target.id));
                self.complain(&describe(&error));
            }
        }
    }

    fn try_open(&mut self, id: &str) -> anyhow::Result<()> {
        let opening = self.opening(id)?;
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
        match Stream::open(opening, tap, &self.station, failed) {
            Ok(stream) => {
                self.stream = Some(stream);
                self.rate = rate;
                Ok(())
            }
            Err((error, tap)) => {
                self.tap = tap.map(|tap| (tap, rate));
                Err(error)
            }
        }
    }

    fn opening(&mut self, id: &str) -> anyhow::Result<Opening> {
        #[cfg(unix)]
        if self.is_told() {
            return Opening::source(id, self.wish.rate);
        }
        if self.host.is_none() {
            self.host = Some(devices::open_host(self.wish.host.as_deref())?);
        }
        let host = self.host.as_ref().context("there is no sound system")?;
        Opening::device(host, id, self.wish.rate)
    }

    fn close(&mut self, reason: Reason) {
        let why = self.failure.take();
        if let Some(stream) = self.stream.take() {
            self.tap = stream.close().map(|tap| (tap, self.rate));
        }
        let device = self.station.source().device.clone();
        let said = match reason {
            Reason::Quiet => {
                tracing::info!(device, "nothing plays; resting");
                self.publish(SourceState::Resting, device, Some(self.rate), None);
                return;
            }
            Reason::Moved => return tracing::info!(device, "the device changes"),
            Reason::Gone => format!("the device {device} is gone"),
            Reason::Stalled => format!("the device {device} gives no audio any more"),
            Reason::Failed => {
                format!("the device {device} failed: {}", why.unwrap_or_default())
            }
        };
        // Whatever the host knew of its devices may be wrong now.
        self.host = None;
        self.complain(&said);
    }

    fn tell_what_is_missing(&mut self, sight: &Sight) {
        if self.stream.is_some() || sight.target.is_some() || self.said.is_some() {
            return;
        }
        let silent = self.server_is_silent();
        if silent && self.start.elapsed() < LOOK_EVERY {
            return;
        }
        let what = match &self.wish.device {
            _ if silent => "the sound server".to_owned(),
            Some(device) => format!("the device {device}"),
            None => "an output to listen to".to_owned(),
        };
        self.complain(&format!("waiting for {what}"));
    }

    /// Says once why there is no audio.
    fn complain(&mut self, problem: &str) {
        let device = self.wish.device.clone().unwrap_or_default();
        self.publish(SourceState::Waiting, device, None, Some(problem.to_owned()));
        if self.said.as_deref() != Some(problem) {
            tracing::warn!("{problem}");
            self.said = Some(problem.to_owned());
        }
    }

    fn publish(
        &self,
        state: SourceState,
        device: String,
        rate: Option<u32>,
        problem: Option<String>,
    ) {
        let host = match &self.host {
            _ if self.is_told() => "pulseaudio".to_owned(),
            Some(host) => devices::lower(host.id()),
            None => String::new(),
        };
        let chosen = self.wish.device.is_some();
        self.station.set_source(Source { state, host, device, chosen, rate, problem });
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
