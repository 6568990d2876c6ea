//! `earworm`: scores files and whatever plays.

mod cli;
mod clock;
mod colour;
mod exit;
mod interrupt;
mod listen;
mod log;
mod model_card;
mod model_choice;
mod plot;
mod score;
mod text;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    log::start();
    interrupt::watch();
    exit::conclude(match &cli.command {
        cli::Command::Score(args) => score::run(args),
        cli::Command::Listen(args) => listen::run(args),
        cli::Command::Model(args) => model_card::run(args),
    })
}
