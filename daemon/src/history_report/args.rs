//! What `earworm history` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::config::{ConfigFile, HistoryFile};
use crate::png_path::png_path;

const EXAMPLES: &str = "Examples:
  earworm history                        the songs heard, latest first
  earworm history --days 1 --csv         those of the last day, for a spreadsheet
  earworm history --readings --json      every second
  earworm history --days 7 plot week.png

Times are in UTC; in JSON and CSV they are seconds since 1970. In CSV a text that begins with = + - @
or a tab has an apostrophe in front, so that no spreadsheet takes it for a formula.";

/// What `earworm history` takes.
#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = false,
    subcommand_precedence_over_arg = true
)]
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

fn positive(text: &str) -> Result<f64, String> {
    let fits = |days: &f64| (0.0..=1e5).contains(days) && *days > 0.0;
    text.parse().ok().filter(fits).ok_or_else(|| "it must be more than 0".into())
}
