//! Searches some of whose configurations or folds come to nothing.

use earworm_train::run::{Run, search_folder};

use super::{fit_well, fitted, recipe, table};

/// A recipe with a search, and with a model of all songs or without.
fn searched(text: String, last: bool) -> String {
    let split = format!(
        "kind = \"column\"\ncolumn = \"side\"\ntrain = \"train\"\ntest = \"test\"\nstratified = true\nlast = {last}"
    );
    let search = "[search]\nmetric = \"auc\"\nfolds = 3\ngrid = { \"model.c\" = [0.1, 1.0] }\n";
    text.replace("folds = 2", &split) + search
}

/// A fold whose songs are all of one class has no AUC: the others decide, and the run can be read.
#[test]
fn a_fold_of_one_class_in_a_search() {
    let dir = tempfile::tempdir().unwrap();
    // Of the fifteen artists that may be learnt from, two are played much.
    table(dir.path(), |n, row| {
        row[4] = if [1, 2, 4].contains(&(n / 2)) { "90" } else { "1" }.into();
    });
    recipe(dir.path(), |text| searched(text, false));
    fit_well(dir.path());
    let run = Run::open(&dir.path().join("run")).unwrap();
    let search = run.search.unwrap();
    for config in &search.configs {
        let undefined = config.entry.scores.iter().filter(|score| score.is_nan()).count();
        assert_eq!((config.entry.scores.len(), undefined), (3, 1), "{:?}", config.entry);
        assert!(config.entry.mean.is_finite() && config.entry.sd.is_finite());
    }
    earworm_train::report::evaluate(&dir.path().join("run")).unwrap();

    // What was trained with a choice keeps it, whatever its scores are by now.
    let chosen = dir.path().join("run/chosen.toml");
    let before = std::fs::read_to_string(&chosen).unwrap();
    let at = search.configs.iter().position(|config| config.entry.chosen).unwrap();
    for fold in 0..3 {
        let path = search_folder(&dir.path().join("run"), at);
        let path = path.join(format!("fold-{fold}/predictions.csv"));
        let text = std::fs::read_to_string(&path).unwrap();
        let (header, rows) = text.split_once('\n').unwrap();
        let raw = header.split(',').position(|name| name.starts_with("raw.")).unwrap();
        let turned = rows.lines().map(|row| {
            let mut cells: Vec<String> = row.split(',').map(str::to_owned).collect();
            cells[raw] = (-cells[raw].parse::<f64>().unwrap()).to_string();
            cells.join(",") + "\n"
        });
        std::fs::write(&path, format!("{header}\n{}", turned.collect::<String>())).unwrap();
    }
    fit_well(dir.path());
    assert_eq!(std::fs::read_to_string(&chosen).unwrap(), before);
    // Also where the model of all songs is asked for later.
    recipe(dir.path(), |text| searched(text, true));
    fit_well(dir.path());
    assert_eq!(std::fs::read_to_string(&chosen).unwrap(), before);
    assert!(dir.path().join("run/final/outcome.json").exists());
}

/// Grids reach beyond what works. What is left of them is chosen from, and the report says what failed.
#[test]
fn a_configuration_that_diverges_in_a_search() {
    let grid = |rates: &str, budget: &str| {
        let dir = tempfile::tempdir().unwrap();
        table(dir.path(), |_, _| ());
        recipe(dir.path(), |text| {
            let mlp = "kind = \"mlp\"\nwidths = [4]\ndropout = 0.0\n[budget]\n";
            let search = "[search]\nmetric = \"accuracy\"\nfolds = 2\n";
            let text = text.replace("kind = \"logistic\"\nc = 1.0\n", &format!("{mlp}{budget}"));
            let text = text.replace("folds = 2", "kind = \"random\"");
            format!("{text}{search}grid = {{ \"optimiser.learning_rate\" = {rates} }}\n")
        });
        dir
    };
    // In a step that others follow, and in the last one.
    let (several, one) = ("epochs = 3\nbatch = 8\n", "epochs = 1\nbatch = 64\n");
    for (budget, words) in [(several, "no longer a number"), (one, "answers are no numbers")] {
        let dir = grid("[1e30, 1e-3]", budget);
        fit_well(dir.path());
        let run = Run::open(&dir.path().join("run")).unwrap();
        let search = run.search.unwrap();
        let [diverged, chosen] = &search.configs[..] else { panic!("{search:?}") };
        let why = diverged.entry.failed.as_deref().unwrap();
        assert!(why.starts_with("fold 1: ") && why.contains(words), "{why}");
        assert!(diverged.entry.mean.is_nan() && !diverged.entry.chosen);
        assert!(chosen.entry.failed.is_none() && chosen.entry.chosen);
        earworm_train::report::evaluate(&dir.path().join("run")).unwrap();
        let page = std::fs::read_to_string(dir.path().join("run/report.html")).unwrap();
        assert!(page.contains("failed: fold 1"));
    }

    let output = fitted(grid("[1e30, 1e29]", several).path());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("every configuration fails"), "{text}");
}
