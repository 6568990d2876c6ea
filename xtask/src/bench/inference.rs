//! The network alone beside onnxruntime, in every shape that lanes and chunks give it: one thread each, in
//! turn.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::line::Line;
use super::measure::Spread;
use super::peer::{self, last_line};
use crate::workspace::Workspace;

const MODEL: &str = "models/emotify-lstm/model.onnx";
/// Most that outputs may differ in: logits and shares.
const TOLERANCE: f64 = 1e-4;

/// Microseconds: the least and the median of many calls.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Times {
    least: f64,
    median: f64,
}

/// So many lanes taking so many frames a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Shape {
    lanes: usize,
    frames: usize,
    /// A frame of all lanes.
    us: Times,
    outputs: Vec<f64>,
}

/// What either side prints.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Printed {
    shapes: Vec<Shape>,
    /// The recurrent layers' weights, and how long it takes to read them once.
    #[serde(default)]
    weights_bytes: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    read_us: Option<Times>,
}

/// All runs of both.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    earworm: Vec<Printed>,
    onnxruntime: Vec<Printed>,
}

/// Lets both measure `runs` times, A B A B.
pub(super) fn measure(workspace: &Workspace, runs: u32) -> Result<Comparison> {
    let python = peer::python(workspace, "pybench", "requirements.txt")?;
    let program = workspace.bench_program("inference")?;
    let (mut earworm, mut onnxruntime) = (Vec::new(), Vec::new());
    for nth in 1..=runs {
        earworm.push(last_line(&mut Command::new(&program))?);
        let mut theirs = Command::new(&python);
        theirs.arg(peer::script(workspace, "inference_peer.py")).arg(workspace.root.join(MODEL));
        onnxruntime.push(last_line(&mut theirs)?);
        eprintln!("inference, run {nth}/{runs}");
    }
    let comparison = Comparison { earworm, onnxruntime };
    ensure!(comparison.earworm[0].read_us.is_some(), "the benchmark prints no time of reading");
    Ok(comparison)
}

impl Comparison {
    /// A line for each shape.
    pub(super) fn lines(&self) -> Result<Vec<Line>> {
        let ours = by_shape(&self.earworm);
        let theirs = by_shape(&self.onnxruntime);
        ours.iter()
            .map(|(shape, a)| {
                let b = theirs.get(shape).with_context(|| format!("the peer has no {shape:?}"))?;
                let times = |shapes: &[&Shape]| -> Vec<f64> {
                    shapes.iter().map(|shape| shape.us.median).collect()
                };
                let (lanes, frames) = shape;
                let what = format!("model: {lanes} lanes, {frames} frames a call, a frame");
                let mut line =
                    Line::in_turn(what, "onnxruntime", "µs", &times(a), &times(b)).goal(1.0);
                let apart = a[0].outputs.iter().zip(&b[0].outputs).map(|(a, b)| (a - b).abs());
                let apart = apart.fold(0.0, f64::max);
                let fits = a[0].outputs.len() == b[0].outputs.len() && apart <= TOLERANCE;
                line.void = (!fits).then(|| format!("outputs differ by {apart:.1e}"));
                Ok(line)
            })
            .collect()
    }

    /// What stands below the lines: the limit.
    pub(super) fn limit(&self) -> String {
        let reads = self.earworm.iter().filter_map(|run| run.read_us).map(|us| us.median);
        let read = Spread::of(reads).median;
        format!(
            "Reading the {} kB of recurrent weights once takes {read:.1} µs here: no call can take less.",
            self.earworm[0].weights_bytes / 1000,
        )
    }
}

/// The runs of each shape, in order.
fn by_shape(runs: &[Printed]) -> BTreeMap<(usize, usize), Vec<&Shape>> {
    let mut found = BTreeMap::<_, Vec<_>>::new();
    for shape in runs.iter().flat_map(|run| &run.shapes) {
        found.entry((shape.lanes, shape.frames)).or_default().push(shape);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(median: f64, output: f64) -> Printed {
        let us = Times { least: median, median };
        let shape = Shape { lanes: 4, frames: 2, us, outputs: vec![output, 0.5] };
        Printed { shapes: vec![shape], weights_bytes: 4000, read_us: Some(us) }
    }

    #[test]
    fn shapes_are_compared_and_differing_outputs_make_them_void() {
        let mut comparison = Comparison {
            earworm: vec![printed(10.0, 1.0), printed(20.0, 1.0)],
            onnxruntime: vec![printed(30.0, 1.00005), printed(30.0, 1.00005)],
        };
        let lines = comparison.lines().unwrap();
        assert_eq!(lines[0].is_met(), Some(true));
        assert_eq!((lines[0].ratio.min, lines[0].ratio.max), (1.5, 3.0));
        assert!(comparison.limit().contains("4 kB") && comparison.limit().contains("15.0 µs"));
        comparison.onnxruntime[0] = printed(30.0, 1.1);
        assert!(comparison.lines().unwrap()[0].void.is_some());
        comparison.onnxruntime.iter_mut().for_each(|run| run.shapes.clear());
        assert!(comparison.lines().is_err());
    }
}
