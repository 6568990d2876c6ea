//! What is done where a recipe does not say: songs of one artist stay together, searches can be seen
//! learning, networks that start from scratch say so.

use std::path::{Path, PathBuf};

use earworm_train::dataset::FeatureSet;
use earworm_train::dataset::build::{BuildOptions, build};
use earworm_train::fit::{FitOptions, fit, learnt_sha256};
use earworm_train::recipe::Recipe;
use earworm_train::report::evaluate;
use earworm_train::run::{Run, read_epochs, read_json, read_predictions};
use earworm_train::stats::{Source, Stats, StatsOptions, stats};

mod common;

fn load(path: &Path) -> Recipe {
    Recipe::load(path, &[]).unwrap()
}

/// A data set whose groups stand in the column `band`.
fn songs_by_band(folder: &Path) -> BuildOptions {
    let mut options = common::made_songs(folder);
    let text = std::fs::read_to_string(&options.manifest).unwrap();
    std::fs::write(&options.manifest, text.replace("artist,genre", "band,genre")).unwrap();
    let schema = folder.join("schema.toml");
    std::fs::write(&schema, "[columns]\ngroup = \"band\"\n").unwrap();
    options.schema = Some(schema);
    options.features = vec![FeatureSet::Descriptors];
    build(&options).unwrap();
    options
}

fn recipe(set: &Path, more: &str) -> Recipe {
    let text = format!(
        r#"
        name = "by default"
        [data]
        set = {set:?}
        name = "made songs"
        columns = ["zcr", "spec_cent"]
        [[heads]]
        name = "liked"
        meaning = "liked by most"
        above = {{ column = "likes / votes", threshold = 0.5 }}
        [split]
        folds = 3
        {more}
        [model]
        kind = "logistic"
        c = 1.0
        "#
    );
    Recipe::parse(&text, &[]).unwrap()
}

/// The folds that each band's songs are judged in.
fn folds_of_bands(run: &Path, set: &Path) -> Vec<usize> {
    let set = earworm_train::dataset::Dataset::open(set).unwrap();
    let mut folds = std::collections::BTreeMap::<String, std::collections::BTreeSet<String>>::new();
    let mut rows = csv::Reader::from_path(run.join("folds.csv")).unwrap();
    for row in rows.records() {
        let row = row.unwrap();
        let song = set.songs.iter().find(|song| song.track.id == row[0]).unwrap();
        let band = song.track.text("band").unwrap().to_owned();
        folds.entry(band).or_default().insert(row[1].to_owned());
    }
    folds.into_values().map(|folds| folds.len()).collect()
}

#[test]
fn songs_of_a_group_that_the_schema_names_stay_together() {
    let dir = tempfile::tempdir().unwrap();
    let options = songs_by_band(dir.path());
    let run = dir.path().join("run");
    let plain = recipe(&options.out, "");
    fit(&plain, &run, &FitOptions::default()).unwrap();
    assert!(folds_of_bands(&run, &options.out).iter().all(|&folds| folds == 1));
    // The resolved recipe names the column, and the report tells of it.
    assert_eq!(load(&run.join("recipe.toml")).data.group.as_deref(), Some("band"));
    let evaluation = evaluate(&run).unwrap();
    assert_eq!((evaluation.groups, evaluation.unit.as_str()), (12, "bands"));
    // The schema does not rename the genre, so that its usual column tells it.
    let mut genres: Vec<&str> = evaluation.by_genre.iter().map(|g| g.name.as_str()).collect();
    genres.sort_unstable();
    assert_eq!(genres, ["g0", "g1", "g2"]);
    assert!(evaluation.notes.iter().any(|note| note.contains("\"band\"")), "{evaluation}");
    // Both the recipe as it was and the resolved one go on with the run.
    fit(&plain, &run, &FitOptions::default()).unwrap();
    fit(&load(&run.join("recipe.toml")), &run, &FitOptions::default()).unwrap();

    // Another column, or none at all, has to be asked for.
    let each = dir.path().join("each");
    let mut own = plain.clone();
    own.data.group = Some("track_id".into());
    fit(&own, &each, &FitOptions::default()).unwrap();
    assert!(folds_of_bands(&each, &options.out).iter().any(|&folds| folds > 1));
    let leak = dir.path().join("leak");
    fit(&recipe(&options.out, "leak = true"), &leak, &FitOptions::default()).unwrap();
    assert!(folds_of_bands(&leak, &options.out).iter().any(|&folds| folds > 1));
}

#[test]
fn songs_without_an_entry_are_groups_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let options = songs_by_band(dir.path());
    let text = std::fs::read_to_string(&options.manifest).unwrap();
    // Nothing is known of the first six bands.
    let blank = (0..6).fold(text, |text, n| text.replace(&format!("artist {n},"), " ,"));
    std::fs::write(&options.manifest, blank).unwrap();
    build(&options).unwrap();
    let (run, resolved) = (dir.path().join("run"), dir.path().join("resolved"));
    fit(&recipe(&options.out, ""), &run, &FitOptions::default()).unwrap();
    assert_eq!(evaluate(&run).unwrap().groups, 6 + 12);
    // Named by the resolved recipe, the column means the same.
    fit(&load(&run.join("recipe.toml")), &resolved, &FitOptions::default()).unwrap();
    let folds = |run: &Path| std::fs::read_to_string(run.join("folds.csv")).unwrap();
    assert_eq!(folds(&run), folds(&resolved));
}

/// What `dataset stats` sees in a data set when it is told of a recipe.
fn seen_by_statistics(folder: &Path, set: &Path, recipe: &Recipe) -> Stats {
    let path = folder.join("recipe.toml");
    std::fs::write(&path, toml::to_string(recipe).unwrap()).unwrap();
    stats(&StatsOptions {
        source: Source::Dataset(set.to_owned()),
        recipe: Some(path),
        split: None,
        group: None,
        out: folder.join("stats"),
    })
    .unwrap()
}

/// A split that `fit` refuses is to be seen in the statistics.
#[test]
fn statistics_are_told_of_a_test_of_one_group() {
    let dir = tempfile::tempdir().unwrap();
    let options = songs_by_band(dir.path());
    let text = std::fs::read_to_string(&options.manifest).unwrap();
    // Two bands have half of the songs each: one of them is no test, and what is left is empty.
    let band = |text: String, n| text.replace(&format!("artist {n},"), &format!("band {},", n / 6));
    let two = (0..12).fold(text, band);
    std::fs::write(&options.manifest, two).unwrap();
    build(&options).unwrap();
    let mut learnt = recipe(&options.out, "");
    learnt.split.kind = earworm_train::recipe::SplitKind::Random;
    let refused = fit(&learnt, &dir.path().join("run"), &FitOptions::default()).unwrap_err();
    assert!(refused.to_string().contains("fills the test"), "{refused:#}");
    let seen = seen_by_statistics(dir.path(), &options.out, &learnt);
    assert_eq!(seen.groups, Some(("band".to_owned(), 2)));
}

/// `dataset stats` splits as `fit` does, and knows features as targets.
#[test]
fn statistics_see_a_recipe_as_training_does() {
    let dir = tempfile::tempdir().unwrap();
    let options = songs_by_band(dir.path());
    let mut learnt = recipe(&options.out, "");
    learnt.heads[0] = toml::from_str(
        "name = \"bright\"\nmeaning = \"bright\"\nabove = { column = \"spec_cent\", quantile = 0.5 }",
    )
    .unwrap();
    let seen = seen_by_statistics(dir.path(), &options.out, &learnt);
    assert_eq!(seen.groups, Some(("band".to_owned(), 12)));
    let target = seen.columns.iter().find(|column| column.name == "target bright").unwrap();
    assert_eq!((target.missing, target.distinct), (0, 2));
    let text = seen.to_string();
    assert!(!text.contains("on both sides") && !text.contains("no column"), "{text}");
}

/// A table, and a network that is looked for over it without early stopping.
fn searched(folder: &Path) -> PathBuf {
    let mut table = "a,b,plays\n".to_owned();
    for n in 0..90u32 {
        let x = n.wrapping_mul(2_654_435_761) >> 16 & 0xff;
        table += &format!("{x},{},{}\n", n % 7, x + n % 50);
    }
    std::fs::write(folder.join("table.csv"), table).unwrap();
    let path = folder.join("recipe.toml");
    let text = format!(
        r#"
        name = "rows"
        [data]
        table = {:?}
        name = "made rows"
        drop = ["plays"]
        [[heads]]
        name = "played"
        meaning = "played more than the median"
        above = {{ column = "plays", quantile = 0.5 }}
        [split]
        kind = "random"
        [model]
        kind = "mlp"
        widths = [8]
        dropout = 0.2
        [budget]
        epochs = 4
        batch = 16
        [search]
        folds = 2
        grid = {{ "optimiser.learning_rate" = [1e-3, 1e-2] }}
        "#,
        folder.join("table.csv")
    );
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn configurations_can_be_seen_learning_without_early_stopping() {
    let dir = tempfile::tempdir().unwrap();
    let (recipe, run) = (load(&searched(dir.path())), dir.path().join("run"));
    fit(&recipe, &run, &FitOptions::default()).unwrap();
    let search = Run::open(&run).unwrap().search.unwrap();
    for row in search.configs.iter().flat_map(|config| config.folds.iter().flatten()) {
        assert!(row.validation_loss.is_some() && row.validation_accuracy.is_some(), "{row:?}");
        assert!(row.wall_time.is_some_and(|time| time > 1.6e9));
    }
    // What is looked at decides nothing: the chosen one by itself learns the same, and is not watched.
    let alone = dir.path().join("alone");
    fit(&load(&run.join("chosen.toml")), &alone, &FitOptions::default()).unwrap();
    assert_eq!(learnt_sha256(&run).unwrap(), learnt_sha256(&alone).unwrap());
    for row in read_epochs(&run.join("test/epochs.jsonl")).unwrap() {
        assert_eq!(row.validation_loss, None);
    }
    // The last pass of a fold says what its predictions say.
    let fold = &search.configs[0].folds[0];
    let info = read_json(&run.join("run.json")).unwrap();
    let path = run.join("search/config-0/fold-0/predictions.csv");
    let rows = read_predictions(&path, &info).unwrap();
    let right = rows.iter().filter(|row| (row.raw[0] > 0.0) == (row.truth > 0.5)).count();
    let share = right as f64 / rows.len() as f64;
    assert!((fold.last().unwrap().validation_accuracy.unwrap() - share).abs() < 1e-12);
}

/// A training on a data set whose build was stopped says what is missing.
#[test]
fn songs_that_were_not_read_yet_are_told_of() {
    let dir = tempfile::tempdir().unwrap();
    let options = songs_by_band(dir.path());
    let all = std::fs::read_to_string(&options.manifest).unwrap();
    let known = ["index.parquet", "features.parquet"].map(|name| options.out.join(name));
    let told = |run: &str| {
        let run = dir.path().join(run);
        fit(&recipe(&options.out, ""), &run, &FitOptions::default()).unwrap();
        let evaluation = evaluate(&run).unwrap();
        (evaluation.songs, evaluation.notes.join("\n"))
    };
    let (songs, notes) = told("whole");
    assert_eq!(songs, 24);
    assert!(!notes.contains("not read yet"), "{notes}");

    // Of a build that ends before it saves the last five songs, what is known of those before is left.
    let lines: Vec<&str> = all.lines().filter(|line| !line.starts_with("99,")).collect();
    std::fs::remove_dir_all(&options.out).unwrap();
    std::fs::write(&options.manifest, lines[..20].join("\n")).unwrap();
    build(&options).unwrap();
    let before = known.each_ref().map(|path| std::fs::read(path).unwrap());
    std::fs::write(&options.manifest, lines.join("\n")).unwrap();
    build(&options).unwrap();
    known.iter().zip(before).for_each(|(path, content)| std::fs::write(path, content).unwrap());
    let (songs, notes) = told("stopped");
    assert_eq!(songs, 19);
    assert!(notes.contains("5 songs of the manifest were not read yet"), "{notes}");
}

/// One recording by two artists is no secret to a model that has learnt from one of them.
#[test]
fn recordings_that_are_there_twice_are_told_of() {
    let dir = tempfile::tempdir().unwrap();
    let options = songs_by_band(dir.path());
    let told = |name: &str, more: &str| {
        let run = dir.path().join(name);
        fit(&recipe(&options.out, more), &run, &FitOptions::default()).unwrap();
        evaluate(&run).unwrap().notes.join("\n")
    };
    let one = options.audio.join("0.wav");
    std::fs::copy(&one, options.audio.join("1.wav")).unwrap();
    build(&options).unwrap();
    // Both are by one band.
    assert!(!told("one-band", "").contains("same recording"));
    std::fs::copy(&one, options.audio.join("8.wav")).unwrap();
    build(&BuildOptions { verify: true, ..options.clone() }).unwrap();
    let notes = told("two-bands", "");
    assert!(notes.contains("1 songs are the same recording") && notes.contains("0 = 8"), "{notes}");
    assert!(!told("leak", "leak = true").contains("same recording"));
}
