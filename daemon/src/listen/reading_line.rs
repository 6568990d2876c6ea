//! A reading as one line of JSON.

use std::io::Write;

use earworm_scorer::model::Metadata;
use earworm_scorer::{Hook, Reading, Status};
use serde::Serialize;

use crate::clock::{round_hook, round_ms};
use crate::details::Details;

#[derive(Serialize)]
struct Line {
    t: f64,
    momentary: Option<f32>,
    window: Option<f32>,
    integrated: Option<f32>,
    hook: Option<Hook>,
    coverage: f32,
    level_db: f32,
    dropped: u64,
    details: Details,
    status: Status,
}

/// Writes the reading at `t` seconds and lets it go at once.
///
/// # Errors
/// When nobody takes the output.
pub(super) fn write(
    out: &mut impl Write,
    metadata: &Metadata,
    t: f64,
    reading: &Reading,
) -> anyhow::Result<()> {
    let line = Line {
        t: round_ms(t),
        momentary: reading.momentary,
        window: reading.window,
        integrated: reading.integrated,
        hook: reading.hook.map(round_hook),
        coverage: reading.coverage,
        level_db: reading.level_db,
        dropped: reading.dropped,
        details: Details::new(metadata, &reading.details),
        status: reading.status,
    };
    serde_json::to_writer(&mut *out, &line)?;
    writeln!(out)?;
    out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use earworm_scorer::Model;
    use serde_json::Value;

    use super::*;
    use crate::distinct;

    #[test]
    fn each_value_goes_by_its_own_name() {
        let mut out = Vec::new();
        write(&mut out, Model::embedded().metadata(), 1.5, &distinct::reading()).unwrap();
        let line: Value = serde_json::from_slice(&out).unwrap();
        for (name, score) in distinct::SCORES {
            assert_eq!(line[name], f64::from(score), "{name} of {line}");
        }
        for (name, value) in [("t", 1.5), ("level_db", -7.0), ("coverage", 0.5)] {
            assert_eq!(line[name], value, "{name} of {line}");
        }
        assert_eq!(line["dropped"], 88);
        let classes = line["details"].as_object().unwrap();
        assert!(!classes.is_empty() && classes.values().all(|is| *is == 0.25), "{line}");
    }
}
