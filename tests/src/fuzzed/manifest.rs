//! Tables of songs, as CSV and as Parquet.

use std::path::Path;

use earworm_train::dataset::{Manifest, RawTable, Schema};

use super::check_message;

/// Reads a table, and as a manifest.
pub(super) fn manifest(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder for the table");
    let path = folder.path().join("table");
    std::fs::write(&path, bytes).expect("the table can be written");
    let table = match RawTable::load(&path) {
        Ok(table) => table,
        Err(error) => return check(&error, &path),
    };
    assert!(!table.rows.is_empty());
    for row in &table.rows {
        assert_eq!(row.len(), table.header.len(), "a row of another length");
    }
    for (index, name) in table.header.iter().enumerate() {
        assert_eq!(table.position(name), Some(index), "two columns are called {name:?}");
    }
    match Manifest::load(&path, &Schema::default()) {
        Ok(manifest) => {
            assert_eq!(manifest.tracks.len(), table.rows.len());
            for track in &manifest.tracks {
                assert!(!track.id.is_empty());
                assert_eq!(track.columns.len(), manifest.header.len());
            }
        }
        Err(error) => check(&error, &path),
    }
}

fn check(error: &anyhow::Error, path: &Path) {
    let message = format!("{error:#}");
    check_message(&message);
    assert!(message.contains(&path.display().to_string()), "the file is not named: {message}");
}
