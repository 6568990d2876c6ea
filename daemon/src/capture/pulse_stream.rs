//! A stream of a PulseAudio or PipeWire source. cpal could open one too, but gives the server no
//! more room than one block, and a busy computer then loses samples without a word; it also keeps
//! the server from sleeping.

use std::ffi::CString;

use anyhow::Context;
use futures::executor::block_on;
use pulseaudio::protocol::stream::{BufferAttr, StreamFlags};
use pulseaudio::protocol::{ChannelMap, RecordStreamParams, SampleFormat, SampleSpec};
use pulseaudio::{Client, RecordStream};

use super::callback::Inbox;

/// Blocks a second: often enough for ten readings a second, seldom enough to cost little.
const BLOCKS_A_SECOND: u32 = 20;
/// Channels; the server mixes down what has more.
pub(super) const CHANNELS: u8 = 2;

/// An open stream; it is closed when this is dropped, and lets go of the inbox.
pub(super) struct PulseStream {
    _stream: RecordStream,
    _client: Client,
}

/// The rate of a source, in Hz.
///
/// # Errors
/// When the server or the source is not there.
pub(super) fn rate_of(source: &str) -> anyhow::Result<u32> {
    let client = connect()?;
    let name = CString::new(source)?;
    let info = block_on(client.source_info_by_name(name)).context("it is not there")?;
    Ok(info.sample_spec.sample_rate)
}

fn connect() -> anyhow::Result<Client> {
    Client::from_env(c"Earworm").context("cannot reach the sound server")
}

impl PulseStream {
    /// Opens and starts a stream of floats in stereo.
    ///
    /// # Errors
    /// What the server says.
    pub(super) fn open(source: &str, rate: u32, mut inbox: Inbox) -> anyhow::Result<Self> {
        let client = connect()?;
        let bytes = rate / BLOCKS_A_SECOND * 4 * u32::from(CHANNELS);
        let params = RecordStreamParams {
            sample_spec: SampleSpec {
                format: SampleFormat::Float32Le,
                channels: CHANNELS,
                sample_rate: rate,
            },
            channel_map: ChannelMap::stereo(),
            source_name: Some(CString::new(source)?),
            // `max_length` stays as large as the server allows.
            buffer_attr: BufferAttr { fragment_size: bytes, ..BufferAttr::default() },
            flags: StreamFlags {
                adjust_latency: true,
                no_move: true,
                no_inhibit_auto_suspend: true,
                ..StreamFlags::default()
            },
            ..RecordStreamParams::default()
        };
        let take = move |bytes: &[u8]| inbox.take_float_bytes(bytes);
        let stream =
            block_on(client.create_record_stream(params, take)).context("cannot open it")?;
        Ok(Self { _stream: stream, _client: client })
    }
}
