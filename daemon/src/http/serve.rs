//! Connections: accepted, limited in number, size and patience, and given to the routes.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::guard::{Asked, Counted, Refusal};
use super::patience::Patient;
use super::places::{Most, Place, Places};
use super::{App, answers, assets, stream};

/// What clients must keep to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Connections; more are closed at once.
    pub(super) connections: Most,
    /// Longest wait for a request's head, also for that of the next one.
    pub(super) head: Duration,
    /// Longest wait for an answer, which is that for the request's body.
    pub(super) answer: Duration,
    /// Longest wait until a client takes more of its answer.
    pub(super) taking: Duration,
}

impl Limits {
    /// Those that hold.
    pub(super) const USUAL: Self = Self {
        connections: Most { all: 512, of_this_computer: 384, of_another: 32 },
        head: Duration::from_secs(10),
        answer: Duration::from_secs(10),
        taking: Duration::from_secs(10),
    };
}

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
pub(super) async fn run(
    listener: TcpListener,
    app: Arc<App>,
    limits: Limits,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let places = Places::new(limits.connections);
    let routes = routes(app.clone(), limits);
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
        let Some(place) = places.take(peer.ip()) else { continue };
        let _ = socket.set_nodelay(true);
        let _ = socket2::SockRef::from(&socket).set_send_buffer_size(SEND_BYTES);
        tokio::spawn(converse(socket, peer, place, routes.clone(), limits));
    }
}

/// Answers all requests of one connection, which has its place until it ends, or the WebSocket that it
/// becomes.
pub(super) async fn converse(
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    place: Place,
    routes: Router,
    limits: Limits,
) {
    let routes = TowerToHyperService::new(routes);
    let place = Arc::new(place);
    let service = hyper::service::service_fn(move |mut request: hyper::Request<_>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        // As a WebSocket it goes on without us.
        request.extensions_mut().insert(place.clone());
        routes.call(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Who has said everything may still want the answer.
        .half_close(true)
        .header_read_timeout(limits.head)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Patient::new(socket, limits.taking)), service)
        .with_upgrades();
    // What a client does wrong is its own affair.
    let _ = connection.await;
}

/// What is there to be asked for.
pub(super) fn routes(app: Arc<App>, limits: Limits) -> Router {
    answers::routes()
        .merge(assets::routes())
        .fallback(answers::nothing_here)
        .method_not_allowed_fallback(answers::not_so)
        .layer(middleware::from_fn(move |request: Request, next: Next| async move {
            in_time(limits.answer, request, next).await
        }))
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
    let mut response = match judge(&app, peer, &request, Instant::now()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            app.counts.refused.fetch_add(1, Ordering::Relaxed);
            refusal
        }
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

/// Whether a request is answered, or what is said instead. What is refused counts as well.
#[expect(clippy::result_large_err, reason = "the refusal is the answer")]
fn judge(app: &App, peer: SocketAddr, request: &Request, now: Instant) -> Result<(), Response> {
    let ip = peer.ip();
    let grant = |what| match app.rates.grant(ip, what, now) {
        true => Ok(()),
        false => Err(answers::too_many()),
    };
    grant(Counted::Request)?;
    // Before the token is looked at: else who guesses would still learn which one is right.
    if !app.rates.might(ip, Counted::Guess, now) {
        return Err(answers::too_many());
    }
    let asked = Asked { method: request.method(), uri: request.uri(), headers: request.headers() };
    if let Err(Refusal(status, why)) = app.rules.load().check(&asked, app.bound) {
        if status == StatusCode::UNAUTHORIZED {
            grant(Counted::Guess)?;
        }
        return Err(answers::error(status, why));
    }
    match *request.method() {
        Method::GET | Method::HEAD => Ok(()),
        _ => grant(Counted::Change),
    }
}

/// Answers within `patience`, or says that it took too long: as a rule because the request's body does
/// not come.
async fn in_time(patience: Duration, request: Request, next: Next) -> Response {
    let waits_for_body = !matches!(*request.method(), Method::GET | Method::HEAD);
    match timeout(patience, next.run(request)).await {
        Ok(response) => response,
        Err(_) if waits_for_body => {
            let mut response =
                answers::error(StatusCode::REQUEST_TIMEOUT, "the request's body did not come");
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            response
        }
        Err(_) => answers::error(StatusCode::SERVICE_UNAVAILABLE, "the answer took too long"),
    }
}

#[cfg(test)]
mod tests {
    use earworm_scorer::Model;

    use super::*;
    use crate::http::Rules;
    use crate::station::Station;

    const RIGHT: &str = "a-good-long-token";

    /// Else who guesses would learn from it that this one was right.
    #[test]
    fn after_too_many_wrong_tokens_the_right_one_is_refused_too() {
        let (station, _tap) = Station::new(Model::embedded(), 48_000).unwrap();
        let rules = Rules { hosts: vec![], token: Some(RIGHT.into()) };
        let bound = SocketAddr::from(([127, 0, 0, 1], 8730));
        let app = App::new(station, None, bound, rules);
        let ask = |last: u8, token: &str, now: Instant| {
            let request = axum::http::Request::builder()
                .uri("/api/v1/reading")
                .header(header::HOST, "localhost")
                .header(header::AUTHORIZATION, format!("Bearer {token}"))
                .body(Body::empty())
                .unwrap();
            let peer = SocketAddr::from(([127, 0, 0, last], 50_000));
            judge(&app, peer, &request, now)
                .map_or_else(|refusal| refusal.status().as_u16(), |()| 200)
        };
        let start = Instant::now();
        assert_eq!(ask(1, RIGHT, start), 200);
        for guess in 0..20 {
            assert_eq!(ask(1, "a-wrong-long-token", start), 401, "{guess}");
        }
        assert_eq!(ask(1, "a-wrong-long-token", start), 429);
        assert_eq!(ask(1, RIGHT, start), 429);
        assert_eq!(ask(2, RIGHT, start), 200, "another address has not guessed");
        assert_eq!(ask(1, RIGHT, start + Duration::from_secs(1)), 200, "a second later it may");
    }
}
