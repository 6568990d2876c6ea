//! The features of whole songs beside librosa, torchaudio and pychorus: the same files, one thread
//! each, in turn, so that both see the same machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::line::Line;
use crate::venv;
use crate::workspace::{Workspace, output};

/// An interpreter that has the packages already; they are large.
const PYTHON: &str = "EARWORM_PYTHON";
/// One-minute mp3 files, where the shared data lie beside the repository.
const SONGS: &str = "../shared/data/emotify/audio";

/// What the Rust side prints, in seconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Ours {
    mel_db: f64,
    descriptors: f64,
    low_level: f64,
    both: f64,
    chorus_of_a_file: f64,
    songs: usize,
    threads: usize,
    songs_per_second: f64,
    share_of_decoding: f64,
}

/// What the Python side prints, in seconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Theirs {
    mel_db_librosa: f64,
    mel_db_torchaudio: f64,
    descriptors: f64,
    chorus_of_a_file: f64,
}

/// All runs of both, and the medians.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    files: String,
    earworm: Vec<Ours>,
    python: Vec<Theirs>,
}

/// Lets both measure `runs` times, A B A B.
pub(super) fn measure(workspace: &Workspace, runs: u32) -> Result<Comparison> {
    let scripts = workspace.root.join("xtask/bench");
    let python = match std::env::var_os(PYTHON) {
        Some(python) => PathBuf::from(python),
        None => {
            let requirements = scripts.join("features-requirements.txt");
            venv::ensure(&workspace.target.join("pybench-features"), &requirements)?
        }
    };
    let program = workspace.bench_program("features")?;
    let (files, songs) = songs(workspace, &program)?;
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for nth in 1..=runs {
        let ours: Ours = last_line(Command::new(&program).args(&songs))?;
        let peer = scripts.join("features_peer.py");
        let theirs: Theirs = last_line(Command::new(&python).arg(peer).args(&songs))?;
        eprintln!("run {nth}/{runs}: {ours:?}, {theirs:?}");
        a.push(ours);
        b.push(theirs);
    }
    Ok(Comparison { files, earworm: a, python: b })
}

/// The files to measure with, and what they are.
fn songs(workspace: &Workspace, program: &Path) -> Result<(String, Vec<PathBuf>)> {
    let folder = workspace.root.join(SONGS);
    let mut songs: Vec<PathBuf> = match std::fs::read_dir(&folder) {
        Ok(entries) => entries
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<Vec<_>>>()?
            .into_iter()
            .filter(|path| path.extension().is_some_and(|e| e == "mp3"))
            .collect(),
        Err(_) => Vec::new(),
    };
    // Genres lie next to each other; the first files, timed one by one, are to be of all of them.
    songs.sort();
    let step = songs.len().div_ceil(4).max(1);
    let mixed: Vec<_> = (0..step).flat_map(|at| songs.iter().skip(at).step_by(step)).collect();
    let songs: Vec<PathBuf> = mixed.into_iter().cloned().collect();
    if !songs.is_empty() {
        return Ok((format!("{} one-minute mp3 files of the Emotify set", songs.len()), songs));
    }
    eprintln!("{} is not there: made songs take its place", folder.display());
    let made = workspace.target.join("bench");
    std::fs::create_dir_all(&made)?;
    let listed = output(Command::new(program).arg("--make").arg(&made))?;
    let songs: Vec<_> = String::from_utf8(listed)?.lines().map(PathBuf::from).collect();
    ensure!(!songs.is_empty(), "no song was made");
    Ok((format!("{} made songs (wav)", songs.len()), songs))
}

pub(super) fn last_line<T: for<'a> Deserialize<'a>>(command: &mut Command) -> Result<T> {
    let text = String::from_utf8(output(command)?)?;
    let line = text.lines().last().context("nothing was printed")?;
    serde_json::from_str(line).with_context(|| format!("not what was to be printed: {line}"))
}

fn median<T>(runs: &[T], value: impl Fn(&T) -> f64) -> f64 {
    let mut values: Vec<f64> = runs.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0
}

impl Comparison {
    /// Its lines on the page.
    pub(super) fn lines(&self) -> Vec<Line> {
        let line = |what: &str, peer: &str, goal, a: fn(&Ours) -> f64, b: fn(&Theirs) -> f64| {
            let ours: Vec<f64> = self.earworm.iter().map(|o| 1e3 * a(o)).collect();
            let theirs: Vec<f64> = self.python.iter().map(|t| 1e3 * b(t)).collect();
            Line::in_turn(what, peer, "ms", &ours, &theirs).goal(goal)
        };
        let mel = "30 s to mel dB, 2048/512/128, one thread";
        vec![
            line(mel, "torchaudio", 2.0, |o| o.mel_db, |t| t.mel_db_torchaudio),
            line(mel, "librosa", 10.0, |o| o.mel_db, |t| t.mel_db_librosa),
            line(
                "seven descriptors of 30 s",
                "librosa",
                10.0,
                |o| o.descriptors,
                |t| t.descriptors,
            ),
            line(
                "the chorus of a file, decoding included",
                "pychorus",
                4.0,
                |o| o.chorus_of_a_file,
                |t| t.chorus_of_a_file,
            ),
        ]
    }

    /// The table for people.
    pub(super) fn to_markdown(&self) -> String {
        let Self { files, earworm, python } = self;
        let ours = |value: fn(&Ours) -> f64| median(earworm, value);
        let theirs = |value: fn(&Theirs) -> f64| median(python, value);
        let mut text = format!(
            "Features on one thread, {files}, median of {} runs in turn.\n\n\
             | | Earworm, ms | peer | ms | ratio |\n| --- | ---: | --- | ---: | ---: |\n",
            earworm.len()
        );
        let mut row = |what: &str, a: f64, peer: &str, b: f64| {
            let (a_ms, b_ms) = (a * 1e3, b * 1e3);
            text += &format!("| {what} | {a_ms:.1} | {peer} | {b_ms:.1} | {:.1} |\n", b / a);
        };
        let mel = ours(|o| o.mel_db);
        row("30 s to mel dB, 2048/512/128", mel, "librosa", theirs(|t| t.mel_db_librosa));
        row("30 s to mel dB, 2048/512/128", mel, "torchaudio", theirs(|t| t.mel_db_torchaudio));
        let descriptors = ours(|o| o.descriptors);
        row("seven descriptors of 30 s", descriptors, "librosa", theirs(|t| t.descriptors));
        let chorus = ours(|o| o.chorus_of_a_file);
        row("chorus of a file", chorus, "pychorus", theirs(|t| t.chorus_of_a_file));
        let (threads, songs) = (earworm[0].threads, earworm[0].songs);
        let decoding = 100.0 * ours(|o| o.share_of_decoding);
        text += &format!(
            "\n30 s to the low-level set take {:.1} ms, to both sets {:.1} ms. {songs} files go through \
             decoding and both sets at {:.0} a second on {threads} threads; {decoding:.0} % of that time \
             is decoding and resampling.\n",
            1e3 * ours(|o| o.low_level),
            1e3 * ours(|o| o.both),
            ours(|o| o.songs_per_second),
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_divides_medians() {
        let ours = |mel_db| Ours {
            mel_db,
            descriptors: 0.006,
            low_level: 0.01,
            both: 0.012,
            chorus_of_a_file: 0.1,
            songs: 7,
            threads: 2,
            songs_per_second: 81.0,
            share_of_decoding: 0.4,
        };
        let theirs = Theirs {
            mel_db_librosa: 0.04,
            mel_db_torchaudio: 0.02,
            descriptors: 0.3,
            chorus_of_a_file: 0.5,
        };
        let comparison = Comparison {
            files: "7 songs".into(),
            earworm: vec![ours(0.005), ours(0.02), ours(0.01)],
            python: vec![theirs; 3],
        };
        let text = comparison.to_markdown();
        assert!(text.contains("| 10.0 | torchaudio | 20.0 | 2.0 |"), "{text}");
        assert!(text.contains("| 6.0 | librosa | 300.0 | 50.0 |"), "{text}");
        assert!(text.contains("at 81 a second on 2 threads; 40 % of"), "{text}");
    }
}
