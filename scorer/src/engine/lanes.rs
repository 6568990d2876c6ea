//! Running a streaming model for ever without feeding it more than it was trained on.
//!
//! A recurrent state that runs for ever has seen lengths it never saw in training. So a few
//! staggered lanes run as one batch; each starts from zero, lives one window and starts again.
//! When a lane completes, its value is exactly the offline score of the window it lived through.

use std::sync::Arc;

use super::step::Step;
use crate::front_end::{Frame, LevelNormaliser};
use crate::model::{Model, ModelError, Session};
use crate::span::Span;

struct Lane {
    /// Where in a window's length of frames it starts, and starts again.
    start: usize,
    /// Frames since the lane started; `None` until its first start.
    age: Option<usize>,
    level: LevelNormaliser,
    span: Span,
}

/// Staggered lanes of one streaming model.
pub(crate) struct Lanes {
    /// Takes a chunk of frames, and has the states between steps.
    session: Session,
    /// Takes the frames that are too few for a chunk, one by one, where such are left over.
    single: Option<Session>,
    lanes: Vec<Lane>,
    window_frames: usize,
    warm_up_frames: usize,
    /// Normalised frames waiting for the next step: `[lanes, step_frames, bands]`.
    chunk: Vec<f32>,
    waiting: usize,
    /// Frames that the next step takes.
    step_frames: usize,
    /// Frames taken since the reset, whole windows left out: where the next one stands among the starts.
    place: usize,
}

/// Where in a window's length of frames `count` lanes start (fewer if the window is shorter), and start
/// again: as equally far apart as whole frames allow, the first at 0.
pub fn lane_starts(window_frames: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(window_frames);
    (0..count).map(move |lane| (2 * lane * window_frames + count) / (2 * count))
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
        let count = count.clamp(1, window_frames);
        // Lanes must start and complete between steps. Where they are equally far apart, chunks that divide
        // the distance see to it; elsewhere neighbours are `apart` frames from each other or one more, which
        // no chunk divides both, so that some frames are left over before a lane starts.
        let (apart, is_equal) = (window_frames / count, window_frames.is_multiple_of(count));
        let most = chunk.clamp(1, apart);
        let chunk = match is_equal {
            true => (1..=most).rev().find(|&n| apart.is_multiple_of(n)).unwrap_or(1),
            false => most,
        };
        let has_rest = !is_equal && chunk > 1;
        let level = LevelNormaliser::new(metadata.front_end.level);
        let lane = |start| Lane { start, age: None, level, span: Span::default() };
        Ok(Self {
            session: model.session(count, chunk)?,
            single: has_rest.then(|| model.session(count, 1)).transpose()?,
            lanes: lane_starts(window_frames, count).map(lane).collect(),
            window_frames,
            warm_up_frames: metadata.warm_up_frames,
            chunk: vec![0.0; count * chunk * metadata.front_end.n_mels],
            waiting: 0,
            step_frames: chunk,
            place: 0,
        })
    }

    pub(crate) fn reset(&mut self) {
        self.session.reset();
        for lane in &mut self.lanes {
            lane.age = None;
        }
        self.chunk.fill(0.0);
        self.waiting = 0;
        self.place = 0;
    }

    /// Takes the next audible frame; gives a step when it fills the chunk.
    pub(crate) fn push(
        &mut self,
        frame: Frame<'_>,
        span: Span,
    ) -> Result<Option<Step<'_>>, ModelError> {
        self.start_lane(span);
        if self.waiting == 0 {
            self.step_frames = self.next_step();
        }
        let bands = frame.mel_db.len();
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            let Some(age) = &mut lane.age else { continue };
            *age += 1;
            lane.span.end_s = span.end_s;
            let at = (index * self.step_frames + self.waiting) * bands;
            lane.level.next_frame(frame.mel_db, frame.level_db, &mut self.chunk[at..at + bands]);
        }
        self.place = (self.place + 1) % self.window_frames;
        self.waiting += 1;
        if self.waiting < self.step_frames {
            return Ok(None);
        }
        self.waiting = 0;
        self.step().map(Some)
    }

    /// Starts the lane whose turn it is, if it is one's turn: for the first time, or because it has lived a
    /// whole window.
    fn start_lane(&mut self, span: Span) {
        let Some(index) = self.lanes.iter().position(|lane| lane.start == self.place) else {
            return;
        };
        let lane = &mut self.lanes[index];
        lane.age = Some(0);
        lane.level.reset();
        lane.span = span;
        self.session.reset_lane(index);
    }

    /// Frames of the step that begins here: a chunk, unless a lane starts before that is full.
    fn next_step(&self) -> usize {
        let later = self.lanes.iter().map(|lane| lane.start).find(|&start| start > self.place);
        let chunk = self.session.frames();
        if later.unwrap_or(self.window_frames) - self.place >= chunk { chunk } else { 1 }
    }

    /// Makes what takes frames one by one, where frames can be left over at the end.
    pub(crate) fn prepare_finish(&mut self) -> Result<(), ModelError> {
        if self.single.is_none() && self.session.frames() > 1 {
            self.single = Some(self.session.model().session(self.lanes.len(), 1)?);
        }
        Ok(())
    }

    /// Runs the frames that wait for a chunk, one by one.
    pub(crate) fn finish(&mut self) -> Result<Option<Step<'_>>, ModelError> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting == 0 {
            return Ok(None);
        }
        self.prepare_finish()?;
        let (lanes, chunk_frames) = (self.lanes.len(), self.step_frames);
        let bands = self.chunk.len() / (lanes * self.session.frames());
        let chunk = self.chunk.clone();
        self.step_frames = 1;
        for frame in 0..waiting {
            for lane in 0..lanes {
                let from = (lane * chunk_frames + frame) * bands;
                self.chunk[lane * bands..][..bands].copy_from_slice(&chunk[from..from + bands]);
            }
            if frame + 1 < waiting {
                self.step()?;
            }
        }
        self.step().map(Some)
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
        let span = lanes[oldest].span;
        let raw = match &mut self.single {
            Some(single) if self.step_frames == 1 => {
                let bands = self.chunk.len() / (lanes.len() * self.session.frames());
                single.swap_states(&mut self.session);
                single.run(&self.chunk[..lanes.len() * bands])?;
                single.swap_states(&mut self.session);
                single.scores()
            }
            _ => self.session.run(&self.chunk)?,
        };
        let classes = raw.len() / lanes.len();
        let row = |lane: usize| &raw[lane * classes..(lane + 1) * classes];
        Ok(Step { window: row(oldest), window_frames, span, complete, momentary: row(youngest) })
    }
}
