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
/// Most that losses of the first turn's steps may differ in. Weights and frames are the same; the second
/// step's loss, which lies 7e-4 below the first's, shows that both went back through the network and learnt.
/// Later steps drift apart, as PyTorch has two biases where one does.
const TOLERANCE: f64 = 5e-5;
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
    /// Losses of both in the turn to warm up.
    losses: [Vec<f64>; 2],
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
        let (mut times, mut losses) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
        for turn in 0..=turns {
            for (at, peer) in peers.iter_mut().enumerate() {
                let steps = peer.steps(STEPS_A_TURN)?;
                if turn > 0 {
                    times[at].extend(steps.iter().map(|step| step.ms));
                } else {
                    losses[at].extend(steps.iter().map(|step| step.loss));
                }
            }
        }
        for peer in peers {
            peer.end()?;
        }
        let row = Row::new(on, frames, times, losses);
        eprintln!("{}: {:.2} times as fast as PyTorch", row.on, row.ratio);
        rows.push(row);
    }
    Ok(Comparison { batch: BATCH, turns, rows })
}

/// What a process says of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    ms: f64,
    loss: f64,
}

impl Step {
    /// From `MS/LOSS`.
    fn read(text: &str) -> Option<Self> {
        let (ms, loss) = text.split_once('/')?;
        Some(Self { ms: ms.parse().ok()?, loss: loss.parse().ok()? })
    }
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

    /// Asks for some steps.
    fn steps(&mut self, count: usize) -> Result<Vec<Step>> {
        writeln!(self.questions, "{count}")?;
        self.questions.flush()?;
        let answer = self.answer()?;
        let steps: Option<Vec<Step>> = answer.split_whitespace().map(Step::read).collect();
        let steps = steps.filter(|steps| steps.len() == count);
        steps.with_context(|| format!("{} says {answer:?}", self.name))
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
    fn new(on: String, frames: u32, steps: [Vec<f64>; 2], losses: [Vec<f64>; 2]) -> Self {
        let [earworm_ms, pytorch_ms] =
            steps.each_ref().map(|times| Spread::of(times.iter().copied()));
        Self {
            on,
            frames,
            steps,
            losses,
            earworm_ms,
            pytorch_ms,
            ratio: pytorch_ms.median / earworm_ms.median,
            ratio_of_minima: pytorch_ms.min / earworm_ms.min,
        }
    }

    /// What makes its comparison void: losses of the first turn too far apart.
    fn difference(&self) -> Option<String> {
        let [ours, theirs] = &self.losses;
        let fits = |(a, b): (&f64, &f64)| (a - b).abs() <= TOLERANCE;
        let fit = ours.len() == theirs.len() && ours.iter().zip(theirs).all(fits);
        (!fit).then(|| format!("losses differ: {ours:.6?} and {theirs:.6?}"))
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
            let line = Line::in_turn(what, peer, "ms", ours, theirs).goal(goal);
            Line { void: row.difference(), ..line }
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

    fn comparison(losses: [Vec<f64>; 2]) -> Comparison {
        let steps = [vec![400.0, 300.0, 500.0], vec![600.0, 610.0, 590.0]];
        let rows = vec![Row::new("1 thread".into(), 646, steps, losses)];
        Comparison { batch: 32, turns: 1, rows }
    }

    #[test]
    fn steps_that_learn_something_else_are_void() {
        let void = |ours: [f64; 2], theirs: &[f64]| {
            comparison([ours.to_vec(), theirs.to_vec()]).lines().remove(0).void
        };
        assert_eq!(void([0.693_18, 0.692_47], &[0.693_18, 0.692_48]), None);
        // The first step is the same, but one of them did not learn from it.
        let stuck = void([0.693_18, 0.692_47], &[0.693_18, 0.693_18]);
        assert!(stuck.is_some_and(|void| void.contains("0.692470")));
        assert!(void([0.693_18, f64::NAN], &[0.693_18, f64::NAN]).is_some());
        assert!(void([0.693_18, 0.692_47], &[0.693_18]).is_some());
    }

    #[test]
    fn the_table_has_a_row_for_each_number_of_threads() {
        let comparison = comparison([vec![0.69318, 0.69247], vec![0.69318, 0.69247]]);
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
        let mut good = peer("echo ready; while read n; do echo 1.5/0.7 2.5/0.6; done").unwrap();
        let steps = [Step { ms: 1.5, loss: 0.7 }, Step { ms: 2.5, loss: 0.6 }];
        assert_eq!(good.steps(2).unwrap(), steps);
        assert!(good.steps(3).is_err(), "it gives two");
        good.end().unwrap();
        assert!(peer("echo no").is_err());
        assert!(peer("true").is_err());
        assert!(peer("echo ready; read n; echo x").unwrap().steps(1).is_err());
        assert!(peer("echo ready; read n; echo 1.5").unwrap().steps(1).is_err(), "no loss");
        assert!(peer("echo ready; exit 3").unwrap().end().is_err());
    }
}
