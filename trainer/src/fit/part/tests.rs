//! What a part tells those that wait for it.

use super::*;
use crate::fit::pool::in_parallel;

/// A recipe of so many rows of one column, whose songs are played as much as it says.
pub(super) fn recipe_of_rows(folder: &Path, rows: usize, rest: &str) -> Recipe {
    let table = folder.join("table.csv");
    let lines = (0..rows).map(|n| n * 37 % rows).map(|x| format!("{x},{x}\n"));
    std::fs::write(&table, "x,plays\n".to_owned() + &lines.collect::<String>()).unwrap();
    let text = format!(
        r#"
        name = "rows"
        [data]
        table = {table:?}
        name = "made rows"
        drop = ["plays"]
        [[heads]]
        name = "played"
        meaning = "played more than the median"
        above = {{ column = "plays", quantile = 0.5 }}
        {rest}
        "#
    );
    Recipe::parse(&text, &[]).unwrap()
}

/// In a search they may be tried beside networks, whose memory is watched.
#[test]
fn nobody_waits_to_see_what_memory_a_table_model_takes() {
    let dir = tempfile::tempdir().unwrap();
    let recipe = recipe_of_rows(dir.path(), 12, "[model]\nkind = \"tree\"");
    let data = Data::open(&recipe).unwrap();
    let (seen, judged): (Vec<usize>, Vec<usize>) = (0..12).partition(|n| n % 3 > 0);
    let plan = Plan {
        folder: &dir.path().join("part"),
        seen: &seen,
        judged: &judged,
        stop_at: None,
        seed: 1,
        keep_model: false,
    };
    let watched = Workers { most: 1, watch_memory: true };
    let trained = in_parallel(&[()], &["tree".to_owned()], watched, |(), shown| {
        assert!(!shown.lets_others_begin(), "nothing is known of it yet");
        let outcome = train_or_keep(&recipe, &data, &plan, &FitOptions::default(), shown)?;
        assert!(shown.lets_others_begin());
        Ok(outcome)
    });
    assert_eq!(trained.unwrap().unwrap().len(), 1);
}
