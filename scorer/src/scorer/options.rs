//! How a scorer runs its model.

use crate::model::{Contract, Metadata};

/// How a scorer runs its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScorerOptions {
    /// Staggered lanes of a streaming model (fewer if its window has fewer frames): a window completes
    /// every `window / lanes`. From then on the oldest lane, whose score is shown, is at least a window
    /// less one of these steps old. Only where that is less than the warm-up, as with four lanes in a
    /// model whose warm-up is longer than three quarters of its window, is the meter listening again
    /// after each window.
    pub lanes: usize,
    /// Most frames a streaming model takes at a time: more is faster, fewer is sooner.
    pub chunk_frames: usize,
    /// Frames in a streaming model's window, where it shall be shorter than the model's own. It is no
    /// shorter than its warm-up, as models are trained on every length from there, nor so short that no
    /// lane is warm after another has completed: about four thirds of the warm-up with four lanes. Window
    /// models ignore it.
    pub window_frames: Option<usize>,
}

impl ScorerOptions {
    /// For live audio: a reading every two frames (every 93 ms with the default model).
    pub const LIVE: Self = Self { lanes: 4, chunk_frames: 2, window_frames: None };
    /// For files: a reading every 16 frames (every 0.74 s with the default model).
    pub const FILE: Self = Self { lanes: 4, chunk_frames: 16, window_frames: None };

    /// Frames in a window of this model with these options.
    pub fn window_frames(&self, metadata: &Metadata) -> usize {
        let whole = metadata.window_frames;
        match (metadata.contract, self.window_frames) {
            (Contract::Streaming, Some(wanted)) => {
                wanted.clamp(self.least_window_frames(metadata).clamp(1, whole), whole)
            }
            _ => whole,
        }
    }

    /// Frames in the shortest window after whose completion the next lane is warm already.
    fn least_window_frames(&self, metadata: &Metadata) -> usize {
        let warm_up = metadata.warm_up_frames;
        match self.lanes.min(metadata.window_frames) {
            // A lane by itself starts again from nothing, whatever its length.
            0 | 1 => warm_up,
            // The next lane is as many steps old as there are other lanes. Steps of an even number of
            // frames can be taken two frames at a time.
            lanes => lanes * warm_up.div_ceil(lanes - 1).next_multiple_of(2),
        }
    }
}
