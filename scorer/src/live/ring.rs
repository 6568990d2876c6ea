//! The ring between audio thread and worker: two rings, one of samples and one of what happened between them.

use std::sync::Arc;

use ringbuf::traits::Producer as _;

use super::inlet::Inlet;
use super::parts::{AtomicBool, Prod, ends};
use super::tap::Tap;

/// Something that happened at a place in the stream of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Number of samples written to the ring before it.
    pub(super) at: u64,
    pub(super) kind: MarkKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkKind {
    /// This many samples of each channel were lost here.
    Lost(u64),
    /// This many samples were not numbers, up to here.
    Invalid(u64),
    /// Start anew from here.
    Reset,
}

/// Both ends of a ring of that many samples and marks, of which `turn` samples are taken at a time.
pub(super) fn ring(samples: usize, marks: usize, turn: usize) -> (Tap, Inlet) {
    let (mut samples_in, samples_out) = ends(samples);
    let (mut marks_in, marks_out) = ends(marks);
    touch(&mut samples_in, 0.0);
    touch(&mut marks_in, Mark { at: 0, kind: MarkKind::Reset });
    let open = Arc::new(AtomicBool::new(true));
    let tap = Tap::new(samples_in, marks_in, open.clone());
    (tap, Inlet::new(samples_out, marks_out, open, turn))
}

/// Writes to all of an empty ring. The system gives memory page by page when it is first written to, and that
/// must not be in the audio thread.
fn touch<T: Copy>(ring: &mut Prod<T>, with: T) {
    let (first, second) = ring.vacant_slices_mut();
    for place in first.iter_mut().chain(second) {
        place.write(with);
    }
}
