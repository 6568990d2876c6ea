//! What the meter shows.

use serde::Serialize;

use crate::front_end::SILENCE_DB;

/// Whether there is a score, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Too little has been heard for a score to mean anything.
    #[default]
    Listening,
    /// Nothing audible is playing; scores stay as they were.
    Silence,
    /// Scores follow the audio.
    Scoring,
}

/// The best window so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Hook {
    /// Its score, 0 to 100.
    pub score: f32,
    /// Where it starts, in seconds since the reset.
    pub start_s: f64,
    /// Where it ends, in seconds since the reset.
    pub end_s: f64,
}

/// The scores at one moment, in the words of loudness meters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reading {
    /// Seconds of audio taken in since the reset; every position counts from there. An
    /// [`Observer`](crate::Observer) is told where the sound ends that the reading rests on, however
    /// large the blocks are in which it came.
    pub time_s: f64,
    /// Whether scores follow the audio.
    pub status: Status,
    /// Score of the last few seconds, 0 to 100; none in silence, nor until the first evaluation after it. While the status is [`Status::Listening`] it is a first
    /// impression: it rests on less than the model needs to be as good as its card says.
    pub momentary: Option<f32>,
    /// Score of the last window (about 30 s), 0 to 100.
    pub window: Option<f32>,
    /// Mean score of the whole windows since the reset, silence left out, 0 to 100: one every window divided by
    /// the lanes, or of models without states one about every three seconds (every window where that is
    /// shorter). What came since the last of them is not in it yet. Before the first, the window's score.
    pub integrated: Option<f32>,
    /// The best window so far.
    pub hook: Option<Hook>,
    /// Level of the latest frame in dBFS.
    pub level_db: f32,
    /// How much of a window the `window` score rests on, 0 to 1.
    pub coverage: f32,
    /// Samples lost since the reset because they could not be taken in fast enough.
    pub dropped: u64,
    /// Samples since the reset that were NaN or infinite and counted as silence.
    pub invalid: u64,
    /// The last window's value of each of the model's classes, 0 to 1, in the model's order.
    pub details: Vec<f32>,
    /// The same for everything since the reset, as `integrated` is to `window`.
    pub integrated_details: Vec<f32>,
}

impl Default for Reading {
    /// What a meter shows before the first sample.
    fn default() -> Self {
        Self {
            time_s: 0.0,
            status: Status::Listening,
            momentary: None,
            window: None,
            integrated: None,
            hook: None,
            level_db: SILENCE_DB,
            coverage: 0.0,
            dropped: 0,
            invalid: 0,
            details: Vec::new(),
            integrated_details: Vec::new(),
        }
    }
}
