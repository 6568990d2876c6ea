//! Running a streaming model for ever without feeding it more than it was trained on.
//!
//! A recurrent state that runs for ever has seen lengths it never saw in training. So a few
//! staggered lanes run as one batch; each starts from zero, lives one window and starts again.
//! When a lane completes, its value is exactly the offline score of the window it lived through.

use std::sync::Arc;

use crate::front_end::{Frame, LevelNormaliser};
use crate::model::{Model, ModelError, Session};
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

struct Lane {
    /// Frames since the lane started; `None` until its first start.
    age: Option<usize>,
    level: LevelNormaliser,
    span: Span,
}

/// Staggered lanes of one streaming model.
pub(crate) struct Lanes {
    session: Session,
    lanes: Vec<Lane>,
    window_frames: usize,
    warm_up_frames: usize,
    /// Frames between the starts of neighbouring lanes.
    stagger: usize,
    /// Normalised frames waiting for the next step: `[lanes, chunk, bands]`.
    chunk: Vec<f32>,
    waiting: usize,
    /// Frames taken since the reset.
    frames: usize,
    /// The lane that completed in the last step and starts again with the next frame.
    completed: Option<usize>,
}

impl Lanes {
    /// `count` lanes (fewer if the window is shorter) that live `window_frames` frames each, stepping
    /// at most `chunk` frames at a time.
    pub(crate) fn new(
        model: &Arc<Model>,
        window_frames: usize,
        count: usize,
        chunk: usize,
    ) -> Result<Self, ModelError> {
        let metadata = model.metadata();
        // Lanes must start and complete between steps, and be equally far apart.
        let count = (1..=count.clamp(1, window_frames))
            .rev()
            .find(|&n| window_frames.is_multiple_of(n))
            .unwrap_or(1);
        let stagger = window_frames / count;
        let chunk =
            (1..=chunk.clamp(1, stagger)).rev().find(|&n| stagger.is_multiple_of(n)).unwrap_or(1);
        let level = LevelNormaliser::new(metadata.front_end.level);
        let lane = || Lane { age: None, level, span: Span::default() };
        Ok(Self {
            session: model.session(count, chunk)?,
            lanes: (0..count).map(|_| lane()).collect(),
            window_frames,
            warm_up_frames: metadata.warm_up_frames,
            stagger,
            chunk: vec![0.0; count * chunk * metadata.front_end.n_mels],
            waiting: 0,
            frames: 0,
            completed: None,
        })
    }

    pub(crate) fn reset(&mut self) {
        self.session.reset();
        for lane in &mut self.lanes {
            lane.age = None;
        }
        self.chunk.fill(0.0);
        self.waiting = 0;
        self.frames = 0;
        self.completed = None;
    }

    /// Takes the next audible frame; gives a step when it fills the chunk.
    pub(crate) fn push(
        &mut self,
        frame: Frame<'_>,
        span: Span,
    ) -> Result<Option<Step<'_>>, ModelError> {
        self.start_lanes(span);
        let bands = frame.mel_db.len();
        let chunk_frames = self.session.frames();
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            let Some(age) = &mut lane.age else { continue };
            *age += 1;
            lane.span.end_s = span.end_s;
            let at = (index * chunk_frames + self.waiting) * bands;
            lane.level.next_frame(frame.mel_db, frame.level_db, &mut self.chunk[at..at + bands]);
        }
        self.frames += 1;
        self.waiting += 1;
        if self.waiting < chunk_frames {
            return Ok(None);
        }
        self.waiting = 0;
        self.step().map(Some)
    }

    fn start_lanes(&mut self, span: Span) {
        let first_start = (self.frames.is_multiple_of(self.stagger))
            .then_some(self.frames / self.stagger)
            .filter(|&index| index < self.lanes.len());
        for index in self.completed.take().into_iter().chain(first_start) {
            let lane = &mut self.lanes[index];
            lane.age = Some(0);
            lane.level.reset();
            lane.span = span;
            self.session.reset_lane(index);
        }
    }

    fn step(&mut self) -> Result<Step<'_>, ModelError> {
        let lanes = &self.lanes;
        let ages = || lanes.iter().enumerate().filter_map(|(i, lane)| lane.age.map(|age| (age, i)));
        let (window_frames, oldest) =
            ages().max().expect("the first lane starts with the first frame");
        // Before any lane is warm, the first is the best there is.
        let youngest =
            ages().filter(|&(age, _)| age >= self.warm_up_frames).min().map_or(oldest, |(_, i)| i);
        let complete = window_frames == self.window_frames;
        if complete {
            self.completed = Some(oldest);
        }
        let span = lanes[oldest].span;
        let raw = self.session.run(&self.chunk)?;
        let classes = raw.len() / lanes.len();
        let row = |lane: usize| &raw[lane * classes..(lane + 1) * classes];
        Ok(Step { window: row(oldest), window_frames, span, complete, momentary: row(youngest) })
    }
}
