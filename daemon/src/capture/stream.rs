//! An open stream of a device.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, ErrorKind, Host, SampleFormat, StreamConfig};
use crossbeam::channel::{self, Receiver, RecvTimeoutError};
use earworm_scorer::RATES;
use earworm_scorer::live::Tap;

use super::callback::{Heard, Inbox, can_take};
#[cfg(unix)]
use super::pulse::{self, PulseStream};
use super::supervisor::SOUND_AFTER;
use crate::panics;
use crate::station::Station;

/// Longest wait for a stream to open: a sound server that hangs must not hang us.
pub(super) const OPENING: Duration = Duration::from_secs(4);
/// Longest wait for a stream to let go of the tap.
const CLOSING: Duration = Duration::from_secs(1);

/// The format of a device of cpal's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    rate: u32,
    channels: u16,
    sample: SampleFormat,
}

/// The format to capture a device in: its own, and the rate asked for if there is one.
fn format_of(device: &cpal::Device, rate: Option<u32>) -> anyhow::Result<Format> {
    // Recording from an output, where that is possible, has the output's format.
    let own = match device.default_input_config() {
        Ok(config) => config,
        Err(_) => device.default_output_config().context("it gives no format")?,
    };
    let format = Format {
        rate: rate.unwrap_or(own.sample_rate()),
        channels: own.channels().max(1),
        sample: own.sample_format(),
    };
    if !can_take(format.sample) {
        bail!("its sample format {} cannot be converted", format.sample);
    }
    Ok(format)
}

/// What can be opened: a device of cpal's, or a source of the sound server's by its name.
pub(super) enum Opening {
    Cpal(Box<cpal::Device>, Format),
    #[cfg(unix)]
    Pulse(String, u32),
    /// One of this rate that opens when it is told how that goes.
    #[cfg(test)]
    Told(u32, Receiver<anyhow::Result<()>>),
    /// One of this rate at which the sound system panics.
    #[cfg(test)]
    Panicking(u32),
}

impl Opening {
    /// A device of this host.
    ///
    /// # Errors
    /// When it is not there, or has a format that cannot be used.
    pub(super) fn device(host: &Host, id: &str, rate: Option<u32>) -> anyhow::Result<Self> {
        let device = by_id(host, id)?;
        let format = format_of(&device, rate)?;
        Self::Cpal(Box::new(device), format).checked()
    }

    /// A source of the sound server, at this rate.
    ///
    /// # Errors
    /// When the rate cannot be used.
    #[cfg(unix)]
    pub(super) fn source(name: &str, rate: u32) -> anyhow::Result<Self> {
        Self::Pulse(name.to_owned(), rate).checked()
    }

    fn checked(self) -> anyhow::Result<Self> {
        let rate = self.rate();
        if !RATES.contains(&rate) {
            let (low, high) = (RATES.start(), RATES.end());
            bail!("its rate of {rate} Hz is not between {low} and {high} Hz");
        }
        Ok(self)
    }

    /// Samples a second.
    pub(super) fn rate(&self) -> u32 {
        match self {
            Self::Cpal(_, format) => format.rate,
            #[cfg(unix)]
            Self::Pulse(_, rate) => *rate,
            #[cfg(test)]
            Self::Told(rate, _) | Self::Panicking(rate) => *rate,
        }
    }

    fn channels(&self) -> usize {
        match self {
            Self::Cpal(_, format) => format.channels.into(),
            #[cfg(unix)]
            Self::Pulse(..) => pulse::CHANNELS.into(),
            #[cfg(test)]
            Self::Told(..) | Self::Panicking(_) => 1,
        }
    }

    fn open(
        self,
        inbox: Inbox,
        station: Arc<Station>,
        failed: impl Fn(String) + Send + 'static,
    ) -> anyhow::Result<Handle> {
        match self {
            Self::Cpal(device, format) => {
                build(&device, format, inbox, station, failed).map(Handle::Cpal)
            }
            #[cfg(unix)]
            Self::Pulse(name, rate) => {
                PulseStream::open(&name, rate, inbox, failed).map(Handle::Pulse)
            }
            #[cfg(test)]
            Self::Told(_, told) => told.recv()?.map(|()| Handle::Told(inbox)),
            #[cfg(test)]
            Self::Panicking(_) => panic!("it went away"),
        }
    }
}

/// What keeps a stream open.
#[expect(dead_code, reason = "it is kept, and dropped")]
enum Handle {
    Cpal(cpal::Stream),
    #[cfg(unix)]
    Pulse(PulseStream),
    #[cfg(test)]
    Told(Inbox),
}

/// A stream that is being opened, in a thread of its own, because not every host can be hurried. If
/// nobody waits for it any more when it opens, it is closed again.
pub(super) struct Attempt {
    result: Receiver<anyhow::Result<Handle>>,
    home: Receiver<Tap>,
    heard: Arc<Heard>,
}

/// How an attempt has gone.
pub(super) enum Outcome {
    /// There is a stream.
    Open(Stream),
    /// There is none, because of this; with the tap, unless that is lost in a sound system that hangs.
    Refused(anyhow::Error, Option<Tap>),
    /// There is no answer yet, and the attempt has the tap.
    Late(Attempt),
}

impl Attempt {
    /// Begins to open a stream and to start it. `failed` is called when it fails later on.
    pub(super) fn begin(
        opening: Opening,
        tap: Tap,
        station: &Arc<Station>,
        failed: impl Fn(String) + Send + 'static,
    ) -> Self {
        let (home, back) = channel::bounded(1);
        let heard = Arc::new(Heard::default());
        let inbox = Inbox::new(tap, home, opening.channels(), station.clone(), heard.clone());
        let station = station.clone();
        let (opened, result) = channel::bounded(1);
        let refused = opened.clone();
        let begun = beside(move || {
            // Its code may panic where the device goes away at that moment.
            let open = panics::caught(|| opening.open(inbox, station, failed));
            let _ = opened.send(open.unwrap_or_else(|why| {
                Err(anyhow!("the sound system failed while it opened the device: {why}"))
            }));
        });
        if let Err(error) = begun {
            let _ = refused.send(Err(anyhow!(error).context("the system gives no thread")));
        }
        Self { result, home: back, heard }
    }

    /// Waits for the answer, but not longer than this.
    pub(super) fn wait(self, patience: Duration) -> Outcome {
        let error = match self.result.recv_timeout(patience) {
            Ok(Ok(handle)) => {
                let Self { home, heard, .. } = self;
                let since = Instant::now();
                return Outcome::Open(Stream { stream: Some(handle), home, heard, since });
            }
            Ok(Err(error)) => error,
            Err(RecvTimeoutError::Timeout) => return Outcome::Late(self),
            Err(RecvTimeoutError::Disconnected) => {
                anyhow!("opening it failed inside Earworm; please report it")
            }
        };
        Outcome::Refused(error, self.home.recv_timeout(CLOSING).ok())
    }
}

/// A stream that gives its samples to a tap.
pub(super) struct Stream {
    stream: Option<Handle>,
    home: Receiver<Tap>,
    heard: Arc<Heard>,
    since: Instant,
}

impl Stream {
    /// Frames that have come so far.
    pub(super) fn frames(&self) -> u64 {
        self.heard.frames.load(Ordering::Relaxed)
    }

    /// How often something was to be heard in them.
    pub(super) fn sounds(&self) -> u64 {
        self.heard.sounds.load(Ordering::Relaxed)
    }

    /// Whether it works: it gives something, or has lasted although nothing plays.
    pub(super) fn works(&self) -> bool {
        self.frames() > 0 || self.since.elapsed() >= SOUND_AFTER
    }

    /// Closes it and gives the tap back, unless that is lost in a sound system that hangs.
    pub(super) fn close(mut self) -> Option<Tap> {
        let stream = self.stream.take();
        // Where there is no thread, it is dropped here.
        let _ = beside(move || {
            if let Err(why) = panics::caught(|| drop(stream)) {
                tracing::debug!(why, "the sound system failed while it closed a stream");
            }
        });
        self.home.recv_timeout(CLOSING).ok()
    }
}

#[cfg(test)]
thread_local! {
    /// Whether the system gives this thread no others.
    pub(super) static NO_THREADS: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Does something in a thread of its own; drops it where the system gives none.
fn beside(work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    #[cfg(test)]
    if NO_THREADS.get() {
        return Err(std::io::ErrorKind::WouldBlock.into());
    }
    std::thread::Builder::new().name("earworm-stream".into()).spawn(work).map(|_| ())
}

fn build(
    device: &cpal::Device,
    format: Format,
    mut inbox: Inbox,
    station: Arc<Station>,
    failed: impl Fn(String) + Send + 'static,
) -> anyhow::Result<cpal::Stream> {
    let config = StreamConfig {
        channels: format.channels,
        sample_rate: format.rate,
        buffer_size: BufferSize::Default,
    };
    let on_error = move |error: cpal::Error| match error.kind() {
        ErrorKind::Xrun => {
            station.tally.xruns.fetch_add(1, Ordering::Relaxed);
        }
        // It goes on: another route, or a thread without priority.
        ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied => {
            tracing::debug!(%error, "the stream goes on");
        }
        _ => failed(error.to_string()),
    };
    let stream = device
        .build_input_stream_raw(
            config,
            format.sample,
            move |data, _| inbox.take(data),
            on_error,
            Some(OPENING),
        )
        .context("cannot open it")?;
    stream.play().context("cannot start it")?;
    Ok(stream)
}

/// A device of this host with this identifier.
fn by_id(host: &Host, id: &str) -> anyhow::Result<cpal::Device> {
    let mut devices = host.devices().context("cannot list the devices")?;
    devices
        .find(|device| device.id().is_ok_and(|found| found.id() == id))
        .context("it is not there")
}
