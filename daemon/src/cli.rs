//! The command line: which commands there are. What one of them takes stands in its own module.

use clap::{Parser, Subcommand};

use crate::config::ConfigArgs;
use crate::devices::DevicesArgs;
use crate::history_report::HistoryArgs;
use crate::listen::ListenArgs;
use crate::model_card::ModelArgs;
use crate::reload::ReloadArgs;
use crate::score::ScoreArgs;
use crate::service::ServiceArgs;

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
Exit code: 0 all well, 1 something failed, 2 wrong usage, 3 the configuration cannot be used (or the
model or sound system that it names), 4 what is needed is in use (the address, the history: another
Earworm runs), 130 stopped by Ctrl-C.";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Score audio files: wav, flac, mp3, ogg and m4a.
    Score(ScoreArgs),
    /// Score audio as it plays, with a meter in the terminal or a line of JSON a reading.
    Listen(Box<ListenArgs>),
    /// List what can be listened to.
    Devices(DevicesArgs),
    /// Print or draw what was heard.
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
}
