//! The keys.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use directories::BaseDirs;
use earworm_scorer::RATES;

use crate::history::{self, Keep};
use crate::http::{ADDRESS, Rules};
use crate::log;
use crate::station::Wish;

/// Seconds that nothing must play until the device is let go, unless set.
const REST_AFTER_S: f64 = 10.0;
/// Days after which a row a second becomes a row a minute, unless set.
const THIN_AFTER_DAYS: u32 = 7;
/// Days after which everything is forgotten, unless set.
const KEEP_DAYS: u32 = 730;

/// What is set of it; everything has a default.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(crate) struct Options {
    /// The device to listen to, by name or a part of it; an output stands for what it plays.
    /// [default: what the default output plays]
    #[arg(long, value_name = "NAME", env = "EARWORM_DEVICE", value_parser = named())]
    pub(crate) device: Option<String>,
    /// The sound system, such as pulseaudio (PipeWire as well) or alsa. [default: the first there is]
    #[arg(long, value_name = "NAME", env = "EARWORM_HOST", value_parser = named())]
    pub(crate) host: Option<String>,
    /// Samples a second to capture. [default: the device's own]
    #[arg(long, value_name = "HZ", env = "EARWORM_RATE", value_parser = rate)]
    pub(crate) rate: Option<u32>,
    /// Whether to go along when the default output changes. [default: true]
    #[arg(long, value_name = "BOOL", env = "EARWORM_FOLLOW_DEFAULT")]
    pub(crate) follow_default: Option<bool>,
    /// Seconds that nothing must play until the device is let go, so that the sound server may
    /// sleep; 0: never. [default: 10]
    #[arg(long, value_name = "SECONDS", env = "EARWORM_REST_AFTER", value_parser = seconds)]
    pub(crate) rest_after: Option<f64>,
    /// An ONNX model instead of the one built in; see `earworm model show FILE`.
    #[arg(long, value_name = "FILE", env = "EARWORM_MODEL")]
    pub(crate) model: Option<PathBuf>,
    /// Where the dashboard and the API are, or off; others than this computer need a token.
    /// [default: 127.0.0.1:8730; off with --input]
    #[arg(long, value_name = "ADDRESS|off", env = "EARWORM_HTTP", value_parser = address)]
    pub(crate) http: Option<Address>,
    /// What clients of the API must know.
    #[arg(long, value_name = "TEXT", env = "EARWORM_TOKEN", hide_env_values = true, value_parser = token)]
    pub(crate) token: Option<String>,
    /// Names besides localhost by which browsers may call this computer.
    #[arg(long, value_name = "NAME", env = "EARWORM_ALLOW_HOSTS", value_delimiter = ',')]
    pub(crate) allow_hosts: Option<Vec<String>>,
    /// Where to remember what was heard.
    #[command(flatten)]
    pub(crate) history: HistoryFile,
    /// Days after which a row a second becomes a row a minute. [default: 7]
    #[arg(long, value_name = "DAYS", env = "EARWORM_THIN_AFTER_DAYS", value_parser = days)]
    pub(crate) thin_after_days: Option<u32>,
    /// Days after which everything is forgotten. [default: 730]
    #[arg(long, value_name = "DAYS", env = "EARWORM_KEEP_DAYS", value_parser = days)]
    pub(crate) keep_days: Option<u32>,
    /// Whether players say where songs end and what they are called, or only silence does.
    /// [default: players; with --input the file's name]
    #[arg(long, value_name = "WHAT", env = "EARWORM_SONGS")]
    pub(crate) songs: Option<SongsBy>,
    /// Where to send readings as OSC messages, ten times a second. [default: nowhere]
    #[arg(long, value_name = "ADDRESS", env = "EARWORM_OSC")]
    pub(crate) osc: Option<SocketAddr>,
    /// What is logged, as RUST_LOG has it, which wins. [default: warn, and what a service does]
    #[arg(long, value_name = "FILTER", env = "EARWORM_LOG", value_parser = log::check)]
    pub(crate) log: Option<String>,
}

/// The file of the history.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(crate) struct HistoryFile {
    /// The file to remember in what was heard, or off. [default: history.db in the folder for data;
    /// off with --input]
    #[arg(long = "history", value_name = "FILE|off", env = "EARWORM_HISTORY", value_parser = place)]
    pub(crate) place: Option<Place>,
}

impl HistoryFile {
    /// The file, if there is to be one; the usual one unless another is named.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        match &self.place {
            None => history::usual_file(),
            Some(Place::Off) => None,
            Some(Place::File(file)) => Some(file.clone()),
        }
    }
}

/// Where to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nowhere.
    Off,
    /// There.
    File(PathBuf),
}

/// What says where songs end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SongsBy {
    /// Media players (MPRIS, on Linux), and silence where there is none.
    Players,
    /// Silence alone; no titles are asked for.
    Silence,
}

/// Where to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Address {
    /// Nowhere.
    Off,
    /// There.
    At(SocketAddr),
}

impl Options {
    /// These, and where nothing is set those.
    pub(crate) fn or(self, those: Self) -> Self {
        Self {
            device: self.device.or(those.device),
            host: self.host.or(those.host),
            rate: self.rate.or(those.rate),
            follow_default: self.follow_default.or(those.follow_default),
            rest_after: self.rest_after.or(those.rest_after),
            model: self.model.or(those.model),
            http: self.http.or(those.http),
            token: self.token.or(those.token),
            allow_hosts: self.allow_hosts.or(those.allow_hosts),
            history: HistoryFile { place: self.history.place.or(those.history.place) },
            thin_after_days: self.thin_after_days.or(those.thin_after_days),
            keep_days: self.keep_days.or(those.keep_days),
            songs: self.songs.or(those.songs),
            osc: self.osc.or(those.osc),
            log: self.log.or(those.log),
        }
    }

    /// These, with paths as a file in this folder means them: relative to the folder, and `~` for home.
    ///
    /// # Errors
    /// When there is no home folder.
    pub(super) fn in_folder(self, folder: &Path) -> Result<Self, String> {
        let place = match self.history.place {
            Some(Place::File(file)) => Some(Place::File(in_folder(&file, folder)?)),
            other => other,
        };
        let model = self.model.map(|file| in_folder(&file, folder)).transpose()?;
        Ok(Self { model, history: HistoryFile { place }, ..self })
    }

    /// What to capture.
    pub(crate) fn wish(&self) -> Wish {
        let rest_after = self.rest_after.unwrap_or(REST_AFTER_S);
        Wish {
            host: self.host.clone(),
            device: self.device.clone(),
            rate: self.rate,
            follow_default: self.follow_default.unwrap_or(true),
            rest_after: (rest_after > 0.0).then(|| Duration::from_secs_f64(rest_after)),
        }
    }
}

impl Options {
    /// Where the dashboard is; `unset` says what holds where nothing is set.
    pub(crate) fn dashboard(&self, unset: Address) -> Option<SocketAddr> {
        match self.http.unwrap_or(unset) {
            Address::Off => None,
            Address::At(address) => Some(address),
        }
    }

    /// How long what is remembered.
    pub(crate) fn keep(&self) -> Keep {
        let seconds_days = self.thin_after_days.unwrap_or(THIN_AFTER_DAYS);
        Keep { seconds_days, all_days: self.keep_days.unwrap_or(KEEP_DAYS) }
    }

    /// Who may ask.
    pub(crate) fn rules(&self) -> Rules {
        Rules { hosts: self.allow_hosts.clone().unwrap_or_default(), token: self.token.clone() }
    }
}

fn in_folder(file: &Path, folder: &Path) -> Result<PathBuf, String> {
    if let Ok(rest) = file.strip_prefix("~") {
        let folders = BaseDirs::new().ok_or("there is no home folder, which ~ stands for")?;
        return Ok(folders.home_dir().join(rest));
    }
    Ok(if file.has_root() { file.to_owned() } else { folder.join(file) })
}

/// An empty name would fit every device.
fn named() -> NonEmptyStringValueParser {
    NonEmptyStringValueParser::new()
}

fn place(text: &str) -> Result<Place, String> {
    match text {
        "" => Err("give a file, or off".into()),
        "off" => Ok(Place::Off),
        file => Ok(Place::File(file.into())),
    }
}

fn address(text: &str) -> Result<Address, String> {
    if text == "off" {
        return Ok(Address::Off);
    }
    let wrong = |_| format!("write it as an address with a port, such as {ADDRESS}, or off");
    text.parse().map(Address::At).map_err(wrong)
}

/// A token travels in headers and addresses, and must not be guessed.
pub(super) fn token(text: &str) -> Result<String, String> {
    const LEAST: usize = 8;
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    if text.len() >= LEAST && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err(format!("it must be at least {LEAST} letters, digits, or any of - . _ ~"))
    }
}

fn rate(text: &str) -> Result<u32, String> {
    let (low, high) = (RATES.start(), RATES.end());
    let in_range = |rate: &u32| RATES.contains(rate);
    let rate = text.parse().ok().filter(in_range);
    rate.ok_or_else(|| format!("it must be between {low} and {high}"))
}

/// Zero days would forget everything at once, and not nothing ever, as one might think.
fn days(text: &str) -> Result<u32, String> {
    let days = text.parse().ok().filter(|&days: &u32| days > 0);
    days.ok_or_else(|| "it must be 1 or more days".into())
}

fn seconds(text: &str) -> Result<f64, String> {
    let in_range = |seconds: &f64| (0.0..=1e6).contains(seconds);
    text.parse().ok().filter(in_range).ok_or_else(|| "it must be 0 or more seconds".into())
}
