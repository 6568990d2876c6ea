//! Models of rows beside scikit-learn's: the same rows, one thread each, in turn.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::line::Line;
use super::peer::{self, last_line};
use crate::workspace::Workspace;

/// Most that shares of right answers may differ: libraries break ties and end their searches in ways of their
/// own.
const TOLERANCE: f64 = 0.01;

/// What either side prints.
#[derive(Debug, Serialize, Deserialize)]
struct Printed {
    models: BTreeMap<String, Fitted>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Fitted {
    seconds: f64,
    accuracy: f64,
}

/// All runs of both.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    earworm: Vec<Printed>,
    scikit_learn: Vec<Printed>,
}

/// Lets both measure `runs` times, A B A B.
pub(super) fn measure(workspace: &Workspace, runs: u32) -> Result<Comparison> {
    let python = peer::python(workspace, "pytables", "tables-requirements.txt")?;
    let script = peer::script(workspace, "tables_peer.py");
    let program = workspace.bench_program("tables")?;
    let (mut earworm, mut scikit_learn) = (Vec::new(), Vec::new());
    for nth in 1..=runs {
        earworm.push(last_line(Command::new(&program).env("RAYON_NUM_THREADS", "1"))?);
        scikit_learn.push(last_line(Command::new(&python).arg(&script))?);
        eprintln!("tables, run {nth}/{runs}");
    }
    Ok(Comparison { earworm, scikit_learn })
}

impl Comparison {
    /// A line for each model.
    ///
    /// # Errors
    /// When a side left a model out.
    pub(super) fn lines(&self) -> Result<Vec<Line>> {
        self.earworm[0].models.keys().map(|model| self.line(model)).collect()
    }

    fn line(&self, model: &str) -> Result<Line> {
        let of = |runs: &[Printed]| -> Result<(Vec<f64>, f64)> {
            let fitted = runs.iter().map(|run| run.models.get(model));
            let fitted: Vec<&Fitted> =
                fitted.collect::<Option<_>>().with_context(|| format!("a side has no {model}"))?;
            Ok((fitted.iter().map(|f| 1e3 * f.seconds).collect(), fitted[0].accuracy))
        };
        let ((ours, a), (theirs, b)) = (of(&self.earworm)?, of(&self.scikit_learn)?);
        let what = format!("{model}: 3000 rows of 19 learnt and judged");
        let mut line = Line::in_turn(what, "scikit-learn", "ms", &ours, &theirs);
        line.void =
            ((a - b).abs() > TOLERANCE).then(|| format!("{a:.3} are right here, {b:.3} there"));
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(accuracy: f64) -> Vec<Printed> {
        let fitted = Fitted { seconds: 0.5, accuracy };
        vec![Printed { models: BTreeMap::from([("tree".to_owned(), fitted)]) }]
    }

    #[test]
    fn models_that_learn_something_else_are_void() {
        let line = |a, b| {
            let comparison = Comparison { earworm: printed(a), scikit_learn: printed(b) };
            comparison.lines().unwrap().remove(0)
        };
        assert!(line(0.8, 0.805).void.is_none());
        assert!(line(0.8, 0.82).void.is_some_and(|void| void.contains("0.820")));
        let nothing = vec![Printed { models: BTreeMap::new() }];
        assert!(Comparison { earworm: printed(0.8), scikit_learn: nothing }.lines().is_err());
    }
}
