//! A stretch of the audio.

/// From when to when, in seconds since the reset.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct Span {
    /// Time of the first sample.
    pub start_s: f64,
    /// Time behind the last sample.
    pub end_s: f64,
}
