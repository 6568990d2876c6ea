//! Every loss, with every kind of target it is for, learns what is planted in rows, and nothing of targets that are
//! dealt by lot: through `fit`, as a recipe says it.

use std::path::Path;

use earworm_train::Rng;
use earworm_train::fit::{FitOptions, fit};
use earworm_train::metrics::spearman;
use earworm_train::recipe::Recipe;
use earworm_train::run::Run;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

const SONGS: usize = 300;

/// Popularity rises with one column and falls with another; `likes` are that share of 20 votes.
fn table(path: &Path, by_lot: bool) {
    let mut rng = Rng::seed_from_u64(11);
    let mut draw = || rng.random_range(-1.0..1.0);
    let columns: Vec<[f64; 4]> = (0..SONGS).map(|_| [(); 4].map(|()| draw())).collect();
    let mut popularity: Vec<f64> =
        columns.iter().map(|x| 50.0 + 30.0 * x[1] - 15.0 * x[2] + 3.0 * draw()).collect();
    if by_lot {
        popularity.shuffle(&mut Rng::seed_from_u64(12));
    }
    let mut text = "song,x0,x1,x2,x3,popularity,votes,likes\n".to_owned();
    for (n, (x, popularity)) in columns.iter().zip(popularity).enumerate() {
        let likes = (popularity / 5.0).round();
        text += &format!("s{n},{},{},{},{},{popularity},20,{likes}\n", x[0], x[1], x[2], x[3]);
    }
    std::fs::write(path, text).unwrap();
}

/// How well songs that were not heard are ranked by what their popularity is.
fn ranked(folder: &Path, head: &str, loss: &str, by_lot: bool) -> f64 {
    let songs = folder.join("songs.csv");
    table(&songs, by_lot);
    let text = format!(
        r#"
        name = "planted"
        seed = 3
        calibration = "none"
        [data]
        table = {songs:?}
        id = "song"
        name = "planted rows"
        columns = ["x0", "x1", "x2", "x3"]
        [[heads]]
        name = "popular"
        meaning = "how popular it is"
        {head}
        [split]
        kind = "random"
        share = 0.4
        [model]
        kind = "mlp"
        widths = [8]
        dropout = 0.0
        [loss]
        {loss}
        [optimiser]
        learning_rate = 0.02
        [budget]
        epochs = 25
        batch = 16
        "#
    );
    let run = folder.join(format!("run-{by_lot}"));
    fit(&Recipe::parse(&text, &[]).unwrap(), &run, &FitOptions::default()).unwrap();
    let run = Run::open(&run).unwrap();
    let songs: Vec<_> = run.songs().map(|(_, row)| row).collect();
    assert_eq!(songs.len(), SONGS * 2 / 5);
    // Of classes, the highest against the lowest.
    let said: Vec<f64> = songs
        .iter()
        .map(|row| {
            f64::from(row.raw[row.raw.len() - 1] - if row.raw.len() > 1 { row.raw[0] } else { 0.0 })
        })
        .collect();
    spearman(&said, &songs.iter().map(|row| row.truth).collect::<Vec<_>>()).unwrap()
}

#[test]
fn every_loss_learns_what_is_there_and_nothing_else() {
    let share = "share = { count = \"likes\", of = \"votes\" }";
    let above = "above = { column = \"popularity\", threshold = 50 }";
    let value = "value = { column = \"popularity\", low = 0.0, high = 100.0 }";
    let classes = "classes = { column = \"popularity\", limits = [35, 65], names = [\"low\", \"medium\", \"high\"] }";
    let outliers =
        "kind = \"outlier-weighted\"\nmean = 0.5\ndeviation = 0.2\nalpha = 2.0\nbeta = 2.0";
    for (head, loss) in [
        (share, "kind = \"cross-entropy\""),
        (share, "kind = \"mse\""),
        (above, "kind = \"cross-entropy\""),
        (above, "kind = \"focal\"\ngamma = 2.0\nclass_weights = [1.0, 2.0]"),
        (value, "kind = \"mse\""),
        (value, outliers),
        (classes, "kind = \"cross-entropy\""),
        (classes, "kind = \"focal\"\ngamma = 2.0"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let learnt = ranked(dir.path(), head, loss, false);
        let nothing = ranked(dir.path(), head, loss, true);
        // A yes or no has many equal ranks, so that its correlation stays below 0.87.
        let least = if head == above { 0.8 } else { 0.85 };
        assert!(learnt > least, "{head}, {loss}: {learnt}");
        assert!(nothing.abs() < 0.3, "{head}, {loss}, by lot: {nothing}");
    }
}
