//! `compare`: runs beside each other, with tests on the songs that all of them judged.

mod html;
pub(crate) mod paired;
mod show;
pub(crate) mod song_by_song;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use crate::evaluate::{Evaluation, Figure, Measured, Songs, measure};
use crate::files;
use crate::run::{Run, Task};

pub use paired::{Test, TestKind};
pub use song_by_song::{NormalDraws, SongBySong};

/// Draws behind the paired tests.
pub const DRAWS: usize = 4000;

/// Which run the others are held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Against {
    /// The first that was named.
    #[default]
    First,
    /// The one with the best first figure. It was chosen for being lucky as well as good, so its
    /// advantage is a little overstated.
    Best,
}

/// One of the runs.
#[derive(Debug)]
pub struct Compared {
    /// Its folder.
    pub folder: PathBuf,
    /// What it is called: its folder's name, or the whole folder where names are not distinct.
    pub label: String,
    /// What was measured.
    pub evaluation: Evaluation,
}

/// Runs beside each other.
#[derive(Debug)]
pub struct Comparison {
    /// The runs, in the order they were named.
    pub runs: Vec<Compared>,
    /// Index of the run that the others are held against.
    pub reference: usize,
    /// Each other run against that one, figure by figure.
    pub tests: Vec<Test>,
    /// Each run against always naming the majority class; empty for regressions and shares.
    pub majority_tests: Vec<Test>,
    /// On how many songs each other run is closer to the truth; empty for classes.
    pub song_by_song: Vec<SongBySong>,
    /// What draws from a normal distribution would get; regressions only.
    pub normal_draws: Option<NormalDraws>,
    /// What it comes to, in sentences.
    pub findings: Vec<String>,
}

impl Comparison {
    /// What the runs predict.
    pub fn task(&self) -> Task {
        self.runs[0].evaluation.task
    }

    /// Names and scopes of the figures that the table shows.
    pub(crate) fn columns(&self) -> Vec<(&'static str, &'static str)> {
        let columns: &[(&str, &str)] = match self.task() {
            Task::Share => {
                &[("auc", "all"), ("spearman", "all"), ("auc", "within genre"), ("accuracy", "all")]
            }
            Task::Binary | Task::Classes => &[
                ("accuracy", "all"),
                ("balanced accuracy", "all"),
                ("auc", "all"),
                ("macro f1", "all"),
            ],
            Task::Regression => &[("spearman", "all"), ("r2", "all"), ("mae", "all")],
        };
        let there = |&(name, scope): &(&str, &str)| {
            self.runs.iter().any(|run| figure(&run.evaluation, name, scope).is_some())
        };
        columns.iter().copied().filter(there).collect()
    }
}

/// A figure by its name and scope.
pub(crate) fn figure<'a>(
    evaluation: &'a Evaluation,
    name: &str,
    scope: &str,
) -> Option<&'a Figure> {
    evaluation.figures.iter().find(|f| f.name == name && f.scope == scope)
}

/// Reads and measures runs and holds them against each other.
///
/// # Errors
/// When a run is not complete, or the runs judged other songs, split them differently or predict other
/// things; the message says which and where.
pub fn compare(folders: &[PathBuf], against: Against) -> Result<Comparison> {
    compare_with(folders, against, None)
}

/// [`compare`] with mean and deviation of the normal distribution whose draws are the baseline of
/// regressions; without, they are those of the songs that models learnt from.
///
/// # Errors
/// As [`compare`].
pub fn compare_with(
    folders: &[PathBuf],
    against: Against,
    normal: Option<(f64, f64)>,
) -> Result<Comparison> {
    ensure!(folders.len() >= 2, "a comparison needs at least two runs");
    let measured: Vec<Measured> =
        folders.iter().map(|folder| measure(folder, None)).collect::<Result<_>>()?;
    let labels = labels(folders);
    for (other, label) in measured.iter().zip(&labels).skip(1) {
        same_songs(&measured[0].run, &labels[0], &other.run, label)?;
    }
    let better = |a: &Measured, b: &Measured| -> bool {
        match (a.evaluation.figures.first(), b.evaluation.figures.first()) {
            (Some(a), Some(b)) if a.higher_is_better => a.value > b.value,
            (Some(a), Some(b)) => a.value < b.value,
            _ => false,
        }
    };
    let reference = match against {
        Against::First => 0,
        Against::Best => (1..measured.len())
            .fold(0, |best, i| if better(&measured[i], &measured[best]) { i } else { best }),
    };
    let songs: Vec<&Songs> = measured.iter().map(|m| &m.songs).collect();
    let aligned = aligned(&songs);
    let tests = paired::tests(&songs, &aligned, reference, DRAWS, measured[0].notes.seed);
    let majority_tests = paired::against_majority(&songs);
    let song_by_song = song_by_song::song_by_song(&songs, &aligned, reference);
    let normal_draws = song_by_song::normal_draws(songs[0], normal);
    let runs: Vec<Compared> = measured
        .into_iter()
        .zip(folders)
        .zip(labels)
        .map(|((measured, folder), label)| Compared {
            folder: folder.clone(),
            label,
            evaluation: measured.evaluation,
        })
        .collect();
    let mut comparison = Comparison {
        runs,
        reference,
        tests,
        majority_tests,
        song_by_song,
        normal_draws,
        findings: Vec::new(),
    };
    comparison.findings = show::findings(&comparison);
    Ok(comparison)
}

/// Writes the table as CSV, one row a run.
///
/// # Errors
/// When the file cannot be written.
pub fn write_csv(comparison: &Comparison, path: &Path) -> Result<()> {
    files::write_bytes(path, show::csv(comparison)?)
}

/// Writes the comparison as one self-contained HTML page.
///
/// # Errors
/// When the file cannot be written.
pub fn write_html(comparison: &Comparison, path: &Path) -> Result<()> {
    files::write_bytes(path, html::html(comparison))
}

fn labels(folders: &[PathBuf]) -> Vec<String> {
    let short = |folder: &PathBuf| {
        let name = folder.file_name().unwrap_or(folder.as_os_str());
        name.to_string_lossy().into_owned()
    };
    let mut count: HashMap<String, usize> = HashMap::new();
    folders.iter().for_each(|folder| *count.entry(short(folder)).or_default() += 1);
    folders
        .iter()
        .map(|folder| match count[&short(folder)] {
            1 => short(folder),
            _ => folder.display().to_string(),
        })
        .collect()
}

/// Checks that two runs can be compared song by song.
fn same_songs(first: &Run, first_label: &str, other: &Run, label: &str) -> Result<()> {
    ensure!(
        first.info.task == other.info.task && first.info.score == other.info.score,
        "{label} predicts {:?} ({:?}), {first_label} {:?} ({:?}): only runs that predict the same can be compared",
        other.info.score,
        other.info.task,
        first.info.score,
        first.info.task
    );
    let by_id = |run: &Run| -> BTreeMap<String, (String, f64, f64)> {
        run.songs()
            .map(|(part, row)| {
                (row.track_id.clone(), (run.info.parts[part].clone(), row.truth, row.target))
            })
            .collect()
    };
    let (ours, theirs) = (by_id(first), by_id(other));
    let only = |a: &BTreeMap<String, _>, b: &BTreeMap<String, _>| -> Vec<String> {
        a.keys().filter(|id| !b.contains_key(*id)).cloned().collect()
    };
    for (judge, missing, lacking) in
        [(first_label, only(&ours, &theirs), label), (label, only(&theirs, &ours), first_label)]
    {
        if let Some(id) = missing.first() {
            bail!(
                "{judge} judged {} songs that {lacking} did not, such as track {id}: runs can only be compared on the same songs",
                missing.len()
            );
        }
    }
    for (id, (part, truth, target)) in &ours {
        let (their_part, their_truth, their_target) = &theirs[id];
        if first.info.split != other.info.split || part != their_part {
            bail!(
                "track {id} is in {part} of {first_label} but in {their_part} of {label}: the runs split the songs differently; give them the same split and seed"
            );
        }
        // Targets of shares are smoothed by sums whose last digit may differ.
        let same = truth == their_truth && (target - their_target).abs() < 1e-6;
        ensure!(
            same || (truth == their_truth && first.info.task != Task::Share),
            "track {id} has truth {truth} in {first_label} but {their_truth} in {label}: the runs learnt different labels"
        );
    }
    Ok(())
}

/// For each run and each song of the first: the song's index in that run.
pub(crate) fn aligned(songs: &[&Songs]) -> Vec<Vec<usize>> {
    songs
        .iter()
        .map(|run| {
            let index: HashMap<&str, usize> =
                run.ids.iter().enumerate().map(|(i, id)| (id.as_str(), i)).collect();
            songs[0].ids.iter().filter_map(|id| index.get(id.as_str()).copied()).collect()
        })
        .collect()
}
