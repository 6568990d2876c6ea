//! `tracks.parquet`: the manifest's rows as they were, with their places in the manifest.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::manifest::{Manifest, Track};
use super::raw_table::RawTable;
use super::schema::Schema;
use super::table_file::{self, Cells, Kind, ROWS_AT_A_TIME};

/// Column with a row's place in the manifest.
const ROW: &str = "earworm.row";

fn path_of(folder: &Path) -> PathBuf {
    folder.join("tracks.parquet")
}

pub(super) fn write(folder: &Path, header: &[String], tracks: &[(u64, Track)]) -> Result<()> {
    ensure!(
        header.iter().all(|column| column != ROW),
        "the manifest has a column {ROW:?}, which data sets use themselves; rename it"
    );
    let mut columns = vec![(ROW, Kind::Whole)];
    columns.extend(header.iter().map(|column| (column.as_str(), Kind::Text)));
    let batches = tracks.chunks(ROWS_AT_A_TIME).map(|tracks| {
        let rows = tracks.iter().map(|(row, _)| Some(*row as i64)).collect();
        let texts = header.iter().map(|column| {
            let cell = |(_, track): &(u64, Track)| track.columns.get(column).cloned();
            Cells::Text(tracks.iter().map(cell).collect())
        });
        Ok(std::iter::once(Cells::Whole(rows)).chain(texts).collect())
    });
    table_file::write(&path_of(folder), &columns, &[], batches)
}

/// Rows of a manifest.
pub(super) struct Rows {
    /// The manifest's columns in their order.
    pub(super) header: Vec<String>,
    /// The tracks, each with its place in the manifest.
    pub(super) tracks: Vec<(u64, Track)>,
}

/// The rows that were written.
///
/// # Errors
/// When the file is damaged; the message says what to do.
pub(super) fn read(folder: &Path, schema: &Schema) -> Result<Rows> {
    let read = || -> Result<Rows> {
        let mut table = table_file::read(&path_of(folder))?;
        let rows = table.columns.remove(0);
        let (ROW, Cells::Whole(rows)) = (rows.0.as_str(), rows.1) else {
            anyhow::bail!("its first column is not {ROW:?}");
        };
        let rows: Vec<u64> = rows
            .into_iter()
            .map(|row| row.and_then(|row| u64::try_from(row).ok()).context("a row has no number"))
            .collect::<Result<_>>()?;
        let mut cells: Vec<Vec<String>> =
            rows.iter().map(|_| Vec::with_capacity(table.columns.len())).collect();
        let mut header = Vec::new();
        for (name, column) in table.columns {
            let Cells::Text(column) = column else {
                anyhow::bail!("its column {name:?} does not hold text");
            };
            header.push(name);
            for (cells, cell) in cells.iter_mut().zip(column) {
                cells.push(cell.unwrap_or_default());
            }
        }
        let manifest = Manifest::from_table(RawTable { header, rows: cells }, schema)?;
        let tracks = rows.into_iter().zip(manifest.tracks).collect();
        Ok(Rows { header: manifest.header, tracks })
    };
    read().with_context(|| {
        format!("the data set {} is damaged; run `dataset build` again", folder.display())
    })
}
