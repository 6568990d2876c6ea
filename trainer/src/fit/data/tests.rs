//! Songs as a recipe's targets and rows see them.

use super::*;
use crate::dataset::made::{FEATURES, made_set};

/// Opens four songs for a recipe with a target of a column.
fn open(set: &Path, column: &str, more: &str) -> Data {
    let text = format!(
        r#"
        name = "made"
        [data]
        set = {set:?}
        name = "made songs"
        columns = ["length"]
        {more}
        [[heads]]
        name = "liked"
        meaning = "liked"
        above = {{ column = "{column}", quantile = 0.5 }}
        [model]
        kind = "tree"
        "#
    );
    Data::open(&Recipe::parse(&text, &[]).unwrap()).unwrap()
}

fn four_songs(folder: &Path) -> PathBuf {
    let rows: Vec<(String, f32)> = (0..4).map(|n| (format!("a{n},pop,{},x", n + 1), 0.5)).collect();
    made_set(folder, "artist,genre,likes,more", &rows).folder
}

#[test]
fn tracks_hold_the_features_that_a_recipe_reads_of_them_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let set = four_songs(dir.path());
    let names = |data: &Data| data.tracks[0].columns.keys().cloned().collect::<Vec<_>>();
    let of_manifest = ["artist", "file", "genre", "likes", "more", "track_id"];
    let plain = open(&set, "likes", "");
    assert_eq!(names(&plain), of_manifest);
    assert_eq!(plain.rows.unwrap().names, FEATURES);
    let ratio = open(&set, "peak / likes", "");
    assert_eq!(names(&ratio).len(), of_manifest.len() + 1);
    assert!(ratio.tracks[0].number("peak").unwrap() > 0.0);
    // What is not there is told beside all that could have been meant.
    let said = open(&set, "peek", "").tracks[0].text("peek").unwrap_err().to_string();
    assert!(said.contains("did you mean peak?"), "{said}");
    let pieces = open(&set, "likes", "pieces = 2");
    assert_eq!((pieces.tracks.len(), names(&pieces).len()), (8, 3), "{:?}", names(&pieces));
    assert_eq!(pieces.genres[7], "pop");
}

/// Rows would have the feature, and a target what was joined. A run that was begun so goes on.
#[test]
fn no_run_begins_with_a_joined_column_that_is_called_as_a_feature() {
    let dir = tempfile::tempdir().unwrap();
    let set = four_songs(dir.path());
    let joined = |name: &str| {
        let path = dir.path().join(format!("{name}.csv"));
        let rows: String = (0..4).map(|n| format!("s{n},{n}\n")).collect();
        std::fs::write(&path, format!("track_id,{name}\n{rows}")).unwrap();
        open(&set, "likes", &format!("join = {path:?}"))
    };
    let data = joined("more");
    data.check_new().unwrap();
    assert_eq!(data.doubled.replaced, ["more"]);
    let refused = joined("peak").check_new().unwrap_err().to_string();
    assert!(refused.contains("peak.csv") && refused.contains("features: peak"), "{refused}");
}

#[test]
fn genres_are_those_of_the_recipe_else_of_the_schema_else_of_the_usual_column() {
    let cells = |style: &str, genre: &str| -> BTreeMap<String, String> {
        BTreeMap::from([("style".into(), style.into()), ("genre".into(), genre.into())])
    };
    let track = |columns| Track { id: "1".into(), file: String::new(), columns };
    let tracks = [track(cells("lo-fi", "pop")), track(cells("", "rock"))];
    let schema = Schema::parse("[columns]\ngenre = \"style\"").unwrap();
    let of = |named, schema| genres(named, schema, &tracks).unwrap();
    assert_eq!(of(None, Some(&schema)), ["lo-fi", ""]);
    assert_eq!(of(Some("genre"), Some(&schema)), ["pop", "rock"]);
    assert_eq!(of(None, None), ["pop", "rock"]);
    assert!(genres(Some("gnre"), None, &tracks).is_err());
    let bare = [track(BTreeMap::new())];
    assert_eq!(genres(None, Some(&schema), &bare).unwrap(), [""]);
}
