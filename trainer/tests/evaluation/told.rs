//! What is not told of runs, because it was not measured, or is something else than it looks like.

use std::path::Path;

use earworm_train::evaluate::Evaluation;
use earworm_train::report::evaluate;
use earworm_train::run::{RunInfo, Task, read_epochs, read_json};

use crate::made::{Made, change, put};

fn text(run: &Path, name: &str) -> String {
    std::fs::read_to_string(run.join(name)).unwrap()
}

/// Four songs that luck has put in the right order prove nothing.
#[test]
fn a_few_songs_are_no_proof() {
    let dir = tempfile::tempdir().unwrap();
    let made = Made { songs: 24, folds: 1, grouped: false, ..Made::of(Task::Binary) };
    let run = made.write(dir.path());
    change(&run, |rows| {
        rows.truncate(4);
        for (place, row) in rows.iter_mut().enumerate() {
            row.truth = f64::from(u8::from(place > 1));
            (row.target, row.raw) = (row.truth, vec![place as f32 - 1.5]);
        }
    });
    let evaluation = evaluate(&run).unwrap();
    let auc = evaluation.figures.iter().find(|f| f.name == "auc").unwrap();
    assert_eq!((auc.value, auc.interval(), auc.beats_baseline()), (1.0, None, None));
    assert!(evaluation.metrics.is_empty(), "a model must not carry it");
    for words in [&evaluation.finding, &evaluation.trust] {
        assert!(words.contains("4 songs are too few to tell"), "{words}");
    }
    let (page, terminal) = (text(&run, "report.html"), evaluation.to_string());
    assert!(page.contains("too few to tell") && terminal.contains("too few to tell"), "{terminal}");
    for proof in ["1.000 to 1.000", "finding good", "range good"] {
        assert!(!page.contains(proof) && !terminal.contains(proof), "{proof}: {page}");
    }
    let written: Evaluation = read_json(&run.join("evaluation.json")).unwrap();
    assert_eq!(
        (written.figures.len(), written.figures[0].interval()),
        (evaluation.figures.len(), None)
    );
}

#[test]
fn a_genre_of_one_artist_has_no_interval() {
    let dir = tempfile::tempdir().unwrap();
    let run = Made::of(Task::Regression).write(dir.path());
    change(&run, |rows| {
        let alone = rows.iter_mut().filter(|row| row.group == "artist 0");
        alone.for_each(|row| row.genre = "opera".into());
    });
    let evaluation = evaluate(&run).unwrap();
    for genre in &evaluation.by_genre {
        let told = genre.figures.iter().filter(|figure| figure.interval().is_some()).count();
        assert_eq!(told, if genre.name == "opera" { 0 } else { 2 }, "{genre:?}");
    }
    assert!(evaluation.by_genre.iter().any(|genre| genre.name == "opera" && genre.songs == 3));
    assert!(text(&run, "report.html").contains("too few to tell"));
}

/// Where a share is not calibrated nothing says in which half a song lies. (A temperature says no more; a
/// recipe cannot ask for it, but runs of before may have.)
#[test]
fn nothing_is_told_of_the_halves_of_a_share_that_is_not_calibrated() {
    let dir = tempfile::tempdir().unwrap();
    for method in ["none", "temperature"] {
        let made = Made { calibration: Some(method), ..Made::of(Task::Share) };
        let run = made.write(&dir.path().join(method));
        let evaluation = evaluate(&run).unwrap();
        let names: Vec<&str> = evaluation.figures.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["auc", "spearman", "auc", "spearman", "r2", "mae"]);
        assert!(evaluation.reliability.is_empty() && evaluation.confusion.is_none());
        assert!(evaluation.majority.is_none());
        let results = || evaluation.by_genre.iter().chain(&evaluation.by_group);
        assert!(results().count() > 3 && results().all(|result| result.accuracy.is_none()));
        for (name, is_there) in [("reliability", false), ("confusion", false), ("scatter", true)] {
            assert_eq!(run.join(format!("plots/{name}.svg")).exists(), is_there, "{name}");
        }
        assert!(evaluation.notes.iter().any(|note| note.contains("calibration = \"platt\"")));
        // Songs it was wrong about are those whose share it missed.
        let page = text(&run, "report.html");
        assert!(page.contains("Said too high") && !page.contains("High score, but"), "{page}");
        let written: Evaluation = read_json(&run.join("evaluation.json")).unwrap();
        assert_eq!(written.finding, evaluation.finding);
    }
}

/// An autoencoder's loss is another than the target's: the two are never on one line.
#[test]
fn passes_that_prepare_have_a_picture_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let make = |name: &str, prepared: bool| {
        let run = Made::of(Task::Regression).write(&dir.path().join(name));
        for part in ["fold-0", "fold-1", "fold-2", "fold-3", "final"] {
            let mut rows = read_epochs(&run.join(part).join("epochs.jsonl")).unwrap();
            for row in &mut rows[..5] {
                (row.preparing, row.train_loss, row.validation_loss) = (true, 900.0, None);
            }
            let left = if prepared { &rows[..] } else { &rows[5..] };
            let lines: Vec<String> =
                left.iter().map(|row| serde_json::to_string(row).unwrap()).collect();
            put(&run.join(part), "epochs.jsonl", &lines.join("\n"));
        }
        evaluate(&run).unwrap();
        run
    };
    let (prepared, without) = (make("prepared", true), make("without", false));
    assert_eq!(text(&prepared, "plots/learning.svg"), text(&without, "plots/learning.svg"));
    assert!(text(&prepared, "plots/preparation.svg").starts_with("<svg"));
    assert!(!without.join("plots/preparation.svg").exists());
}

/// Pieces of a song are judged one by one, but are no songs.
#[test]
fn songs_are_counted_and_not_their_pieces() {
    let dir = tempfile::tempdir().unwrap();
    let cut = |name: &str, by_artist: bool| {
        let run = Made::of(Task::Binary).write(&dir.path().join(name));
        let mut number = 0;
        change(&run, |rows| {
            for row in rows {
                row.track_id = format!("{}#{}", row.group, number % 3 + 1);
                number += 1;
            }
        });
        let mut info: RunInfo = read_json(&run.join("run.json")).unwrap();
        (info.data.songs, info.data.pieces) = (80, Some(3));
        put(&run, "run.json", &serde_json::to_string(&info).unwrap());
        if !by_artist {
            let recipe = text(&run, "recipe.toml").replace("group = \"artist\"\n", "");
            put(&run, "recipe.toml", &recipe);
        }
        let evaluation = evaluate(&run).unwrap();
        assert_eq!((evaluation.songs, evaluation.pieces, evaluation.groups), (80, Some(240), 80));
        // The doubt about few songs is one about songs.
        let page = text(&run, "report.html");
        assert!(page.contains("240 pieces of 80 songs are few"), "{page}");
        assert!(page.contains("Made songs, 240 pieces of 80 songs"), "{page}");
        evaluation.songs_and_split()
    };
    let by_artist = cut("artists", true);
    assert!(by_artist.starts_with("240 pieces of 80 songs of 80 artists, each"), "{by_artist}");
    let alone = cut("alone", false);
    assert_eq!(alone, "240 pieces of 80 songs, each judged by a model that had not seen its song");
}
