//! What the lock-free path is made of: atomics, rings and the size of a piece.
//!
//! All of it comes from here, so that `tests/interleavings` can compile the very same files over loom's
//! types, which know every order of events that the memory model allows.

pub(super) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};

pub(super) use arc_swap::{ArcSwap, ArcSwapOption};
pub(super) use ringbuf::{HeapCons as Cons, HeapProd as Prod};

use ringbuf::HeapRb;
use ringbuf::traits::Split as _;

/// Samples written at a time: a block is taken or lost in pieces of at most this size, so that a
/// block larger than the ring is not lost whole.
pub(super) const PIECE: usize = 1024;

/// Both ends of a ring with room for so many.
pub(super) fn ends<T>(capacity: usize) -> (Prod<T>, Cons<T>) {
    HeapRb::new(capacity).split()
}
