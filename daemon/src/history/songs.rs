//! Where one song ends and the next begins: by what the player says, or else by silence. A plain
//! state machine without a clock.

mod playing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use earworm_scorer::{Hook, Reading, Status};

use crate::station::Track;

use super::calendar::Clocks;
use playing::Playing;

/// Silence that ends a song, in seconds, where no player says what plays.
const SILENCE_S: f64 = 4.0;
/// Sound that is not the player's, in seconds, if so much of it is heard while the player holds its
/// song: it takes a moment until the last of the song has come through.
const FOREIGN_S: f64 = 4.0;
/// A difference between clocks that shows that one of them was put right, in seconds: one that starts without a
/// battery may say 1970 until the network is there.
const PUT_RIGHT_S: f64 = 60.0;
/// What is shorter than this is no song: a notification, say.
const LEAST_S: f64 = 10.0;

/// A song as far as it was heard.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Song {
    /// Its number in the history, once it has one.
    pub(crate) id: Option<i64>,
    /// Its number among those that were heard since the program began.
    pub(crate) nth: u64,
    /// What the player says of it.
    pub(crate) track: Option<Track>,
    /// When it was heard first and last, in seconds since 1970.
    pub(crate) start: f64,
    pub(crate) end: f64,
    /// What of the hook lies `t` seconds into the song was heard at this time plus `t`.
    pub(crate) began: f64,
    /// How much of it was heard, in seconds.
    pub(crate) heard_s: f64,
    /// Its integrated score, 0 to 100.
    pub(crate) score: Option<f32>,
    /// Its best window.
    pub(crate) hook: Option<Hook>,
    /// The value of each class.
    pub(crate) details: BTreeMap<String, f32>,
}

impl Song {
    /// Joins those that are still to be written, in place of what was known of it before.
    pub(super) fn join(self, waiting: &mut Vec<Self>) {
        waiting.retain(|old| old.nth != self.nth);
        waiting.push(self);
    }
}

/// What is heard at one moment.
#[derive(Debug, Clone)]
pub(super) struct Moment<'a> {
    /// On a clock that does not go back, in seconds.
    pub(super) now_s: f64,
    /// Seconds since 1970, which may jump.
    pub(super) time: f64,
    /// On a clock that only counts, while the computer sleeps as well, in seconds.
    pub(super) steady_s: f64,
    /// What the scorer says, and what changes when it starts anew.
    pub(super) reading: &'a Reading,
    pub(super) epoch: (u64, u64),
    /// The names of the model's classes.
    pub(super) classes: &'a [String],
    /// Whether audio comes in.
    pub(super) running: bool,
    /// What a player says that it plays.
    pub(super) track: Option<&'a Track>,
}

/// What follows from a moment.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Step {
    /// Songs to put down: the present one, and one that has just ended.
    pub(super) songs: Vec<Song>,
    /// Whether the scorer is to start anew, as another song begins.
    pub(super) reset: bool,
}

/// Splits what is heard into songs.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    song: Option<Playing>,
    /// Songs that have begun.
    songs: u64,
    clocks: Clocks,
    /// When anything was last audible.
    audible_s: f64,
    /// Since when something is heard although the player holds its song.
    foreign_s: Option<f64>,
    last_s: Option<f64>,
    /// The scorer has been told to start anew, and this is how it was before.
    resetting: Option<(u64, u64)>,
    /// Whether anything has been scored since the scorer's start.
    used: bool,
    /// Seconds after the scorer's start when nothing was audible last.
    quiet_s: f64,
    epoch: Option<(u64, u64)>,
}

impl Splitter {
    /// The number that the history gave to the present song.
    pub(super) fn note_id(&mut self, songs: &[Song]) {
        if let (Some(playing), Some(put)) = (&mut self.song, songs.last())
            && playing.song.nth == put.nth
        {
            playing.song.id = put.id;
        }
    }

    /// The present song has no number any more: it goes on in another history.
    pub(super) fn forget_id(&mut self) {
        if let Some(playing) = &mut self.song {
            playing.song.id = None;
        }
    }

    /// Takes in a moment.
    pub(super) fn take(&mut self, moment: &Moment<'_>) -> Step {
        let mut step = Step::default();
        let jump_s = self.clocks.jump_s(moment.time, moment.steady_s);
        let jump_s = jump_s.filter(|jump_s| jump_s.abs() > PUT_RIGHT_S);
        if let (Some(jump_s), Some(playing)) = (jump_s, &mut self.song) {
            playing.put_right(jump_s);
        }
        let since_s = self.last_s.map_or(0.0, |last| moment.now_s - last);
        self.last_s = Some(moment.now_s);
        let anew = self.epoch.replace(moment.epoch) != Some(moment.epoch);
        if anew {
            (self.used, self.quiet_s) = (false, 0.0);
            // With another meter, say: the song itself goes on.
            if let Some(playing) = &mut self.song {
                playing.start_anew();
            }
        }
        let audible = moment.running
            && moment.reading.status != Status::Silence
            && moment.reading.time_s > 0.0;
        if audible {
            self.audible_s = moment.now_s;
        } else if !anew {
            self.quiet_s = moment.reading.time_s;
        }
        let silent_s = moment.now_s - self.audible_s;
        let held = moment.track.is_some_and(|track| track.paused);
        self.foreign_s = self.foreign_s.filter(|_| held && audible);
        if held && audible {
            self.foreign_s.get_or_insert(moment.now_s);
        }
        let foreign = self.foreign_s.is_some_and(|since| moment.now_s - since >= FOREIGN_S);
        let playing = moment.track.filter(|track| !track.paused);
        let ended = self.song.as_ref().is_some_and(|now| match (&now.song.track, playing) {
            // A pause is part of the song; another one ends it.
            (Some(old), Some(new)) => old.id != new.id,
            (None, Some(_)) => audible,
            (Some(_), None) if held => foreign,
            (Some(_), None) => silent_s >= SILENCE_S || audible && since_s > 0.0,
            (None, None) => silent_s >= SILENCE_S,
        });
        if ended && let Some(playing) = self.song.take() {
            step.songs.extend(playing.heard());
        }
        // What it says until it has started anew belongs to the song before.
        if let Some(before) = self.resetting {
            if moment.epoch == before {
                return step;
            }
            self.resetting = None;
        }
        if audible && self.song.is_none() && (!held || foreign) {
            if self.used {
                self.song = Some(self.begin(moment, 0.0));
                self.resetting = Some(moment.epoch);
                step.reset = true;
                return step;
            }
            // Nothing but silence was heard before: no reason to start anew.
            self.song = Some(self.begin(moment, self.quiet_s));
        }
        if let Some(playing) = &mut self.song
            && audible
        {
            self.used = true;
            playing.hear(moment, since_s);
            // What is read just when the scorer starts anew may be what it said before.
            if !anew {
                playing.take(moment);
            }
            step.songs.extend(playing.so_far());
        }
        step
    }

    fn begin(&mut self, moment: &Moment<'_>, before_s: f64) -> Playing {
        self.songs += 1;
        Playing::begin(moment, self.songs, before_s)
    }
}
