//! The WebSocket: readings ten times a second, mel frames for those who ask for them. Each message
//! is made once, however many listen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use futures::SinkExt;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::guard::{Asked, Refusal};
use super::wire::{MelCursor, ReadingNow};
use super::{App, Rules, answers, places};

/// From one message to the next.
const TICK: Duration = Duration::from_millis(100);
/// A reading that has not changed is sent again after so many ticks, as a sign of life.
const SAME_AGAIN: u32 = 10;
/// Longest wait for a client to take a message; slower ones are dropped.
const PATIENCE: Duration = Duration::from_secs(5);
/// WebSockets at a time.
const MOST_SOCKETS: u64 = 256;
/// Most bytes of a message from a client.
const MOST_BYTES: usize = 1 << 10;
/// Messages of a client, which mean nothing, from one sign of life of ours to the next.
const MOST_SAID: u32 = 60;

/// Makes the messages as long as anyone listens.
pub(super) async fn publish(app: Arc<App>) {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut last, mut same, mut mel) = (None, 0, MelCursor::default());
    loop {
        // Costs nothing while nobody looks.
        while app.reading.receiver_count() == 0 {
            app.joined.notified().await;
        }
        tick.tick().await;
        let station = &app.station;
        let meter = station.meter();
        let state = (meter.readings(), station.epoch(), station.source());
        same = if last.as_ref() == Some(&state) { same + 1 } else { 0 };
        if same % SAME_AGAIN == 0 {
            app.reading.send_replace(json(&ReadingNow::of(station)));
        }
        if app.mel.receiver_count() > 0
            && let Some(frames) = mel.take(&meter, state.1.0)
        {
            app.mel.send_replace(json(&frames));
        }
        last = Some(state);
    }
}

fn json(message: &impl serde::Serialize) -> Bytes {
    // Numbers, names and lists; there is nothing in them that JSON cannot say.
    serde_json::to_vec(message).unwrap_or_default().into()
}

/// What a client may ask of the stream.
#[derive(Deserialize)]
pub(super) struct Wanted {
    /// Whether mel frames are wanted too.
    #[serde(default)]
    mel: u8,
}

/// `GET /api/v1/stream`.
pub(super) async fn stream(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Arc<places::Place>>,
    (method, uri, headers): (Method, Uri, HeaderMap),
    wanted: Result<Query<Wanted>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let wanted = match wanted {
        Ok(Query(wanted)) => wanted,
        Err(rejection) => return answers::error(rejection.status(), &rejection.body_text()),
    };
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return answers::error(rejection.status(), &rejection.body_text()),
    };
    let Some(place) = Place::take(app.clone(), connection) else {
        return answers::error(StatusCode::SERVICE_UNAVAILABLE, "too many streams are open");
    };
    let admission = Admission { method, uri, headers, by: None };
    upgrade
        .max_message_size(MOST_BYTES)
        .max_frame_size(MOST_BYTES)
        .on_upgrade(move |socket| feed(socket, place, admission, wanted.mel != 0))
}

/// A place among the open sockets.
struct Place {
    app: Arc<App>,
    /// That of the connection, which the socket still is.
    _connection: Arc<places::Place>,
}

impl Place {
    fn take(app: Arc<App>, connection: Arc<places::Place>) -> Option<Self> {
        let sockets: &AtomicU64 = &app.counts.sockets;
        let more = |open| (open < MOST_SOCKETS).then_some(open + 1);
        sockets.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Self { app, _connection: connection })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.app.counts.sockets.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a stream was asked for with. The rules may change while it is open, and hold for it as well.
struct Admission {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    /// The rules that have let it through.
    by: Option<Arc<Rules>>,
}

impl Admission {
    /// Why the rules of now would refuse it, if they would.
    fn refusal(&mut self, app: &App) -> Option<&'static str> {
        let rules = app.rules.load_full();
        if self.by.as_ref().is_some_and(|by| Arc::ptr_eq(by, &rules)) {
            return None;
        }
        let asked = Asked { method: &self.method, uri: &self.uri, headers: &self.headers };
        match rules.check(&asked, app.bound) {
            Ok(()) => {
                self.by = Some(rules);
                None
            }
            Err(Refusal(_, why)) => Some(why),
        }
    }
}

async fn feed(mut socket: WebSocket, place: Place, mut admission: Admission, mel: bool) {
    let app = &place.app;
    let first = json(&ReadingNow::of(&app.station));
    if !send(&mut socket, app, &mut admission, first).await {
        return;
    }
    let mut readings = app.reading.subscribe();
    app.joined.notify_one();
    let mut frames = mel.then(|| app.mel.subscribe());
    let (mut pinged, mut said) = (Instant::now(), 0);
    loop {
        let message = tokio::select! {
            changed = readings.changed() => match changed {
                Ok(()) => readings.borrow_and_update().clone(),
                Err(_) => return,
            },
            new = next_frames(&mut frames) => new,
            received = socket.recv() => match received {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                // Nothing else that a client may say means anything; little of it is listened to.
                Some(Ok(_)) if said < MOST_SAID => {
                    said += 1;
                    continue;
                }
                Some(Ok(_)) => return dismiss(&mut socket, "too many messages").await,
            },
        };
        if !send(&mut socket, app, &mut admission, message).await {
            return;
        }
        // Keeps the way open through whatever lies between.
        if pinged.elapsed() > 10 * PATIENCE {
            (pinged, said) = (Instant::now(), 0);
            if timeout(PATIENCE, socket.send(Message::Ping(Bytes::new()))).await.is_err() {
                return;
            }
        }
    }
}

/// Says goodbye to a client that may not stay.
async fn dismiss(socket: &mut WebSocket, why: &'static str) {
    let why = CloseFrame { code: close_code::POLICY, reason: why.into() };
    let goodbye = async {
        // An answer to a ping that is still to be sent would go out behind the end.
        socket.flush().await?;
        socket.send(Message::Close(Some(why))).await
    };
    let _ = timeout(PATIENCE, goodbye).await;
}

async fn next_frames(frames: &mut Option<watch::Receiver<Bytes>>) -> Bytes {
    if let Some(frames) = frames
        && frames.changed().await.is_ok()
    {
        return frames.borrow_and_update().clone();
    }
    std::future::pending().await
}

/// Sends a message; false if the client may not have it any more, or does not take it.
async fn send(
    socket: &mut WebSocket,
    app: &App,
    admission: &mut Admission,
    message: Bytes,
) -> bool {
    if let Some(why) = admission.refusal(app) {
        dismiss(socket, why).await;
        return false;
    }
    let Ok(text) = Utf8Bytes::try_from(message) else { return true };
    match timeout(PATIENCE, socket.send(Message::Text(text))).await {
        Ok(result) => result.is_ok(),
        Err(_) => {
            app.counts.slow.fetch_add(1, Ordering::Relaxed);
            tracing::debug!("a client was too slow and is dropped");
            false
        }
    }
}
