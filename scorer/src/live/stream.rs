//! One tap as the worker sees it: from the ring through the scorer to the meter.

use std::time::Instant;

use super::inlet::{Inlet, Sink, Turn};
use super::meter::Publisher;
use super::ring::MarkKind;
use crate::front_end::Frame;
use crate::model::ModelError;
use crate::reading::Reading;
use crate::scorer::{CompletedWindow, Observer, Scorer};
use crate::span::Span;

/// One source of audio as the worker sees it. Without a worker, [`turn`](Self::turn) may be called
/// by hand, for offline use and tests.
pub struct Stream {
    inlet: Inlet,
    scoring: Scoring,
}

impl Stream {
    pub(super) fn new(
        inlet: Inlet,
        scorer: Scorer,
        publisher: Publisher,
        watcher: Box<dyn Observer + Send>,
    ) -> Self {
        let out = Outlet { publisher, watcher };
        Self { inlet, scoring: Scoring { scorer, out, failed: false } }
    }

    /// Takes what has come in, at most about a third of a second of it, and publishes readings.
    pub fn turn(&mut self) -> Turn {
        self.inlet.turn(&mut self.scoring)
    }

    /// See [`Inlet::written`].
    pub(super) fn written(&self) -> u64 {
        self.inlet.written()
    }

    /// See [`Inlet::has_taken`].
    pub(super) fn has_taken(&self, samples: u64) -> bool {
        self.inlet.has_taken(samples)
    }

    /// Whether somebody looks at its meter.
    pub(super) fn is_watched(&self) -> bool {
        self.scoring.out.publisher.is_watched()
    }

    /// Tells the meter that there will be no more readings.
    pub(super) fn fail(&mut self, why: &str) {
        self.scoring.out.publisher.fail(why);
    }
}

/// Scores what comes out of the ring and publishes the readings.
struct Scoring {
    scorer: Scorer,
    out: Outlet,
    failed: bool,
}

/// Where results go: frames to the meter, everything to the watcher.
struct Outlet {
    publisher: Publisher,
    watcher: Box<dyn Observer + Send>,
}

impl Observer for Outlet {
    fn frame(&mut self, frame: Frame<'_>, span: Span) {
        self.publisher.frame(frame, span.end_s);
        self.watcher.frame(frame, span);
    }

    fn window(&mut self, window: &CompletedWindow<'_>) {
        self.watcher.window(window);
    }

    fn reading(&mut self, reading: &Reading) {
        self.watcher.reading(reading);
    }
}

impl Scoring {
    fn publish(&mut self, result: Result<(), ModelError>) {
        match result {
            Ok(()) => self.out.publisher.publish(self.scorer.reading()),
            Err(error) => {
                // A model that fails once will fail again: say so once, go on draining.
                self.failed = true;
                tracing::error!(%error, "scoring stopped");
                self.out.publisher.fail(&error.to_string());
            }
        }
    }
}

impl Sink for Scoring {
    fn samples(&mut self, mono: &[f32]) {
        if !self.failed {
            let start = Instant::now();
            let result = self.scorer.push_mono(mono, &mut self.out);
            self.publish(result);
            self.out.publisher.count_scoring(start.elapsed());
        }
    }

    fn waiting(&mut self, samples: usize) {
        self.out.publisher.note_waiting(samples);
    }

    fn mark(&mut self, kind: MarkKind) {
        if self.failed {
            return;
        }
        let result = match kind {
            MarkKind::Lost(samples) => {
                self.out.publisher.count_lost(samples);
                self.scorer.skip_lost(samples, &mut self.out)
            }
            MarkKind::Invalid(samples) => {
                self.scorer.count_invalid(samples);
                Ok(())
            }
            MarkKind::Reset => {
                self.scorer.reset();
                self.out.publisher.reset();
                self.out.watcher.reset();
                Ok(())
            }
        };
        self.publish(result);
    }

    fn end(&mut self) {
        if !self.failed {
            let result = self.scorer.finish(&mut self.out);
            self.publish(result);
        }
    }
}
