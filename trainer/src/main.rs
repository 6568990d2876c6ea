//! `earworm-train`: from a folder of songs to a model one can trust.

mod cli;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Arguments;

/// Exit code of everything that went wrong because of what was given to the program.
const WRONG_INPUT: u8 = 2;

fn main() -> ExitCode {
    earworm_train::memory::keep_freed();
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
            eprintln!("error: {error:#}");
            ExitCode::from(WRONG_INPUT)
        }
    }
}
