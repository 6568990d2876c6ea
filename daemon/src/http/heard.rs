//! What the history answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::App;
use super::answers::{error, later, turn};
use super::kept::{Kept, Span};
use crate::clock::now_s;
use crate::exit::describe;
use crate::history::{MOST_ROWS, Reader};

/// Questions that are looked for at a time. A long one takes a core for half a second: who asks many of them
/// has to wait, and not those who ask for something else.
const AT_ONCE: usize = 2;
/// Longest wait for those who came before.
const TURN: Duration = Duration::from_secs(3);
/// How far back is looked unless asked otherwise.
const HOUR_S: f64 = 3600.0;
/// Longest step, in seconds.
const LONGEST_STEP: i64 = 31_536_000;
/// Songs of an answer unless asked otherwise.
const SONGS: i64 = 100;

/// What of the history is wanted.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    from: Option<f64>,
    to: Option<f64>,
    resolution: Option<i64>,
    limit: Option<i64>,
}

type Asked = Result<Query<Wanted>, QueryRejection>;

/// What was heard, and whose turn it is to look for something in it.
pub(super) struct Archive {
    reader: Reader,
    turns: Arc<Semaphore>,
    kept: Kept,
}

impl Archive {
    /// All turns are free.
    pub(super) fn new(reader: Reader) -> Self {
        Self { reader, turns: Arc::new(Semaphore::new(AT_ONCE)), kept: Kept::default() }
    }

    /// The steps of a span that is asked for at `now`.
    async fn steps(&self, span: Span, patience: Duration, now: Instant) -> Response {
        if let Some(kept) = self.kept.find(span, now) {
            return as_json(kept);
        }
        let Some(turn) = turn(&self.turns, patience).await else { return busy() };
        // Whoever came before may have asked the same.
        if let Some(kept) = self.kept.find(span, now) {
            return as_json(kept);
        }
        let Span { from, to, resolution } = span;
        let to = to.unwrap_or_else(|| end().ceil() as i64);
        let reader = self.reader.clone();
        let read = move || {
            let rows = reader.steps(from, to, resolution, MOST_ROWS)?;
            anyhow::Ok(json!({ "from": from, "to": to, "resolution": resolution, "rows": rows }))
        };
        let found = look(turn, read).await;
        if let Ok(body) = &found {
            self.kept.keep(span, body, now);
        }
        answer(found)
    }
}

/// Where there is no end given: now, with the second that is not over.
fn end() -> f64 {
    now_s() + 1.0
}

/// `GET /api/v1/history`.
pub(super) async fn steps(State(app): State<Arc<App>>, asked: Asked) -> Response {
    let (wanted, archive) = match prepare(&app, asked) {
        Ok(prepared) => prepared,
        Err(refusal) => return refusal,
    };
    let from = wanted.from.unwrap_or_else(|| wanted.to.unwrap_or_else(end) - HOUR_S);
    let resolution = wanted.resolution.unwrap_or(1);
    if !(1..=LONGEST_STEP).contains(&resolution) {
        let why = format!("resolution must be between 1 and {LONGEST_STEP} seconds");
        return error(StatusCode::BAD_REQUEST, &why);
    }
    // Whole seconds, rounded outwards; what lies outside of i64 is cut off by `as`.
    let (from, to) = (from.floor() as i64, wanted.to.map(|to| to.ceil() as i64));
    archive.steps(Span { from, to, resolution }, TURN, Instant::now()).await
}

/// `GET /api/v1/songs`.
pub(super) async fn songs(State(app): State<Arc<App>>, asked: Asked) -> Response {
    let (wanted, archive) = match prepare(&app, asked) {
        Ok(prepared) => prepared,
        Err(refusal) => return refusal,
    };
    let (from, to) = (wanted.from.unwrap_or(f64::MIN), wanted.to.unwrap_or(f64::MAX));
    let limit = wanted.limit.unwrap_or(SONGS).min(MOST_ROWS);
    let Some(turn) = turn(&archive.turns, TURN).await else { return busy() };
    let reader = archive.reader.clone();
    answer(look(turn, move || Ok(json!({ "songs": reader.songs(from, to, limit)? }))).await)
}

#[expect(clippy::result_large_err, reason = "the refusal is the answer")]
fn prepare(app: &App, asked: Asked) -> Result<(Wanted, &Archive), Response> {
    let Query(wanted) =
        asked.map_err(|rejection| error(StatusCode::BAD_REQUEST, &rejection.body_text()))?;
    let finite = |value: Option<f64>| value.is_none_or(f64::is_finite);
    if !finite(wanted.from) || !finite(wanted.to) {
        return Err(error(StatusCode::BAD_REQUEST, "from and to must be numbers"));
    }
    let off = || error(StatusCode::NOT_FOUND, "this Earworm does not remember what it heard");
    Ok((wanted, app.history.as_ref().ok_or_else(off)?))
}

/// For whom the others take too long.
fn busy() -> Response {
    later(
        StatusCode::SERVICE_UNAVAILABLE,
        "many ask for the history at once; try again in a few seconds",
        "5",
    )
}

/// Why there is no answer.
type Failure = (StatusCode, String);

/// Reads in a thread that may wait for the disk. It is over when that has read, even if nobody waits for it
/// any more: the thread does not know, and is as busy.
async fn look(
    turn: OwnedSemaphorePermit,
    read: impl FnOnce() -> anyhow::Result<Value> + Send + 'static,
) -> Result<Bytes, Failure> {
    let reading = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        anyhow::Ok(Bytes::from(serde_json::to_vec(&read()?)?))
    });
    match reading.await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(problem)) => Err((StatusCode::SERVICE_UNAVAILABLE, describe(&problem))),
        Err(_) => Err((StatusCode::INTERNAL_SERVER_ERROR, "reading the history failed".into())),
    }
}

fn answer(found: Result<Bytes, Failure>) -> Response {
    match found {
        Ok(body) => as_json(body),
        Err((status, why)) => error(status, &why),
    }
}

fn as_json(body: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

#[cfg(test)]
mod tests;
