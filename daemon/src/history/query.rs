//! What the history is asked.

use std::path::{Path, PathBuf};

use anyhow::Context;
use earworm_scorer::Hook;
use rusqlite::params;
use serde::Serialize;
use serde_json::value::RawValue;

use super::store;

/// Most rows of one answer of the API.
pub(crate) const MOST_ROWS: i64 = 10_000;

/// One step of the history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Step {
    /// Its start, in seconds since 1970.
    pub(crate) time: i64,
    /// Means of the scores, 0 to 100, where there were any.
    pub(crate) momentary: Option<f32>,
    /// See `momentary`.
    pub(crate) window: Option<f32>,
    /// See `momentary`.
    pub(crate) integrated: Option<f32>,
    /// Mean level in dBFS.
    pub(crate) level_db: f32,
}

/// A hook, in the song and on the clock.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct HookHeard {
    /// Score and place in the song.
    #[serde(flatten)]
    pub(crate) hook: Hook,
    /// Its start, in seconds since 1970.
    pub(crate) start: f64,
    /// Its end, in seconds since 1970.
    pub(crate) end: f64,
}

/// A song that was heard.
#[derive(Debug, Serialize)]
pub(crate) struct SongHeard {
    /// Its number.
    pub(crate) id: i64,
    /// When it was heard first, in seconds since 1970.
    pub(crate) start: f64,
    /// When it was heard last.
    pub(crate) end: f64,
    /// What the player called it.
    pub(crate) title: Option<String>,
    /// By whom.
    pub(crate) artist: Option<String>,
    /// From what.
    pub(crate) album: Option<String>,
    /// Its integrated score, 0 to 100.
    pub(crate) score: Option<f32>,
    /// How much of it was heard, in seconds.
    pub(crate) heard_s: f64,
    /// Its best window.
    pub(crate) hook: Option<HookHeard>,
    /// The value of each class.
    pub(crate) details: Box<RawValue>,
}

/// Reads a history, beside whoever writes to it.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    path: PathBuf,
}

impl Reader {
    /// A reader of this file.
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The means of what was heard from `from` to before `to`, in steps of `resolution` seconds, at
    /// most `limit` of them.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn steps(
        &self,
        from: i64,
        to: i64,
        resolution: i64,
        limit: i64,
    ) -> anyhow::Result<Vec<Step>> {
        let Some(connection) = store::open_to_read(&self.path)? else { return Ok(Vec::new()) };
        let mut steps = connection.prepare(
            "SELECT time / ?3 * ?3 AS step,
                    sum(momentary * seconds) / sum(iif(momentary IS NULL, 0, seconds)),
                    sum(window * seconds) / sum(iif(window IS NULL, 0, seconds)),
                    sum(integrated * seconds) / sum(iif(integrated IS NULL, 0, seconds)),
                    sum(level_db * seconds) / sum(seconds)
             FROM readings WHERE time >= ?1 AND time < ?2 GROUP BY step ORDER BY step LIMIT ?4",
        )?;
        let steps = steps.query_map(params![from, to, resolution.max(1), limit.max(0)], |row| {
            Ok(Step {
                time: row.get(0)?,
                momentary: row.get(1)?,
                window: row.get(2)?,
                integrated: row.get(3)?,
                level_db: row.get(4)?,
            })
        })?;
        steps.collect::<Result<_, _>>().context("cannot read the history")
    }

    /// The songs heard from `from` to `to`, latest first, at most `limit` of them.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn songs(&self, from: f64, to: f64, limit: i64) -> anyhow::Result<Vec<SongHeard>> {
        let Some(connection) = store::open_to_read(&self.path)? else { return Ok(Vec::new()) };
        let mut songs = connection.prepare(
            "SELECT id, start, end, title, artist, album, score, heard_s, hook_score, hook_start_s,
                    hook_end_s, hook_start, hook_end, details
             FROM songs WHERE end >= ?1 AND start < ?2 ORDER BY start DESC, id DESC LIMIT ?3",
        )?;
        let songs = songs.query_map(params![from, to, limit.max(0)], song)?;
        songs.collect::<Result<_, _>>().context("cannot read the history")
    }
}

fn song(row: &rusqlite::Row<'_>) -> rusqlite::Result<SongHeard> {
    let hook: Option<f32> = row.get(8)?;
    let hook = match hook {
        None => None,
        Some(score) => Some(HookHeard {
            hook: Hook { score, start_s: row.get(9)?, end_s: row.get(10)? },
            start: row.get(11)?,
            end: row.get(12)?,
        }),
    };
    let details: String = row.get(13)?;
    let none = || RawValue::from_string("{}".into()).expect("this is JSON");
    Ok(SongHeard {
        id: row.get(0)?,
        start: row.get(1)?,
        end: row.get(2)?,
        title: row.get(3)?,
        artist: row.get(4)?,
        album: row.get(5)?,
        score: row.get(6)?,
        heard_s: row.get(7)?,
        hook,
        details: RawValue::from_string(details).unwrap_or_else(|_| none()),
    })
}
