//! From frames to readings.

use std::sync::Arc;

use super::observer::{CompletedWindow, Observer};
use crate::engine::{Engine, Step};
use crate::front_end::{Frame, is_silent};
use crate::model::{Metadata, Model, ModelError};
use crate::reading::{Hook, Reading, Status};
use crate::span::Span;

/// Seconds without an audible frame after which the status is silence.
const SILENCE_AFTER_S: f64 = 1.0;
/// Seconds of sound behind the first momentary score: enough for a glimpse, long before the model is
/// warm; the status says so.
const FIRST_IMPRESSION_S: f64 = 0.5;

/// A model that says nothing that is a number for so many windows is broken.
const WINDOWS_WITHOUT_NUMBERS: usize = 2;

/// What frames have come to so far.
pub(super) struct Scoring {
    model: Arc<Model>,
    engine: Engine,
    window_frames: usize,
    pub(super) reading: Reading,
    /// Seconds from frame to frame, and length of a frame.
    hop_s: f64,
    frame_s: f64,
    /// Where the present run of frames starts, and how many it has.
    run_start_s: f64,
    run_frames: u64,
    silent_frames: u64,
    tally: Tally,
}

impl Scoring {
    pub(super) fn new(model: Arc<Model>, window_frames: usize, engine: Engine) -> Self {
        let metadata = model.metadata();
        let front_end = &metadata.front_end;
        let rate = f64::from(front_end.sample_rate);
        Self {
            hop_s: front_end.hop as f64 / rate,
            frame_s: front_end.n_fft as f64 / rate,
            engine,
            window_frames,
            reading: Reading::default(),
            run_start_s: 0.0,
            run_frames: 0,
            silent_frames: 0,
            tally: Tally::new(model.clone(), window_frames),
            model,
        }
    }

    pub(super) fn reset(&mut self) {
        self.engine.reset();
        self.reading = Reading::default();
        self.silent_frames = 0;
        self.tally.reset();
        self.restart_frames();
    }

    /// The next frame starts where the audio now stands.
    pub(super) fn restart_frames(&mut self) {
        self.run_start_s = self.reading.time_s;
        self.run_frames = 0;
        if let Some(sound) = self.engine.sound() {
            sound.restart_frames();
        }
    }

    /// Takes the samples that the next frames are made of.
    pub(super) fn hear(&mut self, samples: &[f32]) {
        if let Some(sound) = self.engine.sound() {
            sound.hear(samples);
        }
    }

    pub(super) fn take_frame(
        &mut self,
        frame: Frame<'_>,
        observer: &mut impl Observer,
    ) -> Result<(), ModelError> {
        let start_s = self.run_start_s + self.run_frames as f64 * self.hop_s;
        let span = Span { start_s, end_s: start_s + self.frame_s };
        self.run_frames += 1;
        self.reading.time_s = span.end_s;
        self.reading.level_db = frame.level_db;
        observer.frame(frame, span);

        let metadata = self.model.metadata();
        if is_silent(&metadata.front_end.level, frame.level_db) {
            if let Some(sound) = self.engine.sound() {
                sound.skip_frame();
            }
            self.silent_frames += 1;
            if self.silent_frames as f64 * self.hop_s >= SILENCE_AFTER_S
                && self.reading.status != Status::Silence
            {
                self.reading.status = Status::Silence;
                self.reading.momentary = None;
                observer.reading(&self.reading);
            }
            return Ok(());
        }
        self.silent_frames = 0;
        if let Some(heard) = self.engine.frames() {
            self.reading.coverage = ((heard + 1) as f32 / self.window_frames as f32).min(1.0);
        }
        self.tally.unheard_frames += 1;
        match self.engine.push(frame, span)? {
            Some(step) => self.tally.take(&step, None, &mut self.reading, observer),
            None => {
                if self.reading.status == Status::Silence {
                    // A window that was heard before the pause still stands for what plays now.
                    self.reading.status = match self.reading.window {
                        Some(_) => Status::Scoring,
                        None => Status::Listening,
                    };
                }
                Ok(())
            }
        }
    }

    /// Takes in the frames that wait for more. Audio shorter than a window never completes one: then what
    /// there is, is the hook.
    pub(super) fn finish(&mut self, observer: &mut impl Observer) -> Result<(), ModelError> {
        // What waited was heard before the silence, if that is how the audio ends.
        let status = Some(self.reading.status).filter(|&status| status == Status::Silence);
        if let Some(step) = self.engine.finish()? {
            self.tally.take(&step, status, &mut self.reading, observer)?;
        }
        self.tally.finish(&mut self.reading, observer);
        Ok(())
    }

    pub(super) fn prepare_finish(&mut self) -> Result<(), ModelError> {
        self.engine.prepare_finish()
    }
}

/// What the model's outputs have come to.
struct Tally {
    model: Arc<Model>,
    window_frames: usize,
    /// Sums of raw outputs over completed windows, and their number.
    raw_sum: Vec<f64>,
    completed: u64,
    /// The latest step: frames and audio behind it, and its raw outputs.
    latest: Option<(usize, Span)>,
    latest_raw: Vec<f32>,
    /// Audible frames since the latest outputs that were numbers.
    unheard_frames: usize,
}

impl Tally {
    fn new(model: Arc<Model>, window_frames: usize) -> Self {
        let classes = model.metadata().classes.len();
        Self {
            model,
            window_frames,
            raw_sum: vec![0.0; classes],
            completed: 0,
            latest: None,
            latest_raw: vec![0.0; classes],
            unheard_frames: 0,
        }
    }

    fn reset(&mut self) {
        self.raw_sum.fill(0.0);
        self.completed = 0;
        self.latest = None;
        self.unheard_frames = 0;
    }

    /// Takes a step's outputs, unless they are no numbers: one such would spoil the mean for good. What is
    /// heard by now may have a `status` of its own.
    ///
    /// # Errors
    /// When there were none but such for two windows.
    fn take(
        &mut self,
        step: &Step<'_>,
        status: Option<Status>,
        reading: &mut Reading,
        observer: &mut impl Observer,
    ) -> Result<(), ModelError> {
        if !step.window.iter().chain(step.momentary).all(|raw| raw.is_finite()) {
            if self.unheard_frames > WINDOWS_WITHOUT_NUMBERS * self.window_frames {
                return Err(ModelError::Run {
                    origin: self.model.origin().to_owned(),
                    reason: "its outputs are not numbers".into(),
                });
            }
            return Ok(());
        }
        self.unheard_frames = 0;
        if step.complete {
            self.completed += 1;
            for (sum, &raw) in self.raw_sum.iter_mut().zip(step.window) {
                *sum += f64::from(raw);
            }
        }
        self.latest = Some((step.window_frames, step.span));
        self.latest_raw.copy_from_slice(step.window);
        let integrated = if self.completed == 0 {
            step.window.to_vec()
        } else {
            self.raw_sum.iter().map(|sum| (sum / self.completed as f64) as f32).collect()
        };
        let metadata = self.model.metadata();
        Self::update(reading, metadata, self.window_frames, step, &integrated);
        if let Some(status) = status {
            (reading.status, reading.momentary) = (status, None);
        }
        if step.complete {
            let score = metadata.score(step.window);
            observer.window(&CompletedWindow { span: step.span, score, raw: step.window });
        }
        observer.reading(reading);
        Ok(())
    }

    fn update(
        reading: &mut Reading,
        metadata: &Metadata,
        window_frames: usize,
        step: &Step<'_>,
        integrated: &[f32],
    ) {
        reading.coverage = (step.window_frames as f32 / window_frames as f32).min(1.0);
        if step.window_frames < metadata.warm_up_frames {
            reading.status = Status::Listening;
            let settings = &metadata.front_end;
            let heard_s =
                (step.window_frames * settings.hop) as f64 / f64::from(settings.sample_rate);
            reading.momentary =
                (heard_s >= FIRST_IMPRESSION_S).then(|| metadata.score(step.momentary));
            return;
        }
        let score = metadata.score(step.window);
        reading.status = Status::Scoring;
        reading.momentary = Some(metadata.score(step.momentary));
        reading.window = Some(score);
        reading.integrated = Some(metadata.score(integrated));
        reading.details = metadata.values(step.window);
        reading.integrated_details = metadata.values(integrated);
        if step.complete {
            offer_hook(reading, score, step.span);
        }
    }

    fn finish(&self, reading: &mut Reading, observer: &mut impl Observer) {
        let metadata = self.model.metadata();
        if let Some((frames, span)) = self.latest
            && self.completed == 0
            && frames >= metadata.warm_up_frames
        {
            offer_hook(reading, metadata.score(&self.latest_raw), span);
            observer.reading(reading);
        }
    }
}

fn offer_hook(reading: &mut Reading, score: f32, span: Span) {
    if reading.hook.is_none_or(|hook| score > hook.score) {
        reading.hook = Some(Hook { score, start_s: span.start_s, end_s: span.end_s });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;

    #[test]
    fn outputs_that_are_no_numbers_spoil_nothing() {
        let model = Model::embedded();
        let (classes, window_frames) = (model.metadata().classes.len(), 640);
        let mut tally = Tally::new(model, window_frames);
        let mut reading = Reading::default();
        let mut take = |tally: &mut Tally, raw: f32| {
            let raw = vec![raw; classes];
            let span = Span { start_s: 0.0, end_s: 30.0 };
            let (window, momentary) = (&raw[..], &raw[..]);
            let step = Step { window, window_frames, span, complete: true, momentary };
            tally
                .take(&step, None, &mut reading, &mut ())
                .map(|()| (reading.integrated, reading.hook))
        };
        let before = take(&mut tally, 0.3).unwrap();
        assert!(before.0.is_some_and(|score| score > 1.0) && before.1.is_some());
        for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(take(&mut tally, broken).unwrap(), before);
        }
        assert_eq!(take(&mut tally, 0.3).unwrap(), before);
        // A model that says nothing else is told from one that once did.
        tally.unheard_frames = 2 * window_frames + 1;
        assert!(take(&mut tally, f32::NAN).unwrap_err().to_string().contains("not numbers"));
        take(&mut tally, 0.3).unwrap();
        assert_eq!(tally.unheard_frames, 0);
    }
}
