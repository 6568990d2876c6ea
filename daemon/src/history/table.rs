//! The tables: what they look like, and what is written to them.

use anyhow::anyhow;
use rusqlite::{Connection, OptionalExtension, params};

use super::calendar::Noted;
use super::songs::Song;

/// What the tables look like; raised whenever they change.
const VERSION: i32 = 3;
/// Rows of a second that become rows of a minute in one transaction, in seconds of time.
const THINNED_AT_ONCE: i64 = 3600;

const SCHEMA: &str = "
    CREATE TABLE readings (
        time INTEGER NOT NULL,      -- seconds since 1970
        seconds INTEGER NOT NULL,   -- how many seconds this row stands for
        momentary REAL, window REAL, integrated REAL, level_db REAL NOT NULL
    ) STRICT;
    CREATE INDEX readings_by_time ON readings (time);
    CREATE TABLE songs (
        id INTEGER PRIMARY KEY,
        start REAL NOT NULL, end REAL NOT NULL,         -- seconds since 1970
        title TEXT, artist TEXT, album TEXT,
        score REAL, heard_s REAL NOT NULL,
        hook_score REAL, hook_start_s REAL, hook_end_s REAL,  -- in the song
        hook_start REAL, hook_end REAL,                 -- since 1970
        details TEXT NOT NULL                           -- JSON: value of each class
    ) STRICT;
    CREATE INDEX songs_by_start ON songs (start);
";

/// What version 2 has that version 1 had not: the rows that are to be thinned are found without
/// looking at all others.
const SINCE_2: &str = "CREATE INDEX readings_to_thin ON readings (time) WHERE seconds < 60;";

/// What version 3 has that version 2 had not: what the clock said when it was looked at last.
const SINCE_3: &str = "CREATE TABLE clock (time REAL NOT NULL, doubt_left_s REAL NOT NULL) STRICT;";

/// One second, or one minute, of what was heard.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// Seconds since 1970.
    pub(crate) time: i64,
    /// How many seconds it stands for.
    pub(crate) seconds: i64,
    /// The scores, 0 to 100, where there were any.
    pub(crate) momentary: Option<f32>,
    pub(crate) window: Option<f32>,
    pub(crate) integrated: Option<f32>,
    /// In dBFS.
    pub(crate) level_db: f32,
}

/// Makes the tables where there are none, and brings old ones up to date.
///
/// # Errors
/// When they cannot be read or written, or are of a later version.
pub(super) fn prepare(connection: &Connection) -> anyhow::Result<()> {
    let version: i32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let steps = match version {
        0 => [SCHEMA, SINCE_2, SINCE_3].concat(),
        1 => [SINCE_2, SINCE_3].concat(),
        2 => SINCE_3.to_owned(),
        VERSION => return Ok(()),
        newer => {
            return Err(anyhow!(
                "it was written by a later Earworm (version {newer} of the tables, this one knows \
                 {VERSION}); update, or name another file with --history"
            ));
        }
    };
    let all = format!("BEGIN IMMEDIATE; {steps} PRAGMA user_version = {VERSION}; COMMIT;");
    Ok(connection.execute_batch(&all)?)
}

/// Makes rows of a minute of the rows of a second before `thin_before`, and forgets everything
/// before `keep_from`; both in seconds since 1970. Does a part at a time; false when nothing is
/// left to do.
///
/// # Errors
/// When it cannot be written; the rows are as they were then.
pub(super) fn thin(
    connection: &mut Connection,
    thin_before: i64,
    keep_from: i64,
) -> rusqlite::Result<bool> {
    let all = connection.transaction()?;
    let forgotten = all.execute("DELETE FROM readings WHERE time < ?1", [keep_from])?
        + all.execute("DELETE FROM songs WHERE end < ?1", [keep_from])?;
    let thin_before = thin_before.div_euclid(60) * 60;
    let oldest: Option<i64> = all.query_row(
        "SELECT min(time) FROM readings WHERE seconds < 60 AND time < ?1",
        [thin_before],
        |row| row.get(0),
    )?;
    let Some(oldest) = oldest else {
        all.commit()?;
        return Ok(forgotten > 0);
    };
    let end = (oldest.div_euclid(60) * 60 + THINNED_AT_ONCE).min(thin_before);
    // A minute that has been thinned before gets a second row if more was heard of it since:
    // after the clock went back, say.
    all.execute(
        "INSERT INTO readings (time, seconds, momentary, window, integrated, level_db)
         SELECT time / 60 * 60, 60, avg(momentary), avg(window), avg(integrated), avg(level_db)
         FROM readings WHERE seconds < 60 AND time >= ?1 AND time < ?2 GROUP BY time / 60",
        [oldest, end],
    )?;
    all.execute(
        "DELETE FROM readings WHERE seconds < 60 AND time >= ?1 AND time < ?2",
        [oldest, end],
    )?;
    all.commit()?;
    Ok(true)
}

/// Keeps what is known of the clock, in place of what was before.
pub(super) fn note_clock(connection: &mut Connection, noted: Noted) -> rusqlite::Result<()> {
    let all = connection.transaction()?;
    all.execute("DELETE FROM clock", [])?;
    let sql = "INSERT INTO clock (time, doubt_left_s) VALUES (?1, ?2)";
    all.execute(sql, [noted.time_s, noted.doubt_left_s])?;
    all.commit()
}

/// What is known of the clock; of a file in which nothing was noted yet, that it said so when the latest row
/// was written.
pub(super) fn noted_clock(connection: &Connection) -> rusqlite::Result<Option<Noted>> {
    let noted = connection
        .query_row("SELECT time, doubt_left_s FROM clock", [], |row| {
            Ok(Noted { time_s: row.get(0)?, doubt_left_s: row.get(1)? })
        })
        .optional()?;
    if noted.is_some() {
        return Ok(noted);
    }
    let latest: Option<i64> =
        connection.query_row("SELECT max(time) FROM readings", [], |row| row.get(0))?;
    Ok(latest.map(|time| Noted { time_s: time as f64, doubt_left_s: 0.0 }))
}

/// Writes a row.
pub(super) fn insert(connection: &Connection, row: &Row) -> rusqlite::Result<()> {
    let sql = "INSERT INTO readings (time, seconds, momentary, window, integrated, level_db)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let Row { time, seconds, momentary, window, integrated, level_db } = row;
    connection
        .prepare_cached(sql)?
        .execute(params![time, seconds, momentary, window, integrated, level_db])
        .map(|_| ())
}

/// Writes a song, anew or over what was known of it, and gives its number: when it began as well, as the clock
/// may be put right while it plays. A score, hook or details that are not known any more stay as they were.
pub(super) fn put_song(connection: &Connection, song: &Song) -> rusqlite::Result<i64> {
    let sql = "INSERT INTO songs (id, start, end, title, artist, album, score, heard_s, hook_score,
                 hook_start_s, hook_end_s, hook_start, hook_end, details)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
               ON CONFLICT (id) DO UPDATE SET start = excluded.start, end = excluded.end,
                 title = excluded.title, artist = excluded.artist, album = excluded.album, heard_s = excluded.heard_s,
                 score = coalesce(excluded.score, score),
                 hook_score = coalesce(excluded.hook_score, hook_score),
                 hook_start_s = coalesce(excluded.hook_start_s, hook_start_s),
                 hook_end_s = coalesce(excluded.hook_end_s, hook_end_s),
                 hook_start = coalesce(excluded.hook_start, hook_start),
                 hook_end = coalesce(excluded.hook_end, hook_end),
                 details = iif(excluded.details = '{}', details, excluded.details)";
    let track = song.track.as_ref();
    let hook = song.hook;
    let details = serde_json::to_string(&song.details).unwrap_or_default();
    connection.prepare_cached(sql)?.execute(params![
        song.id,
        song.start,
        song.end,
        track.and_then(|track| track.title.as_deref()),
        track.and_then(|track| track.artist.as_deref()),
        track.and_then(|track| track.album.as_deref()),
        song.score,
        song.heard_s,
        hook.map(|hook| hook.score),
        hook.map(|hook| hook.start_s),
        hook.map(|hook| hook.end_s),
        hook.map(|hook| song.began + hook.start_s),
        hook.map(|hook| song.began + hook.end_s),
        details,
    ])?;
    Ok(song.id.unwrap_or_else(|| connection.last_insert_rowid()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::sample;

    #[test]
    fn a_song_is_moved_once_the_clock_is_right() {
        let connection = Connection::open_in_memory().unwrap();
        prepare(&connection).unwrap();
        let mut song = sample::song(0.0);
        song.id = Some(put_song(&connection, &song).unwrap());
        (song.start, song.end, song.began) = (1.7e9, 1.7e9 + 60.0, 1.7e9);
        assert_eq!(put_song(&connection, &song).unwrap(), song.id.unwrap());
        let sql = "SELECT start, end, hook_start FROM songs";
        let times: (f64, f64, f64) = connection
            .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap();
        assert_eq!(times, (1.7e9, 1.7e9 + 60.0, 1.7e9 + 10.0));
    }
}
