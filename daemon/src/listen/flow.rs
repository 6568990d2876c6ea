//! Whether readings move on. The last one stays what it was when a device is unplugged or a sound server
//! dies, and is none of now then.

use std::time::{Duration, Instant};

use crate::station::SourceState;

/// A reading that has stood still for so long is one of the past, as in the history and the dashboard.
const STALE: Duration = Duration::from_secs(2);

/// What is known of the readings of one meter.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// The time of the latest one, in seconds of audio, and since when it is that.
    latest: Option<(f64, Instant)>,
}

impl Flow {
    /// Takes note of a reading that is there at `now`, and says whether audio comes in.
    pub(super) fn note(&mut self, time_s: f64, state: SourceState, now: Instant) -> bool {
        let since = match self.latest {
            Some((latest_s, since)) if latest_s == time_s => since,
            _ => now,
        };
        self.latest = Some((time_s, since));
        state == SourceState::Running && now.saturating_duration_since(since) < STALE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_that_stands_still_is_none_of_now() {
        let (mut flow, start) = (Flow::default(), Instant::now());
        let mut note =
            |ms, time_s, state| flow.note(time_s, state, start + Duration::from_millis(ms));
        let running = SourceState::Running;
        assert!(note(0, 5.0, running) && note(1000, 6.0, running) && note(2999, 6.0, running));
        assert!(!note(3000, 6.0, running) && !note(60_000, 6.0, running));
        assert!(note(60_001, 6.1, running), "it goes on");
        for state in [SourceState::Waiting, SourceState::Resting, SourceState::Ended] {
            assert!(!note(60_002, 6.2, state), "{state:?}");
        }
    }
}
