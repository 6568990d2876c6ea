//! `cargo xtask bench`: how fast the engine is, how fast whole processes score a file, how fast the
//! features of songs are, how fast a network is trained, what the plugin costs, and how large programs are.
//!
//! Results are printed and written to `<target>/bench`: `summary.json`, `summary.md`, and `index.html` with
//! a bar for every ratio.

mod engine;
mod features;
mod file;
mod footprint;
mod inference;
mod line;
mod measure;
mod narrow_weights;
mod page;
mod peer;
mod plugin;
mod tables;
mod training;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::cli::{BenchArgs, BenchPart};
use crate::system;
use crate::workspace::Workspace;

/// Everything that was measured, and where.
#[derive(Debug, Serialize)]
struct Summary {
    machine: Machine,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<Vec<engine::Estimate>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inference: Option<inference::Comparison>,
    #[serde(skip_serializing_if = "Option::is_none")]
    narrow_weights: Option<narrow_weights::Narrow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<file::Comparison>,
    #[serde(skip_serializing_if = "Option::is_none")]
    training: Option<training::Comparison>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tables: Option<tables::Comparison>,
    #[serde(skip_serializing_if = "Option::is_none")]
    features: Option<features::Comparison>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin: Option<plugin::Cost>,
    #[serde(skip_serializing_if = "Option::is_none")]
    footprint: Option<footprint::Footprint>,
    /// All that has a peer, in one form.
    lines: Vec<line::Line>,
    notes: Vec<String>,
}

/// What the numbers depend on most.
#[derive(Debug, Serialize)]
struct Machine {
    cpu: String,
    cores: usize,
    os: &'static str,
}

impl Machine {
    fn this_one() -> Self {
        let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpus.lines().find_map(|line| line.strip_prefix("model name"));
        Self {
            cpu: model.map_or("unknown", |m| m.trim_start_matches([' ', '\t', ':'])).to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            os: std::env::consts::OS,
        }
    }
}

/// Does it.
pub(crate) fn bench(workspace: &Workspace, args: BenchArgs) -> Result<ExitCode> {
    ensure!(
        args.device.is_none() || args.only == Some(BenchPart::Training),
        "--device is for --only training"
    );
    system::ensure(&system::for_program())?;
    let wanted = |part| args.only.is_none_or(|only| only == part);
    let machine = Machine::this_one();
    let mut summary = Summary {
        machine,
        engine: None,
        inference: None,
        narrow_weights: None,
        file: None,
        training: None,
        tables: None,
        features: None,
        plugin: None,
        footprint: None,
        lines: Vec::new(),
        notes: Vec::new(),
    };
    if wanted(BenchPart::Engine) {
        let found = engine::measure(workspace)?;
        summary.lines.extend(engine::lines(&found)?);
        summary.engine = Some(found);
    }
    if wanted(BenchPart::Inference) {
        let found = inference::measure(workspace, args.runs)?;
        summary.lines.extend(found.lines()?);
        summary.notes.push(found.limit());
        summary.inference = Some(found);
        let found = narrow_weights::measure(workspace)?;
        summary.notes.push(found.note());
        summary.narrow_weights = Some(found);
    }
    if wanted(BenchPart::File) {
        let found = file::measure(workspace, args.runs)?;
        summary.lines.extend(found.lines());
        summary.file = Some(found);
    }
    if wanted(BenchPart::Training) {
        let found = training::measure(workspace, args.runs, args.device.as_deref())?;
        summary.lines.extend(found.lines());
        summary.training = Some(found);
    }
    if wanted(BenchPart::Tables) {
        let found = tables::measure(workspace, args.runs)?;
        summary.lines.extend(found.lines()?);
        summary.tables = Some(found);
    }
    if wanted(BenchPart::Features) {
        let found = features::measure(workspace, args.runs)?;
        summary.lines.extend(found.lines()?);
        summary.features = Some(found);
    }
    if wanted(BenchPart::Plugin) {
        system::ensure(&system::for_plugin())?;
        let found = plugin::measure(workspace)?;
        summary.lines.extend(found.lines());
        summary.plugin = Some(found);
    }
    if wanted(BenchPart::Footprint) {
        system::ensure(&system::for_plugin())?;
        let found = footprint::measure(workspace, args.runs)?;
        found.keep(workspace, &summary.machine)?;
        summary.footprint = Some(found);
    }
    let markdown = summary.to_markdown();
    println!("\n{markdown}");
    write(&workspace.target.join("bench"), &summary, &markdown)?;
    Ok(ExitCode::SUCCESS)
}

fn write(folder: &Path, summary: &Summary, markdown: &str) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let json = serde_json::to_string_pretty(summary)?;
    let page = page::html(&summary.machine, &summary.lines, &summary.notes);
    let files =
        [("summary.json", json.as_str()), ("summary.md", markdown), ("index.html", page.as_str())];
    for (name, content) in files {
        let path = folder.join(name);
        std::fs::write(&path, content)
            .with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

impl Summary {
    fn to_markdown(&self) -> String {
        let Machine { cpu, cores, os } = &self.machine;
        let mut text = format!("Measured on {cpu}, {cores} cores, {os}.\n");
        if !self.lines.is_empty() {
            text += &format!("\n{}", line::to_markdown(&self.lines));
        }
        for note in &self.notes {
            text += &format!("\n{note}\n");
        }
        for table in [
            self.engine.as_deref().map(engine::to_markdown),
            self.file.as_ref().map(file::Comparison::to_markdown),
            self.training.as_ref().map(training::Comparison::to_markdown),
            self.features.as_ref().map(features::Comparison::to_markdown),
            self.plugin.as_ref().map(plugin::Cost::to_markdown),
            self.footprint.as_ref().map(footprint::Footprint::to_markdown),
        ]
        .into_iter()
        .flatten()
        {
            text.push('\n');
            text.push_str(&table);
        }
        text
    }
}
