//! What is said of how it goes, in the log and to whoever looks on.

use super::{Keeper, LOOK_EVERY};
use crate::capture::devices;
use crate::capture::supervisor::Sight;
use crate::station::{Source, SourceState};

impl Keeper {
    /// The device is not found. While there is a stream of it, its end tells why.
    pub(super) fn miss(&mut self, why: String) {
        if self.stream.is_some() {
            self.missing = Some(why);
        } else if self.missing.as_ref() != Some(&why) {
            self.complain(&why);
        }
    }

    pub(super) fn tell_what_is_missing(&mut self, sight: &Sight) {
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
    pub(super) fn complain(&mut self, problem: &str) {
        let device = self.wish.device.clone().unwrap_or_default();
        self.publish(SourceState::Waiting, device, None, Some(problem.to_owned()));
        if self.said.as_deref() != Some(problem) {
            tracing::warn!("{problem}");
            self.said = Some(problem.to_owned());
        }
    }

    pub(super) fn publish(
        &self,
        state: SourceState,
        device: String,
        rate: Option<u32>,
        problem: Option<String>,
    ) {
        let host = match &self.host {
            _ if self.is_told() => devices::PULSE.to_owned(),
            Some(host) => devices::lower(host.id()),
            None => String::new(),
        };
        let chosen = self.wish.device.is_some();
        self.station.set_source(Source { state, host, device, chosen, rate, problem });
    }
}
