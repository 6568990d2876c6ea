//! Whether the clock can be believed. One that jumps far ahead by mistake must not make everything
//! look old enough to be forgotten.

/// A difference between clocks that is no correction but a mistake, or the end of one, in seconds.
const JUMP_S: f64 = 24.0 * 3600.0;
/// How long the clock is not believed after that, in seconds: until people or NTP have put it right.
const DOUBT_S: f64 = 24.0 * 3600.0;
/// Seconds in a day.
const DAY_S: f64 = 24.0 * 3600.0;

/// What is kept of it while no Earworm runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Noted {
    /// What the clock said, in seconds since 1970.
    pub(super) time_s: f64,
    /// For how long it was still not to be believed, in seconds.
    pub(super) doubt_left_s: f64,
}

/// The clock that people set and one that only counts when they were compared last, in seconds.
#[derive(Debug, Default)]
pub(super) struct Clocks(Option<(f64, f64)>);

impl Clocks {
    /// By how many seconds the first has jumped since they were compared last.
    pub(super) fn jump_s(&mut self, now_s: f64, steady_s: f64) -> Option<f64> {
        let (now_before_s, steady_before_s) = self.0.replace((now_s, steady_s))?;
        Some((now_s - now_before_s) - (steady_s - steady_before_s))
    }
}

/// Compares the clock that people set with one that only counts.
#[derive(Debug, Default)]
pub(super) struct Calendar {
    clocks: Clocks,
    /// Until when, by the clock that only counts, the other is not believed.
    doubted_until: Option<f64>,
}

impl Calendar {
    /// Begins to compare; `now_s` is in seconds since 1970. If since the time that was noted `before` so
    /// much has passed that something would be thinned or forgotten at once, `days`, the clock is not
    /// believed yet: who was away so long and whose clock is wrong look the same.
    pub(super) fn begin(&mut self, now_s: f64, steady_s: f64, before: Option<Noted>, days: u32) {
        self.clocks = Clocks(Some((now_s, steady_s)));
        let Some(before) = before else { return };
        let strange = (now_s - before.time_s).abs() >= f64::from(days) * DAY_S;
        // A doubt that is there already goes on: begun anew at each start after some days, it would never end.
        let left_s = match before.doubt_left_s {
            left_s if left_s > 0.0 => left_s.min(DOUBT_S),
            _ if strange => DOUBT_S,
            _ => return,
        };
        let until = steady_s + left_s;
        self.doubted_until = Some(self.doubted_until.map_or(until, |own| own.max(until)));
    }

    /// What is to be kept of it. Doubts last while an Earworm runs, so that they end for those as well who
    /// never let it run for a day.
    pub(super) fn noted(&self, now_s: f64, steady_s: f64) -> Noted {
        let doubt_left_s = self.doubted_until.map_or(0.0, |until| (until - steady_s).max(0.0));
        Noted { time_s: now_s, doubt_left_s }
    }

    /// Whether the clock, which says `now_s`, can be believed.
    pub(super) fn believes(&mut self, now_s: f64, steady_s: f64) -> bool {
        let jump_s = self.clocks.jump_s(now_s, steady_s);
        if let Some(jump_s) = jump_s.filter(|jump_s| jump_s.abs() >= JUMP_S) {
            tracing::warn!(
                "the clock has jumped by {:.0} days; nothing old is thinned or forgotten for a day",
                jump_s / DAY_S
            );
            self.doubt(steady_s);
        }
        self.doubted_until.is_none_or(|until| steady_s >= until)
    }

    fn doubt(&mut self, steady_s: f64) {
        self.doubted_until = Some(steady_s + DOUBT_S);
    }
}

/// Seconds on a clock that only counts, while the computer sleeps as well.
#[cfg(any(target_os = "linux", target_os = "macos"))]
pub(super) fn steady_s() -> f64 {
    #[cfg(target_os = "linux")]
    const CLOCK: libc::clockid_t = libc::CLOCK_BOOTTIME;
    // It counts then on macOS, and only there.
    #[cfg(target_os = "macos")]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it only writes the time, which is there.
    unsafe { libc::clock_gettime(CLOCK, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Seconds on a clock that only counts.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(super) fn steady_s() -> f64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: f64 = 1.7e9;

    fn noted(time_s: f64) -> Option<Noted> {
        Some(Noted { time_s, doubt_left_s: 0.0 })
    }

    #[test]
    fn a_clock_that_runs_is_believed() {
        let mut calendar = Calendar::default();
        calendar.begin(NOW_S, 5.0, noted(NOW_S - 3600.0), 7);
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
            calendar.begin(NOW_S, 0.0, None, 7);
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
        for days in [800.0, 8.0] {
            let mut calendar = Calendar::default();
            let wrong_s = NOW_S + days * DAY_S;
            calendar.begin(wrong_s, 0.0, noted(NOW_S), 7);
            assert!(!calendar.believes(wrong_s + 600.0, 600.0));
            // Whoever was away so long loses it a day later than configured.
            assert!(calendar.believes(wrong_s + DAY_S + 600.0, DAY_S + 600.0));
        }
    }

    #[test]
    fn a_computer_that_runs_at_weekends_forgets_in_the_end() {
        let mut noted = noted(NOW_S);
        let mut believed = 0;
        for weekend in 1..10 {
            let (friday_s, mut calendar) =
                (NOW_S + f64::from(weekend) * 7.0 * DAY_S, Calendar::default());
            calendar.begin(friday_s, 0.0, noted, 7);
            for hour in 1..=10 {
                let s = 3600.0 * f64::from(hour);
                believed += usize::from(calendar.believes(friday_s + s, s));
                noted = Some(calendar.noted(friday_s + s, s));
            }
        }
        assert!(believed > 0, "never");
    }

    #[test]
    fn doubts_outlive_a_restart_and_end_all_the_same() {
        let wrong_s = NOW_S + 800.0 * DAY_S;
        let mut noted = noted(NOW_S);
        let mut rounds = 0;
        // A computer that runs for eight hours a day, with a clock that is wrong and stays so.
        for day in 0..3 {
            let (morning_s, mut calendar) = (wrong_s + f64::from(day) * DAY_S, Calendar::default());
            calendar.begin(morning_s, 0.0, noted, 7);
            for hour in 1..=8 {
                let s = 3600.0 * f64::from(hour);
                rounds += usize::from(!calendar.believes(morning_s + s, s));
                noted = Some(calendar.noted(morning_s + s, s));
            }
        }
        // Of 24 hours of doubt all but the last, which ends it.
        assert_eq!(rounds, 23);
        assert_eq!(noted.unwrap().doubt_left_s, 0.0);
        // Put right, it is doubted anew.
        let mut calendar = Calendar::default();
        calendar.begin(NOW_S + 3.0 * DAY_S, 0.0, noted, 7);
        assert!(!calendar.believes(NOW_S + 3.0 * DAY_S + 1.0, 1.0));
    }
}
