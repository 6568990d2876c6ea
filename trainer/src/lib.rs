//! The offline trainer of Earworm: data sets, training, evaluation and export.
//!
//! - [`dataset`]: songs to mel frames on disk, through the scorer's own front end;
//! - [`recipe`]: the file that describes an experiment;
//! - [`split`]: folds that keep an artist's songs together;
//! - [`batch`]: crops and augmentation;
//! - [`nn`]: the networks in Candle, and the fused LSTM they rest on;
//! - [`fit`]: cross-validation and the final training;
//! - [`evaluate`] and [`metrics`]: what a model is worth on songs it has not seen;
//! - [`calibrate`]: from raw outputs to probabilities;
//! - [`export`]: ONNX with metadata, parity check and model card.

pub mod batch;
pub mod calibrate;
pub mod dataset;
pub mod device;
pub mod evaluate;
pub mod export;
pub mod files;
pub mod fit;
pub mod memory;
pub mod metrics;
pub mod nn;
pub mod predict;
pub mod recipe;
pub mod split;

/// The random numbers of the trainer: the same on every platform for the same seed.
pub type Rng = rand_chacha::ChaCha8Rng;
