//! `earworm-train`: from a folder of songs to a model one can trust.

mod cli;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Arguments;

/// Exit code of everything that went wrong because of what was given to the program.
const WRONG_INPUT: u8 = 2;

fn main() -> ExitCode {
    earworm_train::memory::keep_freed();
    earworm_train::output::begin();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| "warn,symphonia=off".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    earworm_train::interrupt::listen();
    match cli::run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            earworm_train::output::tell(format_args!("error: {}", in_one_line(&error)));
            ExitCode::from(WRONG_INPUT)
        }
    }
}

/// What went wrong and why, without causes that the message before them ends with: some libraries write theirs
/// out themselves.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.is_empty() {
            line = cause;
        } else if !line.ends_with(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cause_is_told_twice() {
        let error =
            anyhow::anyhow!("disk full").context("I/O error: disk full").context("cannot write x");
        assert_eq!(in_one_line(&error), "cannot write x: I/O error: disk full");
        assert_eq!(in_one_line(&anyhow::anyhow!("alone")), "alone");
    }
}
