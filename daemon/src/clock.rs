//! Times: that of the day, and as people write them: `1:05`, `1:00:07`.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970; 0 if the clock says it is earlier.
pub(crate) fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Minutes and seconds, with hours when there are any; rounded to the nearest second.
pub(crate) fn clock(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// A stretch of time.
pub(crate) fn span(start_s: f64, end_s: f64) -> String {
    format!("{}–{}", clock(start_s), clock(end_s))
}

/// To the millisecond, for files that machines read.
pub(crate) fn round_ms(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// The round distance between marks on a time axis that has room for `most` of them.
pub(crate) fn tick_step(length_s: f64, most: usize) -> f64 {
    const STEPS: [f64; 15] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
        14_400.0,
    ];
    let wanted = length_s / most.max(1) as f64;
    let longest = STEPS[STEPS.len() - 1];
    let round = STEPS.into_iter().find(|&step| step >= wanted);
    round.unwrap_or_else(|| (wanted / longest).ceil() * longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_write_them() {
        assert_eq!(clock(0.0), "0:00");
        assert_eq!(clock(59.6), "1:00");
        assert_eq!(clock(3607.2), "1:00:07");
        assert_eq!(clock(-1.0), "0:00");
        assert_eq!(span(29.998, 59.4), "0:30–0:59");
        assert_eq!(round_ms(1.234_56), 1.235);
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(tick_step(30.0, 10), 5.0);
        assert_eq!(tick_step(240.0, 10), 30.0);
        assert_eq!(tick_step(12.0 * 3600.0, 12), 3600.0);
        assert_eq!(tick_step(1e6, 10), 100_800.0);
        assert_eq!(tick_step(0.1, 10), 1.0);
    }
}
