//! The curve as comma-separated values.

use super::shown;
use crate::session::Session;

/// One row a point that is shown, oldest first; times in seconds, scores 0 to 100, nothing where there is none.
///
/// # Errors
/// Never in practice: the table is made in memory.
pub fn table(session: &Session) -> anyhow::Result<String> {
    let mut rows = csv::Writer::from_writer(Vec::new());
    rows.write_record([
        "sound_s",
        "song_s",
        "unix_s",
        "momentary",
        "window",
        "integrated",
        "level_db",
        "coverage",
    ])?;
    let (log, _) = shown(session);
    for point in log.curve.points().iter().filter(|point| !point.is_gap()) {
        let number = |value: f64, digits: usize| {
            if value.is_nan() { String::new() } else { format!("{value:.digits$}") }
        };
        rows.write_record([
            number(point.sound_s, 3),
            number(point.song_s, 3),
            number(point.clock_s, 3),
            number(f64::from(point.momentary), 2),
            number(f64::from(point.window), 2),
            number(f64::from(point.integrated), 2),
            number(f64::from(point.level_db), 1),
            number(f64::from(point.coverage), 3),
        ])?;
    }
    Ok(String::from_utf8(rows.into_inner()?)?)
}
