//! What is wrong with a recipe or its data is said in one line, with exit code 2, and no run is begun.

#[path = "bad_input/left_out.rs"]
mod left_out;
#[path = "bad_input/searches.rs"]
mod searches;

use std::path::Path;
use std::process::{Command, Output};

/// A table of 40 songs by 20 artists; `edit` may change the rows.
fn table(folder: &Path, edit: impl Fn(usize, &mut Vec<String>)) {
    let mut text = "song,artist,tempo,energy,plays,side\n".to_owned();
    for n in 0..40usize {
        let mut row = vec![
            format!("s{n}"),
            format!("a{}", n / 2),
            (90 + n % 13).to_string(),
            (n % 7).to_string(),
            (n * 37 % 101).to_string(),
            if n / 2 % 4 == 0 { "test" } else { "train" }.to_owned(),
        ];
        edit(n, &mut row);
        text += &(row.join(",") + "\n");
    }
    std::fs::write(folder.join("songs.csv"), text).unwrap();
}

fn recipe(folder: &Path, edit: impl Fn(String) -> String) {
    let text = format!(
        r#"
name = "small"
[data]
table = {:?}
id = "song"
group = "artist"
name = "made rows"
drop = ["side"]
[[heads]]
name = "played"
meaning = "played more than 50 times"
above = {{ column = "plays", threshold = 50 }}
[split]
folds = 2
[model]
kind = "logistic"
c = 1.0
"#,
        folder.join("songs.csv")
    );
    std::fs::write(folder.join("recipe.toml"), edit(text)).unwrap();
}

/// Runs `fit` and returns its complaint, after checking its form.
fn complaint(folder: &Path, more: &[&str]) -> String {
    complaint_about(folder, &folder.join("run"), more)
}

/// The same with a run's folder of its own.
fn complaint_about(folder: &Path, run: &Path, more: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_earworm-train"))
        .arg("fit")
        .arg(folder.join("recipe.toml"))
        .arg("--out")
        .arg(run)
        .args(more)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    assert!(text.starts_with("error: "), "{text}");
    text
}

fn fitted(folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_earworm-train"))
        .args(["fit".as_ref(), folder.join("recipe.toml").as_os_str()])
        .args(["--out".as_ref(), folder.join("run").as_os_str()])
        .output()
        .unwrap()
}

/// Runs `fit`, which finds nothing wrong.
fn fit_well(folder: &Path) {
    let output = fitted(folder);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn nothing_was_begun(folder: &Path) {
    let run = folder.join("run");
    let begun = run.join("recipe.toml").exists() || run.join("run.json").exists();
    assert!(!begun, "a run was begun");
}

fn same(text: String) -> String {
    text
}

#[test]
fn the_good_case_is_good() {
    let dir = tempfile::tempdir().unwrap();
    table(dir.path(), |_, _| ());
    recipe(dir.path(), same);
    fit_well(dir.path());
}

#[test]
fn rows_that_cannot_be_learnt_from() {
    type Edit = fn(usize, &mut Vec<String>);
    let cases: [(Edit, &[&str]); 5] = [
        (
            |n, row| {
                if n == 7 {
                    row[4] = "nan".into()
                }
            },
            &["s7", "plays"],
        ),
        (
            |n, row| {
                if n == 7 {
                    row[4] = String::new()
                }
            },
            &["s7", "plays"],
        ),
        (|_, row| row[4] = "3".into(), &["played", "nothing to learn"]),
        (
            |n, row| {
                if n == 7 {
                    row[0] = "s6".into()
                }
            },
            &["s6", "songs.csv"],
        ),
        (|n, row| row[1] = if n < 20 { "one".into() } else { format!("a{n}") }, &["one", "fold"]),
    ];
    for (edit, words) in cases {
        let dir = tempfile::tempdir().unwrap();
        table(dir.path(), edit);
        recipe(dir.path(), same);
        let text = complaint(dir.path(), &[]);
        assert!(words.iter().all(|word| text.contains(word)), "{words:?}: {text}");
        nothing_was_begun(dir.path());
    }
}

#[test]
fn tables_that_are_not_there_or_empty() {
    let dir = tempfile::tempdir().unwrap();
    recipe(dir.path(), same);
    assert!(complaint(dir.path(), &[]).contains("songs.csv"));
    std::fs::write(dir.path().join("songs.csv"), "song,artist,tempo,plays\n").unwrap();
    let text = complaint(dir.path(), &[]);
    assert!(text.contains("songs.csv") && text.contains("no rows"), "{text}");
    nothing_was_begun(dir.path());
}

#[test]
fn recipes_that_make_no_sense() {
    const TWO: &str = "[[heads]]\nname = \"calm\"\nmeaning = \"calm\"\nabove = { column = \"tempo\", threshold = 95 }\n[split]";
    let cases: [(&str, &str, &[&str]); 14] = [
        ("folds = 2", "fold = 2", &["split", "did you mean `folds`"]),
        ("kind = \"logistic\"", "kind = \"logistik\"", &["did you mean `logistic`"]),
        ("c = 1.0", "c = -1.0", &["c"]),
        ("c = 1.0", "c = 1.0\n[model]", &["line"]),
        ("id = \"song\"", "id = \"track\"", &["track", "song"]),
        ("group = \"artist\"", "group = \"artits\"", &["artits", "artist"]),
        ("column = \"plays\"", "column = \"likes\"", &["likes", "plays"]),
        ("folds = 2", "folds = 30", &["fold"]),
        ("folds = 2", "folds = 1000000000000", &["too few", "folds"]),
        ("[split]", TWO, &["logistic", "learns one target"]),
        ("meaning = \"played", "weight = 0.0\nmeaning = \"played", &["weight", "above zero"]),
        ("[data]", "[data]\npieces = 2", &["data.pieces", "set"]),
        ("[data]", "[data]\njoin = \"more.csv\"", &["data.join", "set"]),
        ("[data]", "[data]\nwindow_frames = 1000000000000", &["data.window_frames"]),
    ];
    for (from, to, words) in cases {
        let dir = tempfile::tempdir().unwrap();
        table(dir.path(), |_, _| ());
        recipe(dir.path(), |text| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        });
        let text = complaint(dir.path(), &[]);
        assert!(words.iter().all(|word| text.contains(word)), "{words:?}: {text}");
        nothing_was_begun(dir.path());
    }
}

/// What only shows once models are prepared leaves no folder that would refuse the recipe put right.
#[test]
fn a_recipe_put_right_is_trained_in_the_same_folder() {
    let search = |folds: u32, key: &str, values: &str| {
        let split = "[split]\nkind = \"random\"";
        format!("{split}\n[search]\nfolds = {folds}\ngrid = {{ {key:?} = {values} }}")
    };
    let split = "[split]\nfolds = 2";
    let drop = "drop = [\"side\"]";
    let cases: [(&str, String, &[&str]); 5] = [
        (drop, "columns = [\"tempi\"]".into(), &["tempi", "tempo"]),
        (drop, format!("{drop}\nfill = \"error\""), &["energy", "s9"]),
        (split, search(2, "model.k", "[1.0, 2.0]"), &["search", "`k`"]),
        (split, search(30, "model.c", "[1.0, 2.0]"), &["search", "fold 0 of 30"]),
        (split, search(2, "data.drop", "[[\"sides\"]]"), &["search", "sides"]),
    ];
    for (from, to, words) in cases {
        let dir = tempfile::tempdir().unwrap();
        table(dir.path(), |n, row| {
            if n == 9 {
                row[3] = String::new();
            }
        });
        recipe(dir.path(), |text| {
            assert!(text.contains(from), "{from}");
            text.replace(from, &to)
        });
        let text = complaint(dir.path(), &[]);
        assert!(words.iter().all(|word| text.contains(word)), "{words:?}: {text}");
        assert!(!dir.path().join("run").exists(), "{text}");
        recipe(dir.path(), same);
        fit_well(dir.path());
    }
}

/// A folder that was there keeps what is in it.
#[test]
fn a_failure_takes_back_only_what_it_made() {
    let dir = tempfile::tempdir().unwrap();
    table(dir.path(), |_, _| ());
    // The rate is too high for any number: the loss breaks down in the first steps.
    let mlp = "kind = \"mlp\"\nwidths = [64, 64]\ndropout = 0.0\n[loss]\nkind = \"mse\"\n[optimiser]\nlearning_rate = 1e38\n[budget]\nepochs = 9\nbatch = 8";
    recipe(dir.path(), |text| text.replace("kind = \"logistic\"\nc = 1.0", mlp));
    let run = dir.path().join("run");
    let text = complaint(dir.path(), &[]);
    assert!(text.contains("no longer a number"), "{text}");
    assert!(!run.exists(), "{text}");
    std::fs::create_dir(&run).unwrap();
    std::fs::write(run.join("notes.txt"), "mine").unwrap();
    complaint(dir.path(), &[]);
    assert!(run.join("notes.txt").exists());
    nothing_was_begun(dir.path());
    recipe(dir.path(), same);
    fit_well(dir.path());
}

#[test]
fn a_leak_over_the_columns_split() {
    let dir = tempfile::tempdir().unwrap();
    table(dir.path(), |n, row| row[5] = if n % 4 == 0 { "test".into() } else { "train".into() });
    let split = "kind = \"column\"\ncolumn = \"side\"\ntrain = \"train\"\ntest = \"test\"";
    recipe(dir.path(), |text| text.replace("folds = 2", split));
    let text = complaint(dir.path(), &[]);
    assert!(text.contains("both sides") && text.contains("a0"), "{text}");
}

#[cfg(not(feature = "cuda"))]
#[test]
fn cuda_without_cuda() {
    let dir = tempfile::tempdir().unwrap();
    table(dir.path(), |_, _| ());
    recipe(dir.path(), same);
    let text = complaint(dir.path(), &["--device", "cuda:0"]);
    assert!(text.contains("no CUDA") && text.contains("--features cuda"), "{text}");
    nothing_was_begun(dir.path());
}

#[test]
fn a_run_of_something_else() {
    let dir = tempfile::tempdir().unwrap();
    table(dir.path(), |_, _| ());
    recipe(dir.path(), same);
    let fit = |more: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_earworm-train"))
            .args(["fit".as_ref(), dir.path().join("recipe.toml").as_os_str()])
            .args(["--out".as_ref(), dir.path().join("run").as_os_str()])
            .args(more)
            .output()
            .unwrap()
            .status
    };
    assert!(fit(&[]).success());
    assert!(complaint(dir.path(), &["--set", "seed=4"]).contains("another recipe"));
    table(dir.path(), |n, row| row[2] = n.to_string());
    assert!(complaint(dir.path(), &[]).contains("the data have changed"));
}

/// What lies in a folder and is no run's is the user's.
#[test]
fn a_folder_with_files_of_ones_own() {
    let dir = tempfile::tempdir().unwrap();
    table(dir.path(), |_, _| ());
    recipe(dir.path(), same);
    let own = std::fs::read_to_string(dir.path().join("recipe.toml")).unwrap();
    let said = complaint_about(dir.path(), dir.path(), &[]);
    assert!(said.contains("recipe.toml that no training wrote"), "{said}");
    assert_eq!(std::fs::read_to_string(dir.path().join("recipe.toml")).unwrap(), own);
    let run = dir.path().join("run");
    std::fs::create_dir(&run).unwrap();
    for (name, content) in [("folds.csv", "my,folds\n"), ("run.json", "{\"my\": \"run\"}")] {
        std::fs::write(run.join(name), content).unwrap();
        let said = complaint(dir.path(), &[]);
        assert!(said.contains(&format!("{name} that no training wrote")), "{said}");
        assert_eq!(std::fs::read_to_string(run.join(name)).unwrap(), content);
    }
}

#[test]
fn a_checkpoint_of_another_training() {
    let mlp = "kind = \"mlp\"\nwidths = [4]\ndropout = 0.0\n[budget]\nepochs = 2\nbatch = 8";
    let make = |seed: u32| {
        let dir = tempfile::tempdir().unwrap();
        table(dir.path(), |_, _| ());
        recipe(dir.path(), |text| {
            text.replace("kind = \"logistic\"\nc = 1.0", mlp)
                .replace("name = \"small\"", &format!("name = \"small\"\nseed = {seed}"))
        });
        dir
    };
    let dir = make(2);
    // A checkpoint of the right form that this training did not write.
    let part = dir.path().join("run/fold-0");
    std::fs::create_dir_all(&part).unwrap();
    let progress = br#"{"belongs_to":"x","step":1,"loss_sum":0.0,"right":[0,0],"epochs":[],"best":null,"seconds":0.0,"finished":false}"#;
    let tensor =
        candle_core::Tensor::from_slice(progress, progress.len(), &candle_core::Device::Cpu);
    let tensors = std::collections::HashMap::from([("progress", tensor.unwrap())]);
    candle_core::safetensors::save(&tensors, part.join("checkpoint.safetensors")).unwrap();
    let text = complaint(dir.path(), &[]);
    assert!(text.contains("checkpoint.safetensors") && text.contains("another recipe"), "{text}");

    let dir = make(2);
    let part = dir.path().join("run/fold-0");
    std::fs::create_dir_all(&part).unwrap();
    std::fs::write(part.join("checkpoint.safetensors"), "cut off").unwrap();
    let text = complaint(dir.path(), &[]);
    assert!(text.contains("checkpoint.safetensors") && text.contains("delete it"), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_to() {
    let dir = tempfile::tempdir().unwrap();
    table(dir.path(), |_, _| {});
    recipe(dir.path(), same);
    // Nobody may make files there, whoever the tests run as.
    let text = complaint_about(dir.path(), Path::new("/sys/earworm-run"), &[]);
    assert!(text.contains("/sys/earworm-run"), "{text}");
}
