//! What is written down of a network's passes, and what is asked of the one that is kept.

use earworm_train::dataset::build::build;
use earworm_train::fit::{FitOptions, fit};
use earworm_train::recipe::Recipe;
use earworm_train::run::{Outcome, RunInfo, read_epochs, read_json, read_predictions};

use crate::common::made_songs;
use crate::{HALF, recipe};

/// What was right in passing is of a network that still changed, and forgot half of what it saw.
#[test]
fn the_kept_network_is_asked_of_the_songs_it_learnt_from() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    build(&options).unwrap();
    for epochs in 1..=3 {
        let rest = format!(
            "[split]\nkind = 'random'\n[optimiser]\nlearning_rate = 0.01\n[budget]\nepochs = {epochs}\nbatch = 8\n[model]\nkind = 'mlp'\nwidths = [8]\ndropout = 0.5"
        );
        let out = dir.path().join(format!("{epochs} passes"));
        let recipe = recipe(&options.out, "group = 'artist'", HALF, &rest);
        fit(&recipe, &out, &FitOptions::default()).unwrap();
        // The last network learnt from all songs, and says what it thinks of all of them.
        let info: RunInfo = read_json(&out.join("run.json")).unwrap();
        let rows = read_predictions(&out.join("final/predictions.csv"), &info).unwrap();
        let right = rows.iter().filter(|row| (row.raw[0] > 0.0) == (row.truth > 0.5)).count();
        let outcome: Outcome = read_json(&out.join("final/outcome.json")).unwrap();
        let share = right as f64 / rows.len() as f64;
        assert!((outcome.train_accuracy.unwrap() - share).abs() < 1e-12, "{share}: {outcome:?}");
    }
}

#[test]
fn passes_that_prepare_are_marked() {
    let dir = tempfile::tempdir().unwrap();
    let columns: Vec<String> = (0..15).map(|column| format!("x{column}")).collect();
    let mut table = columns.join(",") + ",plays\n";
    for song in 0..40u32 {
        let cells = (0..15).map(|column| ((song + 1) * (7 * column + 3) % 41).to_string());
        table += &(cells.collect::<Vec<_>>().join(",") + &format!(",{}\n", song * 13 % 40));
    }
    let path = dir.path().join("table.csv");
    std::fs::write(&path, table).unwrap();
    let text = format!(
        r#"
        name = "prepared"
        [data]
        table = {path:?}
        name = "made rows"
        drop = ["plays"]
        scale = "standard"
        [[heads]]
        name = "played"
        meaning = "played more than the median"
        above = {{ column = "plays", quantile = 0.5 }}
        [split]
        kind = "random"
        last = false
        [model]
        kind = "hit-music-net"
        code = 6
        preparation = 2
        [budget]
        epochs = 4
        batch = 8
        "#
    );
    let out = dir.path().join("run");
    fit(&Recipe::parse(&text, &[]).unwrap(), &out, &FitOptions::default()).unwrap();
    let rows = read_epochs(&out.join("test/epochs.jsonl")).unwrap();
    let marked: Vec<bool> = rows.iter().map(|row| row.preparing).collect();
    assert_eq!(marked, [true, true, false, false]);
    let events = std::fs::read(out.join("test/events.out.tfevents.0.earworm")).unwrap();
    let count = |name: &str| events.windows(name.len()).filter(|w| *w == name.as_bytes()).count();
    assert_eq!((count("loss/prepare"), count("loss/train")), (2, 2));
}
