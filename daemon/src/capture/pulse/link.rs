//! A connection to the sound server that is waited on by one thread. The `pulseaudio` crate has a
//! client of its own, but that keeps its thread and its socket when it is dropped.

use std::ffi::{CStr, CString};
use std::io::BufReader;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, bail};
use pulseaudio::protocol::{self, Command, CommandReply, Prop, SinkState, SubscriptionMask};

use super::snapshot::{SinkSeen, Snapshot, SourceSeen, format};

/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(4);
/// Bytes that are read at a time: a whole block of audio.
pub(super) const BUFFER: usize = 64 << 10;

/// The connection.
pub(super) struct Link {
    pub(super) socket: BufReader<UnixStream>,
    pub(super) version: u16,
    next: u32,
}

impl Link {
    /// Connects, and says who we are.
    ///
    /// # Errors
    /// When there is no server, it does not answer in time, or it refuses us.
    pub(super) fn open() -> anyhow::Result<Self> {
        let path = pulseaudio::socket_path_from_env()
            .context("cannot reach the sound server: there is no socket")?;
        let socket = UnixStream::connect(&path)
            .with_context(|| format!("cannot reach the sound server at {}", path.display()))?;
        socket.set_read_timeout(Some(ANSWER))?;
        socket.set_write_timeout(Some(ANSWER))?;
        let cookie = pulseaudio::cookie_path_from_env().and_then(|path| std::fs::read(path).ok());
        let socket = BufReader::with_capacity(BUFFER, socket);
        let mut link = Self { socket, version: protocol::MAX_VERSION, next: 0 };
        let auth: protocol::AuthReply = link.ask(&Command::Auth(protocol::AuthParams {
            version: protocol::MAX_VERSION,
            supports_shm: false,
            supports_memfd: false,
            cookie: cookie.unwrap_or_default(),
        }))?;
        link.version = auth.version.min(protocol::MAX_VERSION);
        let mut properties = protocol::Props::new();
        properties.set(Prop::ApplicationName, c"Earworm");
        let _: protocol::SetClientNameReply = link.ask(&Command::SetClientName(properties))?;
        Ok(link)
    }

    fn send(&mut self, command: &Command) -> anyhow::Result<()> {
        protocol::write_command_message(self.socket.get_mut(), self.next, command, self.version)?;
        self.next += 1;
        Ok(())
    }

    /// Asks for something and waits for the answer.
    ///
    /// # Errors
    /// What the server says, or that it says nothing.
    pub(super) fn ask<T: CommandReply>(&mut self, command: &Command) -> anyhow::Result<T> {
        self.send(command)?;
        Ok(protocol::read_reply_message::<T>(&mut self.socket, self.version)?.1)
    }

    /// From now on whatever comes is waited for as long as it takes.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn be_patient(&self) -> std::io::Result<()> {
        self.socket.get_ref().set_read_timeout(None)
    }

    /// Asks to be told of every change.
    ///
    /// # Errors
    /// As of [`ask`](Self::ask).
    pub(super) fn subscribe(&mut self) -> anyhow::Result<()> {
        let mask = SubscriptionMask::SINK
            | SubscriptionMask::SOURCE
            | SubscriptionMask::SINK_INPUT
            | SubscriptionMask::SOURCE_OUTPUT
            | SubscriptionMask::SERVER;
        self.send(&Command::Subscribe(mask))?;
        protocol::read_ack_message(&mut self.socket)?;
        Ok(self.be_patient()?)
    }

    /// Waits for the next event.
    ///
    /// # Errors
    /// When the server goes, or says something else.
    pub(super) fn next_event(&mut self) -> anyhow::Result<()> {
        match protocol::read_command_message(&mut self.socket, self.version)?.1 {
            Command::SubscribeEvent(_) => Ok(()),
            other => bail!("the sound server sent {other:?} instead of an event"),
        }
    }

    /// What the server looks like.
    ///
    /// # Errors
    /// As of [`ask`](Self::ask).
    pub(super) fn snapshot(&mut self) -> anyhow::Result<Snapshot> {
        let server: protocol::ServerInfo = self.ask(&Command::GetServerInfo)?;
        let sinks: protocol::SinkInfoList = self.ask(&Command::GetSinkInfoList)?;
        let sources: protocol::SourceInfoList = self.ask(&Command::GetSourceInfoList)?;
        let inputs: protocol::SinkInputInfoList = self.ask(&Command::GetSinkInputInfoList)?;
        let outputs: protocol::SourceOutputInfoList =
            self.ask(&Command::GetSourceOutputInfoList)?;
        let default = server.default_sink_name.as_deref();
        let default = sinks.iter().find(|sink| Some(sink.name.as_c_str()) == default);
        let plays_into =
            |sink| inputs.iter().any(|input| input.sink_index == sink && !input.corked);
        let runs = |index: u32| {
            sinks.iter().any(|sink| sink.index == index && sink.state == SinkState::Running)
        };
        let sources = sources.iter().map(|source| SourceSeen {
            index: source.index,
            name: text(&source.name),
            description: source.description.as_deref().map(text).unwrap_or_default(),
            rate: source.sample_spec.sample_rate,
            format: format(&source.sample_spec),
            playing: source.monitor_of_sink_index.map(plays_into),
            runs: source.monitor_of_sink_index.is_some_and(runs),
            recorded: source
                .monitor_of_sink_index
                .is_some_and(|sink| may_run_for_recorders(source.index, &outputs, sink, &inputs)),
        });
        let sink = |sink: &protocol::SinkInfo| SinkSeen {
            name: text(&sink.name),
            description: sink.description.as_deref().map(text).unwrap_or_default(),
            format: format(&sink.sample_spec),
        };
        Ok(Snapshot {
            default: default.and_then(|sink| sink.monitor_source_name.as_deref()).map(text),
            sources: sources.collect(),
            sinks: sinks.iter().map(sink).collect(),
        })
    }
}

/// Whether an output may run only because somebody, we perhaps, records what it plays. PipeWire says that
/// it is idle then, but not while a stream that pauses is linked to it as well.
fn may_run_for_recorders(
    source: u32,
    outputs: &[protocol::SourceOutputInfo],
    sink: u32,
    inputs: &[protocol::SinkInputInfo],
) -> bool {
    outputs.iter().any(|output| output.source_index == source && !output.corked)
        && inputs.iter().any(|input| input.sink_index == sink)
}

fn text(name: &(impl AsRef<CStr> + ?Sized)) -> String {
    CString::from(name.as_ref()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_runs_for_recorders_only_beside_a_stream_that_pauses() {
        let recorder = |source_index, corked| protocol::SourceOutputInfo {
            source_index,
            corked,
            ..Default::default()
        };
        let paused =
            |sink_index| protocol::SinkInputInfo { sink_index, corked: true, ..Default::default() };
        for (outputs, inputs, doubtful) in [
            (vec![recorder(4, false)], vec![paused(3)], true),
            // Nothing but a program without a stream can have made it run.
            (vec![recorder(4, false)], vec![], false),
            (vec![recorder(4, false)], vec![paused(7)], false),
            (vec![], vec![paused(3)], false),
            (vec![recorder(4, true), recorder(8, false)], vec![paused(3)], false),
        ] {
            assert_eq!(
                may_run_for_recorders(4, &outputs, 3, &inputs),
                doubtful,
                "{outputs:?} {inputs:?}"
            );
        }
    }
}
