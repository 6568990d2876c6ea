//! What the trainer reads as TOML: recipes, suites, mappings of columns, front ends.

use earworm_scorer::front_end::FrontEndSettings;
use earworm_train::dataset::Schema;
use earworm_train::recipe::{Model, Recipe};
use earworm_train::suite::Plan;
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::Value;

use super::check_message;

/// How a line begins that says what `--set` is to be given, in a recipe a comment.
const SET: &str = "#set ";

/// Reads a text as everything that the trainer reads as TOML.
pub(super) fn recipe(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let set: Vec<String> =
        text.lines().filter_map(|line| line.strip_prefix(SET)).map(str::to_owned).collect();
    check(Recipe::parse(text, &[]).map(|recipe| use_it(&recipe)));
    if !set.is_empty() {
        check(Recipe::parse(text, &set).map(|recipe| use_it(&recipe)));
    }
    check(Schema::parse(text).map(|schema| comes_back(&schema, Schema::parse)));
    check(Plan::parse(text).map(|plan| comes_back(&plan, Plan::parse)));
    if let Ok(settings) = toml::from_str::<FrontEndSettings>(text)
        && settings.validate().is_ok()
    {
        comes_back(&settings, |text| Ok(toml::from_str(text)?));
        assert!(settings.seconds(1) > 0.0 && settings.frame_rate() > 0.0);
    }
}

fn use_it(recipe: &Recipe) {
    let kept = toml::Value::try_from(recipe).expect("a recipe can be written");
    assert!(is_finite(&kept), "a number that nothing can be computed with:\n{kept}");
    comes_back(recipe, |text| Recipe::parse(text, &[]));
    assert!(recipe.exported_outputs() <= recipe.outputs().len());
    recipe.taken_columns();
    recipe.model.wants_rows(&recipe.data);
    recipe.data.column_recipe(&[]);
    recipe.data.beside_recipe();
    if let Model::Network(network) = &recipe.model {
        assert!(!network.describe().is_empty());
    }
}

fn is_finite(value: &Value) -> bool {
    match value {
        Value::Float(number) => number.is_finite(),
        Value::Array(items) => items.iter().all(is_finite),
        Value::Table(table) => table.values().all(is_finite),
        _ => true,
    }
}

/// Checks that something is read as it was written. Compared as text, as no number is NaN.
fn comes_back<T: Serialize + DeserializeOwned>(
    read: &T,
    parse: impl FnOnce(&str) -> anyhow::Result<T>,
) {
    let written = toml::to_string(read).expect("what was read can be written");
    let again = parse(&written)
        .unwrap_or_else(|error| panic!("what is written cannot be read: {error:#}\n{written}"));
    assert_eq!(toml::to_string(&again).expect("again"), written);
}

fn check(read: anyhow::Result<()>) {
    if let Err(error) = read {
        check_message(&format!("{error:#}"));
    }
}
