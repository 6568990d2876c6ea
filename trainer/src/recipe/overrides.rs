//! `--set key=value`, and messages that suggest what was meant.

use anyhow::{Context, Result, anyhow, bail};
use serde::de::DeserializeOwned;
use toml::Value;

/// How alike two words must be, from 0 to 1, for one to be suggested for the other.
const ALIKE: f64 = 0.75;

/// Splits `key=value`. The value is read as TOML; what is no TOML value is text.
///
/// # Errors
/// When there is no `=`.
pub fn parse_assignment(assignment: &str) -> Result<(String, Value)> {
    let (key, text) = assignment
        .split_once('=')
        .filter(|(key, _)| !key.trim().is_empty())
        .with_context(|| format!("--set {assignment}: write it as key=value"))?;
    let (key, text) = (key.trim(), text.trim());
    let value = toml::from_str::<toml::Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()));
    Ok((key.to_owned(), value))
}

/// Sections that are told apart by their `kind`.
const OF_KINDS: [&str; 2] = ["model", "loss"];

/// Puts values at dotted paths, new kinds first: what else is set belongs to them, in whatever order
/// the keys come.
///
/// # Errors
/// When a path runs through a plain value or past the end of a list.
pub fn set_all<'a>(
    table: &mut toml::Table,
    changes: impl IntoIterator<Item = (&'a String, &'a Value)>,
) -> Result<()> {
    let mut changes: Vec<_> = changes.into_iter().collect();
    changes.sort_by_key(|(key, _)| !OF_KINDS.iter().any(|section| is_kind_of(section, key)));
    changes.into_iter().try_for_each(|(key, value)| set(table, key, value.clone()))
}

fn is_kind_of(section: &str, key: &str) -> bool {
    key.strip_suffix(".kind") == Some(section)
}

/// Puts a value at a dotted path (`heads.0.weight`); sections that are not there yet are made. When
/// the kind of the model or the loss changes, what belonged to the old kind goes.
///
/// # Errors
/// When the path runs through a plain value or past the end of a list.
fn set(table: &mut toml::Table, key: &str, value: Value) -> Result<()> {
    let (path, last) = key.rsplit_once('.').map_or(("", key), |(path, last)| (path, last));
    let mut parts = path.split('.').filter(|part| !part.is_empty());
    let mut section = match parts.next() {
        None => {
            table.insert(last.to_owned(), value);
            return Ok(());
        }
        Some(first) => {
            table.entry(first.to_owned()).or_insert_with(|| Value::Table(toml::Table::new()))
        }
    };
    for part in parts {
        section = step(section, part).with_context(|| format!("cannot set {key}"))?;
    }
    match section {
        Value::Table(section) => {
            let told_apart_by_kind = last == "kind" && OF_KINDS.contains(&path);
            if told_apart_by_kind && section.get("kind") != Some(&value) {
                section.clear();
            }
            section.insert(last.to_owned(), value);
        }
        Value::Array(list) => {
            let length = list.len();
            let item = last
                .parse::<usize>()
                .ok()
                .and_then(|n| list.get_mut(n))
                .with_context(|| format!("cannot set {key}: the list has {length} items"))?;
            *item = value;
        }
        _ => bail!("cannot set {key}: it is inside a plain value"),
    }
    Ok(())
}

fn step<'a>(section: &'a mut Value, part: &str) -> Result<&'a mut Value> {
    match section {
        Value::Table(table) => {
            Ok(table.entry(part.to_owned()).or_insert_with(|| Value::Table(toml::Table::new())))
        }
        Value::Array(list) => {
            let length = list.len();
            part.parse::<usize>()
                .ok()
                .and_then(|n| list.get_mut(n))
                .with_context(|| format!("{part} is no item of a list of {length}"))
        }
        _ => bail!("{part} is inside a plain value"),
    }
}

/// Reads a document; an error names the place in it and suggests what was meant.
pub(crate) fn read<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_path_to_error::deserialize(value).map_err(|e| {
        let path = e.path().to_string();
        let message = e.inner().message().replace('\n', ", ");
        let place = if path == "." { String::new() } else { format!("{path}: ") };
        anyhow!("{place}{}", with_suggestion(&message))
    })
}

/// Adds "did you mean" to serde's messages about unknown keys and kinds.
fn with_suggestion(message: &str) -> String {
    let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    // Between backquotes: first what was written, then what would have been right.
    let mut words = message.split('`').skip(1).step_by(2);
    let Some(written) = words.next().filter(|_| unknown) else { return message.to_owned() };
    let best = words
        .map(|word| (strsim::jaro_winkler(written, word), word))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((alike, word)) if alike >= ALIKE => {
            let what = message.split(',').next().unwrap_or(message);
            format!("{what}; did you mean `{word}`?")
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_toml_or_text() {
        assert_eq!(parse_assignment("a.b = 3").unwrap(), ("a.b".into(), Value::Integer(3)));
        assert_eq!(parse_assignment("a=x y").unwrap().1, Value::String("x y".into()));
        assert_eq!(parse_assignment("a=\"3\"").unwrap().1, Value::String("3".into()));
        assert!(matches!(parse_assignment("a=[1, 2]").unwrap().1, Value::Array(_)));
        assert!(parse_assignment("=3").is_err());
    }

    #[test]
    fn a_new_kind_starts_afresh() {
        let mut table: toml::Table = toml::from_str("[model]\nkind = \"knn\"\nk = 8").unwrap();
        set(&mut table, "model.kind", Value::String("svm".into())).unwrap();
        set(&mut table, "model.c", Value::Float(2.0)).unwrap();
        assert_eq!(table["model"].as_table().unwrap().len(), 2);
        assert!(set(&mut table, "model.c.x", Value::Float(2.0)).is_err());
    }

    #[test]
    fn a_new_kind_comes_first() {
        let mut table: toml::Table = toml::from_str("[model]\nkind = \"knn\"\nk = 8").unwrap();
        let (c, kind) = ("model.c".to_owned(), "model.kind".to_owned());
        let changes = [(&c, &Value::Float(2.0)), (&kind, &Value::String("svm".into()))];
        set_all(&mut table, changes).unwrap();
        assert_eq!(table["model"].to_string(), "{ c = 2.0, kind = \"svm\" }");
    }

    #[test]
    fn suggestions_are_alike() {
        let message = with_suggestion("unknown field `epoch`, expected `epochs` or `batch`");
        assert!(message.ends_with("did you mean `epochs`?"), "{message}");
        let message = with_suggestion("unknown field `qqq`, expected `epochs` or `batch`");
        assert!(message.ends_with("`batch`"), "{message}");
    }
}
