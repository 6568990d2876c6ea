//! The numbers that describe sound, for models that are fed with them.

use std::collections::VecDeque;

use crate::features::{self, Extractor};
use crate::model::{Model, ModelError};

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
