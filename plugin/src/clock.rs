//! Times as people write them: `1:05`, `1:00:07`.

/// Minutes and seconds, with hours when there are any; rounded down.
pub fn clock(seconds: f64) -> String {
    let sign = if seconds <= -1.0 { "−" } else { "" };
    let seconds = seconds.abs() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{sign}{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{sign}{minutes}:{seconds:02}")
    }
}

/// The time of day of so many seconds since midnight, or since any other, to the second.
pub fn time_of_day(seconds: f64) -> String {
    let day = seconds.rem_euclid(86_400.0) as u64;
    format!("{:02}:{:02}:{:02}", day / 3600, day / 60 % 60, day % 60)
}

/// How far the clock on the wall is ahead of UTC at so many seconds since 1970, in seconds from 0 up to
/// a day: it tells the time of day, not the date.
pub fn local_ahead_s(unix_s: f64) -> f64 {
    let at = if unix_s.is_finite() { unix_s.floor() } else { 0.0 };
    local_seconds_of_day(at as i64).map_or(0.0, |local| (local - at).rem_euclid(86_400.0))
}

#[cfg(any(unix, windows))]
fn local_seconds_of_day(unix_s: i64) -> Option<f64> {
    let time = libc::time_t::try_from(unix_s).ok()?;
    let mut parts = std::mem::MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are valid for the call; zeroes are a valid `tm`.
    let parts = unsafe {
        #[cfg(unix)]
        if libc::localtime_r(&time, parts.as_mut_ptr()).is_null() {
            return None;
        }
        #[cfg(windows)]
        if libc::localtime_s(parts.as_mut_ptr(), &time) != 0 {
            return None;
        }
        parts.assume_init()
    };
    Some(f64::from(parts.tm_hour * 3600 + parts.tm_min * 60 + parts.tm_sec))
}

#[cfg(not(any(unix, windows)))]
fn local_seconds_of_day(_unix_s: i64) -> Option<f64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_write_them() {
        assert_eq!(clock(0.0), "0:00");
        assert_eq!(clock(59.6), "0:59");
        assert_eq!(clock(3607.2), "1:00:07");
        assert_eq!(clock(-61.0), "−1:01");
        assert_eq!(time_of_day(86_400.0 * 3.0 + 3661.5), "01:01:01");
    }

    /// In a process of its own, as the zone is the whole process's.
    #[test]
    fn the_clock_is_the_one_on_the_wall() {
        if std::env::var_os("EARWORM_TEST_ZONE").is_some() {
            assert_eq!(local_ahead_s(1_700_000_000.0), 5.5 * 3600.0);
            assert_eq!(local_ahead_s(f64::NAN), 5.5 * 3600.0);
            return;
        }
        if cfg!(windows) {
            // Windows takes its zone from the system's settings alone.
            assert!((0.0..86_400.0).contains(&local_ahead_s(1_700_000_000.0)));
            return;
        }
        let this = std::env::current_exe().unwrap();
        let mut again = std::process::Command::new(this);
        again.args(["clock::tests::the_clock_is_the_one_on_the_wall", "--exact"]);
        let output = again.env("EARWORM_TEST_ZONE", "1").env("TZ", "TST-5:30").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }
}
