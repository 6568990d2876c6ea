//! Times: that of the day, and as people write them: `1:05`, `1:00:07`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use earworm_scorer::Hook;

/// Seconds in a day.
pub(crate) const DAY_S: f64 = 86_400.0;

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

/// The same for where a hook lies.
pub(crate) fn round_hook(hook: Hook) -> Hook {
    Hook { start_s: round_ms(hook.start_s), end_s: round_ms(hook.end_s), ..hook }
}

/// A time as people write it, in UTC.
pub(crate) fn moment(time: f64) -> String {
    let time = UNIX_EPOCH + Duration::from_secs(time.max(0.0) as u64);
    let text = humantime::format_rfc3339_seconds(time).to_string();
    text.replace('T', " ").replace('Z', "")
}

/// A mark on a time axis with marks every `step` seconds: the time of day, or the day.
pub(crate) fn tick(time: f64, step: f64) -> String {
    let text = moment(time);
    let (day, hour) = text.split_once(' ').unwrap_or((&text, ""));
    if step >= DAY_S || hour.starts_with("00:00") {
        day[5..].to_owned()
    } else if step < 60.0 {
        hour.to_owned()
    } else {
        hour[..5].to_owned()
    }
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
    fn marks_of_time_are_short() {
        let noon_s = 365.0 * DAY_S + 43_200.0;
        assert_eq!(moment(noon_s), "1971-01-01 12:00:00");
        assert_eq!(tick(noon_s, 10.0), "12:00:00");
        assert_eq!(tick(noon_s, 600.0), "12:00");
        assert_eq!(tick(noon_s, 2.0 * DAY_S), "01-01");
        assert_eq!(tick(365.0 * DAY_S, 600.0), "01-01", "a day begins");
    }
}
