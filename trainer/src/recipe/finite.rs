//! TOML has numbers that no setting can mean: `nan` and `inf`.

use anyhow::{Result, bail};
use toml::Value;

/// Refuses what has such a number, and names it.
///
/// # Errors
/// When there is one.
pub(super) fn check(value: &Value, path: &str) -> Result<()> {
    let inside = |part: &str| if path.is_empty() { part.into() } else { format!("{path}.{part}") };
    match value {
        Value::Float(number) if !number.is_finite() => {
            bail!("{path} is {number}; give a number that is not too large to compute with")
        }
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(n, item)| check(item, &inside(&n.to_string())))
        }
        Value::Table(table) => table.iter().try_for_each(|(key, item)| check(item, &inside(key))),
        _ => Ok(()),
    }
}
