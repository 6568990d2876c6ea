//! How often a model is evaluated that has no state, and so costs a whole window each time.
//!
//! The trainer judges songs by windows that start every quarter of one, whatever the model: what it writes down of a
//! song is a mean of other windows than the reading's.

use crate::model::Metadata;

/// Seconds from one evaluation to the next.
const INTERVAL_S: f64 = 3.0;

/// Frames from one evaluation of a model to the next.
pub(super) fn frames(metadata: &Metadata) -> usize {
    let frames = (INTERVAL_S * metadata.front_end.frame_rate()).round() as usize;
    frames.clamp(1, metadata.window_frames)
}
