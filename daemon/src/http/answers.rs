//! What is answered to plain requests.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, extract};
use serde::Deserialize;
use serde_json::json;

use super::wire::ReadingNow;
use super::{App, heard, metrics, stream};
use crate::capture::devices;
use crate::exit::describe;
use crate::station::{Command, SourceState, Wish};

/// Most bytes of a request's body.
const MOST_BYTES: usize = 4 << 10;

/// The routes of the API, and those for supervisors.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/reading", get(reading))
        .route("/api/v1/stream", get(stream::stream))
        .route("/api/v1/history", get(heard::steps))
        .route("/api/v1/songs", get(heard::songs))
        .route("/api/v1/devices", get(list_devices))
        .route("/api/v1/model", get(model))
        .route("/api/v1/reset", post(reset))
        .route("/api/v1/device", post(set_device))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics::metrics))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
}

/// An error as every client gets it.
pub(super) fn error(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}

/// For whoever asks too often.
pub(super) fn too_many() -> Response {
    let mut response = error(StatusCode::TOO_MANY_REQUESTS, "too many requests; wait a second");
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// For paths that there are not.
pub(super) async fn nothing_here() -> Response {
    error(StatusCode::NOT_FOUND, "there is nothing here; /api/v1/openapi.json lists what there is")
}

/// For paths that there are, asked another way.
pub(super) async fn not_so() -> Response {
    error(StatusCode::METHOD_NOT_ALLOWED, "this path does not take that method")
}

async fn reading(State(app): State<Arc<App>>) -> Response {
    Json(ReadingNow::of(&app.station)).into_response()
}

async fn model(State(app): State<Arc<App>>) -> Response {
    Json(app.station.model().metadata()).into_response()
}

async fn health(State(app): State<Arc<App>>) -> Response {
    let (source, meter) = (app.station.source(), app.station.meter());
    let failure = meter.failure().map(|why| (*why).clone());
    let well = failure.is_none() && source.state != SourceState::Waiting;
    let status = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let problem = failure.or_else(|| source.problem.clone());
    let body = json!({ "ok": well, "state": source.state, "problem": problem });
    (status, Json(body)).into_response()
}

async fn list_devices() -> Response {
    // Asks the sound system, which may take its time.
    match tokio::task::spawn_blocking(|| devices::list(None)).await {
        Ok(Ok(found)) => Json(found.devices).into_response(),
        Ok(Err(problem)) => error(StatusCode::SERVICE_UNAVAILABLE, &describe(&problem)),
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "listing the devices failed"),
    }
}

async fn reset(State(app): State<Arc<App>>) -> StatusCode {
    app.station.reset();
    StatusCode::NO_CONTENT
}

/// Which device to listen to from now on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceChoice {
    /// As `--device` takes it; what the default output plays if null.
    device: Option<String>,
}

async fn set_device(
    State(app): State<Arc<App>>,
    choice: Result<extract::Json<DeviceChoice>, JsonRejection>,
) -> Response {
    let choice = match choice {
        Ok(Json(choice)) => choice.device,
        Err(rejection) => return error(rejection.status(), &rejection.body_text()),
    };
    let Some(wish) = app.station.wish() else {
        return error(StatusCode::CONFLICT, "this Earworm listens to a file, not to a device");
    };
    let wanted = Wish { device: choice, ..wish };
    let asked = wanted.clone();
    let found = tokio::task::spawn_blocking(move || devices::check(&asked)).await;
    match found {
        Ok(Ok(())) => {
            app.station.command(Command::Change(wanted));
            StatusCode::ACCEPTED.into_response()
        }
        Ok(Err(problem)) => error(StatusCode::NOT_FOUND, &describe(&problem)),
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "looking for the device failed"),
    }
}
