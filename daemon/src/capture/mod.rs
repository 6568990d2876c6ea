//! System audio: whatever the workstation plays, captured for weeks. Devices come and go meanwhile;
//! [`supervisor`] says what to do about it, [`keeper`] does it.

mod callback;
pub(crate) mod devices;
mod keeper;
#[cfg(unix)]
mod pulse;
mod server;
mod stream;
mod supervisor;

use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Context;
use crossbeam::channel::{self, Sender};
use earworm_scorer::live::Tap;

use crate::station::{Command, Station, Wish};

use keeper::Keeper;

/// What the keeper's thread is told.
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

    /// Whether it has ended by itself, as it never should: nothing is heard any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// One that has ended by itself.
    #[cfg(test)]
    pub(crate) fn ended() -> Self {
        let thread = std::thread::spawn(|| {});
        while !thread.is_finished() {
            std::thread::yield_now();
        }
        Self { inbox: channel::unbounded().0, thread: Some(thread) }
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
