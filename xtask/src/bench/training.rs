//! Training steps of an LSTM, ours and PyTorch's: two processes that take turns step by step, so that
//! both see the same machine.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::line::Line;
use super::measure::Spread;
use super::peer;
use crate::workspace::{Workspace, shown};

/// Steps of each sequence and sequences of a step: the crops that the default recipe trains on.
const FRAMES: u32 = 646;
/// Steps of each sequence on a GPU: those that seed system A was trained on.
const FRAMES_ON_GPU: u32 = 2206;
const BATCH: u32 = 32;
/// Steps that one does before it is the other's turn.
const STEPS_A_TURN: usize = 2;
/// Numbers of threads, as far as there are cores.
const THREADS: [usize; 2] = [1, 2];

/// Both, on each number of threads, or on a GPU.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    batch: u32,
    turns: u32,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    /// `1 thread`, or the name of a GPU's device.
    on: String,
    frames: u32,
    earworm_ms: Spread,
    pytorch_ms: Spread,
    /// Each step of both.
    steps: [Vec<f64>; 2],
    /// How many times PyTorch's median is ours.
    ratio: f64,
    /// The same of the minima, which others on the machine disturb least.
    ratio_of_minima: f64,
}

/// Lets both take `turns` turns, after one to warm up: on each number of threads, or on `device`, a GPU.
pub(super) fn measure(
    workspace: &Workspace,
    turns: u32,
    device: Option<&str>,
) -> Result<Comparison> {
    let python = peer::python(workspace, "pytrain", "requirements-training.txt")?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut plans = Vec::new();
    let program = match device {
        Some(device) => {
            plans.push((device.to_owned(), cores, FRAMES_ON_GPU));
            workspace.bench_program_on_gpu("training")?
        }
        None => {
            for threads in THREADS.into_iter().filter(|&threads| threads <= cores) {
                let plural = if threads == 1 { "" } else { "s" };
                plans.push((format!("{threads} thread{plural}"), threads, FRAMES));
            }
            workspace.bench_program("training")?
        }
    };
    let mut rows = Vec::new();
    for (on, threads, frames) in plans {
        let mut sizes = vec![frames.to_string(), BATCH.to_string()];
        sizes.extend(device.map(str::to_owned));
        let mut ours = Command::new(&program);
        ours.args(&sizes);
        let mut theirs = Command::new(&python);
        theirs.arg(peer::script(workspace, "train_peer.py")).arg(threads.to_string()).args(&sizes);
        let mut peers = [Peer::start(ours, threads)?, Peer::start(theirs, threads)?];
        let mut times = [Vec::new(), Vec::new()];
        for turn in 0..=turns {
            for (peer, times) in peers.iter_mut().zip(&mut times) {
                let turn_times = peer.steps(STEPS_A_TURN)?;
                if turn > 0 {
                    times.extend(turn_times);
                }
            }
        }
        for peer in peers {
            peer.end()?;
        }
        let row = Row::new(on, frames, &times[0], &times[1]);
        eprintln!("{}: {:.2} times as fast as PyTorch", row.on, row.ratio);
        rows.push(row);
    }
    Ok(Comparison { batch: BATCH, turns, rows })
}

/// A process that makes steps when asked.
struct Peer {
    name: String,
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(mut command: Command, threads: usize) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        for variable in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"] {
            command.env(variable, threads.to_string());
        }
        let name = shown(&command);
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let questions = child.stdin.take().context("it was piped")?;
        let answers = BufReader::new(child.stdout.take().context("it was piped")?);
        let mut peer = Self { name, child, questions, answers };
        let greeting = peer.answer()?;
        ensure!(greeting.starts_with("ready"), "{} says {greeting:?}", peer.name);
        Ok(peer)
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        ensure!(line.ends_with('\n'), "{} ended early", self.name);
        Ok(line)
    }

    /// Milliseconds of each of some steps.
    fn steps(&mut self, count: usize) -> Result<Vec<f64>> {
        writeln!(self.questions, "{count}")?;
        self.questions.flush()?;
        let answer = self.answer()?;
        let times = answer
            .split_whitespace()
            .map(|time| time.parse().with_context(|| format!("{} says {answer:?}", self.name)))
            .collect::<Result<Vec<f64>>>()?;
        ensure!(times.len() == count, "{} says {answer:?}", self.name);
        Ok(times)
    }

    /// Closes its input, at which it ends.
    fn end(mut self) -> Result<()> {
        drop(self.questions);
        let status = self.child.wait()?;
        ensure!(status.success(), "{} failed ({status})", self.name);
        Ok(())
    }
}

impl Row {
    fn new(on: String, frames: u32, earworm: &[f64], pytorch: &[f64]) -> Self {
        let [earworm_ms, pytorch_ms] =
            [earworm, pytorch].map(|times| Spread::of(times.iter().copied()));
        Self {
            on,
            frames,
            steps: [earworm, pytorch].map(<[f64]>::to_vec),
            earworm_ms,
            pytorch_ms,
            ratio: pytorch_ms.median / earworm_ms.median,
            ratio_of_minima: pytorch_ms.min / earworm_ms.min,
        }
    }
}

impl Comparison {
    /// Its lines on the page.
    pub(super) fn lines(&self) -> Vec<Line> {
        let line = |row: &Row| {
            let (batch, Row { on, frames, steps: [ours, theirs], .. }) = (self.batch, row);
            let what = format!("a training step, {batch} × {frames} frames, {on}");
            let on_gpu = *frames == FRAMES_ON_GPU;
            let (peer, goal) = if on_gpu { ("cuDNN", 2.0 / 3.0) } else { ("PyTorch", 1.0) };
            Line::in_turn(what, peer, "ms", ours, theirs).goal(goal)
        };
        self.rows.iter().map(line).collect()
    }

    /// The table for people.
    pub(super) fn to_markdown(&self) -> String {
        let Self { batch, turns, rows } = self;
        let steps = *turns as usize * STEPS_A_TURN;
        let mut text = format!(
            "One training step (forward, backward, AdamW) of a 3 × 128 LSTM with a head on {batch} \
             sequences of 64 bands, f32, {steps} steps each in turn, milliseconds, median (min to max).\n\n\
             | on | frames | earworm-train | PyTorch | ratio | of minima |\n\
             | --- | ---: | ---: | ---: | ---: | ---: |\n"
        );
        for Row { on, frames, earworm_ms, pytorch_ms, ratio, ratio_of_minima, .. } in rows {
            let spread = |s: &Spread| format!("{:.0} ({:.0} to {:.0})", s.median, s.min, s.max);
            text += &format!(
                "| {on} | {frames} | {} | {} | {ratio:.2} | {ratio_of_minima:.2} |\n",
                spread(earworm_ms),
                spread(pytorch_ms)
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_each_number_of_threads() {
        let rows =
            vec![Row::new("1 thread".into(), 646, &[400.0, 300.0, 500.0], &[600.0, 610.0, 590.0])];
        let comparison = Comparison { batch: 32, turns: 1, rows };
        let text = comparison.to_markdown();
        assert!(
            text.ends_with(
                "| 1 thread | 646 | 400 (300 to 500) | 600 (590 to 610) | 1.50 | 1.97 |\n"
            ),
            "{text}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_peer_is_asked_and_what_it_says_is_checked() {
        let peer = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            Peer::start(command, 1)
        };
        let mut good = peer("echo ready; while read n; do echo 1.5 2.5; done").unwrap();
        assert_eq!(good.steps(2).unwrap(), [1.5, 2.5]);
        assert!(good.steps(3).is_err(), "it gives two");
        good.end().unwrap();
        assert!(peer("echo no").is_err());
        assert!(peer("true").is_err());
        assert!(peer("echo ready; read n; echo x").unwrap().steps(1).is_err());
        assert!(peer("echo ready; exit 3").unwrap().end().is_err());
    }
}
