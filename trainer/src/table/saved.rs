//! A model with all it takes to use it.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::columns::Columns;
use super::model::{TableModel, read_json};
use crate::files::write_bytes;

/// A model with the columns it is fed with and the names of its outputs: all it takes to judge the
/// rows of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedModel {
    /// Names of the outputs.
    pub outputs: Vec<String>,
    /// How rows become features.
    pub columns: Columns,
    /// The model.
    pub model: TableModel,
}

impl SavedModel {
    /// Writes columns and model as JSON.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        write_bytes(path, serde_json::to_vec(self)?)
    }

    /// Reads what [`SavedModel::save`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read or does not hold together.
    pub fn load(path: &Path) -> Result<Self> {
        let saved: Self = read_json(path)?;
        let (columns, inputs) = (&saved.columns, saved.model.inputs());
        let lengths = [&columns.means, &columns.offsets, &columns.factors].map(Vec::len);
        saved
            .model
            .check()
            .and_then(|()| {
                ensure!(
                    columns.names.len() == inputs && lengths == [inputs; 3],
                    "its columns are not those that the model learnt from"
                );
                Ok(())
            })
            .with_context(|| format!("{} is damaged", path.display()))?;
        Ok(saved)
    }
}
