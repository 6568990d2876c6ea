//! `earworm-train`: from a folder of songs to a model one can trust.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use earworm_train::dataset::build::{self, BuildOptions};
use earworm_train::{device, evaluate, export, fit, recipe::Recipe};

/// Builds data sets from songs, trains models on them, measures and exports them.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Work with data sets.
    #[command(subcommand)]
    Dataset(DatasetCommand),
    /// Cross-validate a recipe, then train it on all songs. Stopped runs go on where they were.
    Fit {
        /// The recipe, a TOML file.
        recipe: PathBuf,
        /// Folder that `dataset build` made; overrides the recipe's `data.set`.
        #[arg(long)]
        data: Option<PathBuf>,
        /// Folder of the run.
        #[arg(long)]
        out: PathBuf,
        /// `cpu`, or `cuda` in builds with the feature of that name.
        #[arg(long, default_value = "cpu")]
        device: String,
    },
    /// Measure a finished run on the songs each of its models had not seen.
    Evaluate {
        /// Folder of the run.
        run: PathBuf,
    },
    /// Write a run's model as ONNX with its card; refuses unless tract reproduces it.
    Export {
        /// Folder of the run.
        run: PathBuf,
        /// Folder of the model: `model.onnx` and `README.md` are written there.
        #[arg(long)]
        out: PathBuf,
    },
}

#[derive(Subcommand)]
enum DatasetCommand {
    /// Turn a manifest and a folder of audio into mel frames on disk. Run it again to resume.
    Build {
        /// CSV with one row a song and a column `file`.
        #[arg(long)]
        manifest: PathBuf,
        /// Folder that the `file` column is relative to.
        #[arg(long)]
        audio: PathBuf,
        /// Folder of the data set.
        #[arg(long)]
        out: PathBuf,
        /// TOML file with front-end settings; the default model's without it.
        #[arg(long)]
        front_end: Option<PathBuf>,
        /// Songs decoded at the same time; all processors without it.
        #[arg(long)]
        jobs: Option<usize>,
    },
}

fn main() -> ExitCode {
    earworm_train::memory::keep_freed();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Dataset(DatasetCommand::Build { manifest, audio, out, front_end, jobs }) => {
            let report = build::build(&BuildOptions { manifest, audio, out, front_end, jobs })?;
            println!("{report}");
            let nothing = report.songs() == 0;
            Ok(if nothing || report.stopped { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        Command::Fit { recipe, data, out, device } => {
            let mut recipe = Recipe::load(&recipe)?;
            if let Some(set) = data {
                recipe.data.set = set;
            }
            fit::fit(&recipe, &out, &device::open(&device)?)?;
            println!("{}", evaluate::evaluate(&out)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Evaluate { run } => {
            println!("{}", evaluate::evaluate(&run)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Export { run, out } => {
            println!("{}", export::export(&run, &out)?);
            Ok(ExitCode::SUCCESS)
        }
    }
}
