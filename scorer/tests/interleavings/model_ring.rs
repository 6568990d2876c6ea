//! ringbuf's shared ring over loom's atomics. Its ends, which are ringbuf's own, cannot tell them apart; loom
//! sees who touches which place, and fails where nothing orders two accesses.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::AtomicBool;

use loom::sync::atomic::{AtomicUsize, Ordering};
use ringbuf::traits::{Observer, Raw, RingBuffer};

pub(super) struct ModelRing<T> {
    places: Box<[UnsafeCell<MaybeUninit<T>>]>,
    /// One for each place: loom's cells cannot lie side by side as the items of a slice do.
    watched: Box<[loom::cell::UnsafeCell<()>]>,
    read: AtomicUsize,
    write: AtomicUsize,
    // Whether each end has been given out is asked when the ring is made, not while it runs.
    read_held: AtomicBool,
    write_held: AtomicBool,
}

// SAFETY: as for ringbuf's own: each place is only touched by the end that the indices give it to. loom watches
// that it is so.
unsafe impl<T: Send> Sync for ModelRing<T> {}

impl<T> ModelRing<T> {
    pub(super) fn new(capacity: usize) -> Self {
        assert!(capacity > 0);
        Self {
            places: (0..capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect(),
            watched: (0..capacity).map(|_| loom::cell::UnsafeCell::new(())).collect(),
            read: AtomicUsize::new(0),
            write: AtomicUsize::new(0),
            read_held: AtomicBool::new(false),
            write_held: AtomicBool::new(false),
        }
    }

    /// The places between two indices, which count to twice the capacity.
    fn ranges(&self, start: usize, end: usize) -> [Range<usize>; 2] {
        let capacity = self.places.len();
        let (head, tail) = (start % capacity, end % capacity);
        if start / capacity % 2 == end / capacity % 2 {
            [head..tail, 0..0]
        } else {
            [head..capacity, 0..tail]
        }
    }

    fn start_of(&self, range: &Range<usize>) -> *mut MaybeUninit<T> {
        UnsafeCell::raw_get(self.places[range.start..].as_ptr())
    }
}

impl<T> Observer for ModelRing<T> {
    type Item = T;

    fn capacity(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.places.len()).expect("checked when it was made")
    }

    fn read_index(&self) -> usize {
        self.read.load(Ordering::Acquire)
    }

    fn write_index(&self) -> usize {
        self.write.load(Ordering::Acquire)
    }

    fn read_is_held(&self) -> bool {
        self.read_held.load(Ordering::Acquire)
    }

    fn write_is_held(&self) -> bool {
        self.write_held.load(Ordering::Acquire)
    }
}

impl<T> RingBuffer for ModelRing<T> {}

type Slices<'a, T> = (&'a [MaybeUninit<T>], &'a [MaybeUninit<T>]);
type SlicesMut<'a, T> = (&'a mut [MaybeUninit<T>], &'a mut [MaybeUninit<T>]);

// SAFETY: the indices and slices are those of `places`, and the orderings those of ringbuf's `SharedRb`.
unsafe impl<T> Raw for ModelRing<T> {
    unsafe fn unsafe_slices(&self, start: usize, end: usize) -> Slices<'_, T> {
        let slice = |range: Range<usize>| {
            self.watched[range.clone()].iter().for_each(|place| place.with(|_| ()));
            // SAFETY: the range lies in `places`; the caller has the right to read it.
            unsafe { std::slice::from_raw_parts(self.start_of(&range), range.len()) }
        };
        let [first, second] = self.ranges(start, end);
        (slice(first), slice(second))
    }

    unsafe fn unsafe_slices_mut(&self, start: usize, end: usize) -> SlicesMut<'_, T> {
        let slice = |range: Range<usize>| {
            self.watched[range.clone()].iter().for_each(|place| place.with_mut(|_| ()));
            // SAFETY: the range lies in `places`; the caller has it to itself.
            unsafe { std::slice::from_raw_parts_mut(self.start_of(&range), range.len()) }
        };
        let [first, second] = self.ranges(start, end);
        (slice(first), slice(second))
    }

    unsafe fn set_read_index(&self, value: usize) {
        self.read.store(value, Ordering::Release);
    }

    unsafe fn set_write_index(&self, value: usize) {
        self.write.store(value, Ordering::Release);
    }

    unsafe fn hold_read(&self, flag: bool) -> bool {
        self.read_held.swap(flag, Ordering::AcqRel)
    }

    unsafe fn hold_write(&self, flag: bool) -> bool {
        self.write_held.swap(flag, Ordering::AcqRel)
    }
}
