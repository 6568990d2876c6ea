//! Whole processes that score one file: `earworm score`, and the same done in Python by libraries
//! made for it (librosa, onnxruntime). Runs alternate, so that both see the same machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::line::Line;
use super::measure::{Run, Spread, run_printing};
use super::peer;
use crate::workspace::{Workspace, succeed};

/// Seconds of the song that is scored: the demo song, over and over.
const SONG_SECONDS: u32 = 180;
/// The model built into `earworm`.
const MODEL: &str = "models/emotify-lstm/model.onnx";
/// Most points that scores may lie apart: both do the same with the same frames, but decoders and
/// resamplers round in ways of their own.
const TOLERANCE: f64 = 0.1;
/// Most memory that `earworm score` is to take, in MB.
const MOST_MEMORY_MB: f64 = 150.0;

/// What either side prints of the file.
#[derive(Deserialize)]
struct Printed {
    score: f64,
}

/// A run, and the score it came to.
struct Turn {
    run: Run,
    score: f64,
}

/// All runs of both.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    /// Seconds by the clock of both, turn by turn.
    turns: [Vec<f64>; 2],
    /// Scores of both, turn by turn.
    scores: [Vec<f64>; 2],
    /// Most memory that `earworm score` had in use, turn by turn, in MB.
    earworm_mb: Vec<f64>,
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
    let python = peer::python(workspace, "pybench", "requirements.txt")?;
    let song = make_song(workspace, &python)?;
    let program = workspace.release_program("earworm")?;

    let earworm = || {
        let mut command = Command::new(&program);
        command.args(["score", "--json", "--model"]).arg(&model).arg(&song);
        command
    };
    let script = peer::script(workspace, "score_peer.py");
    let peer = || {
        let mut command = Command::new(&python);
        command.arg(&script).arg(&model).arg(&song);
        command
    };
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for nth in 0..=runs {
        let (of_earworm, of_peer) = (Turn::of(&mut earworm())?, Turn::of(&mut peer())?);
        let label = if nth == 0 { "warm-up".into() } else { format!("run {nth}/{runs}") };
        let seconds = [&of_earworm, &of_peer].map(|turn| turn.run.wall_s);
        eprintln!("{label}: earworm {:.3} s, Python {:.3} s", seconds[0], seconds[1]);
        if nth > 0 {
            a.push(of_earworm);
            b.push(of_peer);
        }
    }
    Ok(Comparison::new(&a, &b))
}

/// The demo song, looped, as an mp3.
fn make_song(workspace: &Workspace, python: &Path) -> Result<PathBuf> {
    let folder = workspace.target.join("bench");
    std::fs::create_dir_all(&folder)?;
    let song = folder.join("song.mp3");
    let mut make = Command::new(python);
    make.arg(peer::script(workspace, "make_song.py")).arg(workspace.demo());
    succeed(make.arg(SONG_SECONDS.to_string()).arg(&song))
        .context("cannot make the song to score")?;
    Ok(song)
}

impl Turn {
    fn of(command: &mut Command) -> Result<Self> {
        let (run, printed) = run_printing(command)?;
        let Printed { score } = peer::last_line_of(printed)?;
        Ok(Self { run, score })
    }
}

impl Measured {
    fn of(turns: &[Turn]) -> Self {
        let spread = |value: fn(&Run) -> f64| Spread::of(turns.iter().map(|turn| value(&turn.run)));
        Self {
            wall_s: spread(|run| run.wall_s),
            cpu_s: spread(|run| run.cpu_s),
            peak_mib: spread(|run| run.peak_mib),
        }
    }
}

impl Comparison {
    fn new(earworm: &[Turn], python: &[Turn]) -> Self {
        let (a, b) = (Measured::of(earworm), Measured::of(python));
        let ratio = Ratio {
            wall: b.wall_s.median / a.wall_s.median,
            cpu: b.cpu_s.median / a.cpu_s.median,
            peak: b.peak_mib.median / a.peak_mib.median,
        };
        let runs = u32::try_from(earworm.len()).expect("as many as were asked for");
        let of_both = |value: fn(&Turn) -> f64| {
            [earworm, python].map(|turns| turns.iter().map(value).collect::<Vec<_>>())
        };
        let mib = f64::from(1 << 20);
        Self {
            turns: of_both(|turn| turn.run.wall_s),
            scores: of_both(|turn| turn.score),
            earworm_mb: earworm.iter().map(|turn| turn.run.peak_mib * mib / 1e6).collect(),
            song_seconds: SONG_SECONDS,
            runs,
            earworm: a,
            python: b,
            ratio,
        }
    }

    /// Its lines on the page: time beside the peer, memory beside the limit.
    pub(super) fn lines(&self) -> Vec<Line> {
        let what = format!("a cold process that scores an mp3 of {} s", self.song_seconds);
        let [ours, theirs] = &self.turns;
        let peer = "Python (librosa, onnxruntime)";
        let mut time = Line::in_turn(&what, peer, "s", ours, theirs).goal(10.0);
        time.void = self.difference();
        let limit = vec![MOST_MEMORY_MB; self.earworm_mb.len()];
        let what = format!("{what}: most memory");
        vec![time, Line::in_turn(what, "the limit", "MB", &self.earworm_mb, &limit).goal(1.0)]
    }

    /// What makes the comparison void: scores too far apart in some turn.
    fn difference(&self) -> Option<String> {
        let [ours, theirs] = &self.scores;
        let (a, b) = ours.iter().zip(theirs).find(|(a, b)| (*a - *b).abs() > TOLERANCE)?;
        Some(format!("scores differ: {a:.2} and {b:.2}"))
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

    fn turn(wall_s: f64, score: f64) -> Turn {
        let run = Run { wall_s, cpu_s: 2.0 * wall_s, peak_mib: 100.0 * wall_s };
        Turn { run, score }
    }

    #[test]
    fn scores_that_differ_make_the_time_void_and_memory_has_a_limit() {
        let lines = |wall_s: f64, theirs: f64| {
            Comparison::new(&[turn(wall_s, 57.0)], &[turn(20.0 * wall_s, theirs)]).lines()
        };
        let found = lines(1.0, 57.05);
        let [time, memory] = &found[..] else { panic!("two lines") };
        assert_eq!((time.is_met(), memory.is_met()), (Some(true), Some(true)));
        assert!((memory.ours - 104.8576).abs() < 1e-9, "100 MiB, {memory:?}");
        let found = lines(1.5, 58.0);
        let [time, memory] = &found[..] else { panic!("two lines") };
        assert_eq!(time.void.as_deref(), Some("scores differ: 57.00 and 58.00"));
        assert_eq!(memory.is_met(), Some(false), "157 MB");
    }

    #[cfg(unix)]
    #[test]
    fn a_run_without_a_score_is_none() {
        let said = |json: &str| Turn::of(Command::new("echo").arg(json)).map(|turn| turn.score);
        assert_eq!(said(r#"{"file": "a.mp3", "score": 57.5}"#).unwrap(), 57.5);
        assert!(said(r#"{"file": "a.mp3", "score": null}"#).is_err());
    }

    #[test]
    fn the_table_compares_medians() {
        let comparison = Comparison::new(
            &[turn(0.5, 57.0), turn(0.4, 57.0), turn(0.9, 57.0)],
            &[turn(5.0, 57.0), turn(4.0, 57.0)],
        );
        let text = comparison.to_markdown();
        let row = "| wall time, s | 0.500 (0.400 to 0.900) | 4.500 (4.000 to 5.000) | 9.0 |\n";
        assert!(text.contains(row), "{text}");
        assert!(text.contains("is 360 times faster than sound, Python 40 times"), "{text}");
    }
}
