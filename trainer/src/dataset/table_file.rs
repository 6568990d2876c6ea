//! Parquet files of the data set's own: flat tables of numbers and texts, any cell of which may be
//! missing.

use std::collections::HashMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

use super::bounded_file::BoundedFile;
use crate::files;

/// Rows that are written and read at a time.
pub(super) const ROWS_AT_A_TIME: usize = 16_384;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Whole,
    Real,
    Text,
}

/// The cells of a column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cells {
    Whole(Vec<Option<i64>>),
    Real(Vec<Option<f64>>),
    Text(Vec<Option<String>>),
}

impl Cells {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Whole(cells) => cells.len(),
            Self::Real(cells) => cells.len(),
            Self::Text(cells) => cells.len(),
        }
    }
}

/// A table as read: its columns by name, and notes that were written with it.
#[derive(Debug)]
pub(super) struct TableFile {
    pub(super) columns: Vec<(String, Cells)>,
    pub(super) notes: HashMap<String, String>,
    pub(super) rows: usize,
}

impl TableFile {
    fn take(&mut self, name: &str) -> Result<Cells> {
        let at = self.columns.iter().position(|(column, _)| column == name);
        let at = at.with_context(|| format!("it has no column {name:?}"))?;
        Ok(self.columns.swap_remove(at).1)
    }

    /// Whether it has a column of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|(column, _)| column == name)
    }

    /// Takes a column of whole numbers out of the table.
    pub(super) fn whole(&mut self, name: &str) -> Result<Vec<Option<i64>>> {
        match self.take(name)? {
            Cells::Whole(cells) => Ok(cells),
            _ => bail!("its column {name:?} does not hold whole numbers"),
        }
    }

    /// Takes a column of real numbers out of the table.
    pub(super) fn real(&mut self, name: &str) -> Result<Vec<Option<f64>>> {
        match self.take(name)? {
            Cells::Real(cells) => Ok(cells),
            _ => bail!("its column {name:?} does not hold numbers"),
        }
    }

    /// Takes a column of texts out of the table.
    pub(super) fn text(&mut self, name: &str) -> Result<Vec<Option<String>>> {
        match self.take(name)? {
            Cells::Text(cells) => Ok(cells),
            _ => bail!("its column {name:?} does not hold text"),
        }
    }
}

/// Writes a table, whole or not at all. `batches` gives the rows a stretch at a time, the cells of
/// each column in the order of `columns`, so that memory does not grow with the table.
pub(super) fn write(
    path: &Path,
    columns: &[(&str, Kind)],
    notes: &[(&str, String)],
    batches: impl Iterator<Item = Result<Vec<Cells>>>,
) -> Result<()> {
    let fields = columns.iter().map(|&(name, kind)| {
        let physical = match kind {
            Kind::Whole => Physical::INT64,
            Kind::Real => Physical::DOUBLE,
            Kind::Text => Physical::BYTE_ARRAY,
        };
        let logical = (kind == Kind::Text).then_some(LogicalType::String);
        Ok(Arc::new(
            Type::primitive_type_builder(name, physical)
                .with_repetition(Repetition::OPTIONAL)
                .with_logical_type(logical)
                .build()?,
        ))
    });
    let fields = fields.collect::<Result<_>>()?;
    let schema = Arc::new(Type::group_type_builder("songs").with_fields(fields).build()?);
    let notes = notes.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), value.clone()));
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(notes.collect()))
        .build();
    files::write_whole(path, |temporary| {
        let file = File::create(temporary)?;
        let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
        for batch in batches {
            let mut group = writer.next_row_group()?;
            for cells in batch? {
                write_column(&mut group, cells)?;
            }
            group.close()?;
        }
        writer.close()?;
        Ok(())
    })
}

fn write_column<W: std::io::Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    cells: Cells,
) -> Result<()> {
    match cells {
        Cells::Whole(cells) => write_typed::<Int64Type, _>(group, cells),
        Cells::Real(cells) => write_typed::<DoubleType, _>(group, cells),
        Cells::Text(cells) => {
            let bytes = |text: String| ByteArray::from(text.into_bytes());
            let cells = cells.into_iter().map(|cell| cell.map(bytes)).collect();
            write_typed::<ByteArrayType, _>(group, cells)
        }
    }
}

fn write_typed<T: DataType, W: std::io::Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    cells: Vec<Option<T::T>>,
) -> Result<()> {
    let mut column = group.next_column()?.context("a column too many")?;
    let there: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    let values: Vec<T::T> = cells.into_iter().flatten().collect();
    column.typed::<T>().write_batch(&values, Some(&there), None)?;
    Ok(column.close()?)
}

/// Reads a table.
///
/// # Errors
/// When the file is no such table or is damaged; the message names it.
pub(super) fn read(path: &Path) -> Result<TableFile> {
    undamaged(|| read_unguarded(path)).with_context(|| format!("cannot read {}", path.display()))
}

/// Reads a Parquet file. The Parquet crate answers most damage with an error, but not all: where it
/// panics, that is an error, too.
pub(super) fn undamaged<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| bail!("it is damaged"))
}

/// The notes of a table, without its rows.
///
/// # Errors
/// As [`read`].
pub(super) fn notes(path: &Path) -> Result<HashMap<String, String>> {
    undamaged(|| Ok(notes_of(&SerializedFileReader::new(BoundedFile::open(path)?)?)))
        .with_context(|| format!("cannot read {}", path.display()))
}

fn notes_of(reader: &SerializedFileReader<BoundedFile>) -> HashMap<String, String> {
    let notes = reader.metadata().file_metadata().key_value_metadata().into_iter().flatten();
    notes.filter_map(|note| Some((note.key.clone(), note.value.clone()?))).collect()
}

fn read_unguarded(path: &Path) -> Result<TableFile> {
    let reader = SerializedFileReader::new(BoundedFile::open(path)?)?;
    let metadata = reader.metadata().file_metadata();
    let notes = notes_of(&reader);
    let descriptor = metadata.schema_descr();
    let mut columns = Vec::new();
    for column in descriptor.columns() {
        ensure!(
            column.max_rep_level() == 0 && column.max_def_level() == 1,
            "its column {:?} is not flat",
            column.name()
        );
        let cells = match column.physical_type() {
            Physical::INT64 => Cells::Whole(Vec::new()),
            Physical::DOUBLE => Cells::Real(Vec::new()),
            Physical::BYTE_ARRAY => Cells::Text(Vec::new()),
            other => bail!("its column {:?} is of the type {other}", column.name()),
        };
        columns.push((column.name().to_owned(), cells));
    }
    let mut rows = 0;
    for at in 0..reader.num_row_groups() {
        let group = reader.get_row_group(at)?;
        rows += usize::try_from(group.metadata().num_rows())?;
        for (column, (name, cells)) in columns.iter_mut().enumerate() {
            match (group.get_column_reader(column)?, cells) {
                (ColumnReader::Int64ColumnReader(reader), Cells::Whole(cells)) => {
                    read_typed(reader, cells, Ok)?;
                }
                (ColumnReader::DoubleColumnReader(reader), Cells::Real(cells)) => {
                    read_typed(reader, cells, Ok)?;
                }
                (ColumnReader::ByteArrayColumnReader(reader), Cells::Text(cells)) => {
                    read_typed(reader, cells, |bytes| Ok(bytes.as_utf8()?.to_owned()))?;
                }
                _ => bail!("its column {name:?} changes its type"),
            }
        }
    }
    for (name, cells) in &columns {
        ensure!(cells.len() == rows, "its column {name:?} has {} of {rows} rows", cells.len());
    }
    Ok(TableFile { columns, notes, rows })
}

fn read_typed<T: DataType, V>(
    mut reader: ColumnReaderImpl<T>,
    cells: &mut Vec<Option<V>>,
    convert: impl Fn(T::T) -> Result<V>,
) -> Result<()> {
    loop {
        let (mut there, mut values) = (Vec::new(), Vec::new());
        let (records, ..) =
            reader.read_records(ROWS_AT_A_TIME, Some(&mut there), None, &mut values)?;
        if records == 0 {
            return Ok(());
        }
        let mut values = values.into_iter();
        for there in there {
            let value = if there == 1 { values.next().map(&convert).transpose()? } else { None };
            cells.push(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(rows: usize) -> Vec<Cells> {
        let cell = |i: usize| i % 3 != 1;
        vec![
            Cells::Whole((0..rows).map(|i| cell(i).then_some(i as i64 - 5)).collect()),
            Cells::Real((0..rows).map(|i| cell(i + 1).then_some(i as f64 / 7.0)).collect()),
            Cells::Text((0..rows).map(|i| cell(i + 2).then(|| format!("ä{i}"))).collect()),
        ]
    }

    const COLUMNS: [(&str, Kind); 3] = [("n", Kind::Whole), ("x", Kind::Real), ("t", Kind::Text)];

    #[test]
    fn tables_come_back_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.parquet");
        let notes = [("about", "a test".to_owned())];
        // The second stretch is longer than what is read at a time.
        let batches = [sample(7), sample(ROWS_AT_A_TIME + 9)];
        write(&path, &COLUMNS, &notes, batches.iter().cloned().map(Ok)).unwrap();
        let mut table = read(&path).unwrap();
        assert_eq!(table.notes["about"], "a test");
        assert_eq!(table.rows, ROWS_AT_A_TIME + 16);
        let (Cells::Real(first), Cells::Real(second)) = (&batches[0][1], &batches[1][1]) else {
            unreachable!()
        };
        assert_eq!(table.real("x").unwrap(), [first.clone(), second.clone()].concat());
        assert_eq!(table.text("t").unwrap()[2].as_deref(), None);
        assert_eq!(table.text("t").unwrap_err().to_string(), "it has no column \"t\"");
        assert!(table.text("n").unwrap_err().to_string().contains("text"));
        write(&path, &COLUMNS, &[], std::iter::empty()).unwrap();
        assert_eq!(read(&path).unwrap().rows, 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn damage_is_an_error_or_harmless(
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            keep in any::<prop::sample::Index>(),
            cut in any::<bool>(),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("t.parquet");
            write(&path, &COLUMNS, &[], std::iter::once(Ok(sample(50)))).unwrap();
            let mut bytes = std::fs::read(&path).unwrap();
            for (at, value) in flips {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if cut {
                bytes.truncate(keep.index(bytes.len()));
            }
            std::fs::write(&path, &bytes).unwrap();
            if let Err(error) = read(&path) {
                let message = format!("{error:#}");
                prop_assert!(message.contains("t.parquet"), "{}", message);
            }
        }
    }
}
