//! What Earworm takes of a machine before it does anything: sizes of the programs, time to start, memory.
//!
//! Written to `docs/footprint.md`, which is part of the repository, so that growth shows in review.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Serialize;

use super::Machine;
use super::measure::{Run, Spread, run};
use crate::workspace::Workspace;

/// Where the table is kept, from the workspace's root.
pub(super) const TABLE: &str = "docs/footprint.md";

/// What was found.
#[derive(Debug, Serialize)]
pub(super) struct Footprint {
    /// File and its bytes.
    sizes: Vec<(String, u64)>,
    /// What was run, and what its runs took.
    runs: Vec<(String, Vec<Run>)>,
}

/// Measures it, each program `runs` times after one run to warm up.
pub(super) fn measure(workspace: &Workspace, runs: u32) -> Result<Footprint> {
    let program = |name: &str| workspace.release_program(name);
    let (earworm, trainer, meter) =
        (program("earworm")?, program("earworm-train")?, program("earworm-meter")?);
    let plugin = workspace.release_library("earworm-meter", "earworm_plugin")?;
    let model = workspace.root.join("models/emotify-lstm/model.onnx");
    let mut sizes = Vec::new();
    for file in [&earworm, &trainer, &meter, &plugin, &model] {
        let meta = std::fs::metadata(file)
            .with_context(|| format!("cannot tell the size of {}", file.display()))?;
        sizes.push((name_of(file), meta.len()));
    }
    let called = |program: &PathBuf, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments);
        command
    };
    let demo = workspace.demo().display().to_string();
    let mut measured = Vec::new();
    for (what, mut command) in [
        ("`earworm --version`", called(&earworm, &["--version"])),
        ("`earworm model show`: start and load the model", called(&earworm, &["model", "show"])),
        ("`earworm score` of the demo song", called(&earworm, &["score", &demo])),
        ("`earworm-train --version`", called(&trainer, &["--version"])),
    ] {
        run(&mut command)?;
        let found = (0..runs).map(|_| run(&mut command)).collect::<Result<_>>()?;
        measured.push((what.to_owned(), found));
    }
    Ok(Footprint { sizes, runs: measured })
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

impl Footprint {
    /// Writes the table into the repository.
    pub(super) fn keep(&self, workspace: &Workspace, machine: &Machine) -> Result<()> {
        let path = workspace.root.join(TABLE);
        let Machine { cpu, cores, os } = machine;
        let text = format!(
            "# Footprint\n\nWritten by `cargo xtask bench --only footprint`. Sizes and memory are the same \
             from run to run on one kind of system; times are of {cpu}, {cores} cores, {os}.\n\n{}",
            self.to_markdown()
        );
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", path.display());
        Ok(())
    }

    /// The tables for people.
    pub(super) fn to_markdown(&self) -> String {
        let mut text = String::from("| file, release build | MB |\n| --- | ---: |\n");
        for (file, bytes) in &self.sizes {
            text += &format!("| {file} | {:.1} |\n", *bytes as f64 / 1e6);
        }
        text += "\n| run | ms, start to end (median) | most memory, MiB |\n| --- | ---: | ---: |\n";
        for (what, runs) in &self.runs {
            let time = Spread::of(runs.iter().map(|run| 1e3 * run.wall_s)).median;
            let memory = Spread::of(runs.iter().map(|run| run.peak_mib)).median;
            text += &format!("| {what} | {time:.0} | {memory:.0} |\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_times_and_memory_have_their_rows() {
        let run = |wall_s| Run { wall_s, cpu_s: wall_s, peak_mib: 31.4 };
        let found = Footprint {
            sizes: vec![("earworm".into(), 12_340_000)],
            runs: vec![("`earworm --version`".into(), vec![run(0.002), run(0.009), run(0.003)])],
        };
        let text = found.to_markdown();
        assert!(text.contains("| earworm | 12.3 |\n"), "{text}");
        assert!(text.contains("| `earworm --version` | 3 | 31 |\n"), "{text}");
    }
}
