//! `earworm config`: what is set, and whether it can be.

use std::io::{self, Write};

use anyhow::anyhow;
use clap::{Args, Subcommand};

use super::file::{ConfigFile, File, command, key};
use super::options::{Address, Options, token};
use crate::capture::devices;
use crate::exit::{Failure, Outcome, describe};
use crate::{http, model_choice};

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
    let (file, options) = File::read(args.file.path.as_deref())?;
    let mut out = io::stdout().lock();
    match args.command {
        ConfigCommand::Check => {
            with_token(options).and_then(|options| check(&options)).map_err(|error| {
                Failure::configuration(format!("{}: {}", file.path.display(), describe(&error)))
            })?;
            let state = if file.exists { "is fine" } else { "is not there; everything is default" };
            writeln!(out, "{} {state}", file.path.display())?;
        }
        ConfigCommand::Show => out.write_all(show(&file).as_bytes())?,
    }
    Ok(Outcome::Done)
}

/// A secret may be kept out of the file.
fn with_token(options: Options) -> anyhow::Result<Options> {
    let kept = std::env::var("EARWORM_TOKEN").ok().filter(|token| !token.is_empty());
    let kept = kept.map(|kept| token(&kept).map_err(|why| anyhow!("EARWORM_TOKEN: {why}")));
    let token = options.token.or(kept.transpose()?);
    Ok(Options { token, ..options })
}

/// Whether what is set can be used here, as far as that can be told without doing it.
fn check(options: &Options) -> anyhow::Result<()> {
    devices::check_host(options.host.as_deref())?;
    if let Some(address) = options.dashboard(Address::Off) {
        http::check_exposure(address, &options.rules())?;
    }
    if options.model.is_some() {
        model_choice::load(options.model.as_deref())?;
    }
    Ok(())
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
    fn what_cannot_be_used_is_not_approved() {
        let said = |text: &str| {
            let (_, options) = super::super::file::parse(text).unwrap();
            check(&options).err().map(|error| describe(&error)).unwrap_or_default()
        };
        for (text, message) in [
            ("http = \"0.0.0.0:8730\"", "set a token"),
            ("model = \"/no/such.onnx\"", "/no/such.onnx"),
            ("host = \"pulse\"", "there is no sound system \"pulse\" here"),
        ] {
            assert!(said(text).contains(message), "{text}: {}", said(text));
        }
        for text in [
            "",
            "http = \"0.0.0.0:8730\"\ntoken = \"a-good-long-token\"",
            "http = \"127.0.0.1:8730\"",
            "http = \"off\"",
        ] {
            assert_eq!(said(text), "", "{text}");
        }
    }

    #[test]
    fn secrets_stay_secret() {
        let table = "token = \"a-good-long-token\"\nrate = 48000".parse().unwrap();
        let shown = show(&File { path: "c.toml".into(), exists: true, table });
        assert!(!shown.contains("a-good-long-token"), "{shown}");
        assert!(shown.contains("rate = 48000 # from the file"), "{shown}");
        assert!(shown.contains("# device is not set"), "{shown}");
    }
}
