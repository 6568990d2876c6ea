//! Numbers of songs that targets are made of.

use anyhow::{Result, ensure};

use crate::dataset::Track;

/// The number in a column, or the ratio of two: `liked / annotations`.
pub(super) fn quantity(track: &Track, column: &str) -> Result<f64> {
    if track.columns.contains_key(column) {
        return track.number(column);
    }
    let Some((above, below)) = column.split_once('/') else { return track.number(column) };
    let (above, below) = (above.trim(), below.trim());
    let (count, of) = (track.number(above)?, track.number(below)?);
    ensure!(of != 0.0, "track {}: {below} is 0, so {column} is no number", track.id);
    Ok(count / of)
}

/// The columns that a quantity may come from: itself, and both sides of a ratio.
pub(super) fn columns_of(column: &str) -> impl Iterator<Item = &str> {
    std::iter::once(column).chain(column.split('/').map(str::trim))
}

/// The `q`-quantile by linear interpolation, as numpy's default.
pub(super) fn quantile(mut values: Vec<f64>, q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return f64::NAN };
    let at = q * last as f64;
    let (low, high) = (values[at.floor() as usize], values[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_can_be_the_ratio_of_two() {
        let track = |a: &str, b: &str| Track {
            id: "x".into(),
            file: String::new(),
            columns: [("a", a), ("b", b)].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        };
        assert_eq!(quantity(&track("1", "4"), "a / b").unwrap(), 0.25);
        let error = |column: &str| quantity(&track("3", "0"), column).unwrap_err().to_string();
        assert!(error("a/b").contains("b is 0"));
        assert!(error("a / c").contains("\"c\""));
        assert_eq!(columns_of("a / b").collect::<Vec<_>>(), ["a / b", "a", "b"]);
    }

    #[test]
    fn quantiles_are_numpys() {
        assert_eq!(quantile(vec![3.0, 1.0, 2.0, 4.0], 0.5), 2.5);
        assert_eq!(quantile(vec![3.0, 1.0, 2.0, 4.0], 0.25), 1.75);
        assert!(quantile(vec![], 0.5).is_nan());
    }
}
