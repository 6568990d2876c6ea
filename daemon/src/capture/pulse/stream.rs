//! A stream of a source, read by a thread of its own. cpal could open one too, but gives the server
//! no more room than one block, and a busy computer then loses samples without a word; it keeps the
//! server from sleeping; and what it drops, its thread and its socket, stays.

use std::ffi::CString;
use std::io::{BufRead, Cursor, Read};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, bail};
use pulseaudio::protocol::stream::{BufferAttr, StreamFlags};
use pulseaudio::protocol::{
    self, ChannelMap, Command, CreateRecordStreamReply, RecordStreamParams, SampleFormat,
    SampleSpec,
};

use super::super::callback::Inbox;
use super::link::{BUFFER, Link};

/// Blocks a second: often enough for ten readings a second, seldom enough to cost little.
const BLOCKS_A_SECOND: u32 = 10;
/// Channels; the server mixes down what has more.
pub(in crate::capture) const CHANNELS: u8 = 2;
/// How long what comes is left to gather: beside a player with small blocks, the server sends small ones
/// too, and each waking costs.
const NAP: Duration = Duration::from_millis(80);
/// What a control packet has for a channel.
const CONTROL: u32 = u32::MAX;

/// An open stream; it is closed when this is dropped, and lets go of the inbox.
pub(in crate::capture) struct PulseStream {
    socket: UnixStream,
    closing: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl PulseStream {
    /// Opens and starts a stream of floats in stereo. `failed` is called when it ends by itself.
    ///
    /// # Errors
    /// What the server says.
    pub(in crate::capture) fn open(
        source: &str,
        rate: u32,
        inbox: Inbox,
        failed: impl Fn(String) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let mut link = Link::open()?;
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
        let created: CreateRecordStreamReply =
            link.ask(&Command::CreateRecordStream(params)).context("cannot open it")?;
        link.be_patient()?;
        let socket = link.socket.get_ref().try_clone()?;
        let closing = Arc::new(AtomicBool::new(false));
        let meant = closing.clone();
        let reader = std::thread::Builder::new().name("earworm-pulse".into()).spawn(move || {
            if let Err(error) = read(link, created.channel, inbox)
                && !meant.load(Ordering::Relaxed)
            {
                failed(format!("{error:#}"));
            }
        })?;
        Ok(Self { socket, closing, reader: Some(reader) })
    }
}

impl Drop for PulseStream {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        // The reader finds the end of the connection, and ends.
        let _ = self.socket.shutdown(Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// Gives what comes to the inbox, until the connection ends.
fn read(mut link: Link, channel: u32, mut inbox: Inbox) -> anyhow::Result<()> {
    let mut packet = Vec::new();
    let mut behind = false;
    loop {
        if link.socket.buffer().is_empty() {
            if !behind {
                std::thread::sleep(NAP);
            }
            let ready = link.socket.fill_buf().context("the connection ended")?;
            // There is more than was asked for.
            behind = ready.len() == BUFFER;
        }
        let head = protocol::read_descriptor(&mut link.socket).context("the connection ended")?;
        let length = head.length as usize;
        if length > protocol::MAX_MEMBLOCKQ_LENGTH {
            bail!("the sound server sent a packet of {length} bytes");
        }
        if packet.len() < length {
            packet.resize(length, 0);
        }
        let packet = &mut packet[..length];
        link.socket.read_exact(packet).context("the connection ended")?;
        if head.channel == channel {
            inbox.take_float_bytes(packet);
        } else if head.channel == CONTROL
            // What this version of the protocol's implementation does not know is not for us.
            && let Ok((_, Command::RecordStreamKilled(_))) =
                Command::read_tag_prefixed(&mut Cursor::new(&*packet), link.version)
        {
            bail!("the sound server closed the stream: its device is gone, or somebody closed it");
        }
    }
}
