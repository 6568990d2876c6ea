//! In the place of `live/parts.rs`: the same over loom's types, and tiny.

use std::sync::{Arc, Mutex, PoisonError};

use loom::sync::atomic::AtomicUsize;
pub(super) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
use ringbuf::{CachingCons, CachingProd};

use crate::model_ring::ModelRing;

/// Two, so that a piece can lie around the end of the ring, and be cut off by the end of a block.
pub(super) const PIECE: usize = 2;

/// The ends are ringbuf's own.
pub(super) type Prod<T> = CachingProd<Arc<ModelRing<T>>>;
pub(super) type Cons<T> = CachingCons<Arc<ModelRing<T>>>;

pub(super) fn ends<T>(capacity: usize) -> (Prod<T>, Cons<T>) {
    let ring = Arc::new(ModelRing::new(capacity));
    (Prod::new(ring.clone()), Cons::new(ring))
}

/// Stands for arc-swap, which knows nothing of loom: gives what was stored, and no more order between threads
/// than arc-swap promises.
pub(super) struct ArcSwap<T> {
    /// Everything that was ever stored.
    stored: Mutex<Vec<Arc<T>>>,
    present: AtomicUsize,
}

impl<T> ArcSwap<T> {
    pub(super) fn from_pointee(value: T) -> Self {
        Self { stored: Mutex::new(vec![Arc::new(value)]), present: AtomicUsize::new(0) }
    }

    pub(super) fn store(&self, value: Arc<T>) {
        let place = {
            let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
            stored.push(value);
            stored.len() - 1
        };
        self.present.swap(place, Ordering::AcqRel);
    }

    pub(super) fn load_full(&self) -> Arc<T> {
        let place = self.present.load(Ordering::Acquire);
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)[place].clone()
    }
}

/// The same where there may be nothing.
pub(super) struct ArcSwapOption<T>(ArcSwap<Option<Arc<T>>>);

impl<T> ArcSwapOption<T> {
    pub(super) fn empty() -> Self {
        Self(ArcSwap::from_pointee(None))
    }

    pub(super) fn store(&self, value: Option<Arc<T>>) {
        self.0.store(Arc::new(value));
    }

    pub(super) fn load_full(&self) -> Option<Arc<T>> {
        (*self.0.load_full()).clone()
    }
}
