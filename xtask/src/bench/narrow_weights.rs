//! What weights of 16 or 8 bits would gain and cost.

use std::process::Command;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::features::real_songs;
use super::peer::last_line;
use crate::workspace::Workspace;

/// Songs that are scored with rounded weights.
const SONGS: usize = 32;

/// What the benchmark prints.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Narrow {
    /// Songs scored.
    files: usize,
    points: Points,
    /// Microseconds of a step's products, where the processor has AVX2.
    step_us: Option<Steps>,
}

/// How far scores move.
#[derive(Debug, Serialize, Deserialize)]
struct Points {
    f16: Moved,
    i8: Moved,
}

#[derive(Debug, Serialize, Deserialize)]
struct Moved {
    mean: f64,
    largest: f64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Steps {
    f32: f64,
    f16: f64,
    i8: f64,
}

/// Lets it measure once: accuracy does not change from run to run, and the times are for comparison with
/// each other.
pub(super) fn measure(workspace: &Workspace) -> Result<Narrow> {
    let program = workspace.bench_program("narrow_weights")?;
    let songs = real_songs(workspace)?;
    last_line(Command::new(program).args(songs.iter().take(SONGS)))
}

impl Narrow {
    /// What stands below the lines.
    pub(super) fn note(&self) -> String {
        let Points { f16, i8 } = &self.points;
        let steps = match &self.step_us {
            Some(us) => format!(
                "The products of one lane's step, by hand for AVX2: {:.1} µs with weights of 32 bits, {:.1} \
                 with 16, {:.1} with 8. ",
                us.f32, us.f16, us.i8
            ),
            None => String::new(),
        };
        format!(
            "{steps}Rounding the weights moves the scores of {} songs by {:.3} points with 16 bits (at most \
             {:.3}) and by {:.2} with 8 (at most {:.2}).",
            self.files, f16.mean, f16.largest, i8.mean, i8.largest
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_says_what_was_measured() {
        let printed = r#"{"files": 3, "points": {"f16": {"mean": 0.01, "largest": 0.02},
            "i8": {"mean": 0.3, "largest": 1.25}}, "step_us": {"f32": 30.0, "f16": 20.0, "i8": 14.5}}"#;
        let narrow: Narrow = serde_json::from_str(printed).unwrap();
        let note = narrow.note();
        for part in ["30.0 µs", "14.5 with 8", "3 songs", "0.010 points", "at most 1.25"] {
            assert!(note.contains(part), "{note}");
        }
        assert!(!Narrow { step_us: None, ..narrow }.note().contains("AVX2"));
    }
}
