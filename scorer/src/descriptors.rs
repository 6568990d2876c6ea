//! Running a model of descriptors: numbers that describe the sound of the last window, taken and
//! evaluated every so often.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::features::{self, Extractor};
use crate::lanes::Step;
use crate::model::{Model, ModelError, Session};
use crate::span::Span;
use crate::windows::INTERVAL_S;

/// Sound of the audible frames of a window.
///
/// A frame is kept as the samples up to the start of the next one, so that the frames of sound without
/// a pause are that sound.
pub(crate) struct Sound {
    /// Samples from frame to frame.
    hop: usize,
    /// Samples from the start of the next frame on.
    waiting: VecDeque<f32>,
    /// Samples of the window's audible frames.
    heard: VecDeque<f32>,
}

impl Sound {
    pub(crate) fn new(hop: usize, frames: usize) -> Self {
        Self { hop, waiting: VecDeque::new(), heard: VecDeque::with_capacity(hop * frames) }
    }

    pub(crate) fn reset(&mut self) {
        self.restart_frames();
        self.heard.clear();
    }

    /// The next frame starts with the next sample.
    pub(crate) fn restart_frames(&mut self) {
        self.waiting.clear();
    }

    /// Takes samples, before the frames that end in them.
    pub(crate) fn hear(&mut self, samples: &[f32]) {
        self.waiting.extend(samples);
    }

    /// Leaves the next frame out, because it is silent.
    pub(crate) fn skip_frame(&mut self) {
        self.waiting.drain(..self.hop.min(self.waiting.len()));
    }

    /// Takes the next frame in; forgets the oldest one if `full`.
    pub(crate) fn take_frame(&mut self, full: bool) {
        if full {
            self.heard.drain(..self.hop.min(self.heard.len()));
        }
        self.heard.extend(self.waiting.drain(..self.hop.min(self.waiting.len())));
    }
}

/// The last window of audible sound, for one model of descriptors.
pub(crate) struct Descriptors {
    describe: Describe,
    session: Session,
    window_frames: usize,
    warm_up_frames: usize,
    /// Frames from one evaluation to the next.
    interval: usize,
    since_evaluation: usize,
    pub(crate) sound: Sound,
    /// Where the window's frames began.
    starts: VecDeque<f64>,
}

impl Descriptors {
    /// For the descriptors that the model's metadata, which were checked, name.
    pub(crate) fn new(model: &Arc<Model>) -> Result<Self, ModelError> {
        let metadata = model.metadata();
        let front_end = &metadata.front_end;
        let interval = (INTERVAL_S * front_end.frame_rate()).round() as usize;
        Ok(Self {
            describe: Describe::new(model)?,
            session: model.session(1, 1)?,
            window_frames: metadata.window_frames,
            warm_up_frames: metadata.warm_up_frames.max(1),
            interval: interval.clamp(1, metadata.window_frames),
            since_evaluation: 0,
            sound: Sound::new(front_end.hop, metadata.window_frames),
            starts: VecDeque::with_capacity(metadata.window_frames),
        })
    }

    pub(crate) fn reset(&mut self) {
        self.sound.reset();
        self.starts.clear();
        self.since_evaluation = 0;
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

/// Takes the descriptors that a model wants.
pub(crate) struct Describe {
    extractor: Extractor,
    /// Place of each input of the model among the features that are extracted.
    places: Vec<usize>,
    /// The sound, its ends softened.
    softened: Vec<f32>,
    values: Vec<f32>,
}

impl Describe {
    pub(crate) fn new(model: &Model) -> Result<Self, ModelError> {
        let names = model.metadata().input.names();
        let sets = features::sets_of(names);
        let extracted: Vec<String> = sets.iter().flat_map(|&set| features::names(set)).collect();
        let places = names.iter().filter_map(|name| extracted.iter().position(|n| n == name));
        let extractor =
            Extractor::new(model.metadata().front_end.sample_rate, &sets).map_err(|e| {
                ModelError::Run { origin: model.origin().into(), reason: e.to_string() }
            })?;
        Ok(Self { extractor, places: places.collect(), softened: Vec::new(), values: Vec::new() })
    }

    /// The descriptors in the model's order; `None` where the sound has none, being no audio.
    pub(crate) fn values(&mut self, sound: &Sound) -> Option<&[f32]> {
        let (first, second) = sound.heard.as_slices();
        self.of(&[first, second])
    }

    /// The same for sound in pieces.
    fn of(&mut self, sound: &[&[f32]]) -> Option<&[f32]> {
        self.softened.clear();
        sound.iter().for_each(|piece| self.softened.extend_from_slice(piece));
        features::soften_ends(&mut self.softened);
        let all = self.extractor.extract(&self.softened).ok()?;
        self.values.clear();
        self.values.extend(self.places.iter().map(|&place| all[place]));
        Some(&self.values)
    }
}

/// What a model's descriptors say of these samples, all of them; nothing for a model of mel frames alone.
pub(crate) fn of_samples(model: &Model, samples: &[f32]) -> Result<Vec<f32>, ModelError> {
    if model.metadata().input.is_mel() {
        return Ok(vec![]);
    }
    let mut describe = Describe::new(model)?;
    describe.of(&[samples]).map(<[f32]>::to_vec).ok_or_else(|| ModelError::Run {
        origin: model.origin().into(),
        reason: "the sound has no descriptors: it is empty, or no audio".to_owned(),
    })
}
