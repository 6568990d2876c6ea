//! The streaming engine of Earworm: from audio to mel frames to a model's score.
//!
//! ```text
//! samples ─▶ downmix ─▶ resample ─▶ front end ─▶ lanes of a model ─▶ readings
//! ```
//!
//! - [`Scorer`] is the whole path as a plain state machine: samples in, readings out. It has no
//!   thread and no clock, so files and tests use it directly.
//! - [`live`] puts a wait-free tap for the audio thread before it and a lock-free meter behind it.
//! - [`front_end`] makes the mel frames, for the trainer as well as for the meter.
//! - [`model`] loads and checks ONNX models and runs them.
//! - [`decode`] reads audio files.
//! - [`features`] describes whole songs by numbers for tables, and finds the chorus.
//!
//! ```no_run
//! use earworm_scorer::{Model, Scorer, ScorerOptions};
//!
//! let mut scorer = Scorer::new(Model::embedded(), 48_000, ScorerOptions::LIVE)?;
//! let a_second_of_stereo = vec![0.0; 96_000];
//! scorer.push_interleaved(&a_second_of_stereo, 2, &mut ())?;
//! println!("{:?}", scorer.reading().window);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod decode;
mod describe;
mod downmix;
mod engine;
pub mod features;
pub mod front_end;
mod guard;
pub mod live;
pub mod model;
mod offline;
mod reading;
mod resample;
mod scorer;
mod span;

pub use downmix::downmix_interleaved;
pub use engine::lane_starts;
pub use model::Model;
pub use offline::score_offline;
pub use reading::{Hook, Reading, Status};
pub use resample::{RATES, ResampleError, Resampler};
pub use scorer::{CompletedWindow, Observer, Scorer, ScorerError, ScorerOptions};
pub use span::Span;
