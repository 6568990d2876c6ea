//! What seed systems B and D and the follow-ups need around their networks: rows from sound, manifest and
//! words; numbers beside the sound; pieces of songs; embeddings; several sources in one target; catalogues. And
//! what every training is held to: when it stops, what is kept of it, and what it may not know.

#[path = "../common/mod.rs"]
mod common;
mod embeddings;
mod kept;
mod leaks;
mod loss_net;
mod numbers;
mod stopped;
mod unseen;

use std::path::Path;

use earworm_train::evaluate::Evaluation;
use earworm_train::fit::{FitOptions, fit};
use earworm_train::recipe::Recipe;
use earworm_train::report::evaluate;

/// A recipe on a data set, with `data`, `head` and the rest put in.
fn recipe(set: &Path, data: &str, head: &str, rest: &str) -> Recipe {
    let text = format!(
        r#"
        name = "made"
        licence = "CC0-1.0"
        seed = 3
        [data]
        set = '{}'
        name = "made songs"
        window_frames = 126
        warm_up_frames = 32
        {data}
        [[heads]]
        name = "liked"
        meaning = "liked"
        {head}
        {rest}
    "#,
        set.display()
    );
    Recipe::parse(&text, &[]).unwrap()
}

const SHARE: &str = "share = { count = 'likes', of = 'votes', prior = 2.0 }";
const HALF: &str = "above = { column = 'likes / votes', threshold = 0.5 }";

fn run(recipe: &Recipe, out: &Path) -> Evaluation {
    fit(recipe, out, &FitOptions::default()).unwrap();
    evaluate(out).unwrap()
}

fn figure(evaluation: &Evaluation, name: &str) -> f64 {
    let found = evaluation.figures.iter().find(|f| f.name == name && f.scope == "all");
    found.unwrap_or_else(|| panic!("no {name} in {evaluation}")).value
}

#[test]
fn the_recipes_of_the_seeds_are_valid() {
    let mut count = 0;
    for folder in ["seed-a", "seed-b", "seed-c", "seed-d", "seed-e"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes").join(folder);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if !path.file_name().unwrap().to_str().unwrap().starts_with("front_end") {
                Recipe::load(&path, &[]).unwrap();
                count += 1;
            }
        }
    }
    assert_eq!(count, 23);
}
