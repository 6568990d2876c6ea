//! The dashboard and the API: HTTP and WebSockets on one thread, for browsers and programs on this
//! computer. Nothing that arrives here reaches the file system.

mod answers;
mod assets;
mod guard;
mod heard;
pub(crate) mod in_memory;
mod kept;
mod metrics;
mod patience;
mod places;
mod serve;
mod stream;
#[cfg(test)]
mod tests;
mod wire;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use axum::body::Bytes;
use tokio::sync::watch;

use crate::exit::Failure;
use crate::history::Reader;
use crate::station::Station;

pub(crate) use guard::Rules;
use serve::Limits;

/// Where the dashboard is unless told otherwise.
pub(crate) const ADDRESS: &str = "127.0.0.1:8730";

/// What the handlers share.
pub(super) struct App {
    station: Arc<Station>,
    /// What was heard, if that is remembered.
    history: Option<heard::Archive>,
    rules: ArcSwap<Rules>,
    rates: guard::Rates,
    bound: SocketAddr,
    /// The latest reading and the latest mel frames, ready to send.
    reading: watch::Sender<Bytes>,
    mel: watch::Sender<Bytes>,
    /// Told when somebody begins to listen.
    joined: tokio::sync::Notify,
    /// The turn to ask the sound system.
    asking: Arc<tokio::sync::Semaphore>,
    counts: Counts,
}

impl App {
    fn new(
        station: Arc<Station>,
        history: Option<Reader>,
        bound: SocketAddr,
        rules: Rules,
    ) -> Arc<Self> {
        Arc::new(Self {
            station,
            history: history.map(heard::Archive::new),
            rules: ArcSwap::from_pointee(rules),
            rates: guard::Rates::default(),
            bound,
            reading: watch::Sender::new(Bytes::new()),
            mel: watch::Sender::new(Bytes::new()),
            joined: tokio::sync::Notify::new(),
            asking: Arc::new(tokio::sync::Semaphore::new(1)),
            counts: Counts::default(),
        })
    }
}

/// What the server counts.
#[derive(Default)]
pub(super) struct Counts {
    requests: AtomicU64,
    refused: AtomicU64,
    /// WebSockets that are open, and those that were closed because they did not keep up.
    sockets: AtomicU64,
    slow: AtomicU64,
}

/// A running server; it ends when this is dropped.
pub(crate) struct Server {
    app: Arc<App>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts to serve what the station reads.
    ///
    /// # Errors
    /// When the address is taken or not ours, or is open to others without a token.
    pub(crate) fn start(
        station: Arc<Station>,
        history: Option<Reader>,
        address: SocketAddr,
        rules: Rules,
    ) -> anyhow::Result<Self> {
        Self::start_with(station, history, address, rules, Limits::USUAL)
    }

    fn start_with(
        station: Arc<Station>,
        history: Option<Reader>,
        address: SocketAddr,
        rules: Rules,
        limits: Limits,
    ) -> anyhow::Result<Self> {
        check_exposure(address, &rules)?;
        let listener = TcpListener::bind(address).map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => Failure::taken(format!(
                "{address} is in use, perhaps by another Earworm; choose another address with \
                 --http, or --http off"
            ))
            .into(),
            _ => anyhow::Error::from(error).context(format!("cannot listen at {address}")),
        })?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        let app = App::new(station, history, bound, rules);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(4)
            .build()
            .context("cannot start the server")?;
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let shared = app.clone();
        let thread = std::thread::Builder::new().name("earworm-http".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    result = serve::run(listener, shared, limits) => {
                        if let Err(error) = result {
                            tracing::error!(%error, "the dashboard has stopped");
                        }
                    }
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        })?;
        tracing::info!("the dashboard is at http://{bound}/");
        Ok(Self { app, stop: Some(stop), thread: Some(thread) })
    }

    /// Applies other rules from the next request on, and from the next message of each open stream.
    ///
    /// # Errors
    /// When they would open it to others without a token; the rules stay as they were then.
    pub(crate) fn set_rules(&self, rules: Rules) -> anyhow::Result<()> {
        check_exposure(self.app.bound, &rules)?;
        self.app.rules.store(Arc::new(rules));
        Ok(())
    }
}

/// Other computers need a token.
///
/// # Errors
/// When there is none.
pub(crate) fn check_exposure(address: SocketAddr, rules: &Rules) -> anyhow::Result<()> {
    if !address.ip().is_loopback() && rules.token.is_none() {
        bail!(Failure::usage(format!(
            "{address} can be reached from other computers: set a token, or use {ADDRESS}"
        )));
    }
    Ok(())
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
