//! What every engine gives: the outcome of running its model once.

use crate::span::Span;

/// What one step of the model gave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step<'a> {
    /// Raw outputs of the oldest lane.
    pub(crate) window: &'a [f32],
    /// Frames behind them.
    pub(crate) window_frames: usize,
    /// The audio behind them.
    pub(crate) span: Span,
    /// Whether the oldest lane has just lived a whole window.
    pub(crate) complete: bool,
    /// Raw outputs of the youngest lane that has warmed up; of the oldest while none has.
    pub(crate) momentary: &'a [f32],
}
