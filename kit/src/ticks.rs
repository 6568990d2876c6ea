//! Marks on time axes.

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
    fn steps_are_round_and_no_more_than_there_is_room_for() {
        assert_eq!(tick_step(30.0, 10), 5.0);
        assert_eq!(tick_step(240.0, 10), 30.0);
        assert_eq!(tick_step(12.0 * 3600.0, 12), 3600.0);
        assert_eq!(tick_step(1e6, 10), 100_800.0);
        assert_eq!(tick_step(0.1, 10), 1.0);
    }
}
