//! In the place of `session/parts.rs`: the same over loom's types.

use std::ptr;

pub(super) use loom::sync::Mutex;
use loom::sync::atomic::AtomicPtr;
pub(super) use loom::sync::atomic::{AtomicBool, Ordering, fence};

/// Stands for crossbeam's `AtomicCell` of a box, with the orderings that it has.
pub(super) struct Place<T>(AtomicPtr<T>);

impl<T> Place<T> {
    pub(super) fn new(value: Option<Box<T>>) -> Self {
        Self(AtomicPtr::new(raw(value)))
    }

    pub(super) fn swap(&self, value: Option<Box<T>>) -> Option<Box<T>> {
        let old = self.0.swap(raw(value), Ordering::AcqRel);
        // SAFETY: it came out of a box, and is in no place any more.
        (!old.is_null()).then(|| unsafe { Box::from_raw(old) })
    }

    pub(super) fn take(&self) -> Option<Box<T>> {
        self.swap(None)
    }

    pub(super) fn store(&self, value: Option<Box<T>>) {
        drop(self.swap(value));
    }
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

fn raw<T>(value: Option<Box<T>>) -> *mut T {
    value.map_or(ptr::null_mut(), Box::into_raw)
}
