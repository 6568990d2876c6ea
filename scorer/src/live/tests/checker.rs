//! A signal, and a sink that knows it.

use super::{MarkKind, Sink};

/// The signal: sample `i` is 24 scrambled bits of `i`, so that a sample out of place is seen.
pub(super) fn signal(i: u64) -> f32 {
    ((i as u32).wrapping_mul(0x9e37_79b1) >> 8) as f32 / (1 << 24) as f32
}

/// Checks what arrives against the signal, and keeps count.
#[derive(Default)]
pub(super) struct Checker {
    pub(super) position: u64,
    pub(super) received: u64,
    pub(super) gaps: u64,
    pub(super) lost: u64,
    pub(super) invalid: u64,
    pub(super) resets: u64,
    pub(super) ends: u64,
}

impl Sink for Checker {
    fn samples(&mut self, mono: &[f32]) {
        for &sample in mono {
            assert_eq!(sample, signal(self.position), "sample {}", self.position);
            self.position += 1;
        }
        self.received += mono.len() as u64;
    }

    fn mark(&mut self, kind: MarkKind) {
        match kind {
            MarkKind::Lost(samples) => {
                assert!(samples > 0);
                self.position += samples;
                self.lost += samples;
                self.gaps += 1;
            }
            MarkKind::Invalid(samples) => self.invalid += samples,
            MarkKind::Reset => {
                self.resets += 1;
                self.position = 0;
            }
        }
    }

    fn end(&mut self) {
        self.ends += 1;
    }
}
