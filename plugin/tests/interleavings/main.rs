//! The hand-over of streams to the audio thread in every order of events that the memory model allows, as loom
//! tries them. The file is the plugin's own; only [`parts`] is another.
// loom's stacks of its own and GNU's way to unwind do not go together on Windows.
#![cfg(not(all(windows, target_env = "gnu")))]
#![allow(dead_code, unreachable_pub, missing_docs, reason = "a whole file, over other types")]

#[path = "../../src/session/handover.rs"]
mod handover;
mod parts;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use handover::Handover;
use loom::thread::{self, ThreadId};

/// What is handed over: it knows by whom it must not be freed, and counts itself.
struct Line {
    number: usize,
    audio_thread: ThreadId,
    freed: Arc<Freed>,
}

#[derive(Default)]
struct Freed {
    in_the_audio_thread: AtomicUsize,
    elsewhere: AtomicUsize,
}

impl Drop for Line {
    fn drop(&mut self) {
        // Whoever fails frees as well.
        if !std::thread::panicking() {
            let is_audio = thread::current().id() == self.audio_thread;
            let Freed { in_the_audio_thread, elsewhere } = &*self.freed;
            let count = if is_audio { in_the_audio_thread } else { elsewhere };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Hands over what `sent` says, numbers or that there is none, while the audio thread, which has a line already
/// and one on its way back, looks three times, and another thread collects.
fn hand_over(sent: &'static [Option<usize>], collections: usize) {
    let outcomes = Arc::new(Mutex::new(std::collections::BTreeSet::new()));
    let note = outcomes.clone();
    let orders = Arc::new(AtomicUsize::new(0));
    let count = orders.clone();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        let audio_thread = thread::current().id();
        let freed = Arc::new(Freed::default());
        let handover = Arc::new(Handover::new());
        let line = {
            let freed = freed.clone();
            move |number| Some(Box::new(Line { number, audio_thread, freed: freed.clone() }))
        };
        let mut present = line(0);
        handover.send(line(1));
        assert!(handover.exchange(&mut present));
        let sender = {
            let (handover, line) = (handover.clone(), line.clone());
            thread::spawn(move || {
                for number in sent {
                    handover.send(number.and_then(&line));
                }
            })
        };
        let collector = {
            let handover = handover.clone();
            thread::spawn(move || (0..collections).for_each(|_| handover.collect()))
        };
        let number = |line: &Option<Box<Line>>| line.as_ref().map(|line| line.number);
        let mut seen = Vec::new();
        for _ in 0..3 {
            if handover.exchange(&mut present) {
                seen.push(number(&present));
            }
        }
        sender.join().unwrap();
        collector.join().unwrap();
        note.lock().unwrap().insert(seen);
        // What was sent last arrives, as soon as there is room for what was before.
        thread::spawn({
            let handover = handover.clone();
            move || handover.collect()
        })
        .join()
        .unwrap();
        handover.exchange(&mut present);
        assert_eq!(number(&present), *sent.last().unwrap());
        assert!(!handover.exchange(&mut present), "nothing more was sent");
        let wrongly = freed.in_the_audio_thread.load(Ordering::Relaxed);
        assert_eq!(wrongly, 0, "freed in the audio thread");
        // Everything is freed once, and elsewhere.
        thread::spawn(move || drop((present, handover))).join().unwrap();
        assert_eq!(freed.elsewhere.load(Ordering::Relaxed), 2 + sent.iter().flatten().count());
    });
    let (orders, outcomes) = (orders.load(Ordering::Relaxed), outcomes.lock().unwrap());
    println!("{orders} orders: {outcomes:?}");
    assert!(orders > 1000 && outcomes.len() > 2);
}

#[test]
fn the_audio_thread_frees_nothing_and_gets_the_last() {
    hand_over(&[Some(2), Some(3)], 1);
}

#[test]
fn one_that_is_taken_away_is_gone() {
    hand_over(&[None, Some(2)], 1);
    hand_over(&[Some(2), None], 1);
}
