//! The plugin: the audio thread's part beside a plain copy, and whole instances at the pace of sound.

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

use super::engine::{self, Estimate};
use super::line::Line;
use crate::workspace::{Workspace, output};

/// What was found.
#[derive(Debug, Serialize)]
pub(super) struct Cost {
    estimates: Vec<Estimate>,
    /// What `plugin/benches/cost.rs` prints.
    instances: Value,
    /// What `plugin/benches/worst.rs` prints.
    worst: Value,
}

/// Measures it.
pub(super) fn measure(workspace: &Workspace) -> Result<Cost> {
    let estimates = engine::criterion(workspace, "process")?;
    let printed = |program: &str| -> Result<Value> {
        let json = output(&mut workspace.cargo(["bench", "--workspace", "--bench", program]))?;
        serde_json::from_slice(&json).with_context(|| format!("`{program}` prints no JSON"))
    };
    Ok(Cost { estimates, instances: printed("cost")?, worst: printed("worst")? })
}

impl Cost {
    /// `process()` of a block as so many copies of it, by block size.
    fn copies(&self) -> Vec<(u32, f64)> {
        let time = |id: &str| self.estimates.iter().find(|e| e.id == id).map(|e| e.median_ns);
        let mut found: Vec<(u32, f64)> = (5..12)
            .map(|power| 1 << power)
            .filter_map(|frames: u32| {
                let copy = time(&format!("plugin/block/copy/{frames}"))?;
                Some((frames, time(&format!("plugin/block/process/{frames}"))? / copy))
            })
            .collect();
        found.sort_by_key(|(frames, _)| *frames);
        found
    }

    /// Its lines on the page: a plain copy of the block needs less, so goals lie below one.
    pub(super) fn lines(&self) -> Vec<Line> {
        let time = |id: &str| self.estimates.iter().find(|e| e.id == id).map(|e| e.median_ns);
        let against_ring = |frames: u32| {
            let ours = time(&format!("plugin/block/process/{frames}"))?;
            let ring = time(&format!("plugin/block/plain_ring/{frames}"))?;
            let what = format!("process() of {frames} stereo frames");
            Some(Line::in_turn(what, "one channel into a plain ring", "ns", &[ours], &[ring]))
        };
        let line = |frames: u32| {
            let ours = time(&format!("plugin/block/process/{frames}"))?;
            let copy = time(&format!("plugin/block/copy/{frames}"))?;
            let what = format!("process() of {frames} stereo frames");
            let line = Line::in_turn(what, "a copy of the block", "ns", &[ours], &[copy]);
            Some(if frames == 512 { line.goal(1.0 / 3.0) } else { line })
        };
        let sizes = || (5..12).map(|power| 1 << power);
        sizes().filter_map(line).chain(sizes().filter_map(against_ring)).collect()
    }

    /// The tables for people.
    pub(super) fn to_markdown(&self) -> String {
        let mut text = engine::to_markdown(&self.estimates);
        text.push_str("\n| frames | process() in copies of the block |\n| ---: | ---: |\n");
        for (frames, ratio) in self.copies() {
            text += &format!("| {frames} | {ratio:.2} |\n");
        }
        for found in [&self.instances, &self.worst] {
            text += &format!("\n```json\n{found:#}\n```\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_is_compared_with_a_copy_of_the_same_block() {
        let estimate = |id: &str, median_ns| Estimate::of(id, median_ns);
        let cost = Cost {
            estimates: vec![
                estimate("plugin/block/process/512", 300.0),
                estimate("plugin/block/copy/512", 100.0),
                estimate("plugin/block/process/32", 50.0),
                estimate("plugin/instance/open", 1e6),
            ],
            instances: serde_json::json!({ "open_first_ms": 0.5 }),
            worst: serde_json::json!({ "max_us": 7.0 }),
        };
        assert_eq!(cost.copies(), [(512, 3.0)]);
        let text = cost.to_markdown();
        assert!(
            text.contains("| 512 | 3.00 |")
                && text.contains("open_first_ms")
                && text.contains("max_us"),
            "{text}"
        );
    }
}
