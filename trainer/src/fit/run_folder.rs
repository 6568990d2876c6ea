//! What a training leaves behind: see [`crate::run`] for the files.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::data::Data;
use super::part::FitOptions;
use crate::command_line::command_line;
use crate::files;
use crate::recipe::{Recipe, SplitKind};
use crate::run::{DataInfo, RunInfo, Session, Split, Task, read_json};
use crate::split::{Part, in_use};

/// Versions of everything this program was built from.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// Libraries whose version can change what is trained or measured.
const LIBRARIES: [&str; 10] = [
    "candle-core",
    "gemm",
    "linfa-svm",
    "smartcore",
    "datarust",
    "tract-onnx",
    "symphonia",
    "rubato",
    "realfft",
    "rand_chacha",
];

/// What keeps a second training out.
const LOCK_FILE: &str = ".fit-lock";

/// Whether a folder holds a run, and if so, that it is one of the same recipe and data.
///
/// # Errors
/// When it is another's.
pub(super) fn is_begun(recipe: &Recipe, data: &Data, out: &Path) -> Result<bool> {
    let text = toml::to_string(recipe)?;
    let (recipe_path, info_path) = (out.join("recipe.toml"), out.join("run.json"));
    let Ok(before) = std::fs::read_to_string(&recipe_path) else {
        // What was stopped while it was begun has no recipe yet, and can be begun again.
        if info_path.exists() {
            read_json::<RunInfo>(&info_path).with_context(|| not_ours(out, "run.json"))?;
        } else {
            ensure!(!out.join("folds.csv").exists(), not_ours(out, "folds.csv"));
        }
        return Ok(false);
    };
    ensure!(info_path.exists(), not_ours(out, "recipe.toml"));
    ensure!(
        before == text || but_for_the_last(&before, recipe),
        "{} was made by another recipe; choose another folder with --out",
        out.display()
    );
    let info: RunInfo = read_json(&info_path)?;
    data.is_that_of(&info, out)
        .map_err(|error| anyhow!("{error}; choose another folder with --out"))?;
    Ok(true)
}

/// Checks that the data of a run that was begun are there at all; where there is no run, what opens them says
/// what is wrong. `again` is the command that finds them elsewhere, as it stands before the run.
///
/// # Errors
/// When they are not.
pub(crate) fn data_are_there(recipe: &Recipe, out: &Path, again: &str) -> Result<()> {
    let place = recipe.data.set.as_ref().or(recipe.data.table.as_ref());
    let run = out.display();
    let gone = |path: &&PathBuf| !path.exists() && out.join("run.json").exists();
    if let Some(place) = place.filter(gone) {
        bail!(
            "{} is not there; if the data have moved, give `{again} {run} --data` and where they are now",
            place.display()
        );
    }
    if let Some(join) = recipe.data.join.as_ref().filter(gone) {
        bail!(
            "data.join: {} is not there; if it has moved, give `fit {run}/recipe.toml --out {run} --data {} --set data.join=` and where it is now",
            join.display(),
            place.map_or(Path::new(""), PathBuf::as_path).display()
        );
    }
    Ok(())
}

/// Puts the data of a run's recipe where they are now: at `place`, or where they were when it was last trained.
pub(super) fn place_data(recipe: &mut Recipe, run: &Path, place: Option<&Path>) {
    let last = || Some(read_json::<RunInfo>(&run.join("run.json")).ok()?.data);
    let data = &mut recipe.data;
    if data.join.is_some()
        && let Some(join) = last().and_then(|last| last.join)
    {
        data.join = Some(join);
    }
    if let Some(place) = place.map(Path::to_owned).or_else(|| Some(last()?.folder)) {
        *(if data.set.is_some() { &mut data.set } else { &mut data.table }) = Some(place);
    }
}

/// Makes a recipe name its data as that of the run in a folder does. Its parts go by that name; that the data
/// are the same is told by their hash, wherever they are.
pub(super) fn name_data_as_begun(recipe: &mut Recipe, out: &Path) {
    let text = std::fs::read_to_string(out.join("recipe.toml")).unwrap_or_default();
    let Ok(before) = Recipe::parse(&text, &[]) else { return };
    let (now, before) = (&mut recipe.data, before.data);
    // A run of before hashes were kept of it goes by its name alone.
    let info = read_json::<RunInfo>(&out.join("run.json"));
    let has_hash = info.is_ok_and(|info| info.data.others.contains_key("data.join"));
    if now.join.is_some() && before.join.is_some() && has_hash {
        now.join = before.join;
    }
    if (now.set.is_some(), now.table.is_some()) == (before.set.is_some(), before.table.is_some()) {
        (now.set, now.table) = (before.set, before.table);
    }
}

/// Takes note of what may change in a run that was begun: where its data are, whether a last model is asked for,
/// and by which program it goes on, on what.
pub(super) fn note_changes(
    recipe: &Recipe,
    data: &Data,
    out: &Path,
    options: &FitOptions,
) -> Result<()> {
    let (path, text) = (out.join("recipe.toml"), toml::to_string(recipe)?);
    if recipe.split.last && std::fs::read_to_string(&path).is_ok_and(|is| is != text) {
        files::write_bytes(&path, text)?;
    }
    let path = out.join("run.json");
    let before: RunInfo = read_json(&path)?;
    let mut info = before.clone();
    let now = data.info(&info.data.name);
    (info.data.folder, info.data.join) = (now.folder, now.join);
    if !is_finished(recipe, &info, out) {
        info.sessions.push(session(options));
    }
    if info == before {
        return Ok(());
    }
    files::write_bytes(&path, serde_json::to_vec_pretty(&info)?)
}

/// Whether nothing is left to be trained.
fn is_finished(recipe: &Recipe, info: &RunInfo, out: &Path) -> bool {
    let last = recipe.split.last.then_some("final");
    let mut parts = info.parts.iter().map(String::as_str).chain(last);
    parts.all(|part| out.join(part).join("outcome.json").exists())
}

/// By which program is trained from now on, and on what.
fn session(options: &FitOptions) -> Session {
    Session {
        started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        device: options.device_name.clone(),
        versions: versions(),
        git_commit: git_commit(),
        command: command_line(),
    }
}

/// Keeps other trainings out of a run's folder as long as it is held: two would take each other's best
/// weights and checkpoints for their own. `None` in a folder that may only be read, in which nothing can
/// be trained anyway.
///
/// # Errors
/// When another process trains there.
pub(super) fn lock(out: &Path) -> Result<Option<File>> {
    match files::try_lock(&out.join(LOCK_FILE)) {
        Err(_) => Ok(None),
        Ok(Some(held)) => Ok(Some(held)),
        Ok(None) => bail!(
            "{} is being trained by another process; wait for it, or choose another folder with --out",
            out.display()
        ),
    }
}

fn not_ours(out: &Path, name: &str) -> String {
    format!(
        "{} has a {name} that no training wrote; choose another folder with --out",
        out.display()
    )
}

/// Makes the run's folder.
pub(super) fn begin(
    recipe: &Recipe,
    data: &Data,
    parts: &[Part],
    notes: &[String],
    out: &Path,
    options: &FitOptions,
) -> Result<()> {
    let outputs = recipe.outputs();
    let classes = recipe.task() == Task::Classes;
    // The last class, the highest quantile, is the score.
    let score = if classes { outputs.len() - 1 } else { 0 };
    let Session { started, device, versions, git_commit, command } = session(options);
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
        data: of_songs_in_use(data, recipe, parts),
        versions,
        git_commit,
        command,
        device,
        started,
        notes: notes.to_vec(),
        sessions: vec![],
    };
    files::write_bytes(&out.join("run.json"), serde_json::to_vec_pretty(&info)?)?;
    write_folds(&out.join("folds.csv"), data, parts)?;
    files::write_bytes(&out.join("recipe.toml"), toml::to_string(recipe)?)
}

/// The data, with as many songs as are learnt from or judged.
fn of_songs_in_use(data: &Data, recipe: &Recipe, parts: &[Part]) -> DataInfo {
    let info = data.info(&recipe.data.name);
    let songs = in_use(parts, data.tracks.len()).len() / info.pieces.unwrap_or(1);
    DataInfo { songs, ..info }
}

/// A run's folder that nothing was in when it was begun.
pub(super) struct Fresh<'a> {
    out: &'a Path,
    /// Whether the folder itself was made by this process.
    made: bool,
}

impl<'a> Fresh<'a> {
    /// Call it before anything is written.
    pub(super) fn before(out: &'a Path) -> Self {
        Self { out, made: !out.exists() }
    }

    /// After a failure takes away what was put there, unless a part has something to go on from: then a
    /// recipe that was put right can be trained in the same folder.
    pub(super) fn take_back(&self) {
        if self.has_results() {
            return;
        }
        if self.made {
            std::fs::remove_dir_all(self.out).ok();
        } else {
            // What else is in the folder was there before.
            for name in ["recipe.toml", "run.json", "folds.csv", LOCK_FILE] {
                std::fs::remove_file(self.out.join(name)).ok();
            }
        }
    }

    fn has_results(&self) -> bool {
        let mut folders = vec![self.out.to_owned()];
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            for path in entries.map(|entry| entry.path()) {
                if path.ends_with("outcome.json") || path.ends_with("checkpoint.safetensors") {
                    return true;
                }
                if path.is_dir() {
                    folders.push(path);
                }
            }
        }
        false
    }
}

/// Whether a recipe differs only in whether a last model is trained on all songs: the parts are the same
/// then, and the model may be asked for later.
pub(super) fn but_for_the_last(before: &str, recipe: &Recipe) -> bool {
    Recipe::parse(before, &[]).is_ok_and(|mut before| {
        before.split.last = recipe.split.last;
        before == *recipe
    })
}

/// Which part judges each song: `train` where it is only learnt from, `-` where it is left out.
fn write_folds(path: &Path, data: &Data, parts: &[Part]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["track_id", "fold"])?;
    for (track, fold) in data.tracks.iter().zip(folds(parts, data.tracks.len())) {
        writer.write_record([track.id.as_str(), fold])?;
    }
    files::write_bytes(path, writer.into_inner().map_err(|e| e.into_error())?)
}

/// What [`write_folds`] says of each of so many songs.
fn folds(parts: &[Part], songs: usize) -> Vec<&str> {
    let mut folds = vec!["-"; songs];
    in_use(parts, songs).into_iter().for_each(|song| folds[song] = "train");
    for part in parts {
        let name = part.name.strip_prefix("fold-").unwrap_or(&part.name);
        part.unseen.iter().for_each(|&song| folds[song] = name);
    }
    folds
}

/// The songs that are learnt from or judged, as they were written down when the run was begun: a former version
/// left none out, and its run goes on with all of them.
pub(super) fn in_use_as_begun(data: &Data, parts: &[Part], out: &Path) -> Vec<usize> {
    let songs = data.tracks.len();
    match left_out_of(&out.join("folds.csv")) {
        Some(left) => (0..songs).filter(|&song| !left.contains(&data.tracks[song].id)).collect(),
        None => in_use(parts, songs),
    }
}

/// The songs that a list of folds leaves out; `None` where it cannot be read.
fn left_out_of(path: &Path) -> Option<BTreeSet<String>> {
    let mut reader = csv::Reader::from_path(path).ok()?;
    let rows = reader.deserialize::<(String, String)>().collect::<Result<Vec<_>, _>>().ok()?;
    Some(rows.into_iter().filter(|(_, fold)| fold == "-").map(|(id, _)| id).collect())
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

/// The commit of the working directory's repository, with a mark where files differ from it; `None` outside
/// of one.
fn git_commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "HEAD"])?;
    let changed = git(&["status", "--porcelain"]).is_none_or(|status| !status.is_empty());
    Some(if changed { format!("{commit}-changed") } else { commit })
}
