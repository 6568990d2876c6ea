//! What is asked of the sound system: what there is to capture, and in which format.

use anyhow::{Context, anyhow};

use super::Keeper;
use crate::capture::devices;
use crate::capture::stream::{Opening, Stream};
use crate::capture::supervisor::{Sight, Target};
use crate::exit::describe;
use crate::panics;

impl Keeper {
    /// Whether a sound server tells when something changes.
    pub(super) fn is_told(&self) -> bool {
        self.server.serves(&self.wish)
    }

    /// Whether there is a sound server, but one that has not told anything.
    pub(super) fn server_is_silent(&self) -> bool {
        self.is_told() && self.server.is_silent()
    }

    /// What there is to capture.
    pub(super) fn look(&mut self) -> Sight {
        if self.stream.as_ref().is_some_and(Stream::works) {
            // Whatever goes wrong from now on is news.
            (self.said, self.announced) = (None, None);
        }
        let mut sight = Sight {
            frames: self.stream.as_ref().map_or(0, Stream::frames),
            sounds: self.stream.as_ref().map_or(0, Stream::sounds),
            failed: self.failure.is_some(),
            ..Sight::default()
        };
        let choice = self.held.clone().or_else(|| self.wish.device.clone());
        if self.is_told() {
            if let Some(seen) = self.server.target(choice.as_deref(), self.named.as_deref()) {
                (sight.playing, sight.runs) = (seen.playing, seen.runs);
                sight.recorded = seen.recorded;
                sight.target = Some(Target { id: seen.id, version: seen.version });
            }
            return sight;
        }
        match self.locate(choice.as_deref()) {
            Ok((id, is_loopback)) => {
                sight.target = Some(Target { id, version: 0 });
                sight.may_be_mute = is_loopback;
            }
            Err(error) => self.miss(describe(&error)),
        }
        sight
    }

    /// The identifier of what is to be captured, and whether it is an output that is heard by loopback.
    fn locate(&mut self, choice: Option<&str>) -> anyhow::Result<(String, bool)> {
        use cpal::traits::DeviceTrait as _;
        self.ask(|keeper| {
            // Anew each time: what it keeps quiet is kept in memory.
            let _quiet = devices::quiet();
            keeper.open_host()?;
            let host = keeper.host.as_ref().context("there is no sound system")?;
            let device = devices::locate(host, choice, keeper.named.as_deref())?;
            Ok((device.id()?.id().to_owned(), devices::is_loopback(host, &device)))
        })
    }

    /// What is to be opened to capture this device.
    pub(super) fn opening(&mut self, id: &str) -> anyhow::Result<Opening> {
        #[cfg(unix)]
        if self.is_told() {
            let own = self.server.rate(id).context("it is not there")?;
            return Opening::source(id, self.wish.rate.unwrap_or(own));
        }
        self.ask(|keeper| {
            keeper.open_host()?;
            let host = keeper.host.as_ref().context("there is no sound system")?;
            Opening::device(host, id, keeper.wish.rate)
        })
    }

    fn open_host(&mut self) -> anyhow::Result<()> {
        if self.host.is_none() {
            self.host = Some(devices::open_host(self.wish.host.as_deref())?);
        }
        Ok(())
    }

    /// Asks the sound system. Its code may panic where a device goes away at that moment: that is an error like
    /// others, and the next question goes to a host that knows nothing of it.
    pub(super) fn ask<T>(
        &mut self,
        question: impl FnOnce(&mut Self) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        panics::caught(|| question(self)).unwrap_or_else(|why| {
            self.host = None;
            Err(anyhow!("the sound system failed while it was asked for its devices: {why}"))
        })
    }
}
