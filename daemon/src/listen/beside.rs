//! What runs beside the meter: history, dashboard, OSC. And how it takes another configuration while
//! it runs.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::args::ListenArgs;
use crate::config::{self, Address, Options, SongsBy};
use crate::exit::describe;
use crate::history::{Reader, Recorder, ask_players};
use crate::http::Server;
use crate::station::Station;
use crate::{interrupt, log, osc};

/// It ends when this is dropped.
pub(super) struct Beside {
    station: Arc<Station>,
    server: Option<Server>,
    recorder: Option<Recorder>,
    /// What flags and environment say; it wins over the file, whenever that is read.
    given: Options,
    file: Option<PathBuf>,
    /// Whether it runs for weeks, and nobody watches.
    service: bool,
    /// What holds now.
    options: Mutex<Options>,
}

impl Beside {
    /// Whether there is anything to run where nothing is run unless wanted.
    pub(super) fn is_wanted(options: &Options) -> bool {
        let off = Address::Off;
        options.dashboard(off).is_some() || options.history.place.is_some() || options.osc.is_some()
    }

    /// Starts what is wanted; `unset` says where the dashboard is, and whether there is a history,
    /// where nothing is set.
    ///
    /// # Errors
    /// When the address or the history is in use, or cannot be used.
    pub(super) fn start(
        station: &Arc<Station>,
        options: &Options,
        args: &ListenArgs,
        unset: Address,
    ) -> anyhow::Result<Arc<Self>> {
        let unwanted = unset == Address::Off && options.history.place.is_none();
        let history = options.history.file().filter(|_| !unwanted);
        let recorder = match &history {
            None => None,
            Some(file) => Some(Recorder::start(station.clone(), file, options.keep())?),
        };
        let reader = history.as_deref().map(Reader::new);
        let server = match options.dashboard(unset) {
            None => None,
            Some(address) => {
                Some(Server::start(station.clone(), reader, address, options.rules())?)
            }
        };
        // A file has a name of its own.
        let by_players = match unset {
            Address::Off => options.songs == Some(SongsBy::Players),
            Address::At(_) => options.songs != Some(SongsBy::Silence),
        };
        if (recorder.is_some() || server.is_some()) && by_players {
            ask_players(station);
        }
        if let Some(to) = options.osc {
            osc::start(station, to)?;
        }
        let beside = Arc::new(Self {
            station: station.clone(),
            server,
            recorder,
            given: args.options.clone(),
            file: args.file.path.clone(),
            service: super::is_service(args),
            options: Mutex::new(options.clone()),
        });
        beside.reload_on_signal();
        Ok(beside)
    }

    /// Reads the configuration again whenever it is asked for; a hang-up asks for it too, unless there
    /// is a terminal that can hang up.
    fn reload_on_signal(self: &Arc<Self>) {
        let terminal =
            io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal();
        if !terminal {
            interrupt::hang_up_reloads();
        }
        let beside: Weak<Self> = Arc::downgrade(self);
        let watch = move || {
            // Not those until now: what was asked for while the program started counts as well.
            let mut seen = 0;
            while !interrupt::stopped() {
                interrupt::wait(seen, Duration::MAX);
                if interrupt::reloads() != seen {
                    seen = interrupt::reloads();
                    let Some(beside) = beside.upgrade() else { return };
                    beside.reload();
                }
            }
        };
        let _ = std::thread::Builder::new().name("earworm-reload".into()).spawn(watch);
    }

    /// Reads the configuration again and applies what can change while it runs.
    fn reload(&self) {
        let new = match config::load(&self.given, self.file.as_deref()) {
            Ok(new) => new,
            Err(error) => {
                let why = describe(&error);
                tracing::error!("the configuration stays as it was: {why}");
                return;
            }
        };
        let mut options = self.options.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, after) = (options.wish(), new.wish());
        if before != after {
            // What was chosen in the dashboard stays, unless that very key has changed.
            self.station.change(|wish| wish.with_changes(&before, &after));
        }
        if let Some(server) = &self.server
            && let Err(error) = server.set_rules(new.rules())
        {
            tracing::error!("token and allow_hosts stay as they were: {}", describe(&error));
        }
        if let Some(recorder) = &self.recorder {
            recorder.set_keep(new.keep());
        }
        if new.log != options.log {
            log::tell(new.log.as_deref(), self.service);
        }
        for (key, changed) in [
            ("model", new.model != options.model),
            ("http", new.http != options.http),
            ("history", new.history != options.history),
            ("songs", new.songs != options.songs),
            ("osc", new.osc != options.osc),
        ] {
            if changed {
                tracing::warn!("{key} has changed; that takes a restart");
            }
        }
        *options = new;
        tracing::info!("the configuration has been read again");
    }
}
