//! The worker's end of the ring: samples and marks, back in the order in which the tap wrote them.

use std::sync::Arc;

use ringbuf::traits::{Consumer as _, Observer as _};

use super::parts::{AtomicBool, Cons, Ordering};
use super::ring::{Mark, MarkKind};

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

/// Takes what comes out of the ring, in order.
pub(super) trait Sink {
    /// Samples of one channel.
    fn samples(&mut self, mono: &[f32]);
    /// So many samples wait at the moment.
    fn waiting(&mut self, _samples: usize) {}
    /// Something that happened between the samples before and the samples to come.
    fn mark(&mut self, kind: MarkKind);
    /// The tap has gone and everything it wrote has been taken. Called once.
    fn end(&mut self);
}

pub(super) struct Inlet {
    samples: Cons<f32>,
    marks: Cons<Mark>,
    open: Arc<AtomicBool>,
    taken: u64,
    block: Vec<f32>,
    ended: bool,
}

impl Inlet {
    /// An inlet that takes at most `most` samples at a time.
    pub(super) fn new(
        samples: Cons<f32>,
        marks: Cons<Mark>,
        open: Arc<AtomicBool>,
        most: usize,
    ) -> Self {
        Self { samples, marks, open, taken: 0, block: vec![0.0; most], ended: false }
    }

    /// Hands on what has come in, or the first part of it.
    pub(super) fn turn(&mut self, sink: &mut impl Sink) -> Turn {
        // Asked first: what the tap wrote before it went must still be taken.
        let open = self.open.load(Ordering::Acquire);
        let marks = self.take_marks(sink);
        let samples = self.take_samples(sink);
        match marks + samples {
            0 if open => Turn::Idle,
            0 => {
                if !std::mem::replace(&mut self.ended, true) {
                    sink.end();
                }
                Turn::Ended
            }
            _ => Turn::Busy,
        }
    }

    /// How many samples the tap has written until now; without end once it is gone, as its end is to be
    /// taken as well.
    pub(super) fn written(&self) -> u64 {
        // Asked first, as in a turn.
        if !self.open.load(Ordering::Acquire) {
            return u64::MAX;
        }
        self.taken + self.samples.occupied_len() as u64
    }

    /// Whether so many samples have been taken, and the marks between them and behind the last.
    pub(super) fn has_taken(&self, samples: u64) -> bool {
        self.taken >= samples && self.marks.try_peek().is_none_or(|mark| mark.at > samples)
    }

    fn take_samples(&mut self, sink: &mut impl Sink) -> usize {
        // A mark that is not yet visible lies behind every sample that already is; one that is
        // limits how far to read.
        let waiting = self.samples.occupied_len();
        sink.waiting(waiting);
        let limit = self.marks.try_peek().map_or(u64::MAX, |mark| mark.at - self.taken);
        let wanted = limit.min(self.block.len().min(waiting) as u64) as usize;
        let count = self.samples.pop_slice(&mut self.block[..wanted]);
        self.taken += count as u64;
        if count > 0 {
            sink.samples(&self.block[..count]);
        }
        count
    }

    fn take_marks(&mut self, sink: &mut impl Sink) -> usize {
        let mut count = 0;
        while self.marks.try_peek().is_some_and(|mark| mark.at <= self.taken) {
            let Some(mark) = self.marks.try_pop() else { break };
            sink.mark(mark.kind);
            count += 1;
        }
        count
    }
}
