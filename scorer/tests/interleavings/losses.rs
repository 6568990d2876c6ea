//! Tap and inlet: whatever the order, what arrives is what was pushed, with every gap, reset and end in its place.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard};

use loom::thread;

use crate::checker::{Checker, signal};
use crate::every_order;
use crate::inlet::{Inlet, Turn};
use crate::ring::ring;
use crate::tap::Tap;

/// How often a thread is set aside at most. Of what loom has found here, all was found with one or two.
const PREEMPTIONS: usize = 3;
/// Turns that race the tap, each of which takes what there is.
const RACING: usize = 2;

fn push(tap: &mut Tap, from: u64, frames: u64) {
    let samples: Vec<f32> = (from..from + frames).map(signal).collect();
    tap.push_planar(&[&samples]);
}

/// Lets `write` write into a ring of three samples and some marks while a few turns race it, then takes the rest.
/// Gives what arrived, and how much of it had come before the tap was gone.
fn race(marks: usize, write: impl FnOnce(Tap) + Send + 'static) -> (Checker, u64) {
    let (tap, mut inlet) = ring(3, marks, 3);
    let mut checker = Checker::default();
    let writer = thread::spawn(move || write(tap));
    for _ in 0..RACING {
        inlet.turn(&mut checker);
    }
    writer.join().unwrap();
    let early = checker.received;
    rest(&mut inlet, &mut checker);
    (checker, early)
}

fn rest(inlet: &mut Inlet, checker: &mut Checker) {
    while inlet.turn(checker) != Turn::Ended {}
    assert_eq!(checker.ends, 1);
}

/// What came out in all orders, to see that they differ.
struct Outcomes<T>(Arc<Mutex<BTreeSet<T>>>);

impl<T: Ord + Debug> Outcomes<T> {
    fn new() -> (Self, Self) {
        let all = Arc::default();
        (Self(Arc::clone(&all)), Self(all))
    }

    fn note(&self, outcome: T) {
        self.0.lock().unwrap().insert(outcome);
    }

    fn show(&self, orders: usize) -> MutexGuard<'_, BTreeSet<T>> {
        let all = self.0.lock().unwrap();
        println!("{orders} orders, {} outcomes: {all:?}", all.len());
        all
    }
}

/// Five samples into a ring of three: some are lost or none, and each is counted where it is missing.
#[test]
fn samples_and_gaps_together_are_the_signal() {
    let (outcomes, noted) = Outcomes::new();
    let orders = every_order(PREEMPTIONS, move || {
        let (checker, early) = race(1, |mut tap| {
            push(&mut tap, 0, 2);
            push(&mut tap, 2, 2);
            push(&mut tap, 4, 1);
        });
        assert_eq!(checker.position, 5);
        assert_eq!(checker.received + checker.lost, 5);
        noted.note((early, checker.lost));
    });
    let seen = outcomes.show(orders);
    assert!(seen.iter().any(|&(_, lost)| lost == 0), "in none all came through: {seen:?}");
    assert!(seen.iter().any(|&(_, lost)| lost > 0), "in none something was lost: {seen:?}");
}

/// Behind a reset, and there only, the signal starts anew; a gap before it has no part in what comes after.
#[test]
fn a_reset_arrives_where_it_was_made() {
    let (outcomes, noted) = Outcomes::new();
    let orders = every_order(PREEMPTIONS, move || {
        let (checker, early) = race(2, |mut tap| {
            push(&mut tap, 0, 2);
            push(&mut tap, 2, 2);
            tap.reset();
            push(&mut tap, 0, 1);
        });
        assert_eq!((checker.resets, checker.position), (1, 1));
        assert!(checker.received + checker.lost <= 5);
        noted.note((early, checker.received, checker.lost));
    });
    let seen = outcomes.show(orders);
    assert!(seen.iter().any(|&(_, received, _)| received == 5), "in none all came: {seen:?}");
    assert!(seen.iter().any(|&(_, received, _)| received < 5), "in none a gap: {seen:?}");
}

/// Samples that are no numbers are silence, and counted before anything that comes after them.
#[test]
fn what_is_no_number_is_counted_in_its_place() {
    struct Silence {
        invalid: u64,
        zeros: u64,
        ends: u64,
    }
    impl crate::Sink for Silence {
        fn samples(&mut self, mono: &[f32]) {
            for &sample in mono {
                if sample == 0.0 {
                    self.zeros += 1;
                } else {
                    assert_eq!((sample, self.zeros), (0.5, 2));
                    // Each mark is put down before the next block is.
                    assert_eq!(self.invalid, 2, "the mark is behind what it stands before");
                }
            }
        }
        fn mark(&mut self, kind: crate::MarkKind) {
            let crate::MarkKind::Invalid(samples) = kind else { panic!("{kind:?}") };
            self.invalid += samples;
            assert!(self.invalid <= self.zeros, "the mark is before what it counts");
        }
        fn end(&mut self) {
            self.ends += 1;
        }
    }
    every_order(PREEMPTIONS, || {
        let (mut tap, mut inlet) = ring(3, 2, 3);
        let mut sink = Silence { invalid: 0, zeros: 0, ends: 0 };
        let writer = thread::spawn(move || {
            tap.push_planar(&[&[f32::NAN, f32::INFINITY]]);
            tap.push_planar(&[&[0.5]]);
        });
        for _ in 0..RACING {
            inlet.turn(&mut sink);
        }
        writer.join().unwrap();
        while inlet.turn(&mut sink) != Turn::Ended {}
        assert_eq!((sink.invalid, sink.zeros, sink.ends), (2, 2, 1));
    });
}

/// The inlet says that it is over only when it has everything, its last gap included: then nobody asks again.
#[test]
fn the_end_comes_behind_everything() {
    let (outcomes, noted) = Outcomes::new();
    let orders = every_order(PREEMPTIONS, move || {
        let (mut tap, mut inlet) = ring(3, 1, 3);
        let mut checker = Checker::default();
        let writer = thread::spawn(move || {
            push(&mut tap, 0, 2);
            push(&mut tap, 2, 2);
        });
        let mut turns = 1;
        while inlet.turn(&mut checker) != Turn::Ended {
            turns += 1;
            thread::yield_now();
        }
        assert_eq!((checker.position, checker.ends), (4, 1));
        assert_eq!(checker.received + checker.lost, 4);
        noted.note((turns, checker.lost));
        writer.join().unwrap();
    });
    let seen = outcomes.show(orders);
    assert!(seen.len() > 3, "{seen:?}");
}
