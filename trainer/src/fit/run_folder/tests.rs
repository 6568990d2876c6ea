//! What a run's folder says, and how its data are known again.

use super::*;

#[test]
fn the_versions_of_the_libraries_are_found() {
    let versions = versions();
    for library in LIBRARIES {
        assert!(versions[library].contains('.'), "{library}");
    }
}

#[test]
fn folds_tell_who_judges_a_song_and_which_are_left_out() {
    let part = |name: &str, seen: &[usize], unseen: &[usize]| Part {
        name: name.into(),
        seen: seen.to_vec(),
        unseen: unseen.to_vec(),
    };
    let two = [part("fold-0", &[1, 3], &[0, 2]), part("fold-1", &[0, 2], &[1, 3])];
    assert_eq!(folds(&two, 4), ["0", "1", "0", "1"]);
    assert_eq!(folds(&[part("test", &[0, 3], &[2])], 4), ["train", "-", "test", "train"]);
}

#[test]
fn a_joined_table_goes_by_its_hash_and_not_by_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let recipe = |join: &str| {
        let text = format!(
            r#"
            name = "joined"
            [data]
            set = "set"
            join = "{join}"
            name = "made"
            [[heads]]
            name = "loud"
            meaning = "loud"
            above = {{ column = "loss", threshold = 3 }}
            [model]
            kind = "knn"
            k = 3
            "#
        );
        Recipe::parse(&text, &[]).unwrap()
    };
    let text = toml::to_string(&recipe("begun.csv")).unwrap();
    std::fs::write(dir.path().join("recipe.toml"), text).unwrap();
    let named_anew = |others: serde_json::Value| {
        let info = serde_json::json!({
            "name": "joined", "task": "binary", "outputs": ["loud"], "score": "loud",
            "parts": ["fold-0"], "split": "folds", "versions": {}, "command": "",
            "device": "cpu", "started": "",
            "data": {
                "sha256": "", "others": others, "songs": 4, "folder": "set",
                "join": "last.csv", "name": "made",
            },
        });
        std::fs::write(dir.path().join("run.json"), info.to_string()).unwrap();
        let mut moved = recipe("moved.csv");
        name_data_as_begun(&mut moved, dir.path());
        moved
    };
    let named = named_anew(serde_json::json!({ "data.join": "ab" }));
    assert_eq!(named, recipe("begun.csv"));
    let mut again = recipe("begun.csv");
    place_data(&mut again, dir.path(), None);
    assert_eq!(again, recipe("last.csv"));
    // Nothing says what was in the file of an old run.
    assert_eq!(named_anew(serde_json::json!({})), recipe("moved.csv"));
}
