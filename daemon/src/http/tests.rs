//! Clients that are slow, greedy or wrong, with limits so short that nobody has to wait.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use earworm_scorer::Model;
use serde_json::Value;

use super::places::Most;
use super::serve::Limits;
use super::{Rules, Server, assets};
use crate::station::{Station, Wish};

/// Long enough for the slowest machine; whatever is waited for comes sooner.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long is waited for what does not come. No request that must be answered is held to it, as computers
/// stall for longer.
const SHORT: Duration = Duration::from_millis(200);

/// Kinds of messages of a stream.
const TEXT: u8 = 1;
const CLOSE: u8 = 8;

/// What clients of the tests must keep to, unless it is about that.
const LIMITS: Limits = Limits {
    connections: Most { all: 64, of_this_computer: 8, of_another: 2 },
    head: PATIENCE,
    answer: PATIENCE,
    taking: PATIENCE,
};

fn start(address: &str, token: Option<&str>) -> Server {
    start_with(address, token, LIMITS)
}

fn start_with(address: &str, token: Option<&str>, limits: Limits) -> Server {
    let (station, _tap) = Station::new(Model::embedded(), 48_000).unwrap();
    let rules = Rules { hosts: vec![], token: token.map(Into::into) };
    Server::start_with(station, None, address.parse().unwrap(), rules, limits).unwrap()
}

fn connect(server: &Server) -> TcpStream {
    let address = SocketAddr::from(([127, 0, 0, 1], server.app.bound.port()));
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Everything up to the end of the connection, which must come.
fn rest(mut socket: TcpStream) -> String {
    let mut bytes = Vec::new();
    match socket.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A request on a connection of its own: all of the answer.
fn answer(server: &Server, line: &str, headers: &str) -> String {
    let mut socket = connect(server);
    let head = "HTTP/1.1\r\nhost: localhost\r\nconnection: close";
    write!(socket, "{line} {head}\r\n{headers}\r\n").unwrap();
    rest(socket)
}

/// The status of an answer.
fn status(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("{answer:?}"))
}

/// The same, of which only the status is of interest.
fn ask(server: &Server, line: &str, headers: &str) -> u16 {
    status(&answer(server, line, headers))
}

/// A WebSocket; `None` if the connection is closed before there is one.
fn open_stream(server: &Server, query: &str) -> Option<TcpStream> {
    upgrade(server, query).map(|(stream, _)| stream)
}

/// The same, with the head of the answer.
fn upgrade(server: &Server, query: &str) -> Option<(TcpStream, String)> {
    let mut socket = connect(server);
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13";
    let key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";
    let head = format!("HTTP/1.1\r\nhost: localhost\r\n{upgrade}\r\n{key}\r\n\r\n");
    socket.write_all(format!("GET /api/v1/stream{query} {head}").as_bytes()).ok()?;
    let (mut answer, mut byte) = (Vec::new(), [0]);
    while !answer.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte).ok()?;
        answer.extend(byte);
    }
    let head = String::from_utf8_lossy(&answer).into_owned();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    Some((socket, head))
}

/// A message of a stream: what kind it is, and its content.
fn message(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let (mut head, mut length) = ([0; 2], [0; 2]);
    stream.read_exact(&mut head).unwrap();
    let length = match head[1] {
        126 => stream.read_exact(&mut length).map(|()| u16::from_be_bytes(length)).unwrap(),
        127 => panic!("no message is that long"),
        short => short.into(),
    };
    let mut content = vec![0; length.into()];
    stream.read_exact(&mut content).unwrap();
    (head[0] & 0x0f, content)
}

/// The code and the reason that a stream is closed with, after whatever comes before.
fn closing(mut stream: TcpStream) -> (u16, String) {
    let start = Instant::now();
    loop {
        let (kind, mut content) = message(&mut stream);
        if kind == CLOSE {
            let reason = String::from_utf8(content.split_off(2)).unwrap();
            return (u16::from_be_bytes([content[0], content[1]]), reason);
        }
        assert!(start.elapsed() < PATIENCE, "it is still open");
    }
}

#[test]
fn a_head_that_does_not_come_is_not_waited_for() {
    let server = start_with("127.0.0.1:0", None, Limits { head: SHORT, ..LIMITS });
    let mut socket = connect(&server);
    socket.write_all(b"GET /api/v1/reading HTTP/1.1\r\nhost: local").unwrap();
    assert!(!rest(socket).contains(" 200 "));
    // Nor is a first request, or a second one.
    assert_eq!(rest(connect(&server)), "");
    let start = Instant::now();
    loop {
        let mut socket = connect(&server);
        let sent = socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let answer = rest(socket);
        if answer.starts_with("HTTP/1.1 200") {
            break;
        }
        // This computer stalled: the first request was too late itself.
        assert!(start.elapsed() < PATIENCE, "{sent:?} {answer:?}");
    }
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let server = start_with("127.0.0.1:0", None, Limits { answer: SHORT, ..LIMITS });
    let mut socket = connect(&server);
    let json = "content-type: application/json\r\ncontent-length: 100";
    let head = format!("POST /api/v1/device HTTP/1.1\r\nhost: localhost\r\n{json}\r\n\r\n{{");
    socket.write_all(head.as_bytes()).unwrap();
    let answer = rest(socket);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer:?}");
    assert!(answer.contains("body did not come"), "{answer:?}");
    assert_protected(&answer);
}

#[test]
fn an_answer_that_is_not_taken_is_not_kept() {
    let server = start_with("127.0.0.1:0", None, Limits { taking: SHORT, ..LIMITS });
    let mut socket = connect(&server);
    // One request after the other, and no answer is read: in the end nothing goes in any more, and
    // the connection is closed.
    let request = b"GET /api/v1/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n";
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    let error = loop {
        if let Err(error) = socket.write_all(request) {
            break error;
        }
    };
    let closed = [std::io::ErrorKind::ConnectionReset, std::io::ErrorKind::BrokenPipe];
    assert!(closed.contains(&error.kind()), "{error}");
}

#[test]
fn one_address_has_so_many_connections() {
    let server = start("127.0.0.1:0", None);
    let mut kept: Vec<TcpStream> = Vec::new();
    let answered = |socket: &mut TcpStream| {
        let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let mut first = [0; 1];
        socket.write_all(request).is_ok() && socket.read(&mut first).is_ok_and(|count| count == 1)
    };
    for _ in 0..8 {
        let mut socket = connect(&server);
        assert!(answered(&mut socket));
        kept.push(socket);
    }
    assert!(!answered(&mut connect(&server)), "the ninth is closed at once");
}

#[test]
fn a_stream_is_a_connection_like_others() {
    let server = start("127.0.0.1:0", None);
    let mut kept: Vec<TcpStream> = (0..8).map(|_| open_stream(&server, "").unwrap()).collect();
    assert!(open_stream(&server, "").is_none(), "the ninth is closed at once");
    // Once one has gone, there is a place again.
    kept.pop();
    let start = Instant::now();
    while open_stream(&server, "").is_none() {
        assert!(start.elapsed() < PATIENCE, "its place is still taken");
    }
}

/// What is answered to a choice of a device: status and text.
fn choose(server: &Server, body: &str) -> (u16, String) {
    let mut socket = connect(server);
    let head = "POST /api/v1/device HTTP/1.1\r\nhost: localhost\r\nconnection: close";
    let json = format!("content-type: application/json\r\ncontent-length: {}", body.len());
    write!(socket, "{head}\r\n{json}\r\n\r\n{body}").unwrap();
    let answer = rest(socket);
    (status(&answer), answer)
}

#[test]
fn a_sound_system_that_is_not_there_is_no_wrong_device() {
    let server = start("127.0.0.1:0", None);
    server.app.station.set_wish(Wish {
        host: Some("oss".into()),
        device: None,
        rate: None,
        follow_default: true,
        rest_after: None,
    });
    assert_eq!(choose(&server, "{}").0, 422, "what forgets the device does not mean the default");
    let (status, answer) = choose(&server, r#"{"device": null}"#);
    assert_eq!(status, 503, "{answer}");
    assert!(answer.contains("no sound system"), "{answer}");
}

/// Whether an answer has what keeps a browser from making more of it than it is.
fn assert_protected(answer: &str) {
    let head = answer.split("\r\n\r\n").next().unwrap().to_ascii_lowercase();
    for header in [
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
        "referrer-policy: no-referrer",
        "content-security-policy: default-src 'none'; script-src 'self'; ",
        "cache-control: no-",
    ] {
        let is_there = head.lines().any(|line| line.starts_with(header));
        assert!(is_there, "{header} is missing in\n{head}");
    }
    assert!(head.contains("; frame-ancestors 'none'"), "{head}");
}

#[test]
fn every_answer_is_protected() {
    let server = start("127.0.0.1:0", Some("a-good-long-token"));
    let bearer = "authorization: Bearer a-good-long-token\r\n";
    let document: Value = serde_json::from_str(include_str!("assets/openapi.json")).unwrap();
    let documented = document["paths"].as_object().unwrap().keys().map(String::as_str);
    let mut paths: Vec<&str> = documented.chain(assets::FILES.map(|(path, ..)| path)).collect();
    paths.push("/no/such/path");
    paths.sort_unstable();
    paths.dedup();
    let mut statuses = BTreeSet::new();
    let mut look = |answer: &str| {
        assert_protected(answer);
        statuses.insert(status(answer));
    };
    for path in paths {
        // Let in, the question would go to the sound system, which may take its time.
        let known = if path == "/api/v1/devices" { "" } else { bearer };
        for (method, headers) in [("GET", known), ("GET", ""), ("DELETE", bearer)] {
            look(&answer(&server, &format!("{method} {path}"), headers));
        }
        look(&answer(&server, &format!("GET {path}"), "origin: http://evil.example\r\n"));
    }
    let (_stream, head) = upgrade(&server, "?token=a-good-long-token").unwrap();
    look(&head);
    let start = Instant::now();
    while !statuses.contains(&429) {
        let answer = answer(&server, "POST /api/v1/reset", bearer);
        assert_protected(&answer);
        statuses.insert(status(&answer));
        assert!(start.elapsed() < PATIENCE, "{statuses:?}");
    }
    for status in [101, 200, 401, 403, 404, 405] {
        assert!(statuses.contains(&status), "{status} is not among {statuses:?}");
    }
}

#[test]
fn tokens_are_not_guessed() {
    let server = start("127.0.0.1:0", Some("a-good-long-token"));
    let guess = |token: &str| {
        ask(&server, "GET /api/v1/reading", &format!("authorization: Bearer {token}\r\n"))
    };
    assert_eq!(guess("a-good-long-token"), 200);
    let mut statuses = Vec::new();
    while statuses.last() != Some(&429) {
        statuses.push(guess("a-wrong-long-token"));
        assert!(statuses.len() < 1000, "{statuses:?}");
    }
    assert!(statuses[..statuses.len() - 1].iter().all(|&status| status == 401), "{statuses:?}");
    let refused = server.app.counts.refused.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(refused, statuses.len() as u64);
}

#[test]
fn a_reload_does_not_take_the_token_from_others() {
    let server = start("0.0.0.0:0", Some("a-good-long-token"));
    let error = server.set_rules(Rules::default()).unwrap_err().to_string();
    assert!(error.contains("set a token"), "{error}");
    assert_eq!(ask(&server, "GET /api/v1/reading", ""), 401, "the old rules hold");
    let other = Rules { hosts: vec![], token: Some("another-long-token".into()) };
    server.set_rules(other).unwrap();
    let new = "authorization: Bearer another-long-token\r\n";
    assert_eq!(ask(&server, "GET /api/v1/reading", new), 200);
    // On this computer alone, none is needed.
    let server = start("127.0.0.1:0", Some("a-good-long-token"));
    server.set_rules(Rules::default()).unwrap();
    assert_eq!(ask(&server, "GET /api/v1/reading", ""), 200);
}

#[test]
fn a_stream_ends_with_its_token() {
    let rules = |token: &str| Rules { hosts: vec![], token: Some(token.into()) };
    let server = start("127.0.0.1:0", Some("the-first-token"));
    let mut stream = open_stream(&server, "?token=the-first-token").unwrap();
    // One at the start and one when it joins; the next one a second later.
    for _ in 0..2 {
        assert_eq!(message(&mut stream).0, TEXT);
    }
    server.set_rules(rules("the-first-token")).unwrap();
    assert_eq!(message(&mut stream).0, TEXT, "the same token ends nothing");
    server.set_rules(rules("the-second-token")).unwrap();
    assert_eq!(closing(stream), (1008, "the token is missing or wrong".into()));
    // Nor may go on who gave none while none was asked for.
    let server = start("127.0.0.1:0", None);
    let stream = open_stream(&server, "").unwrap();
    server.set_rules(rules("the-first-token")).unwrap();
    assert_eq!(closing(stream).0, 1008);
}
