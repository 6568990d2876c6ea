//! The audio thread's part: hands blocks to the tap and notes where in the song they lie.
//!
//! Nothing here allocates, locks or calls the system, with one exception that hosts ask for: while they
//! render offline, a block waits for the worker when the ring is full, so that no reading is missing
//! however fast they render, and for the opener when there is no stream yet or settings have changed that take
//! another.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::time::{Duration, Instant};

use ringbuf::traits::{Observer as _, Producer as _};

use crate::session::{Line, Session};
use crate::song_map::Anchor;

/// The song may be elsewhere than its last anchor says by so much before there is another: hosts round, and a
/// song at another pace than the sound would have one with every block.
const TOLERANCE_S: f64 = 0.01;
/// A song that goes on so much further back after a reset of the plugin has started anew. Less is what hosts
/// play again when they restart a plugin in the middle of a song.
const START_S: f64 = 0.1;
/// Most frames handed over at once offline, so that what is waited for always fits into the ring.
const OFFLINE_PIECE: usize = 2048;
/// The tap may need room for one more piece of its own beside the frames.
const SPARE: usize = 1024;
/// How long an offline block waits between looks.
const NAP: Duration = Duration::from_micros(300);
/// A worker that takes nothing for so long is stuck: until it takes something again, blocks are dropped and
/// counted.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a host that renders offline waits for a stream: a large model takes a while.
const OFFLINE_PATIENCE: Duration = Duration::from_secs(30);

/// What the host says about one block.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Block {
    /// Whether the transport runs.
    pub(crate) playing: bool,
    /// Where in the song the block starts, in seconds.
    pub(crate) song_s: Option<f64>,
    /// Seconds of the stretch that the host plays again and again, if it does.
    pub(crate) loop_s: Option<f64>,
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
    /// How long a worker that takes nothing is waited for offline.
    patience: Duration,
    /// Frames handed to the tap since the last reset.
    frames: u64,
    was_playing: bool,
    /// Whether the host has reset the plugin since the transport was last seen running. It may have stopped
    /// meanwhile, as not every host shows a plugin blocks without a running transport.
    restarted: bool,
    /// Where the next block should start in the song; `None` outside it.
    expected_s: Option<f64>,
    /// The last anchor that the stream was given.
    anchor: Option<Anchor>,
    anchor_due: bool,
    reset_due: bool,
    resets_seen: u64,
    /// Changes of the settings that need not be waited for any more.
    changes_seen: u64,
}

impl Feed {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        Self {
            line: None,
            rate: 48_000.0,
            offline: false,
            stuck: false,
            patience: PATIENCE,
            frames: 0,
            was_playing: false,
            restarted: false,
            expected_s: None,
            anchor: None,
            anchor_due: true,
            reset_due: false,
            resets_seen: session.params.resets.load(Relaxed),
            changes_seen: 0,
            session,
        }
    }

    /// Not for the audio thread: the stream for this rate is asked for, and waited for as long as fits.
    pub(crate) fn activate(&mut self, rate: u32, offline: bool) {
        let was = (self.rate, self.offline);
        self.rate = f64::from(rate.max(1));
        self.offline = offline;
        // A host may activate again in the middle of a song, and the song goes on; a bounce starts anew.
        self.was_playing &= was == (self.rate, offline);
        self.session.set_offline(offline);
        self.stuck = false;
        self.anchor_due = true;
        self.changes_seen = self.session.params.changes.load(Acquire);
        // A bounce must not miss its first seconds; a user must not wait for a large model.
        let patience = if offline { OFFLINE_PATIENCE } else { Duration::from_millis(30) };
        self.session.activate(rate, patience);
        // Where none has come yet, the line of before stays, though it gets nothing: should the host return to
        // its rate before the opener has looked, no other one would be sent.
        self.take_line();
    }

    /// The host renders offline from the next block on, or no longer, without having activated the plugin again. For
    /// the audio thread, between blocks: only where it turns to rendering offline, a stream is waited for.
    pub(crate) fn turn(&mut self, offline: bool) {
        if offline == self.offline {
            return;
        }
        self.offline = offline;
        self.stuck = false;
        // As when a host activates the plugin for it: what comes is something else than what came.
        self.was_playing = false;
        self.session.turn_offline(offline);
        if offline {
            // It must not miss its first seconds.
            let until = Instant::now() + OFFLINE_PATIENCE;
            while self.session.is_opening() && Instant::now() < until {
                std::thread::sleep(NAP);
            }
        }
    }

    /// The host says that what comes may be something else than what came: a look at the next block tells.
    pub(crate) fn restart(&mut self) {
        self.restarted = true;
    }

    /// Not for the audio thread: after an offline rendering, waits until its last sample is scored.
    pub(crate) fn deactivate(&mut self) {
        self.session.pulse.playing.store(false, Relaxed);
        let waits = self.offline && !self.stuck;
        let line = self.line.as_ref().filter(|line| waits && takes(line, self.rate));
        let Some(line) = line else { return };
        // Equal, not at least: before a reset is taken in, the reading stands further on.
        let heard_s = self.frames as f64 / self.rate;
        let until = Instant::now() + PATIENCE;
        // Settings that changed behind the last block have put another stream into its place: nothing comes.
        let behind = || {
            self.session.streams() == line.stream
                && (self.session.reading().time_s - heard_s).abs() > 0.5 / self.rate
        };
        while behind() && Instant::now() < until {
            std::thread::sleep(NAP);
        }
    }

    fn take_line(&mut self) {
        if self.session.exchange_line(&mut self.line) {
            self.frames = 0;
            self.stuck = false;
            self.anchor = None;
            self.anchor_due = true;
            self.reset_due = false;
        }
    }

    /// For offline rendering: what was set before a block counts from that block on.
    fn wait_for_settings(&mut self) {
        let changes = self.session.params.changes.load(Acquire);
        if changes == self.changes_seen {
            return;
        }
        self.changes_seen = changes;
        let until = Instant::now() + OFFLINE_PATIENCE;
        while self.session.changes_taken() < changes && Instant::now() < until {
            std::thread::sleep(NAP);
        }
    }

    /// Hands over one block. Channels are of equal length.
    #[inline]
    pub(crate) fn push(&mut self, channels: &[&[f32]], block: Block) {
        if self.offline {
            self.wait_for_settings();
        }
        self.take_line();
        let frames = channels.first().map_or(0, |channel| channel.len());
        let playing = block.playing;
        let song_s = block.song_s.filter(|s| playing && s.is_finite());
        let start = playing && (!self.was_playing || self.is_back(song_s, block.loop_s));
        self.follow_resets(start && block.reset_on_start);
        self.was_playing = playing;
        self.restarted &= !playing;
        let pulse = &self.session.pulse;
        pulse.playing.store(playing, Relaxed);
        if playing {
            pulse.transport.store(true, Relaxed);
        }
        pulse.song_s.store(song_s.unwrap_or(f64::NAN).to_bits(), Relaxed);
        self.anchor_due |= self.strays(song_s);
        // From where the host says, not from where it should be: rounding must not add up.
        self.expected_s = song_s.map(|s| s + frames as f64 / self.rate);
        if block.bypass || frames == 0 {
            // What is passed by is missing in the sound, so the song goes on elsewhere.
            self.anchor_due |= frames > 0;
            return;
        }
        let rate = self.rate;
        let Some(line) = self.line.as_mut().filter(|line| takes(line, rate)) else { return };
        if self.reset_due {
            if self.frames == 0 {
                self.reset_due = false;
                self.anchor_due = true;
            } else if line.anchors.vacant_len() > 1 {
                // The anchor first: when the worker sees the reset, it is there.
                let anchor = Anchor { sound_s: 0.0, song_s, reset: true };
                let _ = line.anchors.try_push(anchor);
                self.anchor = Some(anchor);
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
            if !self.anchor_due {
                self.anchor = Some(anchor);
            }
        }
        // A worker that was stuck and has made room since is waited for again.
        if self.stuck && line.tap.room() >= frames.min(OFFLINE_PIECE) + SPARE {
            self.stuck = false;
        }
        if self.offline && !self.stuck {
            self.stuck = !push_patiently(line, channels, frames, &self.session, self.patience);
        } else {
            line.tap.push_planar(channels);
        }
        self.frames += frames as u64;
        // No locked instruction: nobody else writes it.
        pulse.frames.store(pulse.frames.load(Relaxed) + frames as u64, Relaxed);
    }

    /// Whether the song is elsewhere than the last anchor says. Not than the block before says: a song at
    /// another pace is off by little in one block, and that adds up.
    #[inline]
    fn strays(&self, song_s: Option<f64>) -> bool {
        let Some(anchor) = self.anchor else { return true };
        match (song_s, anchor.song_s) {
            (Some(is), Some(from)) => {
                let heard_s = self.frames as f64 / self.rate - anchor.sound_s;
                (is - from - heard_s).abs() > TOLERANCE_S
            }
            (None, None) => false,
            _ => true,
        }
    }

    /// Whether the song goes on further back after a reset of the plugin: it has been stopped and started. The
    /// loop's jump is no start, should a host reset the plugin with it.
    #[inline]
    fn is_back(&self, song_s: Option<f64>, loop_s: Option<f64>) -> bool {
        let (true, Some(is), Some(expected)) = (self.restarted, song_s, self.expected_s) else {
            return false;
        };
        let back_s = expected - is;
        back_s > START_S && loop_s.is_none_or(|length| (back_s - length).abs() > TOLERANCE_S)
    }

    #[inline]
    fn follow_resets(&mut self, start: bool) {
        let resets = self.session.params.resets.load(Relaxed);
        self.reset_due |= start || resets != self.resets_seen;
        self.resets_seen = resets;
    }
}

/// Whether a line is of this rate. One that was there or on its way when the rate changed would take the audio
/// for some at another pace.
#[inline]
fn takes(line: &Line, rate: f64) -> bool {
    f64::from(line.rate) == rate
}

/// Hands over a block, waiting for the worker where needed. False when the worker is stuck; the rest of
/// the block was then handed over all the same.
fn push_patiently(
    line: &mut Line,
    channels: &[&[f32]],
    frames: usize,
    session: &Session,
    patience: Duration,
) -> bool {
    let mut patient = true;
    let mut from = 0;
    while from < frames {
        let to = (from + OFFLINE_PIECE).min(frames);
        patient = patient && wait_for_room(line, to - from + SPARE, session, patience);
        match channels {
            [only] => line.tap.push_planar(&[&only[from..to]]),
            [left, right] => line.tap.push_planar(&[&left[from..to], &right[from..to]]),
            _ => {}
        }
        from = to;
    }
    patient
}

fn wait_for_room(line: &Line, room: usize, session: &Session, patience: Duration) -> bool {
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
        } else if since.elapsed() > patience {
            return false;
        }
    }
}

#[cfg(test)]
mod tests;
