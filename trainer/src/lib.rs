//! The offline trainer of Earworm: data sets, training, evaluation and export.
//!
//! - [`dataset`]: songs to mel frames and features on disk, through the scorer's own front end;
//! - [`stats`], [`catalogues`]: what is in a data set and what to be warned of, [`dataset_cli`]: its commands;
//! - [`embed`]: embeddings in place of frames;
//! - [`recipe`] and [`targets`]: the file that describes an experiment, and what is learnt;
//! - [`split`]: folds that keep an artist's songs together;
//! - [`examples`]: crops, augmentation and batches;
//! - [`nn`] and [`table`]: the networks in Candle, and the models of tables;
//! - [`onnx`]: the graphs that both are written into;
//! - [`loss`], [`schedule`]: what is minimised, and in what steps;
//! - [`fit`]: training, cross-validation, search, checkpoints; [`run`]: the files it leaves;
//! - [`evaluate`], [`metrics`], [`compare`], [`report`]: what a model is worth on songs it has not seen;
//! - [`explain`]: what a model of rows goes by; [`rows_model`]: such a model by itself;
//! - [`suite`]: all systems on the same songs and folds, in one table;
//! - [`calibrate`]: from raw outputs to probabilities;
//! - [`export`]: ONNX with metadata, parity check and model card;
//! - [`output`]: what the program prints.

pub mod calibrate;
pub mod catalogues;
pub mod chorus;
mod command_line;
pub mod compare;
pub mod dataset;
pub mod dataset_cli;
pub mod device;
pub mod embed;
pub mod evaluate;
pub mod examples;
pub mod explain;
pub mod export;
pub mod files;
pub mod fit;
pub mod interrupt;
pub mod loss;
pub mod memory;
pub mod metrics;
pub mod nn;
pub mod onnx;
pub mod output;
pub mod predict;
mod progress;
pub mod recipe;
pub mod report;
pub mod rows_model;
pub mod run;
pub mod schedule;
pub mod split;
pub mod stats;
pub mod suite;
pub mod table;
pub mod targets;
pub mod tensorboard;

/// The random numbers of the trainer: the same on every platform for the same seed.
pub type Rng = rand_chacha::ChaCha8Rng;
