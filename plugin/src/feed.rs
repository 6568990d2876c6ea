//! The audio thread's part: hands blocks to the tap and notes where in the song they lie.
//!
//! Nothing here allocates, locks or calls the system, with one exception that hosts ask for: while they
//! render offline, a block waits for the worker when the ring is full, so that no reading is missing
//! however fast they render.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use ringbuf::traits::{Observer as _, Producer as _};

use crate::session::{Line, Session};
use crate::song_map::Anchor;

/// Song positions may differ from where the song should be by so much without being a jump: hosts round.
const TOLERANCE_S: f64 = 0.002;
/// Most frames handed over at once offline, so that what is waited for always fits into the ring.
const OFFLINE_PIECE: usize = 2048;
/// The tap may need room for one more piece of its own beside the frames.
const SPARE: usize = 1024;
/// How long an offline block waits between looks.
const NAP: Duration = Duration::from_micros(300);
/// A worker that takes nothing for so long is stuck: from then on blocks are dropped and counted.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the host says about one block.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Block {
    /// Whether the transport runs.
    pub(crate) playing: bool,
    /// Where in the song the block starts, in seconds.
    pub(crate) song_s: Option<f64>,
    /// Whether a start of the transport resets the meter.
    pub(crate) reset_on_start: bool,
    /// Whether the block is to be passed by.
    pub(crate) bypass: bool,
}

/// Owned by the audio thread.
pub(crate) struct Feed {
    session: Arc<Session>,
    line: Option<Box<Line>>,
    rate: f64,
    offline: bool,
    stuck: bool,
    /// Frames handed to the tap since the last reset.
    frames: u64,
    was_playing: bool,
    /// Where the next block should start in the song; `None` outside it.
    expected_s: Option<f64>,
    anchor_due: bool,
    reset_due: bool,
    resets_seen: u64,
}

impl Feed {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        Self {
            line: None,
            rate: 48_000.0,
            offline: false,
            stuck: false,
            frames: 0,
            was_playing: false,
            expected_s: None,
            anchor_due: true,
            reset_due: false,
            resets_seen: session.params.resets.load(Relaxed),
            session,
        }
    }

    /// Not for the audio thread: the stream for this rate is asked for, and waited for as long as fits.
    pub(crate) fn activate(&mut self, rate: u32, offline: bool) {
        self.rate = f64::from(rate.max(1));
        self.offline = offline;
        self.session.set_offline(offline);
        self.stuck = false;
        self.was_playing = false;
        self.anchor_due = true;
        // A bounce must not miss its first seconds; a user must not wait for a large model.
        let patience = if offline { Duration::from_secs(30) } else { Duration::from_millis(30) };
        self.session.activate(rate, patience);
        self.take_line();
    }

    /// Not for the audio thread: after an offline rendering, waits until its last sample is scored.
    pub(crate) fn deactivate(&mut self) {
        self.session.pulse.playing.store(false, Relaxed);
        if !self.offline || self.line.is_none() || self.stuck {
            return;
        }
        // Equal, not at least: before a reset is taken in, the reading stands further on.
        let heard_s = self.frames as f64 / self.rate;
        let until = Instant::now() + PATIENCE;
        let behind = || (self.session.reading().time_s - heard_s).abs() > 0.5 / self.rate;
        while behind() && Instant::now() < until {
            std::thread::sleep(NAP);
        }
    }

    fn take_line(&mut self) {
        if self.session.exchange_line(&mut self.line) {
            self.frames = 0;
            self.stuck = false;
            self.anchor_due = true;
            self.reset_due = false;
        }
    }

    /// Hands over one block. Channels are of equal length.
    #[inline]
    pub(crate) fn push(&mut self, channels: &[&[f32]], block: Block) {
        self.take_line();
        let frames = channels.first().map_or(0, |channel| channel.len());
        let playing = block.playing;
        let song_s = block.song_s.filter(|s| playing && s.is_finite());
        self.follow_resets(playing && !self.was_playing && block.reset_on_start);
        self.was_playing = playing;
        let pulse = &self.session.pulse;
        pulse.playing.store(playing, Relaxed);
        if playing {
            pulse.transport.store(true, Relaxed);
        }
        pulse.song_s.store(song_s.unwrap_or(f64::NAN).to_bits(), Relaxed);
        let as_expected = match (song_s, self.expected_s) {
            (Some(is), Some(expected)) => (is - expected).abs() <= TOLERANCE_S,
            (None, None) => true,
            _ => false,
        };
        self.anchor_due |= !as_expected;
        // From where the host says, not from where it should be: rounding must not add up.
        self.expected_s = song_s.map(|s| s + frames as f64 / self.rate);
        if block.bypass || frames == 0 {
            // What is passed by is missing in the sound, so the song goes on elsewhere.
            self.anchor_due |= frames > 0;
            return;
        }
        let Some(line) = &mut self.line else { return };
        if self.reset_due {
            if self.frames == 0 {
                self.reset_due = false;
                self.anchor_due = true;
            } else if line.anchors.vacant_len() > 1 {
                // The anchor first: when the worker sees the reset, it is there.
                let _ = line.anchors.try_push(Anchor { sound_s: 0.0, song_s, reset: true });
                line.tap.reset();
                self.frames = 0;
                self.reset_due = false;
                self.anchor_due = false;
            }
        }
        if self.anchor_due {
            let sound_s = self.frames as f64 / self.rate;
            let anchor = Anchor { sound_s, song_s, reset: false };
            self.anchor_due = line.anchors.try_push(anchor).is_err();
        }
        if self.offline && !self.stuck {
            self.stuck = !push_patiently(line, channels, frames, &self.session);
        } else {
            line.tap.push_planar(channels);
        }
        self.frames += frames as u64;
        // No locked instruction: nobody else writes it.
        pulse.frames.store(pulse.frames.load(Relaxed) + frames as u64, Relaxed);
    }

    #[inline]
    fn follow_resets(&mut self, start: bool) {
        let resets = self.session.params.resets.load(Relaxed);
        self.reset_due |= start || resets != self.resets_seen;
        self.resets_seen = resets;
    }
}

/// Hands over a block, waiting for the worker where needed. False when the worker is stuck; the rest of
/// the block was then handed over all the same.
fn push_patiently(line: &mut Line, channels: &[&[f32]], frames: usize, session: &Session) -> bool {
    let mut patient = true;
    let mut from = 0;
    while from < frames {
        let to = (from + OFFLINE_PIECE).min(frames);
        patient = patient && wait_for_room(line, to - from + SPARE, session);
        match channels {
            [only] => line.tap.push_planar(&[&only[from..to]]),
            [left, right] => line.tap.push_planar(&[&left[from..to], &right[from..to]]),
            _ => {}
        }
        from = to;
    }
    patient
}

fn wait_for_room(line: &Line, room: usize, session: &Session) -> bool {
    if line.tap.room() >= room {
        return true;
    }
    session.pulse.waits.fetch_add(1, Relaxed);
    let (mut had, mut since) = (line.tap.room(), Instant::now());
    loop {
        std::thread::sleep(NAP);
        let has = line.tap.room();
        if has >= room {
            return true;
        }
        if has != had {
            (had, since) = (has, Instant::now());
        } else if since.elapsed() > PATIENCE {
            return false;
        }
    }
}
