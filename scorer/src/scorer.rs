//! The scorer: samples in, readings out. No threads, no clock; the same input gives the same output.

mod options;

use std::sync::Arc;

use crate::descriptors::{Descriptors, Sound};
use crate::downmix::downmix_interleaved;
use crate::front_end::{Frame, FrontEnd, SettingsError, is_silent};
use crate::lanes::{Lanes, Step};
use crate::model::{Contract, Input, Metadata, Model, ModelError};
use crate::reading::{Hook, Reading, Status};
use crate::resample::{ResampleError, Resampler};
use crate::span::Span;
use crate::windows::Windows;

pub use options::ScorerOptions;

/// Seconds without an audible frame after which the status is silence.
const SILENCE_AFTER_S: f64 = 1.0;
/// Seconds of sound behind the first momentary score: enough for a glimpse, long before the model is
/// warm; the status says so.
const FIRST_IMPRESSION_S: f64 = 0.5;

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

enum Engine {
    Lanes(Box<Lanes>),
    Windows(Box<Windows>),
    Descriptors(Box<Descriptors>),
}

impl Engine {
    /// The sound of the window, where the model wants it described.
    fn sound(&mut self) -> Option<&mut Sound> {
        match self {
            Self::Lanes(_) => None,
            Self::Windows(windows) => windows.sound(),
            Self::Descriptors(descriptors) => Some(&mut descriptors.sound),
        }
    }
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
        let engine = match (&model.metadata().input, model.metadata().contract) {
            (Input::Descriptors { .. }, _) => {
                Engine::Descriptors(Box::new(Descriptors::new(&model)?))
            }
            (_, Contract::Streaming) => Engine::Lanes(Box::new(Lanes::new(
                &model,
                window_frames,
                options.lanes,
                options.chunk_frames,
            )?)),
            (_, Contract::Window) => Engine::Windows(Box::new(Windows::new(&model)?)),
        };
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

    /// Takes in what the resampler still holds. Call it at the end of a file; the readings then
    /// stand for all of it.
    ///
    /// # Errors
    /// When the model fails while running.
    pub fn finish(&mut self, observer: &mut impl Observer) -> Result<(), ModelError> {
        self.flush(observer)?;
        self.scoring.finish(observer);
        Ok(())
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

/// From frames to readings.
struct Scoring {
    model: Arc<Model>,
    engine: Engine,
    window_frames: usize,
    reading: Reading,
    /// Seconds from frame to frame, and length of a frame.
    hop_s: f64,
    frame_s: f64,
    /// Where the present run of frames starts, and how many it has.
    run_start_s: f64,
    run_frames: u64,
    silent_frames: u64,
    /// Sums of raw outputs over completed windows, and their number.
    raw_sum: Vec<f64>,
    completed: u64,
    /// The latest step: frames and audio behind it, and its raw outputs.
    latest: Option<(usize, Span)>,
    latest_raw: Vec<f32>,
}

impl Scoring {
    fn new(model: Arc<Model>, window_frames: usize, engine: Engine) -> Self {
        let metadata = model.metadata();
        let front_end = &metadata.front_end;
        let rate = f64::from(front_end.sample_rate);
        let classes = metadata.classes.len();
        Self {
            hop_s: front_end.hop as f64 / rate,
            frame_s: front_end.n_fft as f64 / rate,
            engine,
            window_frames,
            reading: Reading::default(),
            run_start_s: 0.0,
            run_frames: 0,
            silent_frames: 0,
            raw_sum: vec![0.0; classes],
            completed: 0,
            latest: None,
            latest_raw: vec![0.0; classes],
            model,
        }
    }

    fn reset(&mut self) {
        match &mut self.engine {
            Engine::Lanes(lanes) => lanes.reset(),
            Engine::Windows(windows) => windows.reset(),
            Engine::Descriptors(descriptors) => descriptors.reset(),
        }
        self.reading = Reading::default();
        self.silent_frames = 0;
        self.raw_sum.fill(0.0);
        self.completed = 0;
        self.latest = None;
        self.restart_frames();
    }

    /// The next frame starts where the audio now stands.
    fn restart_frames(&mut self) {
        self.run_start_s = self.reading.time_s;
        self.run_frames = 0;
        if let Some(sound) = self.engine.sound() {
            sound.restart_frames();
        }
    }

    /// Takes the samples that the next frames are made of.
    fn hear(&mut self, samples: &[f32]) {
        if let Some(sound) = self.engine.sound() {
            sound.hear(samples);
        }
    }

    fn take_frame(
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
        let step = match &mut self.engine {
            Engine::Lanes(lanes) => lanes.push(frame, span)?,
            Engine::Windows(windows) => {
                let heard = windows.frames() + 1;
                self.reading.coverage = (heard as f32 / self.window_frames as f32).min(1.0);
                windows.push(frame, span)?
            }
            Engine::Descriptors(descriptors) => {
                let heard = descriptors.frames() + 1;
                self.reading.coverage = (heard as f32 / metadata.window_frames as f32).min(1.0);
                descriptors.push(span)?
            }
        };
        let Some(step) = step else {
            if self.reading.status == Status::Silence {
                self.reading.status = Status::Listening;
            }
            return Ok(());
        };
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
        Self::update(&mut self.reading, metadata, self.window_frames, &step, &integrated);
        if step.complete {
            let score = metadata.score(step.window);
            observer.window(&CompletedWindow { span: step.span, score, raw: step.window });
        }
        observer.reading(&self.reading);
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

    /// Audio shorter than a window never completes one: then what there is, is the hook.
    fn finish(&mut self, observer: &mut impl Observer) {
        let metadata = self.model.metadata();
        if let Some((frames, span)) = self.latest
            && self.completed == 0
            && frames >= metadata.warm_up_frames
        {
            offer_hook(&mut self.reading, metadata.score(&self.latest_raw), span);
            observer.reading(&self.reading);
        }
    }
}

fn offer_hook(reading: &mut Reading, score: f32, span: Span) {
    if reading.hook.is_none_or(|hook| score > hook.score) {
        reading.hook = Some(Hook { score, start_s: span.start_s, end_s: span.end_s });
    }
}
