//! The audio thread's end: wait-free, free of allocation, system calls and panics.

use std::mem::MaybeUninit;
use std::sync::Arc;

use pulp::Arch;
use ringbuf::traits::{Observer as _, Producer as _, Raw as _};

use super::parts::{AtomicBool, Ordering, PIECE, Prod};
use super::ring::{Mark, MarkKind};
use crate::downmix::{fill_interleaved, fill_planar};

/// Takes audio on the audio thread and hands it to the worker.
///
/// When the ring is full, samples are dropped and counted; as soon as there is room again a mark in
/// the stream says how many are missing and where, so that the worker's clock stays right.
pub struct Tap {
    samples: Prod<f32>,
    marks: Prod<Mark>,
    open: Arc<AtomicBool>,
    /// The vector instructions there are, found once.
    arch: Arch,
    written: u64,
    /// What still has to be marked, because there was no room for the mark either.
    lost: u64,
    invalid: u64,
    reset: bool,
}

impl Tap {
    pub(super) fn new(samples: Prod<f32>, marks: Prod<Mark>, open: Arc<AtomicBool>) -> Self {
        let arch = Arch::new();
        Self { samples, marks, open, arch, written: 0, lost: 0, invalid: 0, reset: false }
    }

    /// Takes a block of channels that lie apart, as plugin hosts give them. Channels shorter than
    /// the first are an error of the caller's; then only the shortest length is taken.
    pub fn push_planar(&mut self, channels: &[&[f32]]) {
        let frames = channels.iter().map(|c| c.len()).min().unwrap_or(0);
        let arch = self.arch;
        self.push_frames(frames, |at, out| fill_planar(arch, channels, at, out));
    }

    /// Takes a block of interleaved frames. With no channels, or less than a frame, nothing happens.
    pub fn push_interleaved(&mut self, samples: &[f32], channels: usize) {
        let frames = samples.len().checked_div(channels).unwrap_or(0);
        let arch = self.arch;
        self.push_frames(frames, |at, out| {
            fill_interleaved(arch, &samples[at * channels..], channels, out)
        });
    }

    /// Lets the scorer start anew from here.
    pub fn reset(&mut self) {
        self.reset = true;
        // What was lost or invalid before the reset does not belong to what comes after it.
        self.lost = 0;
        self.invalid = 0;
        self.flush_marks();
    }

    /// Free room in the ring, in samples: an offline host may wait for it instead of losing any.
    pub fn room(&self) -> usize {
        self.samples.vacant_len()
    }

    /// `fill` writes every one of the samples it is given room for, from a frame on, and returns how
    /// many were invalid.
    fn push_frames(&mut self, frames: usize, fill: impl Fn(usize, &mut [MaybeUninit<f32>]) -> u64) {
        let mut done = 0;
        while done < frames {
            let piece = PIECE.min(frames - done);
            if self.flush_marks() && self.samples.vacant_len() >= piece {
                let (first, second) = self.samples.vacant_slices_mut();
                let split = piece.min(first.len());
                self.invalid += fill(done, &mut first[..split]);
                if split < piece {
                    self.invalid += fill(done + split, &mut second[..piece - split]);
                }
                // SAFETY: both slices together are `piece` samples long, and were filled just now.
                unsafe { self.samples.advance_write_index(piece) };
                self.written += piece as u64;
            } else {
                self.lost += piece as u64;
            }
            done += piece;
        }
        self.flush_marks();
    }

    /// Puts down what has to be marked here. False while there is no room for it.
    #[inline]
    fn flush_marks(&mut self) -> bool {
        (!self.reset && self.lost == 0 && self.invalid == 0) || self.write_marks()
    }

    #[cold]
    fn write_marks(&mut self) -> bool {
        if self.reset {
            if !self.mark(MarkKind::Reset) {
                return false;
            }
            self.reset = false;
        }
        if self.lost > 0 && self.samples.vacant_len() >= PIECE {
            if !self.mark(MarkKind::Lost(self.lost)) {
                return false;
            }
            self.lost = 0;
        }
        if self.invalid > 0 && self.mark(MarkKind::Invalid(self.invalid)) {
            self.invalid = 0;
        }
        self.lost == 0
    }

    fn mark(&mut self, kind: MarkKind) -> bool {
        self.marks.try_push(Mark { at: self.written, kind }).is_ok()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        // The last gap is marked even in a full ring: there will be no room to wait for.
        if !self.flush_marks() && !self.reset {
            self.mark(MarkKind::Lost(self.lost));
        }
        self.open.store(false, Ordering::Release);
    }
}
