//! Runs that were judged on one test set, without validation songs: what is told of their calibration is told by
//! others of its kind.

use std::path::{Path, PathBuf};

use earworm_train::calibrate::{Method, calibrate};
use earworm_train::evaluate::{Options, measure};
use earworm_train::report::pictures;
use earworm_train::run::{Run, Task};

use crate::made::{Made, change};
use crate::value;

fn one_part(task: Task, songs: usize, folder: &Path) -> PathBuf {
    Made { folds: 1, songs, ..Made::of(task) }.write(folder)
}

#[test]
fn no_song_is_judged_by_a_calibration_that_saw_its_group() {
    let dir = tempfile::tempdir().unwrap();
    for task in [Task::Share, Task::Binary, Task::Classes] {
        let run = Run::open(&one_part(task, 240, &dir.path().join(format!("{task:?}")))).unwrap();
        let score = run.info.score_index().unwrap();
        for method in [Method::Platt, Method::Temperature, Method::Isotonic] {
            let before = calibrate(&run, method, score).probability;
            let a_song = before.len() / run.songs().count();
            let mut others_changed = false;
            // The songs of an artist, three in a row, get each other's truths: all together stay what they were.
            for artist in 0..6 {
                let own = 3 * artist..3 * artist + 3;
                let mut exchanged = run.clone();
                let rows = &mut exchanged.parts[0].predictions[own.clone()];
                let last = (rows[2].truth, rows[2].target);
                for n in [2, 1] {
                    (rows[n].truth, rows[n].target) = (rows[n - 1].truth, rows[n - 1].target);
                }
                (rows[0].truth, rows[0].target) = last;
                let after = calibrate(&exchanged, method, score).probability;
                let of_own = own.start * a_song..own.end * a_song;
                assert!(before[of_own.clone()] == after[of_own], "{task:?}, {method:?}, {artist}");
                others_changed |= before != after;
            }
            assert!(others_changed, "{task:?}, {method:?}: nothing was learnt from them");
        }
    }
}

/// A model that is far too sure of itself: its own probabilities are bad, the exported ones are not.
#[test]
fn figures_are_those_of_the_kind_of_calibration_that_is_exported() {
    let dir = tempfile::tempdir().unwrap();
    let run = one_part(Task::Binary, 1200, dir.path());
    change(&run, |rows| rows.iter_mut().for_each(|row| row.raw[0] *= 10.0));
    let measured = |calibration: Method| {
        measure(&run, Some(Options { calibration, seed: 1, draws: 20 })).unwrap()
    };
    let own = value(&measured(Method::None).evaluation, "calibration error");
    for method in [Method::Platt, Method::Isotonic] {
        let measured = measured(method);
        let error = value(&measured.evaluation, "calibration error");
        assert!(error < 0.5 * own, "{method:?}: {error}, its own {own}");
        let said = "told by others of its kind";
        assert!(measured.evaluation.notes.iter().any(|note| note.contains(said)));
        let pictures = pictures(&measured).unwrap();
        let (_, picture) = pictures.iter().find(|(name, _)| *name == "reliability").unwrap();
        assert!(picture.caption.contains(said), "{}", picture.caption);
    }
}

#[test]
fn of_one_group_it_is_told_that_the_calibration_saw_the_songs() {
    let dir = tempfile::tempdir().unwrap();
    for task in [Task::Share, Task::Binary, Task::Classes] {
        let folder = dir.path().join(format!("{task:?}"));
        let run = Run::open(&one_part(task, 3, &folder)).unwrap();
        let score = run.info.score_index().unwrap();
        let calibrated = calibrate(&run, Method::Platt, score);
        assert!(calibrated.notes.iter().any(|note| note.contains("no second group")), "{task:?}");
        let first = &run.parts[0].predictions[0].raw;
        let exported = calibrated.calibration.apply(task.of_model(), first, score);
        let place = if task == Task::Classes { score } else { 1 };
        assert_eq!(calibrated.probability[place], f64::from(exported), "{task:?}");
    }
}
