//! `earworm config`: what is set, and whether it can be.

use std::io::{self, Write};

use clap::{Args, Subcommand};

use super::file::{ConfigFile, File, command, key};
use super::options::Options;
use crate::exit::Outcome;

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

/// Shows or checks the configuration.
///
/// # Errors
/// When it cannot be used.
pub(crate) fn run(args: &ConfigArgs) -> anyhow::Result<Outcome> {
    let (file, _) = File::read(args.file.path.as_deref())?;
    let mut out = io::stdout().lock();
    match args.command {
        ConfigCommand::Check => {
            let state = if file.exists { "is fine" } else { "is not there; everything is default" };
            writeln!(out, "{} {state}", file.path.display())?;
        }
        ConfigCommand::Show => out.write_all(show(&file).as_bytes())?,
    }
    Ok(Outcome::Done)
}

/// The configuration as a file that sets the same, with where each value is from.
pub(super) fn show(file: &File) -> String {
    let state = if file.exists { "" } else { " (not there)" };
    let mut text = format!("# {}{state}\n", file.path.display());
    let with_environment = <Options as Args>::augment_args(clap::Command::new("earworm"));
    for arg in command().get_arguments() {
        let name = key(arg);
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let known = with_environment.get_arguments().find(|with| with.get_id() == arg.get_id());
        let variable = known.and_then(|with| with.get_env());
        let set = variable.and_then(std::env::var_os);
        text += &format!("\n# {}\n", help.replace('\n', "\n# "));
        text += &match (set, file.table.get(&name)) {
            (Some(value), _) => {
                let value = shown(&name, toml::Value::String(value.to_string_lossy().into()));
                let variable = variable.unwrap_or_default().to_string_lossy();
                format!("{name} = {value} # from {variable}\n")
            }
            (None, Some(value)) => {
                format!("{name} = {} # from the file\n", shown(&name, value.clone()))
            }
            (None, None) => format!("# {name} is not set\n"),
        };
    }
    text
}

fn shown(name: &str, value: toml::Value) -> String {
    // What is shown may be sent to somebody who helps.
    if name == "token" { "\"(secret)\"".into() } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_stay_secret() {
        let table = "token = \"a-good-long-token\"\nrate = 48000".parse().unwrap();
        let shown = show(&File { path: "c.toml".into(), exists: true, table });
        assert!(!shown.contains("a-good-long-token"), "{shown}");
        assert!(shown.contains("rate = 48000 # from the file"), "{shown}");
        assert!(shown.contains("# device is not set"), "{shown}");
    }
}
