//! What a scorer tells while samples go in.

use crate::front_end::Frame;
use crate::reading::Reading;
use crate::span::Span;

/// A window that has been heard from start to end.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletedWindow<'a> {
    /// When it was.
    pub span: Span,
    /// Its score, 0 to 100.
    pub score: f32,
    /// The model's raw outputs for it.
    pub raw: &'a [f32],
}

/// Sees what a scorer produces while samples go in. Every method does nothing unless overridden.
pub trait Observer {
    /// A mel frame, silent or not.
    fn frame(&mut self, _frame: Frame<'_>, _span: Span) {}
    /// A window was completed.
    fn window(&mut self, _window: &CompletedWindow<'_>) {}
    /// The reading changed.
    fn reading(&mut self, _reading: &Reading) {}
    /// A live stream starts anew here: positions count from zero again.
    fn reset(&mut self) {}
}

impl Observer for () {}
