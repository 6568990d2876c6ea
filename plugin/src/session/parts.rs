//! What the hand-over is made of. It comes from here, so that `tests/interleavings` can compile the very same
//! file over loom's types, which know every order of events that the memory model allows.

pub(super) use std::sync::Mutex;
pub(super) use std::sync::atomic::{AtomicBool, Ordering, fence};

/// Room for one, or none.
pub(super) type Place<T> = crossbeam::atomic::AtomicCell<Option<Box<T>>>;
