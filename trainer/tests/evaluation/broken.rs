//! Runs whose files do not hold what they should.

use earworm_train::report::evaluate;
use earworm_train::run::Task;

use crate::made::Made;
use crate::refused;

#[test]
fn broken_runs_are_refused_by_file_and_row() {
    let dir = tempfile::tempdir().unwrap();
    let fresh = |name: &str| Made::of(Task::Binary).write(&dir.path().join(name));
    refused(evaluate(dir.path()), &["no run.json"]);

    let change = |name: &str, file: &str, from: &str, to: &str| {
        let run = fresh(name);
        let path = run.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from:?} is not in {file}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        run
    };
    let csv = "fold-1/predictions.csv";
    let cell = |name: &str, column: usize, to: &str| {
        let run = fresh(name);
        let path = run.join(csv);
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut cells: Vec<&str> = lines[2].split(',').collect();
        cells[column] = to;
        lines[2] = cells.join(",");
        std::fs::write(&path, lines.join("\n")).unwrap();
        run
    };
    refused(evaluate(&cell("nan", 6, "NaN")), &[csv, "row 3", "track t4", "raw.viral", "finite"]);
    refused(evaluate(&cell("inf", 6, "1e99")), &[csv, "row 3", "track t4", "finite"]);
    refused(evaluate(&cell("word", 6, "loud")), &[csv, "row 3", "raw.viral", "\"loud\""]);
    refused(evaluate(&cell("truth", 3, "0.5")), &[csv, "track t4", "truth = 0.5", "0 or 1"]);
    refused(evaluate(&cell("id", 0, "")), &[csv, "row 3", "track_id"]);
    refused(evaluate(&cell("twice", 0, "t0")), &["track t0", "twice", "fold-0", "fold-1"]);
    refused(evaluate(&cell("extra", 6, "1,2")), &[csv, "row 3"]);
    refused(
        evaluate(&change("column", csv, "raw.viral", "raw.virale")),
        &[csv, "no column \"raw.viral\"", "raw.virale"],
    );
    let epochs = "fold-2/epochs.jsonl";
    refused(
        evaluate(&change("epochs", epochs, "{\"epoch\":2,", "{\"epoch\":")),
        &[epochs, "line 2"],
    );
    refused(evaluate(&change("json", "fold-0/outcome.json", "{", "[")), &["fold-0/outcome.json"]);
    refused(
        evaluate(&change("task", "run.json", "\"binary\"", "\"ranking\"")),
        &["run.json", "ranking"],
    );
    refused(evaluate(&change("part", "run.json", "fold-3", "../fold-3")), &["run.json", "parts"]);
    refused(
        evaluate(&change("score", "run.json", "\"score\": \"viral\"", "\"score\": \"loud\"")),
        &["run.json", "score", "loud", "viral"],
    );
    let recipe = change("method", "recipe.toml", "seed = 3", "calibration = \"plat\"");
    refused(evaluate(&recipe), &["recipe.toml", "calibration", "plat", "platt"]);
    let unfinished = fresh("unfinished");
    std::fs::remove_file(unfinished.join("fold-2/outcome.json")).unwrap();
    refused(evaluate(&unfinished), &["fold-2", "not finished"]);
    let empty = fresh("empty");
    for fold in 0..4 {
        let path = empty.join(format!("fold-{fold}/predictions.csv"));
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.lines().next().unwrap().to_owned() + "\n").unwrap();
    }
    refused(evaluate(&empty), &["no song was judged"]);
    assert!(!empty.join("evaluation.json").exists());
}
