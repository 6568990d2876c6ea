//! The command line.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use earworm_scorer::RATES;

use crate::config::{HistoryFile, Options};

/// Says how far a song will travel, as a model trained on audience reactions judges it.
#[derive(Debug, Parser)]
#[command(name = "earworm", version, propagate_version = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "Examples:
  earworm score mix.wav                    one score and the hook
  earworm score --csv *.flac > scores.csv  a table for a spreadsheet
  earworm listen                           the meter for whatever plays
  earworm listen --input mix.wav           the same for a file
  earworm history                          what was heard
  earworm devices                          what can be listened to
  earworm model show                       what the score means and how far to trust it

Log lines go to standard error; RUST_LOG=debug shows more of them.
Exit code: 0 all well, 1 something failed, 2 wrong usage, 3 the configuration cannot be used, 4 what
is needed is in use (the address, the history: another Earworm runs), 130 stopped by Ctrl-C.";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Score audio files: wav, flac, mp3, ogg and m4a.
    #[command(after_help = SCORE_EXAMPLES)]
    Score(ScoreArgs),
    /// Score audio as it plays, with a meter in the terminal or a line of JSON a reading.
    #[command(after_help = LISTEN_EXAMPLES)]
    Listen(Box<ListenArgs>),
    /// List what can be listened to.
    Devices(DevicesArgs),
    /// Print or draw what was heard.
    #[command(after_help = HISTORY_EXAMPLES, subcommand_precedence_over_arg = true)]
    History(HistoryArgs),
    /// Show or check what is set.
    Config(ConfigArgs),
    /// Let the Earworm that runs as a service read its configuration again.
    Reload(ReloadArgs),
    /// Run Earworm as a service of yours, from login to logout.
    Service(ServiceArgs),
    /// Show what is known about a model.
    Model(ModelArgs),
}

const SCORE_EXAMPLES: &str = "Examples:
  earworm score demo.wav master.flac           compare two mixes
  earworm score --timeline demo.wav            how the score moves through the song
  earworm score --plot demo.png demo.wav       a picture of it
  earworm score --json --jobs 4 album/*.flac | jq -r '[.score, .file] | @tsv'

The score is that of the whole file, 0 to 100, silence left out. The hook is the best window.
A file that gives no score (unreadable, too short, silent) does not stop the others.";

/// What `earworm score` takes.
#[derive(Debug, Args)]
pub(crate) struct ScoreArgs {
    /// The audio files.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Which model judges.
    #[command(flatten)]
    pub(crate) model: ModelArg,
    /// One JSON object a line and file, for programs.
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Comma-separated values under a header, for spreadsheets.
    #[arg(long)]
    pub(crate) csv: bool,
    /// Every reading along the file as well; with --csv one row a reading.
    #[arg(long)]
    pub(crate) timeline: bool,
    /// Draw the mel picture over the score curve; with several files `OUT-<name>.png` for each.
    #[arg(long, value_name = "OUT.png", value_parser = png_path)]
    pub(crate) plot: Option<PathBuf>,
    /// Files to score at the same time; the rows keep the order of the files.
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) jobs: NonZeroUsize,
}

const LISTEN_EXAMPLES: &str = "Examples:
  earworm listen                     whatever the computer plays
  earworm listen --device headset    what one output plays, or what a microphone hears
  earworm listen --json              a line of JSON a reading
  earworm listen --input mix.wav
  ffmpeg -i stream -f wav - | earworm listen --input -
  earworm listen --input mix.wav --fast --json | tail -n 1

Keys: q or Ctrl-C ends the meter. Readings as JSON are one object a line: t, momentary, window,
integrated, hook, coverage, level_db, dropped, details, status. While the status is listening,
momentary is a first impression, from less than the model needs to be as good as its card says. A
file is written so as well where standard output is no terminal; what the computer plays only with
--json.";

/// What `earworm listen` takes.
#[derive(Debug, Args)]
pub(crate) struct ListenArgs {
    /// An audio file, or - for audio on standard input, instead of what the computer plays.
    #[arg(long, value_name = "FILE|-")]
    pub(crate) input: Option<PathBuf>,
    /// The input is raw little-endian 32-bit floats, interleaved, such as 48000:2.
    #[arg(long, value_name = "RATE:CHANNELS", requires = "input")]
    pub(crate) raw: Option<RawFormat>,
    /// As fast as possible instead of at the pace of the sound.
    #[arg(long, requires = "input")]
    pub(crate) fast: bool,
    /// One JSON object a line and reading instead of the meter.
    #[arg(long)]
    pub(crate) json: bool,
    /// Where the configuration is.
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// What can be set in the configuration file as well.
    #[command(flatten)]
    pub(crate) options: Options,
}

/// The configuration file.
#[derive(Debug, Default, Args)]
pub(crate) struct ConfigFile {
    /// The configuration file. [default: earworm/config.toml in the folder for configuration]
    #[arg(long = "config", value_name = "FILE", env = "EARWORM_CONFIG")]
    pub(crate) path: Option<PathBuf>,
}

/// What `earworm config` takes.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Where it is.
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// What to do with it.
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

/// The commands about the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every key, its value, and where that is from.
    Show,
    /// Say whether the file can be used.
    Check,
}

/// What `earworm reload` takes.
#[derive(Debug, Args)]
pub(crate) struct ReloadArgs {
    /// Where the configuration is.
    #[command(flatten)]
    pub(crate) config: ConfigFile,
    /// The history that it writes, by which it is found.
    #[command(flatten)]
    pub(crate) file: HistoryFile,
}

/// What `earworm service` takes.
#[derive(Debug, Args)]
pub(crate) struct ServiceArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: ServiceCommand,
}

/// The commands about the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Write the service's file, and start it.
    Install {
        /// Only print the file.
        #[arg(long)]
        print: bool,
        /// Only write the file.
        #[arg(long, conflicts_with = "print")]
        no_start: bool,
    },
    /// Stop the service and take its file away.
    Uninstall,
    /// Say how it does.
    Status,
}

/// What `earworm devices` takes.
#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    /// Only this sound system, such as pulseaudio or alsa.
    #[arg(long, value_name = "NAME", env = "EARWORM_HOST")]
    pub(crate) host: Option<String>,
    /// One JSON object a line and device.
    #[arg(long)]
    pub(crate) json: bool,
}

impl ListenArgs {
    /// Whether the input is standard input.
    pub(crate) fn is_stdin(&self) -> bool {
        self.input.as_deref() == Some(Path::new("-"))
    }
}

const HISTORY_EXAMPLES: &str = "Examples:
  earworm history                        the songs heard, latest first
  earworm history --days 1 --csv         those of the last day, for a spreadsheet
  earworm history --readings --json      every second
  earworm history --days 7 plot week.png

Times are in UTC; in JSON and CSV they are seconds since 1970.";

/// What `earworm history` takes.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = false)]
pub(crate) struct HistoryArgs {
    /// Where the configuration is.
    #[command(flatten)]
    pub(crate) config: ConfigFile,
    /// Where the history is.
    #[command(flatten)]
    pub(crate) file: HistoryFile,
    /// How far back to look. [default: everything; a day for a picture]
    #[arg(long, value_name = "DAYS", value_parser = positive)]
    pub(crate) days: Option<f64>,
    /// Most songs, or readings. [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<i64>,
    /// The readings instead of the songs.
    #[arg(long)]
    pub(crate) readings: bool,
    /// Seconds of a reading.
    #[arg(long, value_name = "SECONDS", default_value = "1", requires = "readings")]
    pub(crate) resolution: i64,
    /// One JSON object a line.
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Comma-separated values under a header.
    #[arg(long)]
    pub(crate) csv: bool,
    /// Something else than printing it.
    #[command(subcommand)]
    pub(crate) command: Option<HistoryCommand>,
}

/// What else can be done with the history.
#[derive(Debug, Subcommand)]
pub(crate) enum HistoryCommand {
    /// Draw it.
    Plot {
        /// The picture to write.
        #[arg(value_name = "OUT.png", value_parser = png_path)]
        out: PathBuf,
        /// What to write above it.
        #[arg(long, value_name = "TEXT")]
        title: Option<String>,
    },
}

/// The model to score with.
#[derive(Debug, Args)]
pub(crate) struct ModelArg {
    /// An ONNX model instead of the one built in; see `earworm model show FILE`.
    #[arg(long = "model", value_name = "FILE", env = "EARWORM_MODEL")]
    pub(crate) file: Option<PathBuf>,
}

/// What `earworm model` takes.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// What to do with the model.
    #[command(subcommand)]
    pub(crate) command: ModelCommand,
}

/// The commands about models.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Show a model's card: what its score means, what it learned from, how well it did.
    Show {
        /// An ONNX model; without it the one built in.
        #[arg(env = "EARWORM_MODEL")]
        file: Option<PathBuf>,
        /// The model's metadata as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Shape of raw audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawFormat {
    /// Samples a second of each channel.
    pub(crate) sample_rate: u32,
    /// Interleaved channels.
    pub(crate) channels: usize,
}

/// Most channels of raw audio.
const MOST_CHANNELS: usize = 256;

impl FromStr for RawFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rate, channels) = text.split_once(':').ok_or("write it as RATE:CHANNELS")?;
        let sample_rate =
            rate.parse().ok().filter(|rate| RATES.contains(rate)).ok_or_else(|| {
                format!("the rate {rate:?} is not between {} and {} Hz", RATES.start(), RATES.end())
            })?;
        let channels = channels
            .parse()
            .ok()
            .filter(|channels| (1..=MOST_CHANNELS).contains(channels))
            .ok_or_else(|| {
                format!("{channels:?} channels are not between 1 and {MOST_CHANNELS}")
            })?;
        Ok(Self { sample_rate, channels })
    }
}

fn positive(text: &str) -> Result<f64, String> {
    let fits = |days: &f64| (0.0..=1e5).contains(days) && *days > 0.0;
    text.parse().ok().filter(fits).ok_or_else(|| "it must be more than 0".into())
}

fn png_path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let is_png = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("png"));
    if is_png { Ok(path) } else { Err("the picture's name must end in .png".into()) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn score_takes_files_and_options() {
        let cli =
            parse("earworm score a.wav b.wav --csv --timeline --plot p.PNG --jobs 3").unwrap();
        let Command::Score(args) = cli.command else { panic!("{cli:?}") };
        assert_eq!(args.files.len(), 2);
        assert!(args.csv && args.timeline && !args.json);
        assert_eq!(args.jobs.get(), 3);
    }

    #[test]
    fn wrong_usage_is_refused() {
        for line in [
            "earworm",
            "earworm score",
            "earworm score a.wav --json --csv",
            "earworm score a.wav --plot p.jpg",
            "earworm score a.wav --jobs 0",
            "earworm listen --fast",
            "earworm listen --raw 48000:2",
            "earworm listen --rate fast",
            "earworm listen --input - --raw 48000",
            "earworm model",
            "earworm history --json --csv",
            "earworm history --days 0",
            "earworm history plot p.jpg",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn raw_formats() {
        assert_eq!("48000:2".parse(), Ok(RawFormat { sample_rate: 48_000, channels: 2 }));
        for bad in ["", "48000", "48000:", ":2", "1:2", "48000:0", "48000:257", "x:y", "-1:2"] {
            assert!(bad.parse::<RawFormat>().is_err(), "{bad}");
        }
    }
}
