//! What is known of the sound server, from the thread that watches it.

use crossbeam::channel::Sender;

use super::{Message, Wish};

/// The sound server as far as it is known.
#[derive(Default)]
pub(super) struct Server {
    /// What it told last, once it is watched; `None` within while it tells nothing.
    #[cfg(unix)]
    seen: Option<Option<super::pulse::Snapshot>>,
}

/// A source of the server's.
pub(super) struct Seen {
    pub(super) id: String,
    /// What tells it from a later one of the same name.
    pub(super) version: u32,
    /// Whether any stream plays into the output that it hears, where that is known.
    pub(super) playing: Option<bool>,
    /// Whether that output runs.
    pub(super) runs: bool,
    /// Whether it may run only for somebody who records.
    pub(super) recorded: bool,
}

#[cfg(unix)]
impl Server {
    /// Starts to watch it, as soon as there is one, if it is wanted.
    pub(super) fn watch(&mut self, wish: &Wish, inbox: &Sender<Message>) {
        use super::{devices, pulse};
        if self.seen.is_some() || !devices::is_pulse(wish.host.as_deref()) || !pulse::is_there() {
            return;
        }
        let inbox = inbox.clone();
        let tell = move |snapshot| inbox.send(Message::Seen(snapshot)).is_ok();
        let name = "earworm-server".to_owned();
        if std::thread::Builder::new().name(name).spawn(|| pulse::watch(tell)).is_ok() {
            // Nothing is known yet; that comes as a message.
            self.seen = Some(None);
        }
    }

    /// Takes note of what it told.
    pub(super) fn take(&mut self, snapshot: Option<super::pulse::Snapshot>) {
        self.seen = Some(snapshot);
    }

    /// Whether what is wished for is the server's, which tells when something changes.
    pub(super) fn serves(&self, wish: &Wish) -> bool {
        self.seen.is_some() && super::devices::is_pulse(wish.host.as_deref())
    }

    /// Whether it is there, but has not told anything.
    pub(super) fn is_silent(&self) -> bool {
        self.seen == Some(None)
    }

    /// The source that is captured: the named one, or what hears the default output. One that was
    /// captured `before` stays where several are meant.
    pub(super) fn target(&self, choice: Option<&str>, before: Option<&str>) -> Option<Seen> {
        let snapshot = self.seen.as_ref()?.as_ref()?;
        let id = snapshot.target(choice, before)?;
        Some(Seen {
            version: snapshot.index(&id).unwrap_or(0),
            playing: snapshot.playing(&id),
            runs: snapshot.runs(&id),
            recorded: snapshot.recorded(&id),
            id,
        })
    }

    /// Samples a second of a source.
    pub(super) fn rate(&self, id: &str) -> Option<u32> {
        self.seen.as_ref()?.as_ref()?.rate(id)
    }
}

#[cfg(not(unix))]
impl Server {
    /// There is none to watch.
    pub(super) fn watch(&mut self, _wish: &Wish, _inbox: &Sender<Message>) {}

    /// Nobody tells.
    pub(super) fn serves(&self, _wish: &Wish) -> bool {
        false
    }

    /// See `serves`.
    pub(super) fn is_silent(&self) -> bool {
        false
    }

    /// See `serves`.
    pub(super) fn target(&self, _choice: Option<&str>, _before: Option<&str>) -> Option<Seen> {
        None
    }
}
