//! Whether the clock can be believed. One that jumps far ahead by mistake must not make everything
//! look old enough to be forgotten.

/// A difference between clocks that is no correction but a mistake, or the end of one, in seconds.
const JUMP_S: f64 = 24.0 * 3600.0;
/// How long the clock is not believed after that, in seconds: until people or NTP have put it right.
const DOUBT_S: f64 = 24.0 * 3600.0;
/// Seconds in a day.
const DAY_S: f64 = 24.0 * 3600.0;

/// Compares the clock that people set with one that only counts.
#[derive(Debug, Default)]
pub(super) struct Calendar {
    /// Both clocks when they were compared last.
    last: Option<(f64, f64)>,
    /// Until when, by the clock that only counts, the other is not believed.
    doubted_until: Option<f64>,
}

impl Calendar {
    /// Begins to compare; `now_s` is in seconds since 1970. If by that clock everything there is, up
    /// to `latest`, is older than `all_days`, it is not believed yet.
    pub(super) fn note(&mut self, now_s: f64, steady_s: f64, latest: Option<i64>, all_days: u32) {
        let age_s = latest.map_or(0.0, |latest| now_s - latest as f64);
        self.last = Some((now_s, steady_s));
        if age_s >= f64::from(all_days) * DAY_S {
            self.doubt(steady_s);
        }
    }

    /// Whether the clock, which says `now_s`, can be believed.
    pub(super) fn believes(&mut self, now_s: f64, steady_s: f64) -> bool {
        if let Some((before_s, steady_before_s)) = self.last.replace((now_s, steady_s)) {
            let jump_s = (now_s - before_s) - (steady_s - steady_before_s);
            if jump_s.abs() >= JUMP_S {
                tracing::warn!(
                    "the clock has jumped by {:.0} days; nothing old is thinned or forgotten for a day",
                    jump_s / DAY_S
                );
                self.doubt(steady_s);
            }
        }
        self.doubted_until.is_none_or(|until| steady_s >= until)
    }

    fn doubt(&mut self, steady_s: f64) {
        self.doubted_until = Some(steady_s + DOUBT_S);
    }
}

/// Seconds on a clock that only counts, while the computer sleeps as well.
#[cfg(target_os = "linux")]
pub(super) fn steady_s() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it only writes the time, which is there.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Seconds on a clock that only counts.
#[cfg(not(target_os = "linux"))]
pub(super) fn steady_s() -> f64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: f64 = 1.7e9;

    #[test]
    fn a_clock_that_runs_is_believed() {
        let mut calendar = Calendar::default();
        calendar.note(NOW_S, 5.0, Some(NOW_S as i64 - 3600), 730);
        for round in 1..1000 {
            // NTP corrects a little, and the computer sleeps for hours.
            let s = 36_000.0 * f64::from(round);
            assert!(calendar.believes(NOW_S + s + f64::from(round % 7), 5.0 + s));
        }
    }

    #[test]
    fn a_clock_that_jumps_is_doubted_for_a_day() {
        for jump_s in [800.0 * DAY_S, -800.0 * DAY_S] {
            let mut calendar = Calendar::default();
            calendar.note(NOW_S, 0.0, None, 730);
            assert!(calendar.believes(NOW_S + 600.0, 600.0));
            assert!(!calendar.believes(NOW_S + jump_s + 1200.0, 1200.0));
            assert!(!calendar.believes(NOW_S + jump_s + 1800.0, 1800.0));
            // It is put right again: that is a jump as well.
            assert!(!calendar.believes(NOW_S + 2400.0, 2400.0));
            assert!(!calendar.believes(NOW_S + DAY_S, DAY_S));
            assert!(calendar.believes(NOW_S + DAY_S + 2401.0, DAY_S + 2401.0));
        }
    }

    #[test]
    fn a_clock_that_is_wrong_at_the_start_is_doubted() {
        let mut calendar = Calendar::default();
        calendar.note(NOW_S + 800.0 * DAY_S, 0.0, Some(NOW_S as i64), 730);
        assert!(!calendar.believes(NOW_S + 800.0 * DAY_S + 600.0, 600.0));
        // Whoever was away so long loses it a day later than configured.
        assert!(calendar.believes(NOW_S + 801.0 * DAY_S + 600.0, DAY_S + 600.0));
    }
}
