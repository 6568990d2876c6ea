//! The file that remembers: SQLite with a write-ahead log. A process that is killed loses what it
//! has not committed yet, a second at most, and never the file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use rusqlite::{Connection, ErrorCode, OpenFlags, params};

use super::songs::Song;
use crate::exit::Failure;
use crate::http::now_s;

/// What the tables look like; raised whenever they change.
const VERSION: i32 = 1;
/// How long a reader or writer waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);
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

/// The file, open for writing. Only one program at a time has it so.
pub(super) struct Store {
    connection: Connection,
    _lock: File,
}

impl Store {
    /// Opens or makes the file. One that is damaged is moved aside, with a warning.
    ///
    /// # Errors
    /// When another Earworm writes to it, or it cannot be written to.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        let lock = lock(path)?;
        let connection = match open_sound(path) {
            Ok(connection) => connection,
            Err(error) if is_damage(&error) => {
                let aside = move_aside(path)?;
                tracing::warn!(
                    "the history {} is damaged ({error:#}); it is now {}, and a new one begins",
                    path.display(),
                    aside.display()
                );
                open_sound(path)?
            }
            Err(error) => return Err(error),
        };
        Ok(Self { connection, _lock: lock })
    }

    /// Writes what one second brought, all or nothing.
    ///
    /// # Errors
    /// When it cannot be written; nothing of it is then.
    pub(super) fn write(&mut self, rows: &[Row], songs: &mut [Song]) -> rusqlite::Result<()> {
        let all = self.connection.transaction()?;
        for row in rows {
            insert(&all, row)?;
        }
        let mut ids = Vec::with_capacity(songs.len());
        for song in songs.iter() {
            ids.push(put_song(&all, song)?);
        }
        all.commit()?;
        for (song, id) in songs.iter_mut().zip(ids) {
            song.id = Some(id);
        }
        Ok(())
    }

    /// Makes rows of a minute of the rows of a second before `thin_before`, and forgets everything
    /// before `keep_from`; both in seconds since 1970. Does a part at a time; false when nothing is
    /// left to do.
    ///
    /// # Errors
    /// When it cannot be written; the rows are as they were then.
    pub(super) fn thin(&mut self, thin_before: i64, keep_from: i64) -> rusqlite::Result<bool> {
        let all = self.connection.transaction()?;
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

    /// Makes the file no larger than so many pages, as a full disk would.
    #[cfg(test)]
    pub(super) fn limit_pages(&self, pages: u32) {
        self.connection.pragma_update(None, "max_page_count", pages).unwrap();
    }
}

fn insert(connection: &Connection, row: &Row) -> rusqlite::Result<()> {
    let sql = "INSERT INTO readings (time, seconds, momentary, window, integrated, level_db)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let Row { time, seconds, momentary, window, integrated, level_db } = row;
    connection
        .prepare_cached(sql)?
        .execute(params![time, seconds, momentary, window, integrated, level_db])
        .map(|_| ())
}

fn put_song(connection: &Connection, song: &Song) -> rusqlite::Result<i64> {
    let sql = "INSERT INTO songs (id, start, end, title, artist, album, score, heard_s, hook_score,
                 hook_start_s, hook_end_s, hook_start, hook_end, details)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
               ON CONFLICT (id) DO UPDATE SET end = excluded.end, score = excluded.score,
                 heard_s = excluded.heard_s, hook_score = excluded.hook_score,
                 hook_start_s = excluded.hook_start_s, hook_end_s = excluded.hook_end_s,
                 hook_start = excluded.hook_start, hook_end = excluded.hook_end,
                 details = excluded.details";
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

/// Keeps others from writing to the same file.
fn lock(path: &Path) -> anyhow::Result<File> {
    let name = with_suffix(path, "lock");
    let mut options = File::options();
    let lock = options.create(true).truncate(false).read(true).write(true).open(&name);
    let lock = lock.with_context(|| format!("cannot open {}", name.display()))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => {
            let other = std::fs::read_to_string(&name).unwrap_or_default();
            return Err(Failure::taken(format!(
                "another Earworm (process {}) already writes to {}; look at its dashboard, or \
                 start this one with --history off",
                other.trim(),
                path.display()
            ))
            .into());
        }
        Err(std::fs::TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", name.display()));
        }
    }
    // For messages, and for `earworm reload`.
    lock.set_len(0)?;
    std::io::Write::write_all(&mut &lock, std::process::id().to_string().as_bytes())?;
    Ok(lock)
}

/// The process that writes to this history, if one does.
pub(crate) fn writer(path: &Path) -> Option<u32> {
    let name = with_suffix(path, "lock");
    let file = File::open(&name).ok()?;
    match file.try_lock_shared() {
        Err(std::fs::TryLockError::WouldBlock) => {
            std::fs::read_to_string(&name).ok()?.trim().parse().ok()
        }
        _ => None,
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

fn open_sound(path: &Path) -> anyhow::Result<Connection> {
    let named = || format!("cannot use the history {}", path.display());
    let connection = Connection::open(path).with_context(named)?;
    prepare(&connection).with_context(named)?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> anyhow::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let result: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if result != "ok" {
        return Err(anyhow!(Damaged(result)));
    }
    let version: i32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match version {
        0 => {
            connection.execute_batch(&format!(
                "BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;"
            ))?;
            Ok(())
        }
        VERSION => Ok(()),
        newer => Err(anyhow!(
            "it was written by a later Earworm (version {newer} of the tables, this one knows \
             {VERSION}); update, or name another file with --history"
        )),
    }
}

/// What SQLite found wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Damaged(String);

fn is_damage(error: &anyhow::Error) -> bool {
    let damaged = |code| matches!(code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase);
    error.chain().any(|cause| {
        cause.is::<Damaged>()
            || cause
                .downcast_ref::<rusqlite::Error>()
                .and_then(rusqlite::Error::sqlite_error_code)
                .is_some_and(damaged)
    })
}

/// Renames the file and what belongs to it, and gives its new name.
fn move_aside(path: &Path) -> anyhow::Result<PathBuf> {
    let when = now_s() as u64;
    let free = |n: &u64| !with_suffix(path, &format!("damaged-{n}")).exists();
    let number = (when..).find(free).unwrap_or(when);
    let aside = with_suffix(path, &format!("damaged-{number}"));
    for suffix in ["", "-wal", "-shm"] {
        let part = |base: &Path| {
            let mut name = base.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        let (from, to) = (part(path), part(&aside));
        if from.exists() {
            std::fs::rename(&from, &to)
                .with_context(|| format!("cannot move the damaged {} aside", from.display()))?;
        }
    }
    Ok(aside)
}

/// Opens the file for reading, beside whoever writes to it; `None` while it is still being made.
///
/// # Errors
/// When it is not there or cannot be read.
pub(super) fn open_to_read(path: &Path) -> anyhow::Result<Option<Connection>> {
    let named = || format!("cannot read the history {}", path.display());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).with_context(named)?;
    connection.busy_timeout(PATIENCE)?;
    let version: i32 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).with_context(named)?;
    Ok((version > 0).then_some(connection))
}
