//! The program `earworm`: scores files and whatever plays. A library only so that its parts can be fuzzed.

mod capture;
mod cli;
mod clock;
mod config;
mod details;
mod devices;
#[cfg(test)]
mod distinct;
mod exit;
mod flow;
#[doc(hidden)]
pub mod fuzzed;
mod history;
mod history_report;
mod http;
mod interrupt;
mod listen;
mod log;
mod model_card;
mod model_choice;
mod osc;
mod panics;
mod png_path;
mod reload;
mod score;
mod service;
mod station;
mod text;

use std::process::ExitCode;

use clap::Parser;

/// The program, from its command line to its exit code.
pub fn main() -> ExitCode {
    config::forget_empty_variables();
    let cli = cli::Cli::parse();
    log::start();
    panics::watch(listen::give_terminal_back);
    interrupt::watch();
    exit::conclude(match &cli.command {
        cli::Command::Score(args) => score::run(args),
        cli::Command::Listen(args) => listen::run(args),
        cli::Command::Devices(args) => devices::run(args),
        cli::Command::History(args) => history_report::run(args),
        cli::Command::Config(args) => config::run(args),
        cli::Command::Reload(args) => reload::run(args),
        cli::Command::Service(args) => service::run(args),
        cli::Command::Model(args) => model_card::run(args),
    })
}
