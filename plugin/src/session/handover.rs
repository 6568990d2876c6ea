//! Things on their way to the audio thread and back, one at a time each way, without locks.
//!
//! The audio thread must not free what it has, so that what another takes the place of goes back to be freed.

use std::sync::PoisonError;

use super::parts::{AtomicBool, Mutex, Ordering, Place, fence};

/// Between the audio thread, one thread that sends and any number that collect what comes back.
pub(super) struct Handover<T> {
    /// A new one on its way to the audio thread, and whether there is one.
    arriving: Place<T>,
    arrived: AtomicBool,
    /// Whether what has arrived is that there is none any more.
    detached: AtomicBool,
    /// The old one on its way back.
    leaving: Place<T>,
    left: AtomicBool,
    collecting: Mutex<()>,
}

impl<T> Handover<T> {
    pub(super) fn new() -> Self {
        Self {
            arriving: Place::new(None),
            arrived: AtomicBool::new(false),
            detached: AtomicBool::new(false),
            leaving: Place::new(None),
            left: AtomicBool::new(false),
            collecting: Mutex::new(()),
        }
    }

    /// For the audio thread: puts what has arrived in the place of `present`, or takes that away. Wait-free;
    /// frees nothing.
    #[inline]
    pub(super) fn exchange(&self, present: &mut Option<Box<T>>) -> bool {
        if !self.arrived.load(Ordering::Relaxed) || self.left.load(Ordering::Acquire) {
            return false;
        }
        self.arrived.store(false, Ordering::Relaxed);
        fence(Ordering::Acquire);
        let new = self.arriving.take();
        if new.is_none() && !self.detached.load(Ordering::Relaxed) {
            return false;
        }
        if let Some(old) = std::mem::replace(present, new) {
            // The place is free, so nothing is dropped by this.
            self.leaving.store(Some(old));
            self.left.store(true, Ordering::Release);
        }
        true
    }

    /// Sends another one, or word that there is none. Only one thread may send.
    pub(super) fn send(&self, new: Option<Box<T>>) {
        self.collect();
        self.detached.store(new.is_none(), Ordering::Relaxed);
        drop(self.arriving.swap(new));
        self.arrived.store(true, Ordering::Release);
    }

    /// Frees what the audio thread gave back.
    pub(super) fn collect(&self) {
        if self.left.load(Ordering::Relaxed) {
            drop(self.take_back());
        }
    }

    fn take_back(&self) -> Option<Box<T>> {
        // One at a time: who came second would say that the place is free when the audio thread has just put
        // the next one there, and have it freed there.
        let _alone = self.collecting.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.left.load(Ordering::Acquire) {
            return None;
        }
        let old = self.leaving.take();
        self.left.store(false, Ordering::Release);
        old
    }
}
