//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) task: Task,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Build the meter and play the demo song through it.
    Run(RunArgs),
    /// Check a change: format, lints, all tests, reference checks in Python, documentation. CI runs this on Linux and,
    /// beside it, `miri`, `fuzz`, cargo-deny and the tests that other systems can run.
    Test(TestArgs),
    /// Measure the speed of the engine and the plugin, and of scoring and training beside the same in Python.
    Bench(BenchArgs),
    /// Run code that is unsafe, or that threads race in, in Miri. Installs it with rustup.
    Miri(MiriArgs),
    /// Look for inputs that break what reads them: decoders, models, recipes, settings, HTTP, saved states.
    Fuzz(FuzzArgs),
    /// Check that the trainer builds with CUDA, on a machine that need not have it.
    CudaCheck(CudaCheckArgs),
    /// Check that everything compiles for Windows and macOS, from Linux.
    CrossCheck(CrossCheckArgs),
    /// Build the plugin and bundle it as CLAP and VST3 for this system.
    Bundle(BundleArgs),
    /// Build the programs and the plugin and copy them to where programs and DAWs look.
    Install(InstallArgs),
    /// Build everything and make a Debian package and tarballs of it, on Linux.
    Package(PackageArgs),
}

/// Options of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Passed on to `earworm listen`; `--input` there takes the place of the demo song.
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) listen: Vec<OsString>,
}

/// Options of `test`.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Leave out the reference checks in Python and the documentation.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Run nothing: print the arguments with which `cargo test` runs what needs no sound server, browser, screen or
    /// Python. For systems other than Linux.
    #[arg(long, conflicts_with = "quick")]
    pub(crate) list_portable: bool,
}

/// Options of `bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// How often each program does its work in turn with its peer, after one run to warm up.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) runs: u32,
    /// Measure one part alone.
    #[arg(long)]
    pub(crate) only: Option<BenchPart>,
    /// With `--only training`: train on this GPU (`cuda:0`), cuDNN beside. The CUDA toolkit must be there, and
    /// EARWORM_PYTHON must name a Python whose PyTorch has CUDA.
    #[arg(long, requires = "only", value_name = "DEVICE")]
    pub(crate) device: Option<String>,
}

/// A part of `bench`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchPart {
    /// The engine's own benchmarks.
    Engine,
    /// The network alone, in the shapes it is run in, and onnxruntime.
    Inference,
    /// Whole processes that score a file: `earworm score` and its peer in Python.
    File,
    /// Features of whole songs beside librosa, torchaudio, essentia and pychorus. EARWORM_PYTHON may name a
    /// Python that has them; otherwise they are installed, which is a large download.
    Features,
    /// Training steps of an LSTM: ours and PyTorch's. PyTorch is taken from the Python that
    /// EARWORM_PYTHON names, else it is installed, which takes some gigabytes.
    Training,
    /// Models of rows beside scikit-learn's, which is taken from the Python that EARWORM_PYTHON names, else
    /// installed.
    Tables,
    /// The plugin: its callback beside a copy of the block, what whole instances cost.
    Plugin,
    /// Sizes of programs, time to start and memory; writes `docs/footprint.md`.
    Footprint,
}

/// Options of `miri`.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct MiriArgs {
    /// In how many orders of events threads race.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seeds: u32,
}

/// Options of `fuzz`.
#[derive(Debug, Args)]
pub(crate) struct FuzzArgs {
    /// One target alone.
    pub(crate) target: Option<String>,
    /// How long each target is fuzzed.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seconds: u32,
    /// Afterwards, keep of the inputs found in this and earlier runs only those that show something new.
    #[arg(long)]
    pub(crate) keep: bool,
}

/// Options of `cuda-check`.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct CudaCheckArgs {
    /// Link the program too, and see what it says without a GPU; takes twice as long.
    #[arg(long)]
    pub(crate) link: bool,
}

/// Options of `cross-check`.
#[derive(Debug, Args)]
pub(crate) struct CrossCheckArgs {
    /// Check one system alone.
    #[arg(long)]
    pub(crate) only: Option<CrossTarget>,
    /// Run the tests that are built for Windows, too, in Wine.
    #[arg(long)]
    pub(crate) run: bool,
}

/// A system that is not this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CrossTarget {
    /// 64-bit Windows.
    Windows,
    /// macOS on Apple silicon.
    Macos,
}

/// Options of `bundle`.
#[derive(Debug, Args)]
pub(crate) struct BundleArgs {
    /// The folder to make the bundles in [default: the target folder's `bundled`].
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
    /// A library that has been built, instead of building one.
    #[arg(long, value_name = "FILE")]
    pub(crate) library: Option<PathBuf>,
}

/// Options of `install`.
#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// The folder for programs [default: ~/.local/bin].
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
    /// One folder for both plugin bundles [default: where DAWs look].
    #[arg(long, value_name = "DIR")]
    pub(crate) plugins_to: Option<PathBuf>,
    /// Install one part alone.
    #[arg(long)]
    pub(crate) only: Option<InstallPart>,
}

/// Options of `package`.
#[derive(Debug, Args)]
pub(crate) struct PackageArgs {
    /// The folder to put packages into [default: the target folder's `packages`].
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
}

/// A part of `install`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InstallPart {
    /// The program `earworm`.
    Program,
    /// The plugin's bundles.
    Plugin,
    /// The program `earworm-meter`: the plugin in a window of its own.
    Meter,
    /// The program `earworm-train`.
    Trainer,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Task, clap::Error> {
        Cli::try_parse_from(line.split(' ')).map(|cli| cli.task)
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_follows_the_dashes_goes_to_the_meter() {
        let Ok(Task::Run(args)) = parse("xtask run -- --fast --input x.wav") else { panic!() };
        assert_eq!(args.listen, ["--fast", "--input", "x.wav"]);
        let Ok(Task::Run(args)) = parse("xtask run") else { panic!() };
        assert!(args.listen.is_empty());
        assert!(parse("xtask run --fast").is_err(), "options of the meter stand behind --");
    }

    #[test]
    fn options_and_defaults() {
        let Ok(Task::Test(args)) = parse("xtask test") else { panic!() };
        assert!(!args.quick && !args.list_portable);
        assert!(matches!(
            parse("xtask test --quick"),
            Ok(Task::Test(TestArgs { quick: true, .. }))
        ));
        assert!(parse("xtask test --quick --list-portable").is_err());
        let Ok(Task::Bench(args)) = parse("xtask bench --runs 7 --only file") else { panic!() };
        assert_eq!((args.runs, args.only), (7, Some(BenchPart::File)));
        assert!(matches!(
            parse("xtask bench"),
            Ok(Task::Bench(BenchArgs { runs: 5, only: None, device: None }))
        ));
        assert!(parse("xtask bench --runs 0").is_err());
        let Ok(Task::Fuzz(args)) = parse("xtask fuzz decode --seconds 5") else { panic!() };
        assert_eq!((args.target.as_deref(), args.seconds, args.keep), (Some("decode"), 5, false));
        let Ok(Task::Install(args)) = parse("xtask install --to /opt/bin") else { panic!() };
        assert_eq!(args.to, Some(PathBuf::from("/opt/bin")));
        assert!(matches!(parse("xtask miri --seeds 4"), Ok(Task::Miri(MiriArgs { seeds: 4 }))));
        let Ok(Task::CudaCheck(args)) = parse("xtask cuda-check --link") else { panic!() };
        assert!(args.link);
        let Ok(Task::CrossCheck(args)) = parse("xtask cross-check --only macos") else { panic!() };
        assert_eq!(args.only, Some(CrossTarget::Macos));
        let Ok(Task::Install(args)) = parse("xtask install --only plugin") else { panic!() };
        assert_eq!((args.only, args.plugins_to), (Some(InstallPart::Plugin), None));
        let Ok(Task::Install(args)) = parse("xtask install --only trainer") else { panic!() };
        assert_eq!(args.only, Some(InstallPart::Trainer));
        let Ok(Task::Bundle(args)) = parse("xtask bundle --to /tmp/x") else { panic!() };
        assert_eq!((args.to, args.library), (Some(PathBuf::from("/tmp/x")), None));
        assert!(parse("xtask").is_err());
    }
}
