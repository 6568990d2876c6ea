//! The engine's own benchmarks, by criterion.

use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::Value;

use super::line::Line;
use crate::workspace::{Workspace, succeed};

/// Benchmarks of these groups count milliseconds of audio as their throughput.
const AUDIO: [&str; 4] = ["stream/", "front_end/", "resample/", "session/"];

/// The whole path on one core, and how many times faster than sound it is to be.
const WHOLE_PATH: (&str, f64) = ("stream/48k_stereo_4_lanes_live", 150.0);

/// What criterion found for one benchmark.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Estimate {
    pub(super) id: String,
    /// Median time of one iteration.
    pub(super) median_ns: f64,
    /// Ends of its 95 % interval.
    low_ns: f64,
    high_ns: f64,
    /// Seconds of audio an iteration works through, over the seconds it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    times_faster_than_sound: Option<f64>,
}

#[cfg(test)]
impl Estimate {
    /// One that took exactly so long.
    pub(super) fn of(id: &str, median_ns: f64) -> Self {
        let (low_ns, high_ns) = (median_ns, median_ns);
        Self { id: id.into(), median_ns, low_ns, high_ns, times_faster_than_sound: None }
    }
}

/// Runs them and reads what criterion wrote.
pub(super) fn measure(workspace: &Workspace) -> Result<Vec<Estimate>> {
    criterion(workspace, "stream")
}

/// What has a goal: the whole path beside sound as it plays.
///
/// # Errors
/// When it was not measured.
pub(super) fn lines(estimates: &[Estimate]) -> Result<Vec<Line>> {
    let (id, goal) = WHOLE_PATH;
    let whole = estimates.iter().find(|estimate| estimate.id == id);
    let (whole, faster) = whole
        .and_then(|estimate| Some((estimate, estimate.times_faster_than_sound?)))
        .with_context(|| format!("there is no benchmark {id}"))?;
    let ms_a_second = |ns: f64| 1e3 / faster * ns / whole.median_ns;
    let ours = [whole.low_ns, whole.median_ns, whole.high_ns].map(ms_a_second);
    let what = "a second of 48 kHz stereo to readings, four lanes, one core";
    Ok(vec![Line::in_turn(what, "sound as it plays", "ms", &ours, &[1e3; 3]).goal(goal)])
}

/// Runs one of criterion's benchmark programs and reads what it found.
pub(super) fn criterion(workspace: &Workspace, program: &str) -> Result<Vec<Estimate>> {
    let started = SystemTime::now();
    succeed(&mut workspace.cargo(["bench", "--workspace", "--bench", program]))?;
    let mut estimates = Vec::new();
    collect(&workspace.target.join("criterion"), started, &mut estimates)?;
    ensure!(!estimates.is_empty(), "criterion wrote no estimates: are there benchmarks?");
    estimates.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(estimates)
}

/// Walks criterion's folders; results of earlier runs, such as of benchmarks now gone, are left out.
fn collect(folder: &Path, since: SystemTime, estimates: &mut Vec<Estimate>) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if !path.is_dir() {
            continue;
        }
        let estimate = path.join("estimates.json");
        let is_new = path.ends_with("new")
            && std::fs::metadata(&estimate)
                .and_then(|meta| meta.modified())
                .is_ok_and(|time| time >= since);
        if is_new {
            let read = || read(&path.join("benchmark.json"), &estimate);
            estimates.push(read().with_context(|| format!("in {}", path.display()))?);
        } else {
            collect(&path, since, estimates)?;
        }
    }
    Ok(())
}

fn read(benchmark: &Path, estimate: &Path) -> Result<Estimate> {
    let json =
        |path: &Path| -> Result<Value> { Ok(serde_json::from_slice(&std::fs::read(path)?)?) };
    let (benchmark, estimate) = (json(benchmark)?, json(estimate)?);
    let id = benchmark["full_id"].as_str().context("no full_id")?.to_owned();
    let median = &estimate["median"];
    let number = |value: &Value| value.as_f64().context("no median");
    let median_ns = number(&median["point_estimate"])?;
    let counts_audio = AUDIO.iter().any(|group| id.starts_with(group));
    let audio_ms = benchmark["throughput"]["Elements"].as_f64().filter(|_| counts_audio);
    Ok(Estimate {
        id,
        median_ns,
        low_ns: number(&median["confidence_interval"]["lower_bound"])?,
        high_ns: number(&median["confidence_interval"]["upper_bound"])?,
        times_faster_than_sound: audio_ms.map(|ms| ms * 1e6 / median_ns),
    })
}

/// The table for people.
pub(super) fn to_markdown(estimates: &[Estimate]) -> String {
    let mut text = String::from(
        "| benchmark | median | 95 % interval | times faster than sound |\n| --- | ---: | ---: | ---: |\n",
    );
    for estimate in estimates {
        let faster = estimate.times_faster_than_sound.map_or("".into(), |x| format!("{x:.0}"));
        text += &format!(
            "| `{}` | {} | {} to {} | {faster} |\n",
            estimate.id,
            time(estimate.median_ns),
            time(estimate.low_ns),
            time(estimate.high_ns),
        );
    }
    text
}

fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.2} µs", ns / 1e3),
        ns if ns < 1e9 => format!("{:.2} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_whole_path_is_held_to_its_goal() {
        let estimate = |faster| Estimate {
            times_faster_than_sound: Some(faster),
            ..Estimate::of("stream/48k_stereo_4_lanes_live", 5e7)
        };
        let line = |faster| lines(&[estimate(faster)]).unwrap().remove(0);
        assert_eq!((line(200.0).ours, line(200.0).is_met()), (5.0, Some(true)));
        assert_eq!(line(149.0).is_met(), Some(false));
        assert!(lines(&[Estimate::of("stream/other", 1.0)]).is_err());
    }

    #[test]
    fn new_estimates_are_read_and_stream_ones_compared_with_sound() {
        let dir = tempfile::tempdir().unwrap();
        let bench = |name: &str, throughput: &str| {
            let folder = dir.path().join(name).join("new");
            std::fs::create_dir_all(&folder).unwrap();
            let benchmark = format!(r#"{{"full_id":"{name}","throughput":{throughput}}}"#);
            std::fs::write(folder.join("benchmark.json"), benchmark).unwrap();
            let estimates = r#"{"median":{"point_estimate":5e7,
                "confidence_interval":{"lower_bound":4e7,"upper_bound":6e7}}}"#;
            std::fs::write(folder.join("estimates.json"), estimates).unwrap();
        };
        bench("stream/whole", r#"{"Elements":10000}"#);
        bench("load/model", "null");
        let hour = Duration::from_secs(3600);
        let mut estimates = Vec::new();
        collect(dir.path(), SystemTime::now() - hour, &mut estimates).unwrap();
        estimates.sort_by(|a, b| a.id.cmp(&b.id));
        let found: Vec<_> =
            estimates.iter().map(|e| (e.id.as_str(), e.times_faster_than_sound)).collect();
        assert_eq!(found, [("load/model", None), ("stream/whole", Some(200.0))]);
        let row = "| `stream/whole` | 50.00 ms | 40.00 ms to 60.00 ms | 200 |\n";
        assert!(to_markdown(&estimates).ends_with(row));
        estimates.clear();
        collect(dir.path(), SystemTime::now() + hour, &mut estimates).unwrap();
        assert!(estimates.is_empty(), "those of earlier runs are left out");
    }
}
