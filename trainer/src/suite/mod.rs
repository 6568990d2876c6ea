//! `suite`: all systems on the same songs and folds, in one table.
//!
//! Systems are taught different things (a share, the upper half, classes by quantile, a value). What
//! they have in common is that they rank songs, so that is what is compared: by AUC (is the song in the
//! upper half?) and Spearman's correlation, over the folds and within genre.

mod measure;
mod page;
mod plan;
mod show;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::compare::Test;
use crate::dataset::Dataset;
use crate::evaluate::{Figure, evaluate};
use crate::files;
use crate::fit::{Ended, FitOptions, fit};

pub use plan::{Form, Plan, System};

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
    /// Systems with a split or songs of their own.
    pub apart: Vec<Row>,
    /// Every system against the majority and against the genre.
    pub tests: Vec<TestRow>,
    /// Systems that could not be trained, with the reason.
    pub failed: Vec<(String, String)>,
    /// What it comes to, in sentences.
    pub findings: Vec<String>,
}

/// Trains and measures all systems of a plan; what was finished before is kept. Writes `suite.json`,
/// `suite.html` and `suite.md` into the folder. `None` where Ctrl-C stopped it.
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
    for (number, system) in systems.iter().enumerate() {
        eprintln!("{} of {}: {} ({})", number + 1, systems.len(), system.name, system.form.name());
        let out = options.out.join(&system.name);
        let recipe = plan.recipe(system, &options.data, options.quick)?;
        match fit(&recipe, &out, &options.fit) {
            Ok(Ended::Finished) => trained.push((system, out)),
            Ok(Ended::Stopped) => return Ok(None),
            Err(error) => {
                eprintln!("{} failed: {error:#}", system.name);
                failed.push((system.name.clone(), format!("{error:#}")));
            }
        }
    }
    let table = measure(plan, options, &set, &trained, failed)?;
    files::write_bytes(&options.out.join("suite.json"), serde_json::to_vec_pretty(&table)?)?;
    files::write_bytes(&options.out.join("suite.html"), page::html(&table))?;
    files::write_bytes(&options.out.join("suite.md"), show::markdown(&table))?;
    Ok(Some(table))
}

fn measure(
    plan: &Plan,
    options: &Options,
    set: &Dataset,
    trained: &[(&System, PathBuf)],
    mut failed: Vec<(String, String)>,
) -> Result<Table> {
    let column = |key: &str| plan.data.get(key).and_then(toml::Value::as_str);
    let truth = measure::Truth::of(set, &plan.truth).context("truth")?;
    let first = trained.iter().find(|(system, _)| !system.apart);
    let (_, first) = first.with_context(|| match failed.first() {
        Some((name, reason)) => format!("no system could be trained; {name}: {reason}"),
        None => "the suite has no system for the table, only such as stand apart".to_owned(),
    })?;
    let field = measure::Field::of(&truth, first, column("group"), column("genre"))?;
    let (mut rows, mut songs, mut apart) = (Vec::new(), Vec::new(), Vec::new());
    for (system, out) in trained {
        let evaluation = evaluate(out)?;
        let mut row = Row {
            name: system.name.clone(),
            system: system.system.clone(),
            form: system.form,
            about: system.about.clone(),
            parameters: evaluation.parameters,
            seconds: evaluation.seconds,
            figures: evaluation.figures.clone(),
            finding: evaluation.finding.clone(),
        };
        if system.apart {
            apart.push(row);
            continue;
        }
        match field.judged_by(out) {
            Ok(own) => {
                row.figures = measure::figures_of(&own, plan.seed);
                rows.push(row);
                songs.push(own);
            }
            Err(error) => failed.push((system.name.clone(), format!("{error:#}"))),
        }
    }
    let by_genre = field.has_genres().then(|| field.by_genre());
    let genre = by_genre.as_ref().map(|songs| Row {
        name: "genre".into(),
        system: "–".into(),
        form: Form::Own,
        about: "the mean of the song's genre in the other folds, without listening".into(),
        parameters: 0,
        seconds: 0.0,
        figures: measure::figures_of(songs, plan.seed),
        finding: String::new(),
    });
    let name_tests = |against: &str, tests: Vec<Test>| -> Vec<TestRow> {
        let named = |test: Test| TestRow {
            name: rows[test.run].name.clone(),
            against: against.into(),
            figure: test.figure.into(),
            test: test.kind.name().into(),
            difference: test.difference,
            low: test.low,
            high: test.high,
            p: test.p,
            corrected: test.corrected,
        };
        tests.into_iter().map(named).collect()
    };
    let mut tests = name_tests("majority", measure::against_the_majority(&songs));
    if let Some(genre) = &by_genre {
        tests.extend(name_tests("genre", measure::against(genre, &songs, plan.seed)));
    }
    let mut table = Table {
        name: plan.name.clone(),
        data: column("name").unwrap_or("the data set").to_owned(),
        sha256: set.sha256.clone(),
        quick: options.quick,
        command: std::env::args().collect::<Vec<_>>().join(" "),
        ended: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
        songs: field.len(),
        groups: field.groups(),
        majority: field.majority(),
        rows,
        genre,
        apart,
        tests,
        failed,
        findings: Vec::new(),
    };
    table.findings = show::findings(&table);
    Ok(table)
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
