//! Running a model of descriptors: numbers that describe the sound of the last window, taken and
//! evaluated every so often.

use std::collections::VecDeque;
use std::sync::Arc;

use super::interval;
use super::step::Step;
use crate::describe::{Describe, Sound};
use crate::model::{Model, ModelError, Session};
use crate::span::Span;

/// The last window of audible sound, for one model of descriptors.
pub(crate) struct Descriptors {
    describe: Describe,
    session: Session,
    window_frames: usize,
    warm_up_frames: usize,
    /// Frames from one evaluation to the next.
    interval: usize,
    since_evaluation: usize,
    sound: Sound,
    /// Where the window's frames began.
    starts: VecDeque<f64>,
}

impl Descriptors {
    /// For the descriptors that the model's metadata, which were checked, name.
    pub(crate) fn new(model: &Arc<Model>) -> Result<Self, ModelError> {
        let metadata = model.metadata();
        Ok(Self {
            describe: Describe::new(model)?,
            session: model.session(1, 1)?,
            window_frames: metadata.window_frames,
            warm_up_frames: metadata.warm_up_frames.max(1),
            interval: interval::frames(metadata),
            since_evaluation: 0,
            sound: Sound::new(metadata.front_end.hop, metadata.window_frames),
            starts: VecDeque::with_capacity(metadata.window_frames),
        })
    }

    pub(crate) fn reset(&mut self) {
        self.sound.reset();
        self.starts.clear();
        self.since_evaluation = 0;
    }

    /// The window's sound.
    pub(crate) fn sound(&mut self) -> &mut Sound {
        &mut self.sound
    }

    /// Frames heard of the window that is not yet full.
    pub(crate) fn frames(&self) -> usize {
        self.starts.len()
    }

    /// Takes the next frame, an audible one; gives a step when an evaluation is due.
    pub(crate) fn push(&mut self, span: Span) -> Result<Option<Step<'_>>, ModelError> {
        let was_full = self.starts.len() == self.window_frames;
        if was_full {
            self.starts.pop_front();
        }
        self.sound.take_frame(was_full);
        self.starts.push_back(span.start_s);
        self.since_evaluation += 1;
        let frames = self.starts.len();
        let complete = frames == self.window_frames;
        // The first score, and the first of a whole window, come as soon as there is enough sound.
        let first = !was_full && (frames == self.warm_up_frames || complete);
        if frames < self.warm_up_frames || !(first || self.since_evaluation >= self.interval) {
            return Ok(None);
        }
        self.since_evaluation = 0;
        let Some(values) = self.describe.values(&self.sound) else {
            return Ok(None);
        };
        let raw = self.session.run(values)?;
        let span = Span { start_s: self.starts[0], end_s: span.end_s };
        Ok(Some(Step { window: raw, window_frames: frames, span, complete, momentary: raw }))
    }
}
