//! Keeps audio at the pace of sound.

use std::time::{Duration, Instant};

/// How late audio may come before the clock is set anew: after a stall (a paused pipe, a suspended
/// laptop) the rest must not rush by.
const PATIENCE: Duration = Duration::from_millis(500);

/// The clock of one stream.
#[derive(Debug)]
pub(super) struct Pace {
    start: Option<Instant>,
    frames: u64,
    sample_rate: u32,
}

impl Pace {
    /// A clock that starts with the first block.
    pub(super) fn new(sample_rate: u32) -> Self {
        Self { start: None, frames: 0, sample_rate }
    }

    /// How long to wait at `now` before the next `frames` frames are due.
    pub(super) fn wait(&mut self, now: Instant, frames: usize) -> Duration {
        let start = *self.start.get_or_insert(now);
        let played = Duration::from_secs_f64(self.frames as f64 / f64::from(self.sample_rate));
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
}
