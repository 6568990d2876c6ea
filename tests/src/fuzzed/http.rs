//! What clients send to the dashboard's server.

use std::cell::LazyCell;

use earworm::fuzzed::InMemory;
use serde_json::Value;

/// What a client must know when there is a token.
const TOKEN: &str = "a-good-long-token";

/// A name by which the server may be called.
const HOST: &str = "studio.lan";

/// Parts of all names and addresses by which the server may be called, in small letters.
const OURS: [&[u8]; 8] = [b"localhost", b"127.", HOST.as_bytes(), b":1", b"::", b"]", b"%", b":0"];

/// What only comes in answers that are not for everybody.
const SECRETS: [&str; 3] = ["\"type\":\"reading\"", "earworm_readings", "\"songs\":["];

/// The request for the stream that comes before what a client says on it.
const UPGRADE: &[u8] = b"GET /api/v1/stream?mel=1 HTTP/1.1\r\nhost: localhost\r\n\
    connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
    sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

thread_local! {
    static SERVER: LazyCell<InMemory> = LazyCell::new(|| {
        let folder = tempfile::tempdir().expect("a folder for the history");
        // The file is opened anew for each request, so the folder stays.
        let history = folder.keep().join("history.db");
        InMemory::new(&history).expect("the server can be made")
    });
}

fn answer(said: &[u8], token: Option<&str>) -> String {
    let answer = SERVER.with(|server| server.answer(said, &[HOST], token));
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends a connection's bytes to the server: to one that is open, and to one that asks for a token.
pub(super) fn http(bytes: &[u8]) {
    // The sound system would be asked, and it is not what is fuzzed.
    if contains(bytes, b"devices") {
        return;
    }
    let lower = bytes.to_ascii_lowercase();
    let open = answer(bytes, None);
    check(&open);
    if !OURS.iter().any(|name| contains(&lower, name)) {
        assert!(!open.contains(" 200 OK"), "somebody who called another was answered: {open}");
    }
    let closed = answer(bytes, Some(TOKEN));
    check(&closed);
    if !contains(bytes, TOKEN.as_bytes()) {
        for secret in SECRETS {
            assert!(!closed.contains(secret), "told without a token: {closed}");
        }
    }
}

fn check(answer: &str) {
    assert!(answer.is_empty() || answer.starts_with("HTTP/1."), "{answer}");
    for failure in ["HTTP/1.1 500", "HTTP/1.0 500", "HTTP/1.1 503", "HTTP/1.0 503"] {
        assert!(!answer.contains(failure), "{answer}");
    }
}

/// Sends a client's bytes on an open stream.
pub(super) fn websocket(bytes: &[u8]) {
    let answer = SERVER.with(|server| server.answer(&[UPGRADE, bytes].concat(), &[], None));
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n").expect("a head");
    assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer[..head]));
    let mut rest = &answer[head + 4..];
    let mut readings = 0;
    while let Some((opcode, payload, after)) = frame(rest) {
        rest = after;
        match opcode {
            TEXT => {
                let message: Value = serde_json::from_slice(payload).expect("JSON");
                assert_eq!(message["type"], "reading");
                readings += 1;
            }
            CLOSE => assert!(rest.is_empty(), "there is something behind the end"),
            PONG => assert!(payload.len() <= 125),
            other => panic!("a message of type {other}"),
        }
    }
    assert!(rest.is_empty(), "half a message: {rest:?}");
    assert!(readings >= 1, "the first reading has not come");
}

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PONG: u8 = 10;

/// A whole message as servers send it: its type, its content, and what comes after.
fn frame(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    assert_eq!(first & 0xf0, 0x80, "a part of a message, or of an extension");
    assert_eq!(second & 0x80, 0, "servers do not mask");
    let (length, rest) = match second {
        126 => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::try_from(u64::from_be_bytes(*length)).expect("a length"), rest)
        }
        short => (usize::from(short), rest),
    };
    let (payload, after) = rest.split_at_checked(length)?;
    Some((first & 0x0f, payload, after))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
