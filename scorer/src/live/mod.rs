//! Live audio: a tap for the audio thread, a worker that scores, a meter that anyone may read.
//!
//! ```text
//! audio thread ── Tap ──ring──▶ Stream (on the worker) ──▶ Meter ◀── GUIs, servers
//! ```
//!
//! [`open`] makes the three that belong together. The tap belongs to the audio thread; the stream
//! goes to a [`Worker`], one of which serves a whole process; the meter can be cloned and read from
//! any thread without locks.

mod frame_history;
mod inlet;
mod meter;
mod parts;
mod ring;
mod stream;
mod tap;
#[cfg(test)]
mod tests;
mod worker;

use std::sync::Arc;

use crate::model::Model;
use crate::scorer::{Observer, Scorer, ScorerError, ScorerOptions};
use ring::ring;

pub use frame_history::HistoryFrame;
pub use inlet::Turn;
pub use meter::{HISTORY_SECONDS, Load, Meter, SCORING_BUCKETS, history_frames};
pub use stream::Stream;
pub use tap::Tap;
pub use worker::Worker;

/// Seconds of audio that the ring holds: what the worker may fall behind before samples are lost.
const RING_SECONDS: u32 = 4;
/// Marks (gaps, resets) that may wait in the ring beside the samples.
const MARKS: usize = 64;
/// Most samples taken from the ring in one turn, so that many streams share a worker fairly.
const TURN: usize = 16_384;

/// Makes the tap, stream and meter of one source of audio of `sample_rate` Hz.
///
/// # Errors
/// When the rate is not supported or the model cannot be run.
pub fn open(
    model: Arc<Model>,
    sample_rate: u32,
    options: ScorerOptions,
) -> Result<(Tap, Stream, Meter), ScorerError> {
    open_watched(model, sample_rate, options, Box::new(()))
}

/// Like [`open`], with a watcher that sees every frame, window, reading and reset, in order, on the
/// thread that serves the stream. It may lock and allocate, but not take long.
///
/// # Errors
/// When the rate is not supported or the model cannot be run.
pub fn open_watched(
    model: Arc<Model>,
    sample_rate: u32,
    options: ScorerOptions,
    watcher: Box<dyn Observer + Send>,
) -> Result<(Tap, Stream, Meter), ScorerError> {
    let mut scorer = Scorer::new(model.clone(), sample_rate, options)?;
    // Not on the worker, which serves other streams as well.
    scorer.prepare_finish()?;
    let (tap, inlet) = ring((sample_rate * RING_SECONDS) as usize, MARKS, TURN);
    let (meter, publisher) = meter::new(model);
    Ok((tap, Stream::new(inlet, scorer, publisher, watcher), meter))
}
