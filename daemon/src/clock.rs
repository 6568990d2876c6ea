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
    fn ticks_are_round_and_few() {}
}
