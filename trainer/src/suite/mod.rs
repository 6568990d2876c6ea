//! `suite`: all systems on the same songs and folds, in one table.
//!
//! Systems are taught different things (a share, the upper half, classes by quantile, a value). What
//! they have in common is that they rank songs, so that is what is compared: by AUC (is the song in the
//! upper half?) and Spearman's correlation, over the folds and within genre.

mod assemble;
mod measure;
mod page;
mod plan;
mod show;
mod values;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::evaluate::Figure;
use crate::export::export;
use crate::files;
use crate::fit::{Ended, FitOptions, fit};
use crate::interrupt;
use crate::output::tell;
use crate::run::write_losses;

pub use plan::{Form, Plan, System};
pub use values::{ValueRow, Values};

/// How a suite is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data set.
    pub data: PathBuf,
    /// Folder of the runs and the table.
    pub out: PathBuf,
    /// Whether trainings are cut short, so that all of them take about an hour.
    pub quick: bool,
    /// Only these systems; all where there are none.
    pub only: Vec<String>,
    /// Whether each system that stands in the table is trained on all songs, too, and written for the
    /// meter where it can be: into the folder `model` of its run.
    pub export: bool,
    /// How recipes are trained.
    pub fit: FitOptions,
}

/// A system's row in the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// The seed system it is of.
    pub system: String,
    /// As published or not.
    pub form: Form,
    /// What it is.
    pub about: String,
    /// Trained values.
    pub parameters: usize,
    /// Seconds of training, all folds together.
    pub seconds: f64,
    /// Its figures: on the common scale, or, for systems apart, of their own.
    pub figures: Vec<Figure>,
    /// In its own words, for systems apart.
    pub finding: String,
}

/// What became of a system's export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// The system.
    pub name: String,
    /// Whether there is a model.
    pub model: bool,
    /// What it came to, or why there is none.
    pub words: String,
}

/// A test of one system against an answer that needs no listening.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestRow {
    /// The system.
    pub name: String,
    /// What it is held against.
    pub against: String,
    /// In which figure.
    pub figure: String,
    /// How it was tested.
    pub test: String,
    /// The system's figure minus the other's.
    pub difference: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How likely a difference at least as large is between equals.
    pub p: f64,
    /// That, corrected after Holm for all systems.
    pub corrected: f64,
}

/// The whole table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Name of the suite.
    pub name: String,
    /// Name of the data set and its hash.
    pub data: String,
    /// Hash of the data set.
    pub sha256: String,
    /// Whether trainings were cut short.
    pub quick: bool,
    /// The command line, and when it was run.
    pub command: String,
    /// When it ended, as RFC 3339.
    pub ended: String,
    /// Songs that every system judged.
    pub songs: usize,
    /// Groups that are kept on one side of a split.
    pub groups: Option<usize>,
    /// What is right of always naming the larger half.
    pub majority: f64,
    /// The systems.
    pub rows: Vec<Row>,
    /// Knowing the genre and nothing else; none where songs have no genre.
    pub genre: Option<Row>,
    /// Systems that learn the value itself, on its own scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Values>,
    /// Systems with a split or songs of their own.
    pub apart: Vec<Row>,
    /// Every system against the majority and against the genre.
    pub tests: Vec<TestRow>,
    /// Systems that could not be trained or measured, with the reason.
    pub failed: Vec<(String, String)>,
    /// Exports, where they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exported: Vec<Exported>,
    /// What it comes to, in sentences.
    pub findings: Vec<String>,
}

/// Trains and measures all systems of a plan; what was finished before is kept. Writes `suite.json`,
/// `suite.html` and `suite.md` into the folder, and the models last. `None` where Ctrl-C stopped it.
///
/// # Errors
/// When the data set cannot be used, no system can be trained, or files cannot be written. A system
/// that fails is no error: the table says so.
pub fn run(plan: &Plan, options: &Options) -> Result<Option<Table>> {
    let set = Dataset::open(&options.data)?;
    for name in &options.only {
        let known = plan.systems.iter().any(|system| system.name == *name);
        ensure!(known, "--only: the suite has no system {name:?}");
    }
    let wanted = |system: &&System| options.only.is_empty() || options.only.contains(&system.name);
    let systems: Vec<&System> = plan.systems.iter().filter(wanted).collect();
    let mut failed: Vec<(String, String)> = Vec::new();
    let mut trained: Vec<(&System, PathBuf)> = Vec::new();
    let attention = interrupt::attend();
    for (number, system) in systems.iter().enumerate() {
        if interrupt::requested() {
            return Ok(None);
        }
        tell(format_args!(
            "{} of {}: {} ({})",
            number + 1,
            systems.len(),
            system.name,
            system.form.name()
        ));
        let out = options.out.join(&system.name);
        match train(plan, system, options, &out) {
            Ok(Ended::Finished) => trained.push((system, out)),
            Ok(Ended::Stopped) => return Ok(None),
            Err(error) => {
                tell(format_args!("{} failed: {error:#}", system.name));
                failed.push((system.name.clone(), format!("{error:#}")));
            }
        }
    }
    drop(attention);
    let mut table = assemble::table(plan, options, &set, &trained, failed)?;
    write(&table, &options.out)?;
    if options.export {
        let own = trained.iter().filter(|(system, _)| !system.apart);
        table.exported = own.map(|(system, run)| exported(&system.name, run)).collect();
        write(&table, &options.out)?;
    }
    Ok(Some(table))
}

/// Trains one system in its folder.
fn train(plan: &Plan, system: &System, options: &Options, out: &Path) -> Result<Ended> {
    let mut recipe = plan.recipe(system, &options.data, options.quick)?;
    recipe.split.last |= options.export && !system.apart;
    if let Some(other) = &system.losses_of {
        let table = options.out.join(format!("{}-losses.csv", system.name));
        write_losses(&options.out.join(other), &table)
            .with_context(|| format!("it learns the losses of {other}, which come first"))?;
        recipe.data.join = Some(table);
    }
    fit(&recipe, out, &options.fit)
}

/// Writes a run's model for the meter, into the folder `model` of the run.
fn exported(name: &str, run: &Path) -> Exported {
    let out = run.join("model");
    let (model, words) = match export(run, &out) {
        Ok(report) => {
            let kilobytes = report.bytes / 1000;
            let far = report.difference;
            let mut words =
                format!("model/model.onnx, {kilobytes} kB, within {far:.0e} of what was trained");
            if let Some(warning) = report.warning {
                words += &format!(". {warning}");
            }
            (true, words)
        }
        Err(error) => (false, format!("{error:#}")),
    };
    tell(format_args!("{name}: {words}"));
    Exported { name: name.to_owned(), model, words }
}

fn write(table: &Table, out: &Path) -> Result<()> {
    files::write_bytes(&out.join("suite.json"), serde_json::to_vec_pretty(table)?)?;
    files::write_bytes(&out.join("suite.html"), page::html(table))?;
    files::write_bytes(&out.join("suite.md"), show::markdown(table))
}

impl Table {
    /// Reads the table that [`run`] wrote into a folder.
    ///
    /// # Errors
    /// When there is none.
    pub fn load(folder: &Path) -> Result<Self> {
        crate::run::read_json(&folder.join("suite.json"))
    }
}
