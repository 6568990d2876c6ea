//! What is answered to plain requests.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, extract};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::wire::ReadingNow;
use super::{App, heard, metrics, stream};
use crate::capture::devices::{self, Unmet};
use crate::exit::describe;
use crate::station::{SourceState, Wish};

/// Most bytes of a request's body.
const MOST_BYTES: usize = 4 << 10;
/// Longest wait until others have been told of the devices.
const TURN: Duration = Duration::from_secs(3);

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

/// An error that is over after so many seconds.
pub(super) fn later(status: StatusCode, why: &str, seconds: &'static str) -> Response {
    let mut response = error(status, why);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
    response
}

/// For whoever asks too often.
pub(super) fn too_many() -> Response {
    later(StatusCode::TOO_MANY_REQUESTS, "too many requests; wait a second", "1")
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

/// The turn to ask for something that takes only so many questions at a time.
pub(super) async fn turn(
    asking: &Arc<Semaphore>,
    patience: Duration,
) -> Option<OwnedSemaphorePermit> {
    timeout(patience, asking.clone().acquire_owned()).await.ok()?.ok()
}

/// Asks the sound system, which may take its time or hang for ever: it has one question at a time, so that
/// then one thread hangs with it, and not all those that the history needs.
async fn ask<T: Send + 'static>(
    app: &App,
    question: impl FnOnce() -> T + Send + 'static,
) -> Result<T, (StatusCode, &'static str)> {
    let Some(turn) = turn(&app.asking, TURN).await else {
        let why = "the sound system has not answered the last question yet; try again later";
        return Err((StatusCode::SERVICE_UNAVAILABLE, why));
    };
    let asked = tokio::task::spawn_blocking(move || {
        // Until there is an answer, even if nobody waits for it any more.
        let _turn = turn;
        question()
    });
    let failed = "asking the sound system failed inside Earworm; please report it";
    asked.await.map_err(|_| (StatusCode::INTERNAL_SERVER_ERROR, failed))
}

async fn list_devices(State(app): State<Arc<App>>) -> Response {
    match ask(&app, || devices::list(None)).await {
        Ok(Ok(found)) => Json(found.devices).into_response(),
        Ok(Err(problem)) => error(StatusCode::SERVICE_UNAVAILABLE, &describe(&problem)),
        Err((status, why)) => error(status, why),
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
    /// As `--device` takes it; what the default output plays if null. It must be there: what forgets it
    /// does not mean the default.
    #[serde(deserialize_with = "Option::deserialize")]
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
    let asked = Wish { device: choice.clone(), ..wish };
    match ask(&app, move || devices::check(&asked)).await {
        Ok(Ok(())) => {
            // The rest may be another one by now.
            app.station.change(|wish| Wish { device: choice, ..wish });
            StatusCode::ACCEPTED.into_response()
        }
        Ok(Err(Unmet::NoDevice(why))) => error(StatusCode::NOT_FOUND, &describe(&why)),
        Ok(Err(Unmet::NoSystem(why))) => error(StatusCode::SERVICE_UNAVAILABLE, &describe(&why)),
        Err((status, why)) => error(status, why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sound_system_has_one_question_at_a_time() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let asking = Arc::new(Semaphore::new(1));
        runtime.block_on(async {
            let first = turn(&asking, Duration::ZERO).await;
            assert!(first.is_some());
            assert!(turn(&asking, Duration::ZERO).await.is_none(), "the first hangs");
            drop(first);
            assert!(turn(&asking, Duration::ZERO).await.is_some());
        });
    }

    #[test]
    fn a_choice_names_a_device_or_null() {
        let read = |text| serde_json::from_str::<DeviceChoice>(text).map(|choice| choice.device);
        assert_eq!(read(r#"{"device": null}"#).unwrap(), None);
        assert_eq!(read(r#"{"device": "usb"}"#).unwrap().as_deref(), Some("usb"));
        assert!(read("{}").is_err());
    }
}
