//! A part's table model, and the columns that its rows are read by.

use std::time::Instant;

use anyhow::{Context, Result};

use super::PartInHand;
use crate::files;
use crate::run::Outcome;
use crate::table::{Columns, Table, TableModel, TableModelRecipe};

/// A model that some songs taught.
pub(super) struct Taught {
    pub(super) columns: Columns,
    pub(super) model: TableModel,
    /// What the songs look like to it.
    rows: Vec<Vec<f64>>,
}

impl PartInHand<'_> {
    /// Trains, asks and keeps the part's model.
    pub(super) fn table(&self, model: &TableModelRecipe) -> Result<Outcome> {
        let begun = Instant::now();
        let table = self.data.rows.as_ref().context("a table model needs rows")?;
        let plan = self.plan;
        let Taught { columns, model, rows } = self.taught_by(plan.seen, model, table)?;
        let seconds = begun.elapsed().as_secs_f64();
        let raw = model.raw(&columns.apply(table, plan.judged)?)?;
        std::fs::create_dir_all(plan.folder)
            .with_context(|| format!("cannot make the folder {}", plan.folder.display()))?;
        self.write("predictions.csv", plan.judged, raw)?;
        if plan.keep_model {
            model.save(&plan.folder.join("model.json"))?;
            let json = serde_json::to_vec_pretty(&columns)?;
            files::write_bytes(&plan.folder.join("columns.json"), json)?;
        }
        Ok(Outcome {
            train_accuracy: self.accuracy(plan.seen, &model.raw(&rows)?),
            seconds,
            parameters: model.parameters(),
            ..Outcome::default()
        })
    }

    /// What the part's model is, or would be had it seen only these songs.
    pub(super) fn taught_by(
        &self,
        songs: &[usize],
        model: &TableModelRecipe,
        table: &Table,
    ) -> Result<Taught> {
        let columns = self.fit_columns(table, songs)?;
        let rows = columns.apply(table, songs)?;
        let truth: Vec<usize> = songs.iter().map(|&s| self.targets.truth[s] as usize).collect();
        // A yes-or-no target has one output and two classes.
        let classes = self.recipe.outputs().len().max(2);
        let model = TableModel::fit(model, &rows, &truth, classes, self.plan.seed)?;
        Ok(Taught { columns, model, rows })
    }

    /// The features of all songs, scaled by the training songs'.
    pub(super) fn columns(&self, table: &Table) -> Result<(Columns, Vec<Vec<f64>>)> {
        let columns = self.fit_columns(table, self.plan.seen)?;
        let all: Vec<usize> = (0..table.rows.len()).collect();
        let x = columns.apply(table, &all)?;
        Ok((columns, x))
    }

    fn fit_columns(&self, table: &Table, songs: &[usize]) -> Result<Columns> {
        let taken = self.taken(table);
        Columns::fit(table, songs, &self.recipe.data.column_recipe(&taken), &taken)
    }

    /// The columns of a table that cannot be features.
    pub(super) fn taken<'t>(&'t self, table: &Table) -> Vec<&'t str> {
        // What the table does not have cannot be left out of it.
        let known =
            |name: &&str| table.names.iter().any(|n| n == *name) || table.texts.contains_key(*name);
        self.recipe.taken_columns().into_iter().filter(known).collect()
    }
}
