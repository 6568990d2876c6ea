//! The configuration file: TOML whose keys are the flags of `earworm listen`, with `_` for `-`. Each
//! value is read as the flag would be, so that there is one definition of what is right.

use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::{Args, FromArgMatches};
use directories::ProjectDirs;
use earworm_kit::whole_file::folder_of;
use toml::{Table, Value};

use super::Options;
use crate::exit::Failure;

/// How alike two names must be for one to be meant by the other.
const ALIKE: f64 = 0.7;

/// Where the configuration file is.
#[derive(Debug, Default, Args)]
pub(crate) struct ConfigFile {
    /// The configuration file. [default: earworm/config.toml in the folder for configuration]
    #[arg(long = "config", value_name = "FILE", env = "EARWORM_CONFIG")]
    pub(crate) path: Option<PathBuf>,
}

/// A file that has been read.
#[derive(Debug, Default)]
pub(crate) struct File {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Whether there is one.
    pub(crate) exists: bool,
    pub(super) table: Table,
}

/// Where the file is unless told otherwise.
fn usual() -> Option<PathBuf> {
    Some(ProjectDirs::from("", "", "earworm")?.config_dir().join("config.toml"))
}

impl File {
    /// Reads the named file, which must be there, or the usual one, which need not.
    ///
    /// # Errors
    /// When it cannot be read, is no TOML, or has a key or value that means nothing: with the file,
    /// the place, and what to do.
    pub(crate) fn read(named: Option<&Path>) -> anyhow::Result<(Self, Options)> {
        let Some(path) = named.map(Path::to_owned).or_else(usual) else {
            return Ok(Default::default());
        };
        let refuse = |what: String| Failure::configuration(format!("{}: {what}", path.display()));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
                return Ok((Self { path, ..Self::default() }, Options::default()));
            }
            Err(error) => return Err(refuse(error.to_string()).into()),
        };
        let (table, options) = parse(&text).map_err(refuse)?;
        // A service has another working folder than whoever asks what it has heard.
        let place = std::path::absolute(&path).map_err(|error| refuse(error.to_string()))?;
        let options = options.in_folder(&folder_of(&place)).map_err(refuse)?;
        Ok((Self { path, exists: true, table }, options))
    }
}

/// What a file with this text sets.
pub(super) fn parse(text: &str) -> Result<(Table, Options), String> {
    let table: Table =
        text.parse().map_err(|error: toml::de::Error| error.to_string().trim_end().to_owned())?;
    let options = options(&table)?;
    Ok((table, options))
}

/// The keys as clap knows them, without the environment.
pub(super) fn command() -> clap::Command {
    let command = clap::Command::new("earworm").no_binary_name(true).disable_help_flag(true);
    Options::augment_args(command).mut_args(|arg| arg.env(Resettable::Reset))
}

/// A key as the file has it.
pub(super) fn key(arg: &clap::Arg) -> String {
    arg.get_long().unwrap_or_default().replace('-', "_")
}

fn options(table: &Table) -> Result<Options, String> {
    let command = command();
    let keys: Vec<String> = command.get_arguments().map(key).collect();
    let mut flags = Vec::new();
    for (name, value) in table {
        if !keys.contains(name) {
            return Err(unknown(name, &keys));
        }
        // An empty list sets nothing.
        if value.as_array().is_some_and(Vec::is_empty) {
            continue;
        }
        if is_empty(value) {
            return Err(format!("{name} is empty; give it a value, or leave it out"));
        }
        let value = text(value).ok_or_else(|| {
            format!("{name} must be a text, a number, true, false, or a list of texts")
        })?;
        flags.push(format!("--{}={value}", name.replace('_', "-")));
    }
    let matches = command.try_get_matches_from(flags).map_err(|error| said(&error))?;
    Options::from_arg_matches(&matches).map_err(|error| said(&error))
}

fn unknown(name: &str, keys: &[String]) -> String {
    let nearest = keys
        .iter()
        .map(|key| (strsim::jaro_winkler(name, key), key))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(alike, _)| *alike >= ALIKE);
    match nearest {
        Some((_, key)) => format!("there is no key {name}; did you mean {key}?"),
        None => format!("there is no key {name}; there are {}", keys.join(", ")),
    }
}

/// Whether a value is a text, or has one, that says nothing.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.trim().is_empty(),
        Value::Array(parts) => parts.iter().any(is_empty),
        _ => false,
    }
}

/// A value as a flag would have it.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(yes) => Some(yes.to_string()),
        Value::Array(parts) => {
            let parts: Option<Vec<_>> = parts.iter().map(Value::as_str).collect();
            Some(parts?.join(","))
        }
        Value::Datetime(_) | Value::Table(_) => None,
    }
}

/// What clap says, in a line, and of a file instead of flags.
fn said(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let Some((value, rest)) = line.split_once(" for '--") else { return line.to_owned() };
    let (flag, why) = rest.split_once('\'').unwrap_or((rest, ""));
    let name = flag.split_whitespace().next().unwrap_or_default().replace('-', "_");
    format!("{name}: {value}{why}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::options::{Address, Place};

    fn read(text: &str) -> Result<Options, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        let result = File::read(Some(&path)).map(|(_, options)| options);
        result
            .map_err(|error| error.to_string().replace(&path.display().to_string(), "config.toml"))
    }

    #[test]
    fn every_key_can_stand_in_the_file() {
        let text = r#"
            device = "headset"
            host = "pulseaudio"
            rate = 44100
            follow_default = false
            rest_after = 2.5
            model = "mine.onnx"
            http = "off"
            token = "a-good-long-token"
            allow_hosts = ["studio.lan", "studio"]
            history = "/tmp/heard.db"
            thin_after_days = 3
            keep_days = 30
            songs = "silence"
            osc = "127.0.0.1:9000"
            log = "earworm=debug"
        "#;
        let table: Table = text.parse().unwrap();
        let keys: Vec<String> = command().get_arguments().map(key).collect();
        for key in &keys {
            assert!(table.contains_key(key), "{key} is not tried");
        }
        let options = read(text).unwrap();
        assert_eq!(options.device.as_deref(), Some("headset"));
        assert_eq!((options.rate, options.follow_default), (Some(44_100), Some(false)));
        assert_eq!(options.http, Some(Address::Off));
        assert_eq!(options.allow_hosts.unwrap(), ["studio.lan", "studio"]);
        assert_eq!(options.history.place, Some(Place::File("/tmp/heard.db".into())));
    }

    #[test]
    fn what_means_nothing_is_named() {
        for (text, message) in [
            ("devise = \"x\"", "config.toml: there is no key devise; did you mean device?"),
            ("qqqq = 1", "config.toml: there is no key qqqq; there are device, host, rate"),
            ("rate = \"fast\"", "config.toml: rate: invalid value 'fast': it must be between"),
            ("rate = -1", "rate"),
            ("token = \"short\"", "token: invalid value 'short': it must be at least 8"),
            ("device = { a = 1 }", "device must be a text"),
            ("songs = \"radio\"", "songs: invalid value 'radio'"),
            ("rate = ", "line 1"),
            ("follow_default = 3", "follow_default"),
            ("history = \"\"", "config.toml: history is empty; give it a value"),
            ("device = \" \"", "config.toml: device is empty; give it a value"),
            ("host = \"\"", "host is empty"),
            ("model = \"\"", "model is empty"),
            ("allow_hosts = [\"studio\", \"\"]", "allow_hosts is empty"),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.contains(message), "{text}: {said}");
        }
    }

    #[test]
    fn an_empty_list_sets_nothing() {
        assert_eq!(read("allow_hosts = []").unwrap(), Options::default());
    }

    /// The service that writes and the command that reads have different working folders.
    #[test]
    fn paths_are_meant_from_home_or_from_the_folder_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let home = directories::BaseDirs::new().unwrap().home_dir().to_owned();
        for (written, meant) in [
            ("~/heard.db", home.join("heard.db")),
            ("heard.db", folder.path().join("heard.db")),
            ("deep/~/heard.db", folder.path().join("deep/~/heard.db")),
            ("/tmp/heard.db", "/tmp/heard.db".into()),
        ] {
            let text = format!("history = \"{written}\"\nmodel = \"{written}\"\n");
            std::fs::write(&path, text).unwrap();
            let (_, options) = File::read(Some(&path)).unwrap();
            assert_eq!(options.history.file(), Some(meant.clone()), "{written}");
            assert_eq!(options.model, Some(meant), "{written}");
        }
        std::fs::write(&path, "history = \"off\"\n").unwrap();
        let (_, options) = File::read(Some(&path)).unwrap();
        assert_eq!(options.history.file(), None);
    }

    #[test]
    fn only_a_named_file_must_be_there() {
        let error = File::read(Some(Path::new("/no/such.toml"))).unwrap_err().to_string();
        assert!(error.starts_with("/no/such.toml: "), "{error}");
        assert_eq!(read("").unwrap(), Options::default());
    }
}
