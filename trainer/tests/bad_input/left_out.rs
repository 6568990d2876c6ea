//! Songs that a column puts neither among those to learn from nor into the test.

use earworm_train::run::{RunInfo, read_json};

use super::{fit_well, recipe, table};

/// They are told of, and no model learns from them: not even the one of all songs.
#[test]
fn songs_with_a_third_value_in_the_columns_split() {
    let dir = tempfile::tempdir().unwrap();
    table(dir.path(), |n, row| {
        if n >= 36 {
            row[2] = "1000000".into();
            row[5] = "spare".into();
        }
    });
    let split = "kind = \"column\"\ncolumn = \"side\"\ntrain = \"train\"\ntest = \"test\"";
    recipe(dir.path(), |text| text.replace("folds = 2", split));
    fit_well(dir.path());
    let run = dir.path().join("run");
    let info: RunInfo = read_json(&run.join("run.json")).unwrap();
    let told = info.notes.iter().any(|note| note.contains("4 songs have another value"));
    assert!(told && info.data.songs == 36, "{info:?}");
    let folds = std::fs::read_to_string(run.join("folds.csv")).unwrap();
    let left: Vec<&str> = folds.lines().filter_map(|line| line.strip_suffix(",-")).collect();
    assert_eq!(left, ["s36", "s37", "s38", "s39"]);
    let mean = |part: &str| {
        let columns: serde_json::Value = read_json(&run.join(part).join("columns.json")).unwrap();
        assert_eq!(columns["names"][0], "tempo");
        columns["means"][0].as_f64().unwrap()
    };
    // The fastest of the others has 102 beats a minute.
    let (test, last) = (mean("test"), mean("final"));
    assert!(test < 102.0 && last < 102.0, "{test}, {last}");

    // A run that was begun when none were left out goes on with all of them.
    let train_again = |folds: &str| {
        std::fs::write(run.join("folds.csv"), folds).unwrap();
        std::fs::remove_dir_all(run.join("final")).unwrap();
        fit_well(dir.path());
        mean("final")
    };
    assert_eq!(train_again(&folds), last);
    assert!(train_again(&folds.replace(",-\n", ",train\n")) > 1000.0);
}
