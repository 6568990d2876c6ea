//! The command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};
use earworm_train::compare::{self, Against};
use earworm_train::fit::{Ended, FitOptions, fit, learnt_sha256, recipe_to_go_on_by};
use earworm_train::output::{print, print_line, tell};
use earworm_train::recipe::{Recipe, parse_assignment};
use earworm_train::run::write_losses;
use earworm_train::{chorus, dataset_cli, device, explain, export, report, suite};

/// Exit code of work that Ctrl-C stopped.
const STOPPED: u8 = 130;

/// Builds data sets from songs, trains models on them, measures and exports them.
#[derive(Parser)]
#[command(version, about)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Work with data sets.
    #[command(subcommand)]
    Dataset(dataset_cli::DatasetCommand),
    /// Find the chorus of a song: its most repeated section.
    Chorus {
        /// The audio file.
        file: PathBuf,
        /// Length of the section in seconds.
        #[arg(long, default_value_t = 15.0)]
        seconds: f64,
        /// Also draws the similarity of the song to itself, and the choice, as PNG.
        #[arg(long)]
        plot: Option<PathBuf>,
    },
    /// Train what a recipe describes, then measure it. A run that was stopped goes on where it was.
    Fit {
        /// The recipe, a TOML file.
        #[arg(required_unless_present = "resume")]
        recipe: Option<PathBuf>,
        /// Folder of the run.
        #[arg(long, required_unless_present = "resume")]
        out: Option<PathBuf>,
        /// Goes on with the run in this folder, by the recipe that it holds.
        #[arg(long, value_name = "RUN", conflicts_with_all = ["recipe", "out", "set"])]
        resume: Option<PathBuf>,
        #[command(flatten)]
        training: TrainingArguments,
    },
    /// Choose between configurations by cross-validation; the best is trained and tested once.
    Cv {
        /// The recipe, a TOML file. Its `[search]` section may be given or changed here.
        recipe: PathBuf,
        /// Folder of the run.
        #[arg(long)]
        out: PathBuf,
        /// Values to be tried for a key, such as `model.k=3,5,8` or `model.widths=[64],[64,64]`; every combination
        /// is tried.
        #[arg(long, value_name = "KEY=A,B,…")]
        grid: Vec<String>,
        /// Folds inside the training songs.
        #[arg(long)]
        folds: Option<usize>,
        /// What decides: accuracy, auc or loss.
        #[arg(long)]
        metric: Option<String>,
        #[command(flatten)]
        training: TrainingArguments,
    },
    /// Train all systems on the same songs and folds, and put them into one table. Run it again to resume.
    Suite {
        /// Folder that `dataset build --features descriptors,low-level` made.
        #[arg(long)]
        data: PathBuf,
        /// Folder of the runs and the table.
        #[arg(long)]
        out: PathBuf,
        /// List of systems, a TOML file; the built-in one, for data with the columns of Emotify, without it.
        #[arg(long, value_name = "FILE")]
        suite: Option<PathBuf>,
        /// Cut trainings short: smaller networks, fewer passes and folds. 19 minutes for the 321 songs of Emotify on two cores.
        #[arg(long)]
        quick: bool,
        /// Only these systems.
        #[arg(long, value_delimiter = ',', value_name = "NAMES")]
        only: Vec<String>,
        /// Then also train each system on all songs and write those the meter can run, into `model` in
        /// its run's folder. What was trained before is kept.
        #[arg(long)]
        export: bool,
        /// `cpu`, or in builds with CUDA `cuda` or `cuda:1`.
        #[arg(long, default_value = "cpu")]
        device: String,
        /// Folds trained at the same time, at most; as many as cores and memory allow without it.
        #[arg(long)]
        jobs: Option<usize>,
    },
    /// Measure a finished run on the songs each of its models had not seen.
    Evaluate {
        /// Folder of the run.
        run: PathBuf,
    },
    /// Put runs on the same songs side by side, with paired tests.
    Compare {
        /// Folders of the runs.
        #[arg(required = true, num_args = 2..)]
        runs: Vec<PathBuf>,
        /// Which run the others are held against.
        #[arg(long, value_enum, default_value = "first")]
        against: AgainstArgument,
        /// Mean and deviation of the normal distribution whose draws are the baseline of regressions; those
        /// of the songs that models learnt from without it. Autoen-chorder was published with 0.4002,0.1679.
        #[arg(long, value_name = "MEAN,DEVIATION", value_parser = normal)]
        normal: Option<(f64, f64)>,
        /// Write the comparison as one HTML file, too.
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        /// Write the table as CSV, too.
        #[arg(long, value_name = "FILE")]
        csv: Option<PathBuf>,
    },
    /// Write a run's report, one HTML file with all pictures.
    Report {
        /// Folder of the run.
        run: PathBuf,
        /// Where to write it; `report.html` in the run's folder without it.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Write how wrong a run was about each song, as a table for `data.join`: what LossNet predicts.
    Losses {
        /// Folder of the run.
        run: PathBuf,
        /// The table, CSV.
        #[arg(long)]
        out: PathBuf,
    },
    /// Show what a model of rows goes by: which features, and which combinations of them.
    Explain {
        /// Folder of the run.
        run: PathBuf,
        /// Where the run's data are now, if they have moved.
        #[arg(long)]
        data: Option<PathBuf>,
    },
    /// Write a run's model as ONNX with its card; refuses unless tract reproduces it.
    Export {
        /// Folder of the run.
        run: PathBuf,
        /// Folder of the model: `model.onnx` and `README.md` are written there.
        #[arg(long)]
        out: PathBuf,
        /// Where the run's data set is now, if it has moved.
        #[arg(long)]
        data: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum AgainstArgument {
    /// The first that is named.
    First,
    /// The one with the best first figure.
    Best,
}

#[derive(Args)]
pub(crate) struct TrainingArguments {
    /// Folder that `dataset build` made; overrides the recipe's `data.set`. With --resume, where the run's data
    /// are now, if they have moved.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Changes a key of the recipe, such as `budget.epochs=3`; can be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// `cpu`, or in builds with CUDA `cuda` or `cuda:1`.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Parts (folds, configurations) trained at the same time, at most; as many as cores and memory allow
    /// without it. What is learnt does not depend on it.
    #[arg(long)]
    jobs: Option<usize>,
}

impl TrainingArguments {
    fn overrides(&self) -> Vec<String> {
        // Quoted: a folder called 2024 is no number.
        let data = self.data.iter().map(|set| {
            let folder = toml::Value::String(set.display().to_string());
            format!("data.set={folder}")
        });
        data.chain(self.set.iter().cloned()).collect()
    }

    fn train(&self, recipe: &Recipe, out: &Path) -> Result<ExitCode> {
        ensure!(self.jobs != Some(0), "--jobs must be at least 1");
        let options = FitOptions {
            device: device::open(&self.device)?,
            device_name: self.device.clone(),
            jobs: self.jobs,
        };
        if fit(recipe, out, &options)? == Ended::Stopped {
            tell(format_args!(
                "stopped; `earworm-train fit --resume {}` goes on where it was",
                out.display()
            ));
            return Ok(ExitCode::from(STOPPED));
        }
        print_line(report::evaluate(out)?)?;
        print_line(format_args!("learnt: sha256 {}", learnt_sha256(out)?))?;
        print_line(format_args!("report: {}", out.join("report.html").display()))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Does what the command says.
pub(crate) fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Dataset(command) => command.run(),
        Command::Chorus { file, seconds, plot } => {
            print_line(chorus::run(&file, seconds, plot.as_deref())?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Fit { recipe, out, resume, training } => match (recipe, out, resume) {
            (_, _, Some(run)) => {
                let recipe = recipe_to_go_on_by(&run, training.data.as_deref())
                    .context("there is nothing to go on with")?;
                training.train(&recipe, &run)
            }
            (Some(recipe), Some(out), None) => {
                training.train(&Recipe::load(&recipe, &training.overrides())?, &out)
            }
            _ => anyhow::bail!("give a recipe and --out, or --resume"),
        },
        Command::Cv { recipe, out, grid, folds, metric, training } => {
            let mut overrides = training.overrides();
            overrides.extend(folds.map(|folds| format!("search.folds={folds}")));
            overrides.extend(metric.map(|metric| format!("search.metric={metric}")));
            if !grid.is_empty() {
                overrides.push(format!("search.grid={}", grid_as_toml(&grid)?));
            }
            let recipe = Recipe::load(&recipe, &overrides)?;
            ensure!(
                recipe.search.is_some(),
                "there is nothing to choose from; give --grid KEY=A,B or a [search] section"
            );
            training.train(&recipe, &out)
        }
        Command::Suite { data, out, suite: list, quick, only, export, device, jobs } => {
            ensure!(jobs != Some(0), "--jobs must be at least 1");
            let plan = suite::Plan::load(list.as_deref())?;
            let fit = FitOptions { device: device::open(&device)?, device_name: device, jobs };
            let options = suite::Options { data, out, quick, only, export, fit };
            let Some(table) = suite::run(&plan, &options)? else {
                tell("stopped; the same command goes on where it was");
                return Ok(ExitCode::from(STOPPED));
            };
            print(&table)?;
            print_line(format_args!("table: {}", options.out.join("suite.html").display()))?;
            Ok(if table.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Evaluate { run } => {
            print_line(report::evaluate(&run)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Compare { runs, against, normal, html, csv } => {
            let against = match against {
                AgainstArgument::First => Against::First,
                AgainstArgument::Best => Against::Best,
            };
            let comparison = compare::compare_with(&runs, against, normal)?;
            if let Some(path) = html {
                compare::write_html(&comparison, &path)?;
            }
            if let Some(path) = csv {
                compare::write_csv(&comparison, &path)?;
            }
            print_line(comparison)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Report { run, out } => {
            let written = report::report(&run, out.as_deref())?;
            print_line(format_args!("wrote {}", written.display()))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Losses { run, out } => {
            let songs = write_losses(&run, &out)?;
            print_line(format_args!("wrote the losses of {songs} songs to {}", out.display()))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Explain { run, data } => {
            print(explain::explain_on(&run, data.as_deref())?)?;
            print_line(format_args!("page: {}", run.join("explanation.html").display()))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Export { run, out, data } => {
            print_line(export::export_on(&run, data.as_deref(), &out)?)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// `0.4,0.17` as mean and deviation.
fn normal(text: &str) -> Result<(f64, f64), String> {
    let numbers: Vec<f64> =
        text.split(',').filter_map(|number| number.trim().parse().ok()).collect();
    match numbers.as_slice() {
        [mean, deviation] if mean.is_finite() && *deviation > 0.0 => Ok((*mean, *deviation)),
        _ => Err("write it as MEAN,DEVIATION, such as 0.4,0.17".into()),
    }
}

/// `["model.k=3,5", …]` as the inline table `{ "model.k" = [3, 5], … }`. A key that is given again gets the values
/// of both.
fn grid_as_toml(grid: &[String]) -> Result<String> {
    let mut keys: Vec<(&str, Vec<toml::Value>)> = Vec::new();
    for entry in grid {
        let (key, text) = entry
            .split_once('=')
            .map(|(key, text)| (key.trim(), text.trim()))
            .filter(|(key, text)| !key.is_empty() && !text.is_empty())
            .with_context(|| format!("--grid {entry}: write it as key=a,b,c"))?;
        let values = values_of(text)?;
        match keys.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => known.extend(values),
            None => keys.push((key, values)),
        }
    }
    let entry = |(key, values): (&str, Vec<toml::Value>)| {
        format!("{key:?} = {}", toml::Value::Array(values))
    };
    let entries: Vec<String> = keys.into_iter().map(entry).collect();
    Ok(format!("{{ {} }}", entries.join(", ")))
}

/// The values behind a key of `--grid`: items of a list in TOML, or words with commas between them.
fn values_of(text: &str) -> Result<Vec<toml::Value>> {
    if let (_, toml::Value::Array(values)) = parse_assignment(&format!("v=[{text}]"))? {
        return Ok(values);
    }
    text.split(',').map(|value| Ok(parse_assignment(&format!("v={value}"))?.1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_folder_is_text_whatever_it_is_called() {
        for folder in ["2024", "true", "data/set", "it's \"mine\"", "a = b", "C:\\new"] {
            let arguments = TrainingArguments {
                data: Some(folder.into()),
                set: vec![],
                device: "cpu".into(),
                jobs: None,
            };
            let (key, value) = parse_assignment(&arguments.overrides()[0]).unwrap();
            assert_eq!((key.as_str(), value.as_str()), ("data.set", Some(folder)));
        }
    }

    #[test]
    fn grids_become_toml() {
        let grid = ["model.k=3, 5".to_owned(), "model.kind=knn,svm".to_owned()];
        assert_eq!(
            grid_as_toml(&grid).unwrap(),
            r#"{ "model.k" = [3, 5], "model.kind" = ["knn", "svm"] }"#
        );
        for bad in ["model.k", "model.k=", "=3"] {
            assert!(grid_as_toml(&[bad.to_owned()]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_grid_of_lists_and_a_key_that_comes_again() {
        let grid =
            ["model.widths=[64,64],[256]", "model.k=3", "model.widths=[8, 8]", "model.k=5,8"];
        let table = grid_as_toml(&grid.map(str::to_owned)).unwrap();
        assert_eq!(
            table,
            r#"{ "model.widths" = [[64, 64], [256], [8, 8]], "model.k" = [3, 5, 8] }"#
        );
        let (_, value) = parse_assignment(&format!("search.grid={table}")).unwrap();
        assert_eq!(value["model.widths"].as_array().unwrap().len(), 3);
    }
}
