//! What `earworm score` takes.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use crate::model_choice::ModelArg;
use crate::png_path::png_path;

const EXAMPLES: &str = "Examples:
  earworm score demo.wav master.flac           compare two mixes
  earworm score --timeline demo.wav            how the score moves through the song
  earworm score --plot demo.png demo.wav       a picture of it
  earworm score --json --jobs 4 album/*.flac | jq -r '[.score, .file] | @tsv'

The score is the mean of the file's whole windows, 0 to 100, silence left out; they begin four times in each
window's length, so that the last few seconds may be in none. The hook is the best window.
A file that gives no score (unreadable, too short, silent) does not stop the others.
In CSV a text that begins with = + - @ or a tab has an apostrophe in front, so that no spreadsheet
takes it for a formula.";

/// What `earworm score` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
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
