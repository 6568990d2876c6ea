//! The dashboard and the API over real sockets: what is documented is what is served, and to nobody
//! who should not have it.

mod common;
#[path = "common/daemon.rs"]
mod daemon;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use daemon::{Daemon, PATIENCE};
use serde_json::Value;
use tungstenite::client::IntoClientRequest;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

/// A daemon that plays the demo song to itself, and its address.
struct Served {
    daemon: Daemon,
    address: String,
}

fn serve(args: &[&str]) -> Served {
    let mut command = common::program("earworm");
    command.args(["listen", "--json", "--http", "127.0.0.1:0", "--input"]);
    command.arg(common::in_checkout("demo/demo.ogg")).args(args);
    command.env("RUST_LOG", "earworm=info");
    let mut daemon = Daemon::start(command);
    let address = daemon.wait_for_address();
    Served { daemon, address }
}

impl Served {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request with these headers: status and body.
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = ureq::http::Request::builder().method(method).uri(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = agent.run(request.body(body.to_owned()).unwrap()).unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), text)
    }

    fn get(&self, path: &str) -> Value {
        let (status, text) = self.ask("GET", path, &[], "");
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}\n{text}"))
    }

    fn post(&self, path: &str, body: &str) -> (u16, String) {
        self.ask("POST", path, &[("content-type", "application/json")], body)
    }

    /// What is answered to these very bytes.
    fn raw(&self, bytes: &[u8]) -> String {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        // It may be closed while we still write.
        let _ = socket.write_all(bytes);
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A stream that is never read, with as little room for it as the system allows.
    fn slow_stream(&self) -> TcpStream {
        let address = self.address.parse::<std::net::SocketAddr>().unwrap();
        let kind = socket2::Type::STREAM;
        let socket = socket2::Socket::new(socket2::Domain::IPV4, kind, None).unwrap();
        socket.set_recv_buffer_size(1024).unwrap();
        socket.connect(&address.into()).unwrap();
        let mut socket = TcpStream::from(socket);
        let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13";
        let key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";
        let host = &self.address;
        let head = format!("host: {host}\r\n{upgrade}\r\n{key}\r\n\r\n");
        write!(socket, "GET /api/v1/stream?mel=1 HTTP/1.1\r\n{head}").unwrap();
        socket
    }

    fn stream(&self, query: &str, headers: &[(&'static str, &str)]) -> Result<Stream, u16> {
        let url = format!("ws://{}/api/v1/stream{query}", self.address);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match tungstenite::connect(request) {
            Ok((socket, _)) => Ok(Stream(socket)),
            Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    }
}

struct Stream(WebSocket<MaybeTlsStream<TcpStream>>);

impl Stream {
    fn next(&mut self) -> Value {
        loop {
            match self.0.read().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let message = self.next();
            if wanted(&message) {
                return message;
            }
            assert!(start.elapsed() < PATIENCE, "last: {message}");
        }
    }
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The fields that the document asks of one of its schemas.
fn required<'a>(document: &'a Value, schema: &str) -> BTreeSet<&'a str> {
    let names = &document["components"]["schemas"][schema]["required"];
    names.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

#[test]
fn what_is_documented_is_served() {
    let served = serve(&[]);
    let document = served.get("/api/v1/openapi.json");
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            for refusal in ["401", "403", "429", "503"] {
                let told = operation["responses"][refusal].is_object();
                assert!(told || (path, refusal) == (&"/healthz".into(), "401"), "{path} {refusal}");
            }
            let method = method.to_uppercase();
            let (status, text) = served.ask(&method, path, &[], "");
            let known = operation["responses"].as_object().unwrap();
            // A stream without its handshake, a post without its body: refused as they should be.
            assert!(known.contains_key(&status.to_string()), "{path} {status} {text}");
            if status >= 400 {
                let error: Value = serde_json::from_str(&text).expect("errors are JSON");
                assert!(error["error"].is_string(), "{path} {text}");
            }
            let other = if method == "POST" { "GET" } else { "DELETE" };
            assert_eq!(served.ask(other, path, &[], "").0, 405, "{other} {path}");
        }
    }
    let reading = served.get("/api/v1/reading");
    assert_eq!(keys(&reading), required(&document, "Reading"));
    assert_eq!(keys(&reading["source"]), required(&document, "Source"));
    assert_eq!(keys(&reading["health"]), required(&document, "ReadingHealth"));
    assert_eq!(keys(&reading["song"]), required(&document, "Track"));
    assert_eq!(reading["health"]["history"], "off");
    assert_eq!(reading["source"]["device"], "demo.ogg");
    assert_eq!(keys(&served.get("/healthz")), required(&document, "Health"));
    let model = served.get("/api/v1/model");
    assert!(model["classes"].as_array().unwrap().len() > 1);
    assert_eq!(served.ask("GET", "/api/v2/reading", &[], "").0, 404);
    assert!(served.ask("GET", "/api/v1/../../etc/passwd", &[], "").0 == 404);
    for page in ["/", "/assets/app.js", "/assets/style.css"] {
        let (status, text) = served.ask("GET", page, &[], "");
        assert_eq!(status, 200, "{page}");
        assert!(!text.contains("https://") && !text.contains("//cdn"), "{page} works offline");
    }
}

#[test]
fn readings_stream_and_start_anew() {
    let served = serve(&[]);
    let mut plain = served.stream("", &[]).unwrap();
    let first = plain.wait_for(|message| message["momentary"].is_number());
    assert_eq!(first["status"], "listening", "a first impression is told as one: {first}");
    let mut with_mel = served.stream("?mel=1", &[]).unwrap();
    let (status, text) = served.ask("GET", "/api/v1/stream?mel=x", &[], "");
    let error: Value = serde_json::from_str(&text).expect("errors are JSON");
    assert!(status == 400 && error["error"].is_string(), "{status} {text}");
    let mel = with_mel.wait_for(|message| message["type"] == "mel");
    let bands = mel["db"][0].as_array().unwrap().len();
    assert_eq!(bands, 64, "{mel}");
    let scored = plain.wait_for(|message| message["window"].is_number());
    assert_eq!(scored["status"], "scoring");
    // About ten a second: at the pace of sound each brings new audio.
    let times: Vec<f64> = (0..20).map(|_| plain.next()["t"].as_f64().unwrap()).collect();
    assert!(times.is_sorted() && times[19] - times[0] < 6.0, "{times:?}");

    assert_eq!(served.ask("POST", "/api/v1/reset", &[], "").0, 204);
    let epoch = scored["epoch"].clone();
    let anew = plain.wait_for(|message| message["epoch"] != epoch);
    assert!(anew["t"].as_f64().unwrap() < times[19], "{anew}");
    // A file is listened to: there is no device to change.
    let (status, text) = served.post("/api/v1/device", r#"{"device": null}"#);
    assert_eq!(status, 409, "{text}");
    assert_eq!(served.post("/api/v1/device", r#"{"devise": 1}"#).0, 422);
    assert_eq!(served.post("/api/v1/device", "{").0, 400);
}

#[test]
fn metrics_are_prometheus_and_grow() {
    let served = serve(&[]);
    let value = |name: &str| -> f64 {
        let (status, text) = served.ask("GET", "/metrics", &[], "");
        assert_eq!(status, 200);
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with("earworm_") && value.parse::<f64>().is_ok(), "{line}");
        }
        let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
        let line = line.unwrap_or_else(|| panic!("no {name} in\n{text}"));
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    };
    let mut stream = served.stream("", &[]).unwrap();
    stream.wait_for(|message| message["t"].as_f64().unwrap() > 1.0);
    let before = value("earworm_readings_total");
    stream.wait_for(|message| message["t"].as_f64().unwrap() > 2.0);
    assert!(value("earworm_readings_total") > before);
    assert!(value("earworm_inference_seconds_count") > 0.0);
    assert_eq!(value("earworm_dropped_samples_total"), 0.0);
    assert_eq!(value("earworm_websockets"), 1.0);
}

#[test]
fn strangers_are_refused() {
    let served = serve(&[]);
    let ask = |method, path, name, value| served.ask(method, path, &[(name, value)], "").0;
    for host in ["evil.example", "evil.example:8730", "127.0.0.1.evil.example"] {
        assert_eq!(ask("GET", "/api/v1/reading", "host", host), 403, "{host}");
        assert_eq!(served.stream("", &[("host", host)]).err(), Some(403));
    }
    for origin in ["http://evil.example", "null", "http://127.0.0.1:1"] {
        assert_eq!(ask("POST", "/api/v1/reset", "origin", origin), 403, "{origin}");
        assert_eq!(ask("GET", "/api/v1/reading", "origin", origin), 403, "{origin}");
        assert_eq!(served.stream("", &[("origin", origin)]).err(), Some(403));
    }
    let own = format!("http://{}", served.address);
    assert_eq!(ask("POST", "/api/v1/reset", "origin", &own), 204);
    assert!(served.stream("", &[("origin", own.as_str())]).is_ok());
}

#[test]
fn too_much_is_refused() {
    let served = serve(&[]);
    let head = format!("POST /api/v1/device HTTP/1.1\r\nhost: {}\r\n", served.address);
    let body = |bytes: usize| {
        let json = "content-type: application/json\r\nconnection: close\r\n";
        format!("{head}{json}content-length: {bytes}\r\n\r\n{}", " ".repeat(bytes))
    };
    let answer = served.raw(body(100_000).as_bytes());
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let header = format!("{head}x: {}\r\n\r\n", "y".repeat(100_000));
    let answer = served.raw(header.as_bytes());
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    let answer = served.raw(b"\x16\x03\x01 this is no HTTP\r\n\r\n");
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    // A client that says too much on its stream is thrown out.
    let mut stream = served.stream("", &[]).unwrap();
    stream.0.send(Message::Text("x".repeat(100_000).into())).ok();
    let start = Instant::now();
    while stream.0.read().is_ok() {
        assert!(start.elapsed() < PATIENCE, "it is still connected");
    }
    // So is one that never stops talking.
    let mut stream = served.stream("", &[]).unwrap();
    for _ in 0..100 {
        if stream.0.send(Message::Text("hello".into())).is_err() {
            break;
        }
    }
    let start = Instant::now();
    while stream.0.read().is_ok() {
        assert!(start.elapsed() < PATIENCE, "it is still connected");
    }
    // Changes are for people, not for loops.
    let statuses: Vec<_> =
        (0..60).map(|_| served.ask("POST", "/api/v1/reset", &[], "").0).collect();
    assert!(statuses.contains(&204) && statuses.contains(&429), "{statuses:?}");
    assert_eq!(served.get("/healthz")["ok"], true, "it goes on");
}

/// Each takes half of what the system holds for a socket, so that it is full soon.
#[test]
fn a_client_that_does_not_read_is_dropped() {
    let served = serve(&[]);
    let slow = served.slow_stream();
    let mut good = served.stream("", &[]).unwrap();
    let start = Instant::now();
    // The others go on meanwhile.
    loop {
        assert_eq!(good.next()["type"], "reading");
        let (_, metrics) = served.ask("GET", "/metrics", &[], "");
        if metrics.contains("earworm_slow_clients_total 1") {
            break;
        }
        assert!(start.elapsed() < 2 * PATIENCE, "it is still served\n{metrics}");
    }
    drop(slow);
}

#[test]
fn others_need_a_token() {
    let run = |args: &[&str]| {
        let mut command = common::program("earworm");
        command.args(["listen", "--json", "--input"]);
        command.arg(common::in_checkout("demo/demo.ogg")).args(args).output().unwrap()
    };
    let output = run(&["--http", "0.0.0.0:0"]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("set a token"), "{message}");
    let output = run(&["--http", "0.0.0.0:0", "--token", "short"]);
    assert_eq!(output.status.code(), Some(2));

    let served = serve(&["--token", "a-good-long-token"]);
    let bearer = [("authorization", "Bearer a-good-long-token")];
    assert_eq!(served.ask("GET", "/api/v1/reading", &[], "").0, 401);
    assert_eq!(served.ask("GET", "/metrics", &[], "").0, 401);
    assert_eq!(served.ask("GET", "/api/v1/reading", &bearer, "").0, 200);
    assert_eq!(served.ask("GET", "/", &[], "").0, 200, "the page asks for it itself");
    assert_eq!(served.stream("", &[]).err(), Some(401));
    assert!(served.stream("?token=a-good-long-token", &[]).is_ok());
}

#[test]
#[cfg_attr(not(unix), ignore = "signals are sent, which this system has not")]
fn an_address_in_use_is_told() {
    let mut served = serve(&[]);
    let mut command = common::program("earworm");
    command.args(["listen", "--json", "--http", &served.address, "--input"]);
    let output = command.arg(common::in_checkout("demo/demo.ogg")).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains(&served.address) && message.contains("in use"), "{message}");
    served.daemon.signal("INT");
    assert_eq!(served.daemon.wait(), Some(130));
}
