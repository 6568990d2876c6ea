//! One tap as the worker sees it: from the ring through the scorer to the meter.

use std::time::Instant;

use super::MarkKind;
use super::inlet::{Inlet, Sink};
use super::meter::Publisher;
use crate::model::ModelError;
use crate::scorer::Scorer;

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// There was work, and there may be more.
    Busy,
    /// The ring was empty.
    Idle,
    /// The ring is empty and the tap is gone: nothing will come any more.
    Ended,
}

/// One source of audio as the worker sees it. Without a worker, [`turn`](Self::turn) may be called
/// by hand, for offline use and tests.
pub struct Stream {
    inlet: Inlet,
    scoring: Scoring,
}

impl Stream {
    pub(super) fn new(inlet: Inlet, scorer: Scorer, publisher: Publisher) -> Self {
        Self { inlet, scoring: Scoring { scorer, publisher, failed: false } }
    }

    /// Takes what has come in, at most about a third of a second of it, and publishes readings.
    pub fn turn(&mut self) -> Turn {
        self.inlet.turn(&mut self.scoring)
    }
}

/// Scores what comes out of the ring and publishes the readings.
struct Scoring {
    scorer: Scorer,
    publisher: Publisher,
    failed: bool,
}

impl Scoring {
    fn publish(&mut self, result: Result<(), ModelError>) {
        match result {
            Ok(()) => self.publisher.publish(self.scorer.reading()),
            Err(error) => {
                // A model that fails once will fail again: say so once, go on draining.
                self.failed = true;
                tracing::error!(%error, "scoring stopped");
                self.publisher.fail(&error.to_string());
            }
        }
    }
}

impl Sink for Scoring {
    fn samples(&mut self, mono: &[f32]) {
        if !self.failed {
            let start = Instant::now();
            let result = self.scorer.push_mono(mono, &mut self.publisher);
            self.publish(result);
            self.publisher.count_scoring(start.elapsed());
        }
    }

    fn waiting(&mut self, samples: usize) {
        self.publisher.note_waiting(samples);
    }

    fn mark(&mut self, kind: MarkKind) {
        if self.failed {
            return;
        }
        let result = match kind {
            MarkKind::Lost(samples) => {
                self.publisher.count_lost(samples);
                self.scorer.skip_lost(samples, &mut self.publisher)
            }
            MarkKind::Invalid(samples) => {
                self.scorer.count_invalid(samples);
                Ok(())
            }
            MarkKind::Reset => {
                self.scorer.reset();
                self.publisher.reset();
                Ok(())
            }
        };
        self.publish(result);
    }

    fn end(&mut self) {
        if !self.failed {
            let result = self.scorer.finish(&mut self.publisher);
            self.publish(result);
        }
    }
}
