//! Networks that begin to learn by heart: when they are stopped, what is kept of them, and for how long the
//! last one is trained.

use std::collections::BTreeSet;
use std::path::Path;

use earworm_train::fit::{FitOptions, fit};
use earworm_train::recipe::Recipe;
use earworm_train::run::{
    EpochRow, Outcome, PredictionRow, RunInfo, read_epochs, read_json, read_predictions,
};

const SONGS: usize = 120;
/// Songs of an artist.
const ARTIST: usize = 4;
/// Most passes: many more than it takes to know so few songs by heart.
const BUDGET: usize = 60;
const PATIENCE: usize = 3;

/// A recipe of a small network over made rows. One column of eight tells whether a song is liked, but for
/// one song in `wrong`, where there are such: what is learnt of those is of no use for other songs.
fn by_heart(folder: &Path, wrong: Option<usize>, overrides: &[&str]) -> Recipe {
    let mut state = 7u32;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state % 1000
    };
    let mut table = "song,artist,liked,a,b,c,d,e,f,g,h\n".to_owned();
    for song in 0..SONGS {
        let cells: Vec<u32> = (0..8).map(|_| noise()).collect();
        let is_wrong = wrong.is_some_and(|wrong| song % wrong == 1);
        let liked = u8::from((cells[0] > 500) != is_wrong);
        let cells: Vec<String> = cells.iter().map(u32::to_string).collect();
        table += &format!("s{song},{},{liked},{}\n", artist(song), cells.join(","));
    }
    let path = folder.join("table.csv");
    std::fs::write(&path, table).unwrap();
    let text = format!(
        r#"
        name = "by-heart"
        seed = 5
        [data]
        table = {path:?}
        id = "song"
        group = "artist"
        name = "made rows"
        scale = "standard"
        [[heads]]
        name = "liked"
        meaning = "liked"
        above = {{ column = "liked", threshold = 0.5 }}
        [model]
        kind = "mlp"
        widths = [32]
        dropout = 0.0
        [optimiser]
        learning_rate = 0.01
        [budget]
        epochs = {BUDGET}
        batch = 8
        patience = {PATIENCE}
        validation = 0.25
        "#
    );
    let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
    Recipe::parse(&text, &overrides).unwrap()
}

fn artist(song: usize) -> String {
    format!("artist {}", song / ARTIST)
}

/// Checks that a training ended with its patience. Gives its passes, and the number of the best of them.
fn stopped(part: &Path) -> (Vec<EpochRow>, usize) {
    let passes = read_epochs(&part.join("epochs.jsonl")).unwrap();
    let outcome: Outcome = read_json(&part.join("outcome.json")).unwrap();
    let losses: Vec<f64> = passes.iter().map(|pass| pass.validation_loss.unwrap()).collect();
    let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let best = 1 + losses.iter().position(|&loss| loss == least).unwrap();
    assert_eq!((outcome.best_epoch, outcome.epochs), (best, losses.len()), "{losses:?}");
    assert!((outcome.validation_loss.unwrap() - least).abs() < 1e-9, "{outcome:?}: {losses:?}");
    assert_eq!(losses.len(), best + PATIENCE, "{losses:?}");
    assert!(losses.len() < BUDGET, "{losses:?}");
    (passes, best)
}

/// The mean cross-entropy of what was said.
fn loss_of(rows: &[PredictionRow]) -> f64 {
    let of_song = |row: &PredictionRow| {
        let raw = f64::from(row.raw[0]);
        raw.max(0.0) - raw * row.truth + (-raw.abs()).exp().ln_1p()
    };
    rows.iter().map(of_song).sum::<f64>() / rows.len() as f64
}

#[test]
fn the_last_training_takes_as_many_passes_as_were_best_in_the_folds() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let recipe = by_heart(dir.path(), Some(6), &["split.folds=3"]);
    fit(&recipe, &run, &FitOptions::default()).unwrap();
    let mut best: Vec<usize> =
        (0..3).map(|fold| stopped(&run.join(format!("fold-{fold}"))).1).collect();
    best.sort_unstable();
    let median = best[1];
    assert!(median > 1, "nothing can be told from {best:?}");
    let last: Outcome = read_json(&run.join("final/outcome.json")).unwrap();
    assert_eq!((last.epochs, last.best_epoch), (median, median), "{best:?}");
    assert_eq!(read_epochs(&run.join("final/epochs.jsonl")).unwrap().len(), median);
}

#[test]
fn the_best_pass_is_kept_and_chosen_by_artists_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    for averaging in ["0.0", "0.5"] {
        let run = dir.path().join(averaging);
        let averaging = format!("optimiser.averaging={averaging}");
        let overrides = ["split.kind=random", "split.last=false", averaging.as_str()];
        fit(&by_heart(dir.path(), Some(6), &overrides), &run, &FitOptions::default()).unwrap();
        let (passes, best) = stopped(&run.join("test"));
        let info: RunInfo = read_json(&run.join("run.json")).unwrap();
        let rows = read_predictions(&run.join("test/validation.csv"), &info).unwrap();

        let at = |pass: usize| passes[pass - 1].validation_loss.unwrap();
        let (kept, least, last) = (loss_of(&rows), at(best), at(passes.len()));
        assert!((kept - least).abs() < 1e-5, "{averaging}: {kept}, not {least} of pass {best}");
        assert!(last > least + 1e-4, "{averaging}: the last pass is as good: {last}, {least}");

        let ids: BTreeSet<&str> = rows.iter().map(|row| row.track_id.as_str()).collect();
        let artists: BTreeSet<&str> = rows.iter().map(|row| row.group.as_str()).collect();
        for song in 0..SONGS {
            let (id, artist) = (format!("s{song}"), artist(song));
            let decides = ids.contains(id.as_str());
            assert_eq!(decides, artists.contains(artist.as_str()), "{artist} is on both sides");
        }
    }
}

/// What can be told apart is, and better with every pass.
#[test]
fn a_pass_is_told_by_its_own_steps() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let overrides = ["split.kind=random", "split.last=false", "budget.epochs=10"];
    let mut recipe = by_heart(dir.path(), None, &overrides);
    recipe.budget.patience = None;
    fit(&recipe, &run, &FitOptions::default()).unwrap();
    let passes = read_epochs(&run.join("test/epochs.jsonl")).unwrap();
    let losses: Vec<f64> = passes.iter().map(|pass| pass.train_loss).collect();
    assert_eq!(losses.len(), 10);
    assert!(losses[9] < losses[0] / 2.0, "{losses:?}");
}
