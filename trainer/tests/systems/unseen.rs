//! Nothing of what judges a model reaches what it learns: neither numbers, nor sound, nor what is true. Songs
//! that it must not know are made absurd, and it learns the same to the byte.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use earworm_train::dataset::build::build;
use earworm_train::fit::{FitOptions, fit};
use earworm_train::recipe::Recipe;
use earworm_train::run::{RunInfo, read_json, read_predictions, search_folder};

use crate::common::{RATE, made_songs, song, write_wav};
use crate::recipe;

/// Songs of a table. Those that its column `side` sets aside are the first, so that no song has the same place
/// among the others as among all.
const SONGS: u32 = 48;
const ASIDE: u32 = 12;

const UPPER_HALF: &str = "above = { column = 'plays', quantile = 0.5 }";

/// Trains on a table in which some songs are absurd.
fn train(folder: &Path, absurd: &BTreeSet<String>, rest: &str, name: &str) -> PathBuf {
    let mut table = "song,side,a,b,c,plays\n".to_owned();
    for n in 0..SONGS {
        let id = format!("s{n}");
        let side = if n < ASIDE { "test" } else { "train" };
        let [a, b, c, plays] = match absurd.contains(&id) {
            true => [1_000_000 + n * n, 2_000_000 - 99 * n, 3_000_000, 4_000_000 + n],
            false => [n * 37 % 41, n * n % 29, n * 17 % 23, n * 13 % SONGS],
        };
        table += &format!("{id},{side},{a},{b},{c},{plays}\n");
    }
    let path = folder.join(format!("{name}.csv"));
    std::fs::write(&path, table).unwrap();
    let text = format!(
        r#"
        name = "made"
        [data]
        table = {path:?}
        id = "song"
        name = "made rows"
        columns = ["a", "b", "c"]
        [[heads]]
        name = "played"
        meaning = "played more than half of the songs"
        {UPPER_HALF}
        {rest}
        "#
    );
    let out = folder.join(name);
    fit(&Recipe::parse(&text, &[]).unwrap(), &out, &FitOptions::default()).unwrap();
    out
}

/// The songs that a part judged.
fn judged(run: &Path, part: &Path) -> Vec<String> {
    let info: RunInfo = read_json(&run.join("run.json")).unwrap();
    let rows = read_predictions(&run.join(part).join("predictions.csv"), &info).unwrap();
    rows.into_iter().map(|row| row.track_id).collect()
}

fn judged_by_the_first(run: &Path) -> BTreeSet<String> {
    judged(run, Path::new("fold-0")).into_iter().collect()
}

/// Checks that the first part has learnt the same from both, and the second, which learns from what the first
/// is judged by, has not.
fn only_the_first_is_the_same(plain: &Path, absurd: &Path, files: &[&str]) {
    for file in files {
        let of = |run: &Path, part: &str| std::fs::read(run.join(part).join(file)).unwrap();
        let same = |part: &str| of(plain, part) == of(absurd, part);
        assert!(same("fold-0"), "{}: {file} knows what judges it", plain.display());
        assert!(!same("fold-1"), "{}: {file} knows nothing at all", plain.display());
    }
}

#[test]
fn rows_that_judge_a_model_do_not_reach_it() {
    let network = "[model]\nkind = 'mlp'\nwidths = [8]\ndropout = 0.1\n[budget]\nepochs = 4\nbatch = 8\npatience = 2\nvalidation = 0.25";
    let logistic = "[model]\nkind = 'logistic'\nc = 1.0";
    for (model, learnt) in [(network, "weights.safetensors"), (logistic, "model.json")] {
        let dir = tempfile::tempdir().unwrap();
        let rest = format!("[split]\nfolds = 3\nlast = false\n{model}");
        let plain = train(dir.path(), &BTreeSet::new(), &rest, "plain");
        let absurd = train(dir.path(), &judged_by_the_first(&plain), &rest, "absurd");
        assert_eq!(judged_by_the_first(&plain), judged_by_the_first(&absurd));
        only_the_first_is_the_same(&plain, &absurd, &[learnt, "columns.json"]);
    }
}

/// The bands of the sound and the numbers beside it are scaled by the songs that are learnt from.
#[test]
fn sound_that_judges_a_model_does_not_reach_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = made_songs(dir.path());
    let rest = "[split]\nfolds = 2\nlast = false\n[budget]\nepochs = 1\nbatch = 4\n[model]\nkind = 'late-fusion'\npatch = 5\nhidden = 4\nwidth = 4";
    let mut train = |absurd: &BTreeSet<String>, name: &str| -> PathBuf {
        let mut manifest = "track_id,file,artist,year,plays\n".to_owned();
        for n in 0..8u32 {
            let is_absurd = absurd.contains(&n.to_string());
            // Noise in place of a tone.
            let sound = song(if is_absurd { 100 + n } else { n }, !is_absurd);
            let path = options.audio.join(format!("{n}.wav"));
            write_wav(&path, &sound[..RATE as usize * 3 / 2]);
            let (year, plays) = match is_absurd {
                true => (900_000 - n * n, 70_000 + n),
                false => (1980 + n, 10 * n),
            };
            manifest += &format!("{n},{n}.wav,artist {n},{year},{plays}\n");
        }
        std::fs::write(&options.manifest, manifest).unwrap();
        options.out = dir.path().join(format!("{name}-set"));
        build(&options).unwrap();
        let data = "beside = ['year']\nscale = 'standard'";
        let mut recipe = recipe(&options.out, data, UPPER_HALF, rest);
        (recipe.data.window_frames, recipe.data.warm_up_frames) = (31, 31);
        let out = dir.path().join(name);
        fit(&recipe, &out, &FitOptions::default()).unwrap();
        out
    };
    let plain = train(&BTreeSet::new(), "plain");
    let absurd = train(&judged_by_the_first(&plain), "absurd");
    assert_eq!(judged_by_the_first(&plain), judged_by_the_first(&absurd));
    only_the_first_is_the_same(&plain, &absurd, &["weights.safetensors", "columns.json"]);
}

#[test]
fn a_search_knows_nothing_of_the_test() {
    let dir = tempfile::tempdir().unwrap();
    let rest = "[split]\nkind = 'column'\ncolumn = 'side'\ntrain = 'train'\ntest = 'test'\nlast = false\n[search]\nfolds = 3\ngrid = { 'model.c' = [0.1, 10.0] }\n[model]\nkind = 'logistic'\nc = 1.0";
    let ids =
        |from: u32, to: u32| -> BTreeSet<String> { (from..to).map(|n| format!("s{n}")).collect() };
    let (aside, learnt_from) = (ids(0, ASIDE), ids(ASIDE, SONGS));
    let plain = train(dir.path(), &BTreeSet::new(), rest, "plain");
    let absurd = train(dir.path(), &aside, rest, "absurd");

    let test: BTreeSet<String> = judged(&plain, Path::new("test")).into_iter().collect();
    assert_eq!(test, aside);
    let mut files = vec![PathBuf::from("search.json"), "test/model.json".into()];
    for configuration in 0..2 {
        let folder = search_folder(Path::new(""), configuration);
        let folds: Vec<PathBuf> = (0..3).map(|fold| folder.join(format!("fold-{fold}"))).collect();
        // Every song that may be learnt from is judged once, and no other is.
        let tried: Vec<String> = folds.iter().flat_map(|fold| judged(&plain, fold)).collect();
        assert_eq!(tried.len(), learnt_from.len());
        assert_eq!(tried.into_iter().collect::<BTreeSet<_>>(), learnt_from);
        files.extend(folds.iter().map(|fold| fold.join("predictions.csv")));
    }
    for file in files {
        let of = |run: &Path| std::fs::read(run.join(&file)).unwrap();
        assert!(of(&plain) == of(&absurd), "{} knows the test", file.display());
    }
}
