//! The worker's end of the ring: samples and marks, back in the order in which the tap wrote them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ringbuf::HeapCons;
use ringbuf::traits::{Consumer as _, Observer as _};

use super::stream::Turn;
use super::{Mark, MarkKind};

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
    samples: HeapCons<f32>,
    marks: HeapCons<Mark>,
    open: Arc<AtomicBool>,
    taken: u64,
    block: Vec<f32>,
    ended: bool,
}

impl Inlet {
    /// An inlet that takes at most `most` samples at a time.
    pub(super) fn new(
        samples: HeapCons<f32>,
        marks: HeapCons<Mark>,
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::live::{Tap, ring};

    /// The signal: sample `i` is 24 scrambled bits of `i`, so that a sample out of place is seen.
    fn signal(i: u64) -> f32 {
        ((i as u32).wrapping_mul(0x9e37_79b1) >> 8) as f32 / (1 << 24) as f32
    }

    /// Small, seeded random numbers below `most`.
    fn random(state: &mut u64, most: u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (*state >> 33) % most
    }

    /// Checks what arrives against the signal, and keeps count.
    #[derive(Default)]
    struct Checker {
        position: u64,
        received: u64,
        gaps: u64,
        lost: u64,
        invalid: u64,
        resets: u64,
        ends: u64,
    }

    impl Sink for Checker {
        fn samples(&mut self, mono: &[f32]) {
            for &sample in mono {
                assert_eq!(sample, signal(self.position), "sample {}", self.position);
                self.position += 1;
            }
            self.received += mono.len() as u64;
        }

        fn mark(&mut self, kind: MarkKind) {
            match kind {
                MarkKind::Lost(samples) => {
                    assert!(samples > 0);
                    self.position += samples;
                    self.lost += samples;
                    self.gaps += 1;
                }
                MarkKind::Invalid(samples) => self.invalid += samples,
                MarkKind::Reset => {
                    self.resets += 1;
                    self.position = 0;
                }
            }
        }

        fn end(&mut self) {
            self.ends += 1;
        }
    }

    /// Pushes `frames` samples of the signal from `from` on, as mono or as two equal channels.
    fn push(tap: &mut Tap, from: u64, frames: usize, stereo: bool, buffer: &mut Vec<f32>) {
        buffer.clear();
        for i in from..from + frames as u64 {
            buffer.push(signal(i));
            if stereo {
                buffer.push(signal(i));
            }
        }
        if stereo {
            tap.push_interleaved(buffer, 2);
        } else {
            tap.push_planar(&[buffer]);
        }
    }

    /// Raises a flag when its thread is done or panics, so that the other does not wait for ever.
    struct Raise<'a>(&'a AtomicBool);

    impl Drop for Raise<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }

    /// A producer that overruns a small ring and a consumer that races it: what arrives and the
    /// gaps between, put together, are the signal. Nothing is lost uncounted, doubled or moved.
    #[test]
    fn samples_and_gaps_together_are_the_signal() {
        const SAMPLES: u64 = 24_000_000;
        const RING: usize = 6_000;
        // Less at a time than the ring holds, so that gaps lie within what is waiting.
        let (mut tap, mut inlet) = ring(RING, 4, 700);
        let mut checker = Checker::default();
        // How far the producer is, and whether it waits for the consumer.
        let (sent, waits) = (AtomicU64::new(0), AtomicBool::new(false));
        let (sent_all, stopped) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _at_end = Raise(&sent_all);
                let (mut state, mut at, mut buffer) = (1, 0, Vec::new());
                while at < SAMPLES {
                    let frames = random(&mut state, 3000).min(SAMPLES - at) as usize;
                    push(&mut tap, at, frames, random(&mut state, 2) == 0, &mut buffer);
                    at += frames as u64;
                    sent.store(at, Ordering::Release);
                    // Now and then the consumer gets time, however threads are scheduled.
                    if random(&mut state, 8) == 0 {
                        waits.store(true, Ordering::Release);
                        while tap.room() < RING / 2 && !stopped.load(Ordering::Acquire) {
                            std::thread::yield_now();
                        }
                        waits.store(false, Ordering::Release);
                    }
                }
            });
            let _at_end = Raise(&stopped);
            let mut state = 2;
            while !sent_all.load(Ordering::Acquire) {
                inlet.turn(&mut checker);
                // Both at about the same pace, so that the ring is now full, now empty, and gaps
                // lie anywhere in it.
                let next = sent.load(Ordering::Acquire) + random(&mut state, 1600);
                while sent.load(Ordering::Acquire) < next
                    && !waits.load(Ordering::Acquire)
                    && !sent_all.load(Ordering::Acquire)
                {
                    std::thread::yield_now();
                }
            }
        });
        // Room first, so that the last gap can be marked.
        while inlet.turn(&mut checker) == Turn::Busy {}
        drop(tap);
        while inlet.turn(&mut checker) != Turn::Ended {}
        assert_eq!(checker.position, SAMPLES);
        assert_eq!(checker.received + checker.lost, SAMPLES);
        assert!(checker.received > SAMPLES / 100, "{} received", checker.received);
        assert!(checker.gaps > 300, "{} gaps", checker.gaps);
    }

    /// Resets in the middle of a race: behind each, the signal starts again at its first sample.
    #[test]
    fn every_reset_arrives_where_it_was_made() {
        const RESETS: u64 = 3000;
        let (mut tap, mut inlet) = ring(6_000, 4, 700);
        let mut checker = Checker::default();
        // What the consumer has seen: two resets with nothing between may arrive as one, so none
        // is made before the last has arrived.
        let (seen, stopped) = (AtomicU64::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut state, mut buffer) = (7, Vec::new());
                for resets in 1..=RESETS {
                    let mut sent = 0;
                    for _ in 0..1 + random(&mut state, 20) {
                        let frames = random(&mut state, 2500) as usize;
                        push(&mut tap, sent, frames, false, &mut buffer);
                        sent += frames as u64;
                        // Room now and then, so that a gap gets its mark before the reset.
                        if random(&mut state, 4) == 0 {
                            while tap.room() < 3_000 && !stopped.load(Ordering::Acquire) {
                                std::thread::yield_now();
                            }
                        }
                    }
                    tap.reset();
                    while seen.load(Ordering::Acquire) < resets && !stopped.load(Ordering::Acquire)
                    {
                        std::thread::yield_now();
                        // The mark may have found no room.
                        tap.push_planar(&[]);
                    }
                }
            });
            let _at_end = Raise(&stopped);
            while checker.resets < RESETS {
                if inlet.turn(&mut checker) == Turn::Idle {
                    std::thread::yield_now();
                }
                seen.store(checker.resets, Ordering::Release);
            }
        });
        assert_eq!(checker.position, 0);
        assert!(checker.gaps > 0 && checker.received > 0);
    }

    #[test]
    fn the_last_loss_is_counted_when_the_tap_goes() {
        let (mut tap, mut inlet) = ring(4_000, 4, 4_000);
        push(&mut tap, 0, 10_000, false, &mut Vec::new());
        drop(tap);
        let mut checker = Checker::default();
        while inlet.turn(&mut checker) != Turn::Ended {}
        assert_eq!((checker.received, checker.lost), (3 * 1024, 10_000 - 3 * 1024));
        assert_eq!((inlet.turn(&mut checker), checker.ends), (Turn::Ended, 1));
    }

    /// Samples that were not numbers before a reset are not counted behind it, even when there was
    /// no room for a mark in between.
    #[test]
    fn a_reset_forgets_what_could_not_be_marked_before_it() {
        let (mut tap, mut inlet) = ring(4_000, 1, 4_000);
        tap.push_planar(&[&[f32::NAN]]);
        tap.push_planar(&[&[f32::NAN]]);
        tap.reset();
        let mut record = Record::default();
        while inlet.turn(&mut record) == Turn::Busy {}
        tap.push_planar(&[&[0.5]]);
        drop(tap);
        while inlet.turn(&mut record) != Turn::Ended {}
        let (invalid, reset) = (Err(MarkKind::Invalid(1)), Err(MarkKind::Reset));
        assert_eq!(record.0, [Ok(0.0), invalid, Ok(0.0), reset, Ok(0.5)]);
    }

    /// Keeps everything in order.
    #[derive(Default)]
    struct Record(Vec<Result<f32, MarkKind>>);

    impl Sink for Record {
        fn samples(&mut self, mono: &[f32]) {
            self.0.extend(mono.iter().map(|&sample| Ok(sample)));
        }

        fn mark(&mut self, kind: MarkKind) {
            self.0.push(Err(kind));
        }

        fn end(&mut self) {}
    }
}
