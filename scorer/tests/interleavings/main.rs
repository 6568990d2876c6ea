//! The lock-free path in every order of events that the memory model allows, as loom tries them: threads that
//! overtake each other between any two accesses, and loads that still see what was stored before.
//!
//! The files are the scorer's own. Only [`parts`] is another: loom's atomics, a ring over them that holds two
//! or three samples, and pieces of two. A model tries all orders in which a running thread is set aside at most
//! so many times, which is how loom's authors advise to bound it.
// loom's stacks of its own and GNU's way to unwind do not go together on Windows.
#![cfg(not(all(windows, target_env = "gnu")))]
#![allow(dead_code, unreachable_pub, missing_docs, reason = "whole files, of which parts are used")]

#[path = "../../src/live/tests/checker.rs"]
mod checker;
#[path = "../../src/downmix.rs"]
mod downmix;
#[path = "../../src/live/frame_history.rs"]
mod frame_history;
#[path = "../../src/live/inlet.rs"]
mod inlet;
#[path = "../../src/live/meter.rs"]
mod meter;
#[path = "../../src/live/ring.rs"]
mod ring;
#[path = "../../src/live/tap.rs"]
mod tap;

mod losses;
mod model_ring;
mod parts;
mod published;

// What those files know of the rest of the scorer.
use earworm_scorer::{front_end, model};
use inlet::Sink;
use ring::MarkKind;

mod reading {
    pub use earworm_scorer::Reading;
}

/// Tries every order in which threads are set aside at most `preemptions` times, and returns how many there are.
fn every_order(preemptions: usize, test: impl Fn() + Sync + Send + 'static) -> usize {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let orders = Arc::new(AtomicUsize::new(0));
    let count = orders.clone();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        test();
    });
    orders.load(Ordering::Relaxed)
}
