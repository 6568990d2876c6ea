//! The configurations of a search: what each changes, and the recipe that comes of it.

use anyhow::{Context, Result, bail, ensure};

use crate::recipe::{Recipe, SearchMetric, SearchRecipe};

/// Keys of the recipe and their values.
pub(super) type Changes = Vec<(String, toml::Value)>;

/// All configurations, in a fixed order: every combination of the grid, or the list as it is.
pub(super) fn configurations(search: &SearchRecipe) -> Vec<Changes> {
    if !search.configurations.is_empty() {
        let list = search.configurations.iter();
        return list.map(|c| c.iter().map(|(k, v)| (k.clone(), v.clone())).collect()).collect();
    }
    search.grid.iter().fold(vec![vec![]], |combinations, (key, values)| {
        let with = |c: &Changes, v: &toml::Value| {
            c.iter().cloned().chain([(key.clone(), v.clone())]).collect::<Changes>()
        };
        combinations.iter().flat_map(|c| values.iter().map(move |v| with(c, v))).collect()
    })
}

/// Keys of `data` that may differ between configurations. Songs, their groups and their split are the same
/// for all of them, as scores of other songs could not be compared.
const SEARCHED: [&str; 9] = [
    "columns",
    "beside",
    "drop",
    "fill",
    "scale",
    "window_frames",
    "warm_up_frames",
    "clip",
    "clip_frames",
];

/// Whether configurations may differ in a key.
fn may_differ(key: &str) -> bool {
    let (section, rest) = key.split_once('.').unwrap_or((key, ""));
    match section {
        "data" => SEARCHED.contains(&rest),
        "heads" => rest.ends_with(".weight"),
        "name" | "split" | "search" => false,
        _ => true,
    }
}

/// The recipe with each configuration of its search; none where it has no search.
///
/// # Errors
/// When a configuration makes no recipe, or changes what all of them must share; the message names the
/// key.
pub(in crate::fit) fn recipes(recipe: &Recipe) -> Result<Vec<Recipe>> {
    let Some(search) = &recipe.search else { return Ok(vec![]) };
    let plain = Recipe { search: None, ..recipe.clone() };
    let with = |changes: &Changes| {
        if let Some((key, _)) = changes.iter().find(|(key, _)| !may_differ(key)) {
            bail!(is_the_same_for_all(key));
        }
        plain.with(changes.iter().map(|(k, v)| (k, v))).context("search")
    };
    configurations(search).iter().map(with).collect()
}

fn is_the_same_for_all(key: &str) -> String {
    format!("search: {key} is the same for all configurations; train a recipe for each value of it")
}

/// Checks what searches of former versions may have, but no new one. What decides is the same for all
/// configurations: a loss is no measure of another, as a steeper one is smaller whatever was learnt. And
/// measuring and export calibrate as the recipe of the run says.
///
/// # Errors
/// When they are to be told apart by their losses, and these differ, or they differ in their calibration.
pub(super) fn check_new(search: &SearchRecipe, recipes: &[Recipe]) -> Result<()> {
    let changes = configurations(search);
    let calibrated = changes.iter().flatten().find(|(key, _)| key == "calibration");
    ensure!(calibrated.is_none(), is_the_same_for_all("calibration"));
    let alike = recipes.iter().all(|recipe| recipe.loss == recipes[0].loss);
    ensure!(
        search.metric != SearchMetric::Loss || alike,
        "search: configurations with different losses cannot be compared by metric \"loss\"; choose search.metric = \"auc\", or \"accuracy\" for a yes or no and for classes"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::recipe_of_likes;
    use super::*;

    #[test]
    fn songs_are_the_same_for_all_configurations() {
        for key in ["data.pieces", "data.set", "split.folds", "split.kind", "heads.0.above", "data"]
        {
            assert!(!may_differ(key), "{key}");
        }
        for key in
            ["data.columns", "data.clip", "heads.1.weight", "model.kind", "seed", "budget.epochs"]
        {
            assert!(may_differ(key), "{key}");
        }
    }

    #[test]
    fn a_grid_is_every_combination_in_order() {
        let search: SearchRecipe =
            toml::from_str("grid = { \"model.c\" = [1, 2], \"model.gamma\" = [3, 4] }").unwrap();
        let all = configurations(&search);
        let values: Vec<Vec<i64>> =
            all.iter().map(|c| c.iter().filter_map(|(_, v)| v.as_integer()).collect()).collect();
        assert_eq!(values, [[1, 3], [1, 4], [2, 3], [2, 4]]);
        assert_eq!(all[1][0].0, "model.c");
    }

    /// Checks a recipe with a search, which a run that was begun may have.
    fn compare(search: &str) -> Result<()> {
        let recipe = recipe_of_likes(&format!(
            r#"
            [split]
            kind = "random"
            [loss]
            kind = "focal"
            gamma = 2.0
            [model]
            kind = "cnn3"
            [search]
            {search}
            "#
        ));
        check_new(recipe.search.as_ref().unwrap(), &recipes(&recipe).unwrap())
    }

    #[test]
    fn a_new_search_calibrates_all_in_one_way_and_an_old_one_goes_on() {
        for search in [
            "grid = { calibration = [\"platt\", \"isotonic\"] }",
            "configurations = [{ calibration = \"none\" }, {}]",
        ] {
            let refused = compare(search).unwrap_err().to_string();
            assert!(refused.contains("calibration is the same for all"), "{refused}");
        }
    }

    /// Of the same answers a focal loss of 5 is a fraction of one of 0, so that it would always be chosen.
    #[test]
    fn losses_are_compared_with_their_like_alone() {
        let (gamma, rate) =
            ("\"loss.gamma\" = [0.0, 5.0]", "\"optimiser.learning_rate\" = [1e-3, 1e-4]");
        let by = |metric: &str, grid: &str| {
            compare(&format!("metric = \"{metric}\"\ngrid = {{ {grid} }}"))
        };
        let refused = by("loss", gamma).unwrap_err().to_string();
        assert!(refused.contains("\"auc\"") && refused.contains("\"accuracy\""), "{refused}");
        let kinds = "metric = \"loss\"\nconfigurations = [{ \"loss.kind\" = \"mse\" }, {}]";
        assert!(compare(kinds).is_err());
        for (metric, grid) in [("auc", gamma), ("accuracy", gamma), ("loss", rate)] {
            by(metric, grid).unwrap();
        }
    }
}
