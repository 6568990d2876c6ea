//! From the columns of a table to features: chosen, gaps filled, scaled.
//!
//! Everything is learnt from the training rows alone and then applied to any row.

use std::collections::HashSet;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::Table;

/// What is done about missing values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// They become the column's mean over the training rows.
    #[default]
    Mean,
    /// They are errors.
    Error,
}

/// How columns are brought to one scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// `(x − min) / (max − min)`: training rows lie between 0 and 1.
    #[default]
    MinMax,
    /// `(x − mean) / deviation`, the deviation being the root of the mean square.
    Standard,
    /// As they are.
    None,
}

/// Which columns are features, and what is done to them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnRecipe {
    /// The features, in this order; all columns but the dropped ones if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// Columns that are no features; only where `columns` is absent.
    #[serde(default)]
    pub drop: Vec<String>,
    /// What is done about missing values.
    #[serde(default)]
    pub fill: Fill,
    /// How columns are brought to one scale.
    #[serde(default)]
    pub scale: Scale,
}

/// Features as they were learnt from the training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Columns {
    /// Their names, in the order of the features.
    pub names: Vec<String>,
    /// What is done about missing values.
    pub fill: Fill,
    /// What a missing value becomes, before scaling; one a column.
    pub means: Vec<f64>,
    /// What is subtracted; one a column.
    pub offsets: Vec<f64>,
    /// What the difference is multiplied by; 1 for a column that does not vary.
    pub factors: Vec<f64>,
}

impl Columns {
    /// Chooses the columns and learns means and scales from `rows` of `table`.
    ///
    /// `taken` are columns that the targets, the split or the weights come from: none of them may be
    /// a feature.
    ///
    /// # Errors
    /// When there are no rows or no features; when a name is unknown, twice there or taken, or a
    /// chosen column holds text; when a column has no value in the training rows, or misses one
    /// although [`Fill::Error`] is chosen.
    pub fn fit(
        table: &Table,
        rows: &[usize],
        recipe: &ColumnRecipe,
        taken: &[&str],
    ) -> Result<Self> {
        ensure!(!rows.is_empty(), "there are no rows to learn the scales of the columns from");
        let names = choose(table, recipe, taken)?;
        let mut fitted = Self {
            fill: recipe.fill,
            means: vec![0.0; names.len()],
            offsets: vec![0.0; names.len()],
            factors: vec![1.0; names.len()],
            names,
        };
        let cells = fitted.cells(table, rows)?;
        for column in 0..fitted.names.len() {
            let name = &fitted.names[column];
            let known: Vec<f64> = cells.iter().filter_map(|row| row[column]).collect();
            ensure!(
                !known.is_empty(),
                "column {name} has no value in any training row; add it to `drop`"
            );
            let mean = mean(&known);
            ensure!(mean.is_finite(), "the values of column {name} are too large");
            let filled: Vec<f64> = cells.iter().map(|row| row[column].unwrap_or(mean)).collect();
            fitted.means[column] = mean;
            (fitted.offsets[column], fitted.factors[column]) = scaling(recipe.scale, &filled)
                .with_context(|| format!("the values of column {name} are too far apart"))?;
        }
        Ok(fitted)
    }

    /// The features of `rows` of `table`: `[row][feature]`, all finite.
    ///
    /// # Errors
    /// When the table lacks a column or holds text in it, a value is missing although
    /// [`Fill::Error`] is chosen, or one is so far from the training rows that it cannot be scaled.
    pub fn apply(&self, table: &Table, rows: &[usize]) -> Result<Vec<Vec<f64>>> {
        let cells = self.cells(table, rows)?;
        let scaled = |row: usize, column: usize, cell: Option<f64>| {
            let value =
                (cell.unwrap_or(self.means[column]) - self.offsets[column]) * self.factors[column];
            ensure!(
                value.is_finite(),
                "row {}: {} is too far from the training rows to be scaled",
                table.ids[row],
                self.names[column]
            );
            Ok(value)
        };
        rows.iter()
            .zip(&cells)
            .map(|(&row, cells)| {
                cells.iter().enumerate().map(|(c, v)| scaled(row, c, *v)).collect()
            })
            .collect()
    }

    /// The chosen cells, and that none is missing where none may be.
    fn cells(&self, table: &Table, rows: &[usize]) -> Result<Vec<Vec<Option<f64>>>> {
        let columns: Vec<usize> = self
            .names
            .iter()
            .map(|name| match table.names.iter().position(|known| known == name) {
                Some(column) => Ok(column),
                // The table knows why it has no numbers of that name.
                None => bail!("a feature is missing: {:#}", table.column(name).unwrap_err()),
            })
            .collect::<Result<_>>()?;
        let of_row = |&row: &usize| {
            let cells = table.rows.get(row).context("a row is beyond the end of the table")?;
            columns
                .iter()
                .zip(&self.names)
                .map(|(&column, name)| {
                    ensure!(
                        self.fill == Fill::Mean || cells[column].is_some(),
                        "row {}: {name} is missing; fill it, drop the column or set `fill = \"mean\"`",
                        table.ids[row]
                    );
                    Ok(cells[column])
                })
                .collect()
        };
        rows.iter().map(of_row).collect()
    }
}

/// The names of the features.
fn choose(table: &Table, recipe: &ColumnRecipe, taken: &[&str]) -> Result<Vec<String>> {
    let names = match &recipe.columns {
        Some(columns) => {
            ensure!(recipe.drop.is_empty(), "give `columns` or `drop`, not both");
            let mut seen = HashSet::new();
            for name in columns {
                ensure!(seen.insert(name), "`columns` names {name:?} twice");
                table.column(name).context("`columns` does not fit the table")?;
            }
            columns.clone()
        }
        None => {
            for name in &recipe.drop {
                table.text(name).context("`drop` does not fit the table")?;
            }
            let kept = |name: &&String| !recipe.drop.contains(name);
            let texts: Vec<&str> = table.texts.keys().filter(kept).map(String::as_str).collect();
            ensure!(
                texts.is_empty(),
                "columns of text cannot be features; add to `drop`: {}",
                texts.join(", ")
            );
            table.names.iter().filter(kept).cloned().collect()
        }
    };
    ensure!(!names.is_empty(), "no column is left to be a feature");
    for name in &names {
        ensure!(
            !taken.contains(&name.as_str()),
            "column {name} says what is predicted or how rows are split; it cannot be a feature"
        );
    }
    Ok(names)
}

/// The mean, taken so that no sum overflows.
fn mean(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    if mean.is_finite() {
        return mean;
    }
    values.iter().map(|value| value / values.len() as f64).sum()
}

/// Offset and factor; `None` if the values span more than a number can hold.
fn scaling(scale: Scale, values: &[f64]) -> Option<(f64, f64)> {
    let (offset, spread) = match scale {
        Scale::None => return Some((0.0, 1.0)),
        Scale::MinMax => {
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            (low, high - low)
        }
        Scale::Standard => {
            let mean = mean(values);
            let squares: Vec<f64> = values.iter().map(|value| (value - mean).powi(2)).collect();
            let deviation = self::mean(&squares).sqrt();
            // What is left of equal values by rounding is no spread.
            (mean, if deviation <= 1e-14 * mean.abs() { 0.0 } else { deviation })
        }
    };
    let factor = 1.0 / spread;
    match spread.is_finite() {
        true => Some((offset, if factor.is_finite() { factor } else { 1.0 })),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn table(rows: Vec<Vec<Option<f64>>>) -> Table {
        let width = rows.first().map_or(0, Vec::len);
        let ids = (0..rows.len()).map(|row| format!("r{row}")).collect();
        let names = (0..width).map(|column| format!("c{column}")).collect();
        Table::new(ids, names, rows, BTreeMap::new()).unwrap()
    }

    fn recipe(scale: Scale) -> ColumnRecipe {
        ColumnRecipe { scale, ..ColumnRecipe::default() }
    }

    fn message(result: Result<impl std::fmt::Debug>) -> String {
        format!("{:#}", result.unwrap_err())
    }

    // Values below are those of scikit-learn's MinMaxScaler and StandardScaler after the mean was
    // put in for what is missing.
    #[test]
    fn known_values() {
        let table = table(vec![
            vec![Some(1.0), Some(5.0)],
            vec![None, Some(5.0)],
            vec![Some(4.0), Some(5.0)],
            vec![Some(7.0), None],
        ]);
        let columns = Columns::fit(&table, &[0, 1, 2], &recipe(Scale::MinMax), &[]).unwrap();
        assert_eq!(columns.means, [2.5, 5.0]);
        let features = columns.apply(&table, &[0, 1, 2, 3]).unwrap();
        assert_eq!(features, [[0.0, 0.0], [0.5, 0.0], [1.0, 0.0], [2.0, 0.0]]);
        let columns = Columns::fit(&table, &[0, 1, 2], &recipe(Scale::Standard), &[]).unwrap();
        let features = columns.apply(&table, &[0, 3]).unwrap();
        assert!((features[0][0] + 1.224_744_871_391_589).abs() < 1e-12);
        assert!((features[1][0] - 3.674_234_614_174_767).abs() < 1e-12);
        assert_eq!(features[1][1], 0.0);
        let text = serde_json::to_string(&columns).unwrap();
        assert_eq!(serde_json::from_str::<Columns>(&text).unwrap(), columns);
    }

    #[test]
    fn columns_are_chosen_by_list_or_by_drop_list() {
        let mut table = table(vec![vec![Some(1.0), Some(2.0), Some(3.0)]]);
        table.texts.insert("name".into(), vec!["x".into()]);
        let chosen = |columns: Option<&[&str]>, drop: &[&str]| {
            let own = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
            let recipe =
                ColumnRecipe { columns: columns.map(own), drop: own(drop), ..Default::default() };
            Columns::fit(&table, &[0], &recipe, &["c2"]).map(|columns| columns.names)
        };
        assert_eq!(chosen(Some(&["c1", "c0"]), &[]).unwrap(), ["c1", "c0"]);
        assert_eq!(chosen(None, &["name", "c2"]).unwrap(), ["c0", "c1"]);
        assert!(message(chosen(None, &["c2"])).contains("add to `drop`: name"));
        assert!(message(chosen(None, &["name"])).contains("c2 says"));
        assert!(message(chosen(Some(&["c0", "c0"]), &[])).contains("twice"));
        assert!(message(chosen(Some(&["c9"]), &[])).contains("\"c9\""));
        assert!(message(chosen(Some(&["name"]), &[])).contains("\"x\""));
        assert!(message(chosen(None, &["c9"])).contains("`drop`"));
        assert!(message(chosen(Some(&["c0"]), &["c1"])).contains("not both"));
        assert!(message(chosen(Some(&[]), &[])).contains("no column"));
    }

    #[test]
    fn what_cannot_be_used_is_an_error() {
        let gaps = table(vec![vec![None], vec![Some(1.0)]]);
        let strict = ColumnRecipe { fill: Fill::Error, ..ColumnRecipe::default() };
        assert!(message(Columns::fit(&gaps, &[0, 1], &strict, &[])).contains("r0: c0 is missing"));
        let fitted = Columns::fit(&gaps, &[1], &strict, &[]).unwrap();
        assert!(message(fitted.apply(&gaps, &[0])).contains("missing"));
        assert!(message(fitted.apply(&gaps, &[5])).contains("beyond"));
        let loose = recipe(Scale::MinMax);
        assert!(message(Columns::fit(&gaps, &[], &loose, &[])).contains("no rows"));
        assert!(message(Columns::fit(&gaps, &[0], &loose, &[])).contains("no value"));
        let far = table(vec![vec![Some(-1.7e308)], vec![Some(1.7e308)]]);
        assert!(message(Columns::fit(&far, &[0, 1], &loose, &[])).contains("too far apart"));
        let near = table(vec![vec![Some(0.0)], vec![Some(1e-300)], vec![Some(1e300)]]);
        let fitted = Columns::fit(&near, &[0, 1], &loose, &[]).unwrap();
        assert!(message(fitted.apply(&near, &[2])).contains("r2: c0 is too far"));
        assert!(message(fitted.apply(&Table::default(), &[])).contains("\"c0\""));
    }

    proptest! {
        #[test]
        fn training_rows_are_finite_and_scaled(
            rows in (1usize..5).prop_flat_map(|width| prop::collection::vec(
                prop::collection::vec(prop::option::weighted(0.8, -1e6..1e6f64), width), 1..20)),
            constant in prop::option::of(-1e9..1e9f64),
            standard in any::<bool>(),
        ) {
            let mut rows = rows;
            if let Some(value) = constant {
                rows.iter_mut().for_each(|row| row[0] = Some(value));
            }
            let table = table(rows.clone());
            let all: Vec<usize> = (0..rows.len()).collect();
            let scale = if standard { Scale::Standard } else { Scale::MinMax };
            let empty = (0..rows[0].len()).any(|c| rows.iter().all(|row| row[c].is_none()));
            let fitted = Columns::fit(&table, &all, &recipe(scale), &[]);
            prop_assert_eq!(fitted.is_err(), empty);
            let Ok(fitted) = fitted else { return Ok(()) };
            let features = fitted.apply(&table, &all).unwrap();
            for column in 0..rows[0].len() {
                let values: Vec<f64> = features.iter().map(|row| row[column]).collect();
                prop_assert!(values.iter().all(|value| value.is_finite()));
                if standard {
                    let centre = values.iter().sum::<f64>() / values.len() as f64;
                    prop_assert!(centre.abs() < 1e-6, "{centre}");
                } else {
                    prop_assert!(values.iter().all(|value| (-1e-9..=1.0 + 1e-9).contains(value)));
                }
                if column == 0 && constant.is_some() {
                    prop_assert!(values.iter().all(|value| value.abs() < 1e-6));
                }
            }
        }

        #[test]
        fn other_rows_change_nothing(
            rows in prop::collection::vec(-100.0..100.0f64, 3..12),
            other in -1e3..1e3f64,
        ) {
            let mut cells: Vec<Vec<Option<f64>>> = rows.iter().map(|&v| vec![Some(v)]).collect();
            let train: Vec<usize> = (0..rows.len() - 1).collect();
            let before = Columns::fit(&table(cells.clone()), &train, &recipe(Scale::MinMax), &[]);
            cells[rows.len() - 1] = vec![Some(other)];
            let after = Columns::fit(&table(cells), &train, &recipe(Scale::MinMax), &[]);
            prop_assert_eq!(before.unwrap(), after.unwrap());
        }
    }
}
