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

/// The time of day in UTC of so many seconds since 1970, to the second.
pub fn time_of_day(seconds: f64) -> String {
    let day = seconds.rem_euclid(86_400.0) as u64;
    format!("{:02}:{:02}:{:02}", day / 3600, day / 60 % 60, day % 60)
}

/// The round distance between marks on a time axis that has room for `most` of them.
pub fn tick_step(length_s: f64, most: usize) -> f64 {
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
        assert_eq!(clock(59.6), "0:59");
        assert_eq!(clock(3607.2), "1:00:07");
        assert_eq!(clock(-61.0), "−1:01");
        assert_eq!(time_of_day(86_400.0 * 3.0 + 3661.5), "01:01:01");
        assert_eq!(tick_step(240.0, 10), 30.0);
        assert_eq!(tick_step(1e6, 10), 100_800.0);
    }
}
