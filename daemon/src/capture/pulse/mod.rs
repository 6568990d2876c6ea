//! PulseAudio, and PipeWire, which speaks the same protocol: what the server tells of itself, and
//! streams of its sources. Events come over a connection of their own, so that waiting for them costs
//! nothing.

mod link;
mod snapshot;
mod stream;

use std::time::Duration;

use link::Link;

pub(super) use snapshot::Snapshot;
pub(super) use stream::{CHANNELS, PulseStream};

use super::devices::Listed;

/// How often a server that is not there is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Events come in bursts; this long after the first one the server is asked once.
const BURST: Duration = Duration::from_millis(20);

/// Whether there is a server to watch.
pub(super) fn is_there() -> bool {
    pulseaudio::socket_path_from_env().is_some()
}

/// The server's devices.
///
/// # Errors
/// When it cannot be reached.
pub(super) fn list() -> anyhow::Result<Vec<Listed>> {
    Ok(Link::open()?.snapshot()?.listed())
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
    let mut last = None;
    loop {
        let now = questions.snapshot()?;
        if last.as_ref() != Some(&now) && !tell(Some(now.clone())) {
            return Ok(());
        }
        last = Some(now);
        events.next_event()?;
        std::thread::sleep(BURST);
        while !events.socket.buffer().is_empty() {
            events.next_event()?;
        }
    }
}
