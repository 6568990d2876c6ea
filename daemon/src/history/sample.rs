//! A history to try things with.

use std::path::Path;

use super::query::Reader;
use super::songs::Song;
use super::store::Store;
use super::table::Row;
use crate::station::Track;

/// A second of sound.
pub(super) fn row(time: i64, window: f32) -> Row {
    Row {
        time,
        seconds: 1,
        momentary: None,
        window: Some(window),
        integrated: Some(50.0),
        level_db: -20.0,
    }
}

/// A song of a minute.
pub(super) fn song(start: f64) -> Song {
    Song {
        id: None,
        nth: 0,
        track: Some(Track { id: "1".into(), title: Some("One".into()), ..Track::default() }),
        start,
        end: start + 60.0,
        began: start,
        heard_s: 60.0,
        score: Some(57.0),
        hook: Some(earworm_scorer::Hook { score: 61.0, start_s: 10.0, end_s: 40.0 }),
        details: [("joy".to_owned(), 0.5)].into(),
    }
}

/// Writes a minute and a song, and gives who reads them.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write(path: &Path) -> anyhow::Result<Reader> {
    let rows: Vec<Row> = (0..60).map(|time| row(time, 50.0)).collect();
    Store::open(path)?.write(&rows, &mut [song(0.0)])?;
    Ok(Reader::new(path))
}
