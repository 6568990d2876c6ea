//! Connections: accepted, limited in number, size and patience, and given to the routes.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::atomic::Ordering;
use tokio::sync::Semaphore;

use super::guard::{Asked, Refusal};
use super::{App, answers, assets, stream};

/// Connections at a time; more are closed at once.
const MOST_CONNECTIONS: usize = 512;
/// Longest wait for a request's head.
const HEAD: Duration = Duration::from_secs(10);
/// Most bytes of a request's head.
const HEAD_BYTES: usize = 16 << 10;
/// What the system keeps for a client that is slow to take it: some seconds of the stream.
const SEND_BYTES: usize = 32 << 10;
/// After an error of the listener itself, such as too many open files.
const REST: Duration = Duration::from_millis(200);

/// Serves until dropped.
///
/// # Errors
/// When the listener cannot be used.
pub(super) async fn run(listener: TcpListener, app: Arc<App>) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let routes = routes(app.clone());
    tokio::spawn(stream::publish(app));
    loop {
        let (socket, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "a connection was not accepted");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let Ok(place) = room.clone().try_acquire_owned() else { continue };
        let _ = socket.set_nodelay(true);
        let _ = socket2::SockRef::from(&socket).set_send_buffer_size(SEND_BYTES);
        let routes = TowerToHyperService::new(routes.clone());
        let service = hyper::service::service_fn(move |mut request: hyper::Request<_>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            routes.call(request.map(Body::new))
        });
        tokio::spawn(async move {
            let _place = place;
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .max_buf_size(HEAD_BYTES)
                .serve_connection(TokioIo::new(socket), service)
                .with_upgrades();
            // What a client does wrong is its own affair.
            let _ = connection.await;
        });
    }
}

fn routes(app: Arc<App>) -> Router {
    answers::routes()
        .merge(assets::routes())
        .fallback(answers::nothing_here)
        .method_not_allowed_fallback(answers::not_so)
        .layer(middleware::from_fn_with_state(app.clone(), admit))
        .with_state(app)
}

/// Lets through what the rules allow, and adds what every answer has.
async fn admit(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    app.counts.requests.fetch_add(1, Ordering::Relaxed);
    let asked =
        Asked { method: request.method(), uri: request.uri(), headers: request.headers(), peer };
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = match app.rules.load().check(&asked, app.bound) {
        Err(Refusal(status, why)) => {
            app.counts.refused.fetch_add(1, Ordering::Relaxed);
            answers::error(status, why)
        }
        Ok(()) if !app.rates.grant(asked.peer.ip(), changes, Instant::now()) => {
            app.counts.refused.fetch_add(1, Ordering::Relaxed);
            answers::too_many()
        }
        Ok(()) => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, assets::POLICY),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
