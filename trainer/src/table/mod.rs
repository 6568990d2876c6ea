//! Songs as rows of a table, and the models that learn from them.
//!
//! - [`Table`]: named columns, read from CSV or made by whoever reads another format;
//! - [`columns`]: which columns are features, how gaps are filled and how they are scaled;
//! - [`lyrics`]: features of a column of words;
//! - [`recipe`], [`model`], [`saved`]: one recipe, one interface and one file for all models;
//! - [`knn`], [`svm`], [`tree`], [`adaboost`], [`logistic`]: the models.
//!
//! The mathematics is that of libraries; what they learnt is kept in this crate's own, plain form, so
//! that a saved model outlives the next version of a library.

pub mod adaboost;
pub mod columns;
pub mod knn;
mod log_odds;
pub mod logistic;
pub mod lyrics;
pub mod model;
#[cfg(test)]
mod model_tests;
pub mod recipe;
pub mod saved;
pub mod svm;
pub mod tree;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::dataset::{RawTable, Track};

pub use columns::{ColumnRecipe, Columns, Fill, Scale};
pub use model::TableModel;
pub use recipe::TableModelRecipe;
pub use saved::SavedModel;

/// What stands in a cell where nothing is known, in any case.
const MISSING: [&str; 6] = ["", "na", "n/a", "nan", "null", "none"];

/// A table with one row a song.
///
/// A column is one of numbers, some of which may be missing, or one of texts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Name of each row; no two are alike.
    pub ids: Vec<String>,
    /// Names of the columns of numbers.
    pub names: Vec<String>,
    /// The numbers: `[row][column]`, in the order of `ids` and `names`; all finite.
    pub rows: Vec<Vec<Option<f64>>>,
    /// The columns of texts: one text a row.
    pub texts: BTreeMap<String, Vec<String>>,
    /// By column and row the cells of numbers that are not written as this program writes them, such as
    /// `007` and `1.0`: as names they are others than `7` and `1`.
    as_written: BTreeMap<String, BTreeMap<usize, String>>,
}

impl Table {
    /// Puts a table together.
    ///
    /// # Errors
    /// When lengths do not fit, an id or a column is there twice, or a number is not finite.
    pub fn new(
        ids: Vec<String>,
        names: Vec<String>,
        rows: Vec<Vec<Option<f64>>>,
        texts: BTreeMap<String, Vec<String>>,
    ) -> Result<Self> {
        ensure!(ids.len() == rows.len(), "{} ids for {} rows", ids.len(), rows.len());
        let mut seen = HashSet::new();
        for id in &ids {
            ensure!(seen.insert(id), "the id {id:?} stands in two rows");
        }
        unique(names.iter().chain(texts.keys()))?;
        for (id, row) in ids.iter().zip(&rows) {
            ensure!(
                row.len() == names.len(),
                "row {id} has {} numbers for {} columns",
                row.len(),
                names.len()
            );
            for (name, cell) in names.iter().zip(row) {
                ensure!(
                    cell.is_none_or(f64::is_finite),
                    "row {id}: {name} is not finite; leave it out where it is not known"
                );
            }
        }
        for (name, column) in &texts {
            ensure!(
                column.len() == ids.len(),
                "column {name} has {} texts for {} rows",
                column.len(),
                ids.len()
            );
        }
        Ok(Self { ids, names, rows, texts, as_written: BTreeMap::new() })
    }

    /// Reads a CSV or Parquet file. Rows are numbered from 0 where no column names them.
    ///
    /// A column is one of numbers if every cell is a finite number or missing: empty, `na`, `n/a`,
    /// `nan`, `null` or `none`.
    ///
    /// # Errors
    /// When the file cannot be read, rows differ in length, a column has no name or the name of
    /// another, the id column is missing, or an id is missing or there twice.
    pub fn load(path: &Path, id_column: Option<&str>) -> Result<Self> {
        let raw = RawTable::load(path)?;
        let read = || -> Result<Self> {
            let header: Vec<String> = raw.header.iter().map(|c| c.trim().to_owned()).collect();
            unique(&header)?;
            let mut cells: Vec<Vec<String>> = vec![Vec::new(); header.len()];
            for row in &raw.rows {
                for (column, cell) in cells.iter_mut().zip(row) {
                    column.push(cell.trim().to_owned());
                }
            }
            Self::from_cells(header, cells, id_column)
        };
        read().with_context(|| format!("cannot use the table {}", path.display()))
    }

    /// The rows as tracks, with all columns as texts: numbers as [`Table::text`] has them.
    pub fn tracks(&self) -> Vec<Track> {
        let track = |row: usize| {
            let number = |(column, name): (usize, &String)| (name.clone(), self.cell(column, row));
            let numbers = self.names.iter().enumerate().map(number);
            let texts = self.texts.iter().map(|(name, cells)| (name.clone(), cells[row].clone()));
            Track {
                id: self.ids[row].clone(),
                file: String::new(),
                columns: numbers.chain(texts).collect(),
            }
        };
        (0..self.ids.len()).map(track).collect()
    }

    fn from_cells(
        header: Vec<String>,
        cells: Vec<Vec<String>>,
        id_column: Option<&str>,
    ) -> Result<Self> {
        let count = cells.first().map_or(0, Vec::len);
        let mut ids: Vec<String> = (0..count).map(|row| row.to_string()).collect();
        let (mut names, mut numbers, mut texts) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut as_written = BTreeMap::new();
        if let Some(id) = id_column {
            ensure!(
                header.iter().any(|column| column == id),
                "there is no column {id:?} to name the rows; the columns are {}",
                header.join(", ")
            );
        }
        for (column, cells) in header.into_iter().zip(cells) {
            if Some(column.as_str()) == id_column {
                for (row, cell) in cells.iter().enumerate() {
                    ensure!(!cell.is_empty(), "row {} has no {column}", row + 1);
                }
                ids = cells;
            } else if let Some(values) = as_numbers(&cells) {
                let cells = unlike_numbers(cells, &values);
                if !cells.is_empty() {
                    as_written.insert(column.clone(), cells);
                }
                names.push(column);
                numbers.push(values);
            } else {
                texts.insert(column, cells);
            }
        }
        let rows =
            (0..count).map(|row| numbers.iter().map(|column| column[row]).collect()).collect();
        Ok(Self { as_written, ..Self::new(ids, names, rows, texts)? })
    }

    /// The numbers of a column; `None` where they are missing.
    ///
    /// # Errors
    /// When there is no such column, or it holds text; the message shows a cell of it.
    pub fn column(&self, name: &str) -> Result<Vec<Option<f64>>> {
        if let Some(column) = self.names.iter().position(|known| known == name) {
            return Ok(self.rows.iter().map(|row| row[column]).collect());
        }
        let Some(texts) = self.texts.get(name) else { return Err(self.unknown(name)) };
        let (row, cell) = texts
            .iter()
            .enumerate()
            .find(|(_, cell)| number(cell).is_none())
            .context("a column of texts holds one that is no number")?;
        bail!("column {name} does not hold numbers: row {} has {cell:?}", self.ids[row])
    }

    /// A cell of numbers as text; nothing where it is missing.
    fn cell(&self, column: usize, row: usize) -> String {
        let Some(value) = self.rows[row][column] else { return String::new() };
        let written = self.as_written.get(&self.names[column]).and_then(|cells| cells.get(&row));
        written.cloned().unwrap_or_else(|| value.to_string())
    }

    /// A column as text; numbers as they stand in the file, missing ones as nothing.
    ///
    /// # Errors
    /// When there is no such column.
    pub fn text(&self, name: &str) -> Result<Vec<String>> {
        if let Some(texts) = self.texts.get(name) {
            return Ok(texts.clone());
        }
        let Some(column) = self.names.iter().position(|known| known == name) else {
            return Err(self.unknown(name));
        };
        Ok((0..self.rows.len()).map(|row| self.cell(column, row)).collect())
    }

    fn unknown(&self, name: &str) -> anyhow::Error {
        let columns: Vec<&str> = self.names.iter().chain(self.texts.keys()).map(|c| &**c).collect();
        anyhow::anyhow!("there is no column {name:?}; the columns are {}", columns.join(", "))
    }
}

/// Names that are there, and once.
fn unique<'a>(names: impl IntoIterator<Item = &'a String>) -> Result<()> {
    let mut seen = HashSet::new();
    for (place, name) in names.into_iter().enumerate() {
        ensure!(!name.is_empty(), "column {} has no name; give it one or remove it", place + 1);
        ensure!(seen.insert(name), "there are two columns {name:?}; rename or remove one");
    }
    Ok(())
}

/// Whether a cell, without spaces around it, stands for what is not known.
pub(crate) fn is_missing(cell: &str) -> bool {
    MISSING.contains(&cell.to_ascii_lowercase().as_str())
}

/// The number in a cell, `None` within if it is missing; `None` if it is no finite number.
fn number(cell: &str) -> Option<Option<f64>> {
    if is_missing(cell) {
        return Some(None);
    }
    cell.parse().ok().filter(|value: &f64| value.is_finite()).map(Some)
}

fn as_numbers(cells: &[String]) -> Option<Vec<Option<f64>>> {
    cells.iter().map(|cell| number(cell)).collect()
}

/// The cells, by row, that hold a number and are not written as it is.
fn unlike_numbers(cells: Vec<String>, values: &[Option<f64>]) -> BTreeMap<usize, String> {
    let unlike = |cell: &str, value: Option<f64>| value.is_some_and(|v| v.to_string() != cell);
    let cells = cells.into_iter().zip(values).enumerate();
    cells.filter(|(_, (cell, value))| unlike(cell, **value)).map(|(n, (c, _))| (n, c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, id: Option<&str>) -> Result<Table> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("table.csv");
        std::fs::write(&path, text).unwrap();
        Table::load(&path, id)
    }

    fn message(result: Result<impl std::fmt::Debug>) -> String {
        format!("{:#}", result.unwrap_err())
    }

    #[test]
    fn columns_are_numbers_or_texts() {
        let table = read("id,a,name,b\nx,1,One,\ny,NaN,2,2.5e1\n", Some("id")).unwrap();
        assert_eq!(table.ids, ["x", "y"]);
        assert_eq!(table.names, ["a", "b"]);
        assert_eq!(table.rows, [vec![Some(1.0), None], vec![None, Some(25.0)]]);
        assert_eq!(table.texts["name"], ["One", "2"]);
        assert_eq!(table.column("b").unwrap(), [None, Some(25.0)]);
        assert_eq!(table.text("b").unwrap(), ["", "2.5e1"]);
        assert_eq!(table.text("name").unwrap(), ["One", "2"]);
        assert_eq!(read("a\n1\n2\n", None).unwrap().ids, ["0", "1"]);
    }

    #[test]
    fn numbers_are_texts_as_they_were_written() {
        let table = read("id,artist,likes\nx,007,1.0\ny,7,nan\n", Some("id")).unwrap();
        assert_eq!(table.column("artist").unwrap(), [Some(7.0), Some(7.0)]);
        assert_eq!(table.text("artist").unwrap(), ["007", "7"]);
        let tracks = table.tracks();
        let text = |row: usize, column: &str| tracks[row].text(column).unwrap();
        assert_eq!((text(0, "artist"), text(1, "artist")), ("007", "7"));
        assert_eq!((text(0, "likes"), text(1, "likes")), ("1.0", ""));
        assert_eq!(tracks[0].number("likes").unwrap(), 1.0);
    }

    #[test]
    fn errors_say_what_is_wrong() {
        assert!(message(read("a,a\n1,2\n", None)).contains("column \"a\" twice"));
        assert!(message(read("a,\n1,2\n", None)).contains("column 2 has no name"));
        assert!(message(read("a,b\n1,2\n", Some("c"))).contains("\"c\""));
        assert!(message(read("a,b\n1,2\n1,3\n", Some("a"))).contains("two rows"));
        assert!(message(read("a,b\n1\n", None)).contains("table.csv"));
        assert!(message(Table::load(Path::new("/no/such.csv"), None)).contains("such.csv"));
        let table = read("a,b\n1,inf\n2,x\n", None).unwrap();
        assert!(message(table.column("b")).contains("\"inf\""));
        assert!(message(table.column("c")).contains("columns are a, b"));
        let rows = vec![vec![Some(f64::NAN)]];
        let ids = vec!["x".to_owned()];
        assert!(message(Table::new(ids, vec!["a".into()], rows, BTreeMap::new())).contains("a is"));
    }

    #[test]
    fn a_table_without_rows_is_an_error() {
        assert!(message(read("a,b\n", None)).contains("no rows"));
    }
}
