//! The scorer: samples in, readings out. No threads, no clock; the same input gives the same output.

mod observer;
mod options;
mod scoring;

use std::sync::Arc;

use crate::downmix::downmix_interleaved;
use crate::engine::Engine;
use crate::front_end::{FrontEnd, SettingsError};
use crate::model::{Model, ModelError};
use crate::reading::Reading;
use crate::resample::{ResampleError, Resampler};
use scoring::Scoring;

pub use observer::{CompletedWindow, Observer};
pub use options::ScorerOptions;

/// Why there can be no scorer.
#[derive(Debug, thiserror::Error)]
pub enum ScorerError {
    /// The audio's sample rate cannot be converted.
    #[error(transparent)]
    Resample(#[from] ResampleError),
    /// The model's front end cannot be built.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The model cannot be run.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Scores one stream of audio.
pub struct Scorer {
    model: Arc<Model>,
    sample_rate: u32,
    resampler: Resampler,
    front_end: FrontEnd,
    scoring: Scoring,
    /// Samples of each channel since the reset, lost ones too.
    taken: u64,
    mono: Vec<f32>,
}

impl Scorer {
    /// A scorer for audio of `sample_rate` Hz.
    ///
    /// # Errors
    /// When the rate is not supported or the model cannot be run.
    pub fn new(
        model: Arc<Model>,
        sample_rate: u32,
        options: ScorerOptions,
    ) -> Result<Self, ScorerError> {
        let settings = &model.metadata().front_end;
        let resampler = Resampler::new(sample_rate, settings.sample_rate)?;
        let front_end = FrontEnd::new(settings)?;
        let window_frames = options.window_frames(model.metadata());
        let engine = Engine::new(&model, window_frames, options.lanes, options.chunk_frames)?;
        let scoring = Scoring::new(model.clone(), window_frames, engine);
        Ok(Self { model, sample_rate, resampler, front_end, scoring, taken: 0, mono: Vec::new() })
    }

    /// The model in use.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The rate of the audio it takes, in Hz.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// The latest reading.
    pub fn reading(&self) -> &Reading {
        &self.scoring.reading
    }

    /// Takes interleaved samples of any number of channels, any block size.
    ///
    /// # Errors
    /// When the model fails while running.
    ///
    /// # Panics
    /// When `channels` is zero.
    pub fn push_interleaved(
        &mut self,
        samples: &[f32],
        channels: usize,
        observer: &mut impl Observer,
    ) -> Result<(), ModelError> {
        let mut mono = std::mem::take(&mut self.mono);
        self.scoring.reading.invalid += downmix_interleaved(samples, channels, &mut mono);
        let result = self.push_finite(&mono, observer);
        self.mono = mono;
        result
    }

    /// Takes samples of one channel.
    ///
    /// # Errors
    /// When the model fails while running.
    pub fn push_mono(
        &mut self,
        samples: &[f32],
        observer: &mut impl Observer,
    ) -> Result<(), ModelError> {
        self.push_interleaved(samples, 1, observer)
    }

    fn push_finite(
        &mut self,
        mono: &[f32],
        observer: &mut impl Observer,
    ) -> Result<(), ModelError> {
        self.taken += mono.len() as u64;
        let Self { resampler, front_end, scoring, .. } = self;
        let mut result = Ok(());
        resampler.push(mono, |samples| {
            scoring.hear(samples);
            front_end.push(samples, |frame| {
                if result.is_ok() {
                    result = scoring.take_frame(frame, observer);
                }
            });
        });
        self.tell_time();
        result
    }

    /// What has been taken in stands in the reading, whose time a frame sets to where that frame ends.
    fn tell_time(&mut self) {
        self.scoring.reading.time_s = self.taken as f64 / f64::from(self.sample_rate);
    }

    /// Takes note that `lost` samples of each channel are missing here: time goes on without them.
    ///
    /// # Errors
    /// When the model fails while running.
    pub fn skip_lost(&mut self, lost: u64, observer: &mut impl Observer) -> Result<(), ModelError> {
        self.flush(observer)?;
        self.scoring.reading.dropped += lost;
        self.taken += lost;
        self.tell_time();
        self.scoring.restart_frames();
        Ok(())
    }

    /// Counts samples that the caller found to be NaN or infinite and replaced by zero itself.
    pub fn count_invalid(&mut self, invalid: u64) {
        self.scoring.reading.invalid += invalid;
    }

    /// Takes in what the resampler still holds, and the frames that wait for a chunk. Call it at the end of
    /// a file; the last window of streaming models then reaches to its end, that of others to their
    /// latest evaluation.
    ///
    /// # Errors
    /// When the model fails while running.
    pub fn finish(&mut self, observer: &mut impl Observer) -> Result<(), ModelError> {
        self.flush(observer)?;
        self.scoring.finish(observer)
    }

    /// Prepares what [`finish`](Self::finish) may need, which takes a moment: it may be called where other
    /// streams wait.
    ///
    /// # Errors
    /// When the model cannot be run one frame at a time.
    pub(crate) fn prepare_finish(&mut self) -> Result<(), ModelError> {
        self.scoring.prepare_finish()
    }

    fn flush(&mut self, observer: &mut impl Observer) -> Result<(), ModelError> {
        let Self { resampler, front_end, scoring, .. } = self;
        let mut result = Ok(());
        resampler.finish(|samples| {
            scoring.hear(samples);
            front_end.push(samples, |frame| {
                if result.is_ok() {
                    result = scoring.take_frame(frame, observer);
                }
            });
        });
        front_end.reset();
        self.tell_time();
        result
    }

    /// Forgets everything heard, as if newly made.
    pub fn reset(&mut self) {
        self.resampler.reset();
        self.front_end.reset();
        self.taken = 0;
        self.scoring.reset();
    }
}
