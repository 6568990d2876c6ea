//! What a training leaves behind: see [`crate::run`] for the files.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Result, ensure};

use super::data::Data;
use super::part::FitOptions;
use crate::files;
use crate::recipe::{Recipe, SplitKind};
use crate::run::{RunInfo, Split, Task, read_json};
use crate::split::Part;

/// Versions of everything this program was built from.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// Libraries whose version can change what is trained or measured.
const LIBRARIES: [&str; 7] =
    ["candle-core", "gemm", "tract-onnx", "symphonia", "rubato", "realfft", "rand_chacha"];

/// Makes the run's folder, or checks that it belongs to the same recipe and data.
pub(super) fn open(
    recipe: &Recipe,
    data: &Data,
    parts: &[Part],
    out: &Path,
    options: &FitOptions,
) -> Result<()> {
    let text = toml::to_string(recipe)?;
    let (recipe_path, info_path) = (out.join("recipe.toml"), out.join("run.json"));
    let known = data.info(&recipe.data.name);
    if let (Ok(before), true) = (std::fs::read_to_string(&recipe_path), info_path.exists()) {
        ensure!(
            before == text,
            "{} was made by another recipe; choose another folder with --out",
            out.display()
        );
        let before: RunInfo = read_json(&info_path)?;
        ensure!(
            before.data.sha256 == known.sha256,
            "the data have changed since {} was begun; choose another folder with --out",
            out.display()
        );
        return Ok(());
    }
    let outputs = recipe.outputs();
    let classes = recipe.task() == Task::Classes;
    // The last class, the highest quantile, is the score.
    let score = if classes { outputs.len() - 1 } else { 0 };
    let info = RunInfo {
        name: recipe.name.clone(),
        task: recipe.task(),
        score: outputs[score].clone(),
        score_class: classes.then_some(score),
        classes: None,
        outputs,
        parts: parts.iter().map(|part| part.name.clone()).collect(),
        split: match recipe.split.kind {
            SplitKind::Folds => Split::Folds,
            SplitKind::Column | SplitKind::Random => Split::Test,
        },
        data: known,
        versions: versions(),
        git_commit: git_commit(),
        command: std::env::args().collect::<Vec<_>>().join(" "),
        device: options.device_name.clone(),
        started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
    };
    files::write_bytes(&info_path, serde_json::to_vec_pretty(&info)?)?;
    write_folds(&out.join("folds.csv"), data, parts)?;
    files::write_bytes(&recipe_path, text)
}

/// Which part judges each song.
fn write_folds(path: &Path, data: &Data, parts: &[Part]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["track_id", "fold"])?;
    for (song, track) in data.tracks.iter().enumerate() {
        let judged_in = parts.iter().find(|part| part.unseen.contains(&song));
        let fold =
            judged_in.map_or("train", |part| part.name.strip_prefix("fold-").unwrap_or(&part.name));
        writer.write_record([track.id.as_str(), fold])?;
    }
    files::write_bytes(path, writer.into_inner().map_err(|e| e.into_error())?)
}

fn versions() -> BTreeMap<String, String> {
    let mut versions =
        BTreeMap::from([("earworm-train".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]);
    for library in LIBRARIES {
        let entry = format!("name = \"{library}\"\nversion = \"");
        let found = LOCK.split(&entry).nth(1).and_then(|rest| rest.split('"').next());
        versions.extend(found.map(|version| (library.to_owned(), version.to_owned())));
    }
    versions
}

/// The commit of the working directory, with a mark where files differ from it; `None` outside a
/// repository.
fn git_commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "HEAD"])?;
    let changed = git(&["status", "--porcelain"]).is_none_or(|status| !status.is_empty());
    Some(if changed { format!("{commit}-changed") } else { commit })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_versions_of_the_libraries_are_found() {
        let versions = super::versions();
        for library in super::LIBRARIES {
            assert!(versions[library].contains('.'), "{library}");
        }
    }
}
