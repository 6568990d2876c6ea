//! Whether readings move on. The last one stays what it was when a device is unplugged or a sound server
//! dies, and is none of now then.

/// A reading that has stood still for so many seconds is one of the past: the device may be there, but
/// gives nothing.
const STALE_S: f64 = 2.0;

/// What is known of the readings of a stream.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// The latest one: what changes when the scorer starts anew, and its time in seconds of audio.
    latest: Option<((u64, u64), f64)>,
    /// When there was another one last.
    moved_s: f64,
}

impl Flow {
    /// Takes note of the reading that is there at `now_s` on any clock that does not go back, and says whether there
    /// was another one lately.
    pub(crate) fn note(&mut self, now_s: f64, epoch: (u64, u64), time_s: f64) -> bool {
        if self.latest.replace((epoch, time_s)) != Some((epoch, time_s)) {
            self.moved_s = now_s;
        }
        now_s - self.moved_s < STALE_S
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_that_stands_still_is_none_of_now() {
        let mut flow = Flow::default();
        assert!(flow.note(0.0, (0, 0), 5.0));
        assert!(flow.note(1.9, (0, 0), 5.0));
        assert!(!flow.note(2.0, (0, 0), 5.0) && !flow.note(60.0, (0, 0), 5.0));
        assert!(flow.note(60.1, (0, 0), 5.1), "it goes on");
        assert!(!flow.note(63.0, (0, 0), 5.1));
        assert!(flow.note(64.0, (0, 1), 5.1), "another reading, though of the same time");
        assert!(flow.note(65.0, (0, 1), 0.5), "the time goes back");
        assert!(!flow.note(67.0, (0, 1), 0.5));
    }
}
