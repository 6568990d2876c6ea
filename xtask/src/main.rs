//! `cargo xtask`: the project's own commands. Each one installs what it needs, or says what is missing.

mod bench;
mod bundle;
mod cli;
mod cross_check;
mod cuda_check;
mod fuzz;
mod install;
mod licences;
mod miri;
mod package;
mod run;
mod sanitizer;
mod steps;
mod system;
mod test;
mod venv;
mod wine;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Task};
use workspace::Workspace;

fn main() -> ExitCode {
    let done = Workspace::find().and_then(|workspace| match Cli::parse().task {
        Task::Run(args) => run::run(&workspace, args),
        Task::Test(args) => test::test(&workspace, args),
        Task::Bench(args) => bench::bench(&workspace, args),
        Task::Miri(args) => miri::miri(&workspace, args),
        Task::Fuzz(args) => fuzz::fuzz(&workspace, args),
        Task::CudaCheck(args) => cuda_check::cuda_check(&workspace, args),
        Task::CrossCheck(args) => cross_check::cross_check(&workspace, &args),
        Task::Bundle(args) => bundle::bundle(&workspace, args),
        Task::Install(args) => install::install(&workspace, args),
        Task::Package(args) => package::package(&workspace, args),
    });
    done.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}
