//! Whole processes that score one file: `earworm score`, and the same done in Python by libraries
//! made for it (librosa, onnxruntime). Runs alternate, so that both see the same machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::line::Line;
use super::measure::{Run, Spread, run};
use crate::venv;
use crate::workspace::{Workspace, succeed};

/// Seconds of the song that is scored: the demo song, over and over.
const SONG_SECONDS: u32 = 180;
/// The model built into `earworm`.
const MODEL: &str = "models/emotify-lstm/model.onnx";

/// All runs of both.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    /// Seconds by the clock of both, turn by turn.
    turns: [Vec<f64>; 2],
    song_seconds: u32,
    runs: u32,
    earworm: Measured,
    python: Measured,
    /// How many times the median of `python` is that of `earworm`.
    ratio: Ratio,
}

#[derive(Debug, Serialize)]
struct Measured {
    wall_s: Spread,
    cpu_s: Spread,
    peak_mib: Spread,
}

#[derive(Debug, Serialize)]
struct Ratio {
    wall: f64,
    cpu: f64,
    peak: f64,
}

/// Makes the song, then lets both score it `runs` times, A B A B, after one run each to warm up.
pub(super) fn measure(workspace: &Workspace, runs: u32) -> Result<Comparison> {
    let model = workspace.root.join(MODEL);
    let size = std::fs::metadata(&model).map_or(0, |meta| meta.len());
    ensure!(size > 0, "{MODEL} is missing or empty: there is no model to compare with");
    let scripts = workspace.root.join("xtask/bench");
    let python =
        venv::ensure(&workspace.target.join("pybench"), &scripts.join("requirements.txt"))?;
    let song = make_song(workspace, &scripts, &python)?;
    let program = workspace.release_program("earworm")?;

    let earworm = || {
        let mut command = Command::new(&program);
        command.arg("score").arg("--model").arg(&model).arg(&song);
        command
    };
    let peer = || {
        let mut command = Command::new(&python);
        command.arg(scripts.join("score_peer.py")).arg(&model).arg(&song);
        command
    };
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for nth in 0..=runs {
        let (of_earworm, of_peer) = (run(&mut earworm())?, run(&mut peer())?);
        let label = if nth == 0 { "warm-up".into() } else { format!("run {nth}/{runs}") };
        eprintln!("{label}: earworm {:.3} s, Python {:.3} s", of_earworm.wall_s, of_peer.wall_s);
        if nth > 0 {
            a.push(of_earworm);
            b.push(of_peer);
        }
    }
    Ok(Comparison::new(&a, &b))
}

/// The demo song, looped, as an mp3.
fn make_song(workspace: &Workspace, scripts: &Path, python: &Path) -> Result<PathBuf> {
    let folder = workspace.target.join("bench");
    std::fs::create_dir_all(&folder)?;
    let song = folder.join("song.mp3");
    let mut make = Command::new(python);
    make.arg(scripts.join("make_song.py")).arg(workspace.demo()).arg(SONG_SECONDS.to_string());
    succeed(make.arg(&song)).context("cannot make the song to score")?;
    Ok(song)
}

impl Measured {
    fn of(runs: &[Run]) -> Self {
        Self {
            wall_s: Spread::of(runs.iter().map(|run| run.wall_s)),
            cpu_s: Spread::of(runs.iter().map(|run| run.cpu_s)),
            peak_mib: Spread::of(runs.iter().map(|run| run.peak_mib)),
        }
    }
}

impl Comparison {
    fn new(earworm: &[Run], python: &[Run]) -> Self {
        let (a, b) = (Measured::of(earworm), Measured::of(python));
        let ratio = Ratio {
            wall: b.wall_s.median / a.wall_s.median,
            cpu: b.cpu_s.median / a.cpu_s.median,
            peak: b.peak_mib.median / a.peak_mib.median,
        };
        let runs = u32::try_from(earworm.len()).expect("as many as were asked for");
        let turns = [earworm, python].map(|runs| runs.iter().map(|run| run.wall_s).collect());
        Self { turns, song_seconds: SONG_SECONDS, runs, earworm: a, python: b, ratio }
    }

    /// Its line on the page.
    pub(super) fn lines(&self) -> Vec<Line> {
        let what = format!("a cold process that scores an mp3 of {} s", self.song_seconds);
        let [ours, theirs] = &self.turns;
        vec![Line::in_turn(what, "Python (librosa, onnxruntime)", "s", ours, theirs).goal(10.0)]
    }

    /// The table for people.
    pub(super) fn to_markdown(&self) -> String {
        let Self { song_seconds, runs, earworm, python, ratio, .. } = self;
        let mut text = format!(
            "Scoring one mp3 of {song_seconds} s from start to end of the process, {runs} runs each in \
             turn, median (min to max). Python is librosa and onnxruntime on one thread.\n\n\
             | | `earworm score` | Python | ratio |\n| --- | ---: | ---: | ---: |\n"
        );
        let mut row = |what: &str, digits, a: Spread, b: Spread, ratio: f64| {
            let spread = |s: Spread| {
                format!("{:.digits$} ({:.digits$} to {:.digits$})", s.median, s.min, s.max)
            };
            text += &format!("| {what} | {} | {} | {ratio:.1} |\n", spread(a), spread(b));
        };
        row("wall time, s", 3, earworm.wall_s, python.wall_s, ratio.wall);
        row("processor time, s", 3, earworm.cpu_s, python.cpu_s, ratio.cpu);
        row("peak memory, MiB", 0, earworm.peak_mib, python.peak_mib, ratio.peak);
        text += &format!(
            "\nBy the clock, `earworm score` is {:.0} times faster than sound, Python {:.0} times.\n",
            f64::from(*song_seconds) / earworm.wall_s.median,
            f64::from(*song_seconds) / python.wall_s.median,
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_compares_medians() {
        let run = |wall_s| Run { wall_s, cpu_s: 2.0 * wall_s, peak_mib: 100.0 * wall_s };
        let comparison = Comparison::new(&[run(0.5), run(0.4), run(0.9)], &[run(5.0), run(4.0)]);
        let text = comparison.to_markdown();
        let row = "| wall time, s | 0.500 (0.400 to 0.900) | 4.500 (4.000 to 5.000) | 9.0 |\n";
        assert!(text.contains(row), "{text}");
        assert!(text.contains("is 360 times faster than sound, Python 40 times"), "{text}");
    }
}
