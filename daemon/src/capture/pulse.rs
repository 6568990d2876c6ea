//! What the sound server tells of itself: which devices there are, which is the default, and what
//! plays. Events come over a connection of their own, so that waiting for them costs nothing.
//! PipeWire speaks the same protocol.

use std::ffi::{CStr, CString};
use std::io::BufReader;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, bail};
use pulseaudio::protocol::{self, Command, CommandReply, Prop, SubscriptionMask};

use super::devices::MONITOR;

/// How often a server that is not there is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Events come in bursts; this long after the first one the server is asked once.
const BURST: Duration = Duration::from_millis(20);
/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(5);

/// The server as it was a moment ago.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Snapshot {
    /// The source that hears the default output, if there is one.
    default: Option<String>,
    sources: Vec<SourceSeen>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SourceSeen {
    /// Changes when a device of the same name is another one.
    index: u32,
    name: String,
    description: String,
    /// For monitors: whether something plays into the output.
    playing: Option<bool>,
}

impl Snapshot {
    /// The source that is captured, by name.
    pub(super) fn target(&self, choice: Option<&str>) -> Option<String> {
        let there = |name: &str| self.sources.iter().any(|source| source.name == name);
        let Some(choice) = choice else {
            return self.default.clone().filter(|name| there(name));
        };
        let monitor = choice.to_owned() + MONITOR;
        if there(&monitor) {
            return Some(monitor);
        }
        if there(choice) {
            return Some(choice.to_owned());
        }
        let part = choice.to_lowercase();
        let mut fits = self.sources.iter().filter(|source| {
            source.name.to_lowercase().contains(&part)
                || source.description.to_lowercase().contains(&part)
        });
        let first = fits.next()?;
        fits.next().is_none().then(|| first.name.clone())
    }

    /// Whether anything plays into the output that this source hears.
    pub(super) fn playing(&self, source: &str) -> Option<bool> {
        self.sources.iter().find(|seen| seen.name == source)?.playing
    }

    /// What tells this source from a later one of the same name.
    pub(super) fn index(&self, source: &str) -> Option<u32> {
        Some(self.sources.iter().find(|seen| seen.name == source)?.index)
    }
}

/// Whether there is a server to watch.
pub(super) fn is_there() -> bool {
    pulseaudio::socket_path_from_env().is_some()
}

/// Tells of the server whenever something has changed, `None` when it goes, until `tell` returns
/// false. Does not return before.
pub(super) fn watch(mut tell: impl FnMut(Option<Snapshot>) -> bool) {
    loop {
        match follow(&mut tell) {
            Ok(()) => return,
            Err(error) => tracing::debug!(error = format!("{error:#}"), "no sound server"),
        }
        if !tell(None) {
            return;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn follow(tell: &mut impl FnMut(Option<Snapshot>) -> bool) -> anyhow::Result<()> {
    let mut events = Link::open()?;
    events.subscribe()?;
    let mut questions = Link::open()?;
    questions.socket.get_ref().set_read_timeout(Some(ANSWER))?;
    let mut last = None;
    loop {
        let now = questions.snapshot()?;
        if last.as_ref() != Some(&now) && !tell(Some(now.clone())) {
            return Ok(());
        }
        last = Some(now);
        events.next()?;
        std::thread::sleep(BURST);
        while !events.socket.buffer().is_empty() {
            events.next()?;
        }
    }
}

/// A connection to the server.
struct Link {
    socket: BufReader<UnixStream>,
    version: u16,
    next: u32,
}

impl Link {
    fn open() -> anyhow::Result<Self> {
        let path = pulseaudio::socket_path_from_env().context("there is no socket")?;
        let socket = UnixStream::connect(&path)
            .with_context(|| format!("cannot connect to {}", path.display()))?;
        socket.set_read_timeout(Some(ANSWER))?;
        let cookie = pulseaudio::cookie_path_from_env().and_then(|path| std::fs::read(path).ok());
        let mut link =
            Self { socket: BufReader::new(socket), version: protocol::MAX_VERSION, next: 0 };
        let auth: protocol::AuthReply = link.ask(&Command::Auth(protocol::AuthParams {
            version: protocol::MAX_VERSION,
            supports_shm: false,
            supports_memfd: false,
            cookie: cookie.unwrap_or_default(),
        }))?;
        link.version = auth.version.min(protocol::MAX_VERSION);
        let mut properties = protocol::Props::new();
        properties.set(Prop::ApplicationName, c"earworm");
        let _: protocol::SetClientNameReply = link.ask(&Command::SetClientName(properties))?;
        Ok(link)
    }

    fn send(&mut self, command: &Command) -> anyhow::Result<()> {
        protocol::write_command_message(self.socket.get_mut(), self.next, command, self.version)?;
        self.next += 1;
        Ok(())
    }

    fn ask<T: CommandReply>(&mut self, command: &Command) -> anyhow::Result<T> {
        self.send(command)?;
        Ok(protocol::read_reply_message::<T>(&mut self.socket, self.version)?.1)
    }

    fn subscribe(&mut self) -> anyhow::Result<()> {
        let mask = SubscriptionMask::SINK
            | SubscriptionMask::SOURCE
            | SubscriptionMask::SINK_INPUT
            | SubscriptionMask::SERVER;
        self.send(&Command::Subscribe(mask))?;
        protocol::read_ack_message(&mut self.socket)?;
        // From now on it may take for ever until something happens.
        self.socket.get_ref().set_read_timeout(None)?;
        Ok(())
    }

    /// Waits for the next event.
    fn next(&mut self) -> anyhow::Result<()> {
        match protocol::read_command_message(&mut self.socket, self.version)?.1 {
            Command::SubscribeEvent(_) => Ok(()),
            other => bail!("the sound server sent {other:?} instead of an event"),
        }
    }

    fn snapshot(&mut self) -> anyhow::Result<Snapshot> {
        let server: protocol::ServerInfo = self.ask(&Command::GetServerInfo)?;
        let sinks: protocol::SinkInfoList = self.ask(&Command::GetSinkInfoList)?;
        let sources: protocol::SourceInfoList = self.ask(&Command::GetSourceInfoList)?;
        let inputs: protocol::SinkInputInfoList = self.ask(&Command::GetSinkInputInfoList)?;
        let default = server.default_sink_name.as_deref();
        let default = sinks.iter().find(|sink| Some(sink.name.as_c_str()) == default);
        let plays_into =
            |sink| inputs.iter().any(|input| input.sink_index == sink && !input.corked);
        let sources = sources.iter().map(|source| SourceSeen {
            index: source.index,
            name: text(&source.name),
            description: source.description.as_deref().map(text).unwrap_or_default(),
            playing: source.monitor_of_sink_index.map(plays_into),
        });
        Ok(Snapshot {
            default: default.and_then(|sink| sink.monitor_source_name.as_deref()).map(text),
            sources: sources.collect(),
        })
    }
}

fn text(name: &(impl AsRef<CStr> + ?Sized)) -> String {
    CString::from(name.as_ref()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> Snapshot {
        let source = |index, name: &str, description: &str, playing| SourceSeen {
            index,
            name: name.into(),
            description: description.into(),
            playing,
        };
        Snapshot {
            default: Some("usb.monitor".into()),
            sources: vec![
                source(4, "usb.monitor", "Monitor of USB Headset", Some(true)),
                source(5, "hdmi.monitor", "Monitor of Screen", Some(false)),
                source(9, "mic", "Microphone", None),
            ],
        }
    }

    #[test]
    fn the_target_is_the_default_or_the_named_one() {
        let snapshot = snapshot();
        let target = |choice| snapshot.target(choice);
        assert_eq!(target(None).as_deref(), Some("usb.monitor"));
        for (choice, source) in [
            ("hdmi", Some("hdmi.monitor")),
            ("mic", Some("mic")),
            ("screen", Some("hdmi.monitor")),
            ("monitor", None),
            ("gone", None),
        ] {
            assert_eq!(target(Some(choice)).as_deref(), source, "{choice}");
        }
        let without = Snapshot { sources: vec![], ..snapshot.clone() };
        assert_eq!(without.target(None), None, "its default may be named before it is there");
    }

    #[test]
    fn what_plays_is_known_of_monitors_only() {
        let snapshot = snapshot();
        assert_eq!(snapshot.playing("usb.monitor"), Some(true));
        assert_eq!(snapshot.playing("hdmi.monitor"), Some(false));
        assert_eq!(snapshot.playing("mic"), None);
        assert_eq!(snapshot.index("mic"), Some(9));
    }
}
