//! A table as it comes from outside, CSV or Parquet: every cell as text, empty where there is none.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

use super::bounded_file::BoundedFile;
use super::table_file::undamaged;

/// Rows of text under named columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawTable {
    /// The columns' names, each once.
    pub header: Vec<String>,
    /// The rows, each as long as the header.
    pub rows: Vec<Vec<String>>,
}

impl RawTable {
    /// Reads a CSV file with a header, or a Parquet file of plain columns; the content decides which.
    ///
    /// # Errors
    /// When it cannot be read, has no rows, or names a column twice.
    pub fn load(path: &Path) -> Result<Self> {
        let name = path.display();
        let mut start = [0; 4];
        let open = || -> std::io::Result<bool> {
            let mut file = File::open(path)?;
            Ok(file.read_exact(&mut start).is_ok() && &start == b"PAR1")
        };
        let table = { open }()
            .map_err(anyhow::Error::from)
            .and_then(|is_parquet| match is_parquet {
                true => undamaged(|| read_parquet(path)),
                false => read_csv(path),
            })
            .with_context(|| format!("cannot read {name}"))?;
        let mut seen = HashSet::new();
        for column in &table.header {
            ensure!(seen.insert(column), "{name} has the column {column:?} twice");
        }
        ensure!(!table.rows.is_empty(), "{name} has no rows");
        Ok(table)
    }

    /// The place of a column.
    pub fn position(&self, column: &str) -> Option<usize> {
        self.header.iter().position(|name| name == column)
    }
}

fn read_csv(path: &Path) -> Result<RawTable> {
    let mut reader = csv::Reader::from_path(path)?;
    let texts = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect();
    let header = texts(reader.headers()?);
    let rows = reader.records().map(|row| Ok(texts(&row?))).collect::<Result<_>>()?;
    Ok(RawTable { header, rows })
}

fn read_parquet(path: &Path) -> Result<RawTable> {
    let reader = SerializedFileReader::new(BoundedFile::open(path)?)?;
    let schema = reader.metadata().file_metadata().schema();
    let header: Vec<String> = schema.get_fields().iter().map(|f| f.name().to_owned()).collect();
    let mut rows = Vec::new();
    for row in reader.get_row_iter(None)? {
        let row = row?;
        let cells = row.get_column_iter().map(|(name, field)| text_of(name, field));
        rows.push(cells.collect::<Result<_>>()?);
    }
    Ok(RawTable { header, rows })
}

fn text_of(column: &str, field: &Field) -> Result<String> {
    Ok(match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Bytes(bytes) => bytes
            .as_utf8()
            .map(str::to_owned)
            .with_context(|| format!("the column {column:?} holds bytes that are no text"))?,
        // As Rust writes them: the shortest text that reads back as the same number.
        Field::Float(value) => value.to_string(),
        Field::Double(value) => value.to_string(),
        field => {
            ensure!(
                field.is_primitive(),
                "the column {column:?} holds lists or records; a manifest has plain columns"
            );
            field.to_string()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn golden(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
    }

    /// Whatever happens to a file, reading it ends with rows or with an error that names it.
    #[test]
    fn damaged_parquet_is_an_error_or_a_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("damaged.parquet");
        let whole = std::fs::read(golden("manifest-snappy.parquet")).unwrap();
        let mut refused = 0;
        let mut read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            if let Err(error) = RawTable::load(&path) {
                assert!(format!("{error:#}").contains("damaged.parquet"), "{error:#}");
                refused += 1;
            }
        };
        for at in (0..whole.len()).step_by(3) {
            for value in [0, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                read(&bytes);
            }
            read(&whole[..at]);
        }
        assert!(refused > whole.len() / 3, "{refused}: a file that is cut off is never a table");
    }

    #[test]
    fn parquet_written_by_others_reads_as_its_csv_twin() {
        let csv = RawTable::load(&golden("manifest.csv")).unwrap();
        assert_eq!(csv.rows.len(), 4);
        for codec in ["snappy", "zstd", "none"] {
            let parquet = RawTable::load(&golden(&format!("manifest-{codec}.parquet"))).unwrap();
            assert_eq!(parquet, csv, "{codec}");
        }
    }

    #[test]
    fn bad_tables_say_what_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let message = |content: &[u8]| {
            let path = dir.path().join("t.csv");
            std::fs::write(&path, content).unwrap();
            format!("{:#}", RawTable::load(&path).unwrap_err())
        };
        assert!(message(b"a,b\n").contains("no rows"));
        assert!(message(b"").contains("no rows"));
        assert!(message(b"a,a\n1,2\n").contains("\"a\" twice"));
        assert!(message(b"a,b\n1\n").contains("t.csv"));
        assert!(message(b"a\n\xff\xfe\n").contains("UTF-8"));
        assert!(message(b"PAR1 and then nothing").contains("t.csv"));
        let lists = format!("{:#}", RawTable::load(&golden("lists.parquet")).unwrap_err());
        assert!(lists.contains("\"tags\"") && lists.contains("plain columns"), "{lists}");
        assert!(RawTable::load(dir.path()).is_err());
    }
}
