//! Buffers as large as all steps of a layer, kept from one training step to the next.
//!
//! Each is tens of megabytes. Asked from the system anew they would be cleared page by page, and
//! `vec![0.0; n]` clears them even where every value is about to be written.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Most buffers kept: enough for the layers of a few networks.
const MOST_KEPT: usize = 24;

static KEPT: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

/// A buffer with any contents, which goes back when dropped.
pub(super) struct Buffer(Vec<f32>);

impl Buffer {
    /// A buffer of `length` values: whatever was in them last.
    pub(super) fn take(length: usize) -> Self {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        let buffer = take(&mut kept, length);
        drop(kept);
        let mut buffer = buffer.unwrap_or_else(|| Vec::with_capacity(length));
        buffer.resize(length, 0.0);
        Self(buffer)
    }
}

/// The smallest of `kept` that is large enough. Where none is, the largest is dropped: what is allocated
/// in its place comes back later, and so there are never more than were in use at once.
fn take(kept: &mut Vec<Vec<f32>>, length: usize) -> Option<Vec<f32>> {
    let sizes = kept.iter().map(Vec::capacity).enumerate();
    let fits = sizes.clone().filter(|&(_, size)| size >= length).min_by_key(|&(_, size)| size);
    if let Some((index, _)) = fits {
        return Some(kept.swap_remove(index));
    }
    let largest = sizes.max_by_key(|&(_, size)| size).map(|(index, _)| index);
    drop(largest.map(|index| kept.swap_remove(index)));
    None
}

fn give_back(kept: &mut Vec<Vec<f32>>, buffer: Vec<f32>) {
    if kept.len() < MOST_KEPT {
        kept.push(buffer);
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.0);
        give_back(&mut KEPT.lock().unwrap_or_else(PoisonError::into_inner), buffer);
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_have_the_length_asked_for() {
        let many: Vec<Buffer> = (1..100).map(Buffer::take).collect();
        assert!(many.iter().zip(1..).all(|(buffer, length)| buffer.len() == length));
        drop(many);
        assert!(KEPT.lock().unwrap().len() <= MOST_KEPT);
        assert_eq!(Buffer::take(5).len(), 5);
    }

    #[test]
    fn there_are_no_more_than_were_in_use_at_once() {
        let mut kept = Vec::new();
        for length in 1..50 {
            let two = [length, 2 * length].map(|length| {
                take(&mut kept, length).unwrap_or_else(|| Vec::with_capacity(length))
            });
            assert!(two[0].capacity() >= length && two[1].capacity() >= 2 * length);
            two.into_iter().for_each(|buffer| give_back(&mut kept, buffer));
            assert!(kept.len() <= 2);
        }
        assert_eq!(take(&mut kept, 98).map(|buffer| buffer.capacity()), Some(98));
        assert!(kept.iter().all(|buffer| buffer.capacity() >= 49));
    }
}
