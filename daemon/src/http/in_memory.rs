//! The server on connections in memory: what a client sends is there at once, what it would get is kept.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use earworm_scorer::Model;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::places::Places;
use super::serve::{self, Limits};
use super::{App, Reader, Rules};
use crate::history::sample;
use crate::station::Station;

/// Where the server would be.
const BOUND: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8730);

/// A server that is bound to no address.
pub struct InMemory {
    runtime: Runtime,
    station: Arc<Station>,
    history: Reader,
}

impl InMemory {
    /// A server of a meter that hears nothing, with a short history, which is written to this file.
    ///
    /// # Errors
    /// When the meter, the server or the file cannot be made.
    pub fn new(history: &Path) -> anyhow::Result<Self> {
        let (station, _) = Station::new(Model::embedded(), 48_000)?;
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_io().enable_time().max_blocking_threads(1).build()?;
        Ok(Self { runtime, station, history: sample::write(history)? })
    }

    /// All that is answered on a connection on which `said` comes and then the end. Each connection is the
    /// first one of its address.
    pub fn answer(&self, said: &[u8], hosts: &[&str], token: Option<&str>) -> Vec<u8> {
        let hosts = hosts.iter().map(|&host| host.to_owned()).collect();
        let rules = Rules { hosts, token: token.map(str::to_owned) };
        let app = App::new(self.station.clone(), Some(self.history.clone()), BOUND, rules);
        let (tape, answered, ended) = Tape::new(said);
        let limits = Limits::USUAL;
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000));
        let place = Places::new(limits.connections).take(peer.ip()).expect("it is the first one");
        self.runtime.block_on(async {
            serve::converse(tape, peer, place, serve::routes(app, limits), limits).await;
            // A WebSocket lives on without its connection.
            let _ = ended.await;
        });
        std::mem::take(&mut *answered.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A socket whose other side has said everything and takes whatever comes.
struct Tape {
    said: Vec<u8>,
    read: usize,
    answered: Arc<Mutex<Vec<u8>>>,
    /// Its other end is told when this is dropped.
    _end: oneshot::Sender<()>,
}

impl Tape {
    fn new(said: &[u8]) -> (Self, Arc<Mutex<Vec<u8>>>, oneshot::Receiver<()>) {
        let (_end, ended) = oneshot::channel();
        let answered = Arc::default();
        let tape = Self { said: said.to_owned(), read: 0, answered: Arc::clone(&answered), _end };
        (tape, answered, ended)
    }
}

impl AsyncRead for Tape {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let count = into.remaining().min(self.said.len() - self.read);
        into.put_slice(&self.said[self.read..self.read + count]);
        self.read += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tape {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_as_the_server_does() {
        let folder = tempfile::tempdir().unwrap();
        let server = InMemory::new(&folder.path().join("history.db")).unwrap();
        let ask = |path: &str, host: &str| {
            let said = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n");
            String::from_utf8(server.answer(said.as_bytes(), &["studio"], None)).unwrap()
        };
        let answer = ask("/api/v1/reading", "studio");
        assert!(answer.contains("\"type\":\"reading\""), "{answer}");
        assert!(ask("/api/v1/reading", "evil.example").starts_with("HTTP/1.1 403"));
        assert!(ask("/api/v1/songs", "localhost").contains("\"title\":\"One\""));
    }
}
