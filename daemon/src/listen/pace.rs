//! Keeps audio at the pace of sound.

use std::time::{Duration, Instant};

/// How late audio may come before the clock is set anew: after a stall (a paused pipe, a suspended
/// laptop) the rest must not rush by.
const PATIENCE: Duration = Duration::from_millis(500);

/// How much faster than by our clock live audio may come. No two clocks go alike: of a source whose own is a
/// little faster, more and more would wait in front of us, until its writer throws some of it away.
const LEEWAY: f64 = 1.005;

/// The clock of one stream.
#[derive(Debug)]
pub(super) struct Pace {
    start: Option<Instant>,
    frames: u64,
    /// Frames a second at most.
    rate: f64,
}

impl Pace {
    /// A clock that starts with the first block.
    pub(super) fn new(sample_rate: u32) -> Self {
        Self { start: None, frames: 0, rate: sample_rate.into() }
    }

    /// The same for audio that comes at a pace of its own.
    pub(super) fn live(sample_rate: u32) -> Self {
        Self { rate: LEEWAY * f64::from(sample_rate), ..Self::new(sample_rate) }
    }

    /// How long to wait at `now` before the next `frames` frames are due.
    pub(super) fn wait(&mut self, now: Instant, frames: usize) -> Duration {
        let start = *self.start.get_or_insert(now);
        let played = Duration::from_secs_f64(self.frames as f64 / self.rate);
        let due = start + played;
        self.frames += frames as u64;
        if now > due + PATIENCE {
            self.start = Some(now);
            self.frames = frames as u64;
        }
        due.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_when_they_are_due() {
        let mut pace = Pace::new(1000);
        let start = Instant::now();
        let ms = Duration::from_millis;
        assert_eq!(pace.wait(start, 100), ms(0));
        assert_eq!(pace.wait(start, 100), ms(100));
        assert_eq!(pace.wait(start + ms(150), 100), ms(50));
        // A little late: catch up. Very late: start anew.
        assert_eq!(pace.wait(start + ms(400), 100), ms(0));
        assert_eq!(pace.wait(start + ms(400), 100), ms(0));
        assert_eq!(pace.wait(start + ms(5000), 100), ms(0));
        assert_eq!(pace.wait(start + ms(5000), 100), ms(100));
    }

    #[test]
    fn a_source_whose_clock_is_a_little_faster_is_not_held_up() {
        let start = Instant::now();
        // How long the last of 1000 blocks has to wait.
        let last = |mut pace: Pace| {
            let block = Duration::from_micros(99_800);
            (0..1000).fold(Duration::ZERO, |_, n| pace.wait(start + n * block, 100))
        };
        assert!(last(Pace::new(1000)) > Duration::from_millis(190));
        assert_eq!(last(Pace::live(1000)), Duration::ZERO);
        // Not for what is there at once.
        let mut pace = Pace::live(1000);
        let waits: Vec<_> = (0..100).map(|_| pace.wait(start, 100)).collect();
        assert!(waits[99] > Duration::from_millis(9800), "{waits:?}");
    }
}
