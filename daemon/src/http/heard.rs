//! What the history answers.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::App;
use super::answers::error;
use crate::clock::now_s;
use crate::exit::describe;
use crate::history::{MOST_ROWS, Reader};

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

/// `GET /api/v1/history`.
pub(super) async fn steps(State(app): State<Arc<App>>, asked: Asked) -> Response {
    let (wanted, reader) = match prepare(&app, asked) {
        Ok(prepared) => prepared,
        Err(refusal) => return refusal,
    };
    let to = wanted.to.unwrap_or_else(|| now_s() + 1.0);
    let from = wanted.from.unwrap_or(to - HOUR_S);
    let resolution = wanted.resolution.unwrap_or(1);
    if !(1..=LONGEST_STEP).contains(&resolution) {
        let why = format!("resolution must be between 1 and {LONGEST_STEP} seconds");
        return error(StatusCode::BAD_REQUEST, &why);
    }
    // Whole seconds, rounded outwards; what lies outside of i64 is cut off by `as`.
    let (from, to) = (from.floor() as i64, to.ceil() as i64);
    let read = move || reader.steps(from, to, resolution, MOST_ROWS);
    answer(read, |rows| json!({ "from": from, "to": to, "resolution": resolution, "rows": rows }))
        .await
}

/// `GET /api/v1/songs`.
pub(super) async fn songs(State(app): State<Arc<App>>, asked: Asked) -> Response {
    let (wanted, reader) = match prepare(&app, asked) {
        Ok(prepared) => prepared,
        Err(refusal) => return refusal,
    };
    let (from, to) = (wanted.from.unwrap_or(f64::MIN), wanted.to.unwrap_or(f64::MAX));
    let limit = wanted.limit.unwrap_or(SONGS).min(MOST_ROWS);
    answer(move || reader.songs(from, to, limit), |songs| json!({ "songs": songs })).await
}

#[expect(clippy::result_large_err, reason = "the refusal is the answer")]
fn prepare(app: &App, asked: Asked) -> Result<(Wanted, Reader), Response> {
    let Query(wanted) =
        asked.map_err(|rejection| error(StatusCode::BAD_REQUEST, &rejection.body_text()))?;
    let finite = |value: Option<f64>| value.is_none_or(f64::is_finite);
    if !finite(wanted.from) || !finite(wanted.to) {
        return Err(error(StatusCode::BAD_REQUEST, "from and to must be numbers"));
    }
    let reader = app.history.clone();
    let off = || error(StatusCode::NOT_FOUND, "this Earworm does not remember what it heard");
    Ok((wanted, reader.ok_or_else(off)?))
}

/// Reads in a thread that may wait for the disk.
async fn answer<T: Send + 'static>(
    read: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    show: impl FnOnce(T) -> serde_json::Value,
) -> Response {
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(found)) => Json(show(found)).into_response(),
        Ok(Err(problem)) => error(StatusCode::SERVICE_UNAVAILABLE, &describe(&problem)),
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "reading the history failed"),
    }
}
