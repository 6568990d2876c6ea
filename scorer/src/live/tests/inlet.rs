//! Both ends of the ring, alone and in a race.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::checker::{Checker, signal};
use crate::live::inlet::{Sink, Turn};
use crate::live::ring::{MarkKind, ring};
use crate::live::tap::Tap;

/// Small, seeded random numbers below `most`.
fn random(state: &mut u64, most: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
    (*state >> 33) % most
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
    // Under Miri, which is slow but picks the order of events itself, less is enough.
    const SAMPLES: u64 = if cfg!(miri) { 20_000 } else { 24_000_000 };
    const GAPS: u64 = if cfg!(miri) { 0 } else { 300 };
    const RING: usize = 6_000;
    // Less at a time than the ring holds, so that gaps lie within what is waiting.
    let (mut tap, mut inlet) = ring(RING, 4, 700);
    let mut checker = Checker::default();
    // How far the producer is, and whether it waits for the consumer.
    let (sent, waits) = (AtomicU64::new(0), AtomicBool::new(false));
    let (sent_all, stopped) = (AtomicBool::new(false), AtomicBool::new(false));
    // More than the ring holds before anybody takes any: one gap there is, however threads are scheduled.
    let (mut at, mut buffer) = (0, Vec::new());
    for frames in [2500; 3] {
        push(&mut tap, at, frames, false, &mut buffer);
        at += frames as u64;
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _at_end = Raise(&sent_all);
            let mut state = 1;
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
    assert!(checker.gaps > GAPS, "{} gaps", checker.gaps);
}

/// Resets in the middle of a race: behind each, the signal starts again at its first sample.
#[test]
fn every_reset_arrives_where_it_was_made() {
    const RESETS: u64 = if cfg!(miri) { 2 } else { 3000 };
    const BLOCKS: u64 = if cfg!(miri) { 4 } else { 20 };
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
                for _ in 0..1 + random(&mut state, BLOCKS) {
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
                while seen.load(Ordering::Acquire) < resets && !stopped.load(Ordering::Acquire) {
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
    assert!(checker.received > 0);
    assert!(checker.gaps > 0 || cfg!(miri), "no gap in any order");
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
