//! A history to try the API with.

use std::path::Path;

use super::query::Reader;
use super::songs::Song;
use super::store::Store;
use super::table::Row;
use crate::station::Track;

/// Writes a minute and a song, and gives who reads them.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write(path: &Path) -> anyhow::Result<Reader> {
    let row = |time| Row {
        time,
        seconds: 1,
        momentary: None,
        window: Some(50.0),
        integrated: Some(50.0),
        level_db: -20.0,
    };
    let rows: Vec<Row> = (0..60).map(row).collect();
    let song = Song {
        id: None,
        track: Some(Track { id: "1".into(), title: Some("One".into()), ..Track::default() }),
        start: 0.0,
        end: 60.0,
        began: 0.0,
        heard_s: 60.0,
        score: Some(50.0),
        hook: Some(earworm_scorer::Hook { score: 61.0, start_s: 10.0, end_s: 40.0 }),
        details: [("joy".to_owned(), 0.5)].into(),
    };
    Store::open(path)?.write(&rows, &mut [song])?;
    Ok(Reader::new(path))
}
