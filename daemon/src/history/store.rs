//! The file that remembers: SQLite with a write-ahead log. A process that is killed loses what it
//! has not committed yet, a second at most, and never the file.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::calendar::Noted;
use super::private;
use super::songs::Song;
use super::table::{self, Row};
use crate::clock::now_s;
use crate::exit::Failure;

/// How long a reader or writer waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);

/// The file, open for writing. Only one program at a time has it so.
pub(super) struct Store {
    path: PathBuf,
    connection: Connection,
    /// What was at the path when it was opened, where that is known.
    opened: Option<Identity>,
    _lock: File,
}

/// What tells a file from another one at the same place: device and inode. Where there are none, one that
/// is open can neither be removed nor replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity(u64, u64);

impl Identity {
    #[cfg(unix)]
    fn of(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        path.metadata().map(|found| Self(found.dev(), found.ino()))
    }

    #[cfg(not(unix))]
    fn of(path: &Path) -> io::Result<Self> {
        path.metadata().map(|_| Self(0, 0))
    }
}

impl Store {
    /// Opens or makes the file. One that is no history at all is moved aside, with a warning; damage
    /// inside is found by [`damage`].
    ///
    /// # Errors
    /// When another Earworm writes to it, or it cannot be written to.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        if let Some(folder) = path.parent() {
            private::make_folder(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        let lock = lock(path)?;
        let connection = match open_to_write(path) {
            Ok(connection) => connection,
            Err(error) if is_damage(&error) => begin_anew(path, &format!("{error:#}"))?,
            Err(error) => return Err(error),
        };
        let opened = Identity::of(path).ok();
        Ok(Self { path: path.to_owned(), connection, opened, _lock: lock })
    }

    /// Whether the file that is written is still the one at its path. Not so once it has been removed, or
    /// another one was put there.
    pub(super) fn is_in_place(&self) -> bool {
        match Identity::of(&self.path) {
            Ok(found) => self.opened.is_none_or(|opened| opened == found),
            Err(error) => error.kind() != ErrorKind::NotFound,
        }
    }

    /// Lets go of a file that is not at its path any more. Its log still is, and the next file must not find
    /// in there what was written to this one.
    pub(super) fn leave(self) {
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }

    /// Moves the file aside, which is damaged in this way, and begins a new one.
    ///
    /// # Errors
    /// When that cannot be done; the store is of no use then.
    pub(super) fn replace(&mut self, why: &str) -> anyhow::Result<()> {
        let damaged = std::mem::replace(&mut self.connection, Connection::open_in_memory()?);
        close_as_it_is(damaged);
        self.connection = begin_anew(&self.path, why)?;
        self.opened = Identity::of(&self.path).ok();
        Ok(())
    }

    /// Writes what one second brought, all or nothing.
    ///
    /// # Errors
    /// When it cannot be written; nothing of it is then.
    pub(super) fn write(&mut self, rows: &[Row], songs: &mut [Song]) -> anyhow::Result<()> {
        let all = self.connection.transaction()?;
        for row in rows {
            table::insert(&all, row)?;
        }
        let mut ids = Vec::with_capacity(songs.len());
        for song in songs.iter() {
            ids.push(table::put_song(&all, song)?);
        }
        all.commit()?;
        for (song, id) in songs.iter_mut().zip(ids) {
            song.id = Some(id);
        }
        Ok(())
    }

    /// See [`table::thin`].
    ///
    /// # Errors
    /// When it cannot be written; the rows are as they were then.
    pub(super) fn thin(&mut self, thin_before: i64, keep_from: i64) -> anyhow::Result<bool> {
        Ok(table::thin(&mut self.connection, thin_before, keep_from)?)
    }

    /// See [`table::noted_clock`].
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn noted_clock(&self) -> anyhow::Result<Option<Noted>> {
        Ok(table::noted_clock(&self.connection)?)
    }

    /// See [`table::note_clock`].
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn note_clock(&mut self, noted: Noted) -> anyhow::Result<()> {
        Ok(table::note_clock(&mut self.connection, noted)?)
    }

    /// Makes the file no larger than so many pages, as a full disk would.
    #[cfg(test)]
    pub(super) fn limit_pages(&self, pages: u32) {
        self.connection.pragma_update(None, "max_page_count", pages).unwrap();
    }
}

/// Keeps others from writing to the same file.
fn lock(path: &Path) -> anyhow::Result<File> {
    let name = with_suffix(path, "lock");
    let lock = private::options().create(true).truncate(false).read(true).write(true).open(&name);
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
    let note = || {
        lock.set_len(0)?;
        std::io::Write::write_all(&mut &lock, std::process::id().to_string().as_bytes())
    };
    note().with_context(|| format!("cannot write {}", name.display()))?;
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

fn open_to_write(path: &Path) -> anyhow::Result<Connection> {
    let named = || format!("cannot use the history {}", path.display());
    private::close_to_others(path);
    let connection = Connection::open(path).with_context(named)?;
    match prepare(&connection) {
        Ok(()) => Ok(connection),
        Err(error) => {
            close_as_it_is(connection);
            Err(error).with_context(named)
        }
    }
}

fn prepare(connection: &Connection) -> anyhow::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    table::prepare(connection)
}

/// Closes a file that may be damaged: what is in its log is not moved into it.
fn close_as_it_is(connection: Connection) {
    let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    drop(connection);
}

/// What is wrong inside of the file, if anything is. Reads all of it, which may take a while.
pub(super) fn damage(path: &Path) -> Option<String> {
    let look = || -> anyhow::Result<Option<String>> {
        let Some(connection) = open_to_read(path)? else { return Ok(None) };
        let said: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        Ok(Some(said).filter(|said| said != "ok"))
    };
    look().unwrap_or_else(|error| is_damage(&error).then(|| format!("{error:#}")))
}

/// Whether an error says that the file is damaged.
pub(super) fn is_damage(error: &anyhow::Error) -> bool {
    let damaged = |code| matches!(code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase);
    sqlite_codes(error).any(damaged)
}

/// Whether an error may pass by itself: there is no room, or no writing, at the moment.
pub(super) fn may_pass(error: &anyhow::Error) -> bool {
    let no_room = |code| {
        matches!(code, ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::ReadOnly)
    };
    let kinds = [
        ErrorKind::StorageFull,
        ErrorKind::QuotaExceeded,
        ErrorKind::FileTooLarge,
        ErrorKind::ReadOnlyFilesystem,
    ];
    let io = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| kinds.contains(&error.kind()))
    };
    error.chain().any(io) || sqlite_codes(error).any(no_room)
}

fn sqlite_codes(error: &anyhow::Error) -> impl Iterator<Item = ErrorCode> {
    error.chain().filter_map(|cause| cause.downcast_ref::<rusqlite::Error>()?.sqlite_error_code())
}

/// Moves the damaged file aside, says so, and begins a new one.
fn begin_anew(path: &Path, why: &str) -> anyhow::Result<Connection> {
    let aside = move_aside(path)?;
    tracing::warn!(
        "the history {} is damaged ({why}); it is now {}, and a new one begins",
        path.display(),
        aside.display()
    );
    open_to_write(path)
}

/// Renames the file and what belongs to it, and gives its new name.
fn move_aside(path: &Path) -> anyhow::Result<PathBuf> {
    let when = now_s() as u64;
    let free = |n: &u64| !with_suffix(path, &format!("damaged-{n}")).exists();
    let number = (when..).find(free).unwrap_or(when);
    let aside = with_suffix(path, &format!("damaged-{number}"));
    // What belongs to it first: a new file must never find the log of an old one.
    for suffix in ["-wal", "-shm", ""] {
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
