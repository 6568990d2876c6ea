//! What calibrates a song has not seen it.

use std::collections::HashMap;

use earworm_train::calibrate::{Method, calibrate};
use earworm_train::run::{Run, Task};

use crate::made::Made;

/// Gives the songs that the first part judges the truths of one another, wherever they are written down. All
/// truths together stay what they were, and so does the middle of shares.
fn exchange_truths(run: &mut Run) {
    let judged = &run.parts[0].predictions;
    let of_another: HashMap<String, (f64, f64)> = judged
        .iter()
        .zip(judged.iter().rev())
        .map(|(row, other)| (row.track_id.clone(), (other.truth, other.target)))
        .collect();
    for part in &mut run.parts {
        let validation = part.validation.iter_mut().flatten();
        for row in part.predictions.iter_mut().chain(validation) {
            if let Some(&truth) = of_another.get(&row.track_id) {
                (row.truth, row.target) = truth;
            }
        }
    }
}

#[test]
fn a_song_is_judged_by_a_calibration_that_did_not_see_it() {
    let dir = tempfile::tempdir().unwrap();
    for task in [Task::Share, Task::Binary, Task::Classes] {
        for validation in [false, true] {
            let folder = dir.path().join(format!("{task:?}-{validation}"));
            let made = Made { validation, ..Made::of(task) };
            let run = Run::open(&made.write(&folder)).unwrap();
            let mut exchanged = run.clone();
            exchange_truths(&mut exchanged);
            let score = run.info.score_index().unwrap();
            for method in [Method::Platt, Method::Temperature, Method::Isotonic] {
                let what = format!("{task:?}, {method:?}, validation: {validation}");
                let before = calibrate(&run, method, score).probability;
                let after = calibrate(&exchanged, method, score).probability;
                let a_song = before.len() / run.songs().count();
                let first = run.parts[0].predictions.len() * a_song;
                assert!(before[..first] == after[..first], "{what}: it saw what it judges");
                assert!(before[first..] != after[first..], "{what}: the others saw nothing");
            }
        }
    }
}
