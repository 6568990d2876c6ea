//! Running a window model: the last window of frames, evaluated every so often.

use std::collections::VecDeque;
use std::sync::Arc;

use super::interval;
use super::step::Step;
use crate::describe::{Describe, Sound};
use crate::front_end::{Frame, LevelNormaliser};
use crate::model::{Model, ModelError, Session};
use crate::span::Span;

/// The last window of audible frames of one window model.
pub(crate) struct Windows {
    session: Session,
    bands: usize,
    level: LevelNormaliser,
    /// Level, span and bands of each frame of the window, oldest first.
    frames: VecDeque<(f32, Span, Box<[f32]>)>,
    /// Frames from one evaluation to the next.
    interval: usize,
    since_evaluation: usize,
    input: Vec<f32>,
    /// The window's sound, for models that want it described beside its frames.
    described: Option<(Describe, Sound)>,
}

impl Windows {
    pub(crate) fn new(model: &Arc<Model>) -> Result<Self, ModelError> {
        let metadata = model.metadata();
        let front_end = &metadata.front_end;
        let session = model.session(1, metadata.window_frames)?;
        let described = match metadata.input.is_mel() {
            true => None,
            false => {
                let sound = Sound::new(front_end.hop, metadata.window_frames);
                Some((Describe::new(model)?, sound))
            }
        };
        Ok(Self {
            described,
            bands: front_end.n_mels,
            level: LevelNormaliser::new(front_end.level),
            frames: VecDeque::with_capacity(metadata.window_frames),
            interval: interval::frames(metadata),
            since_evaluation: 0,
            input: vec![0.0; metadata.window_frames * metadata.input_width()],
            session,
        })
    }

    pub(crate) fn reset(&mut self) {
        self.frames.clear();
        self.since_evaluation = 0;
        if let Some(sound) = self.sound() {
            sound.reset();
        }
    }

    /// The window's sound, where the model wants it described.
    pub(crate) fn sound(&mut self) -> Option<&mut Sound> {
        self.described.as_mut().map(|(_, sound)| sound)
    }

    /// Frames heard of the window that is not yet full.
    pub(crate) fn frames(&self) -> usize {
        self.frames.len()
    }

    /// Takes the next audible frame; gives a step when an evaluation is due.
    pub(crate) fn push(
        &mut self,
        frame: Frame<'_>,
        span: Span,
    ) -> Result<Option<Step<'_>>, ModelError> {
        let window = self.session.frames();
        let was_full = self.frames.len() == window;
        if let Some(sound) = self.sound() {
            sound.take_frame(was_full);
        }
        let mut bands = if was_full {
            self.frames.pop_front().map(|(_, _, bands)| bands).unwrap_or_default()
        } else {
            vec![0.0; self.bands].into_boxed_slice()
        };
        bands.copy_from_slice(frame.mel_db);
        self.frames.push_back((frame.level_db, span, bands));
        self.since_evaluation += 1;
        if self.frames.len() < window || self.since_evaluation < self.interval {
            return Ok(None);
        }
        self.since_evaluation = 0;
        self.level.reset();
        let described = match &mut self.described {
            None => &[][..],
            Some((describe, sound)) => match describe.values(sound) {
                Some(values) => values,
                None => return Ok(None),
            },
        };
        let width = self.bands + described.len();
        for ((level_db, _, mel_db), out) in self.frames.iter().zip(self.input.chunks_mut(width)) {
            let (bands, beside) = out.split_at_mut(self.bands);
            self.level.next_frame(mel_db, *level_db, bands);
            beside.copy_from_slice(described);
        }
        let span = Span { start_s: self.frames[0].1.start_s, end_s: span.end_s };
        let raw = self.session.run(&self.input)?;
        Ok(Some(Step { window: raw, window_frames: window, span, complete: true, momentary: raw }))
    }
}
