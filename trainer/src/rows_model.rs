//! A model of rows as a part of a run keeps it: with the columns it was taught by.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};

use crate::nn::{Blueprint, Network, build};
use crate::recipe::{Model, Recipe};
use crate::run::read_json;
use crate::table::{Columns, Table, TableModel};

/// A trained model of rows.
pub struct RowsModel {
    /// How a song's numbers become a row.
    pub columns: Columns,
    /// What judges rows.
    pub judge: Judge,
}

/// What judges rows.
pub enum Judge {
    /// A network in Candle.
    Network(Box<dyn Network>),
    /// A table model.
    Table(Box<TableModel>),
}

impl RowsModel {
    /// Reads what a part of a run left in `folder`.
    ///
    /// # Errors
    /// When the part is not finished, or its model is none of rows.
    pub fn load(folder: &Path, recipe: &Recipe) -> Result<Self> {
        let columns: Columns = read_json(&folder.join("columns.json"))
            .with_context(|| format!("{} holds no model of rows", folder.display()))?;
        let judge = match &recipe.model {
            Model::Table(_) => {
                Judge::Table(Box::new(TableModel::load(&folder.join("model.json"))?))
            }
            Model::Network(model) => {
                let (width, outputs) = (columns.names.len(), recipe.outputs().len());
                let network = build(
                    model,
                    &Blueprint {
                        bands: width,
                        beside: 0,
                        frames: 1,
                        outputs,
                        mean: &vec![0.0; width],
                        deviation: &vec![1.0; width],
                        output_bias: &vec![0.0; outputs],
                        seed: recipe.seed,
                        device: &Device::Cpu,
                    },
                )?;
                network.weights().load(&folder.join("weights.safetensors"))?;
                Judge::Network(network)
            }
        };
        Ok(Self { columns, judge })
    }

    /// Raw outputs of scaled rows, `[row][output]`.
    ///
    /// # Errors
    /// When rows have another width.
    pub fn raw(&self, rows: &[Vec<f64>]) -> Result<Vec<Vec<f32>>> {
        match &self.judge {
            Judge::Table(model) => model.raw(rows),
            Judge::Network(network) => {
                Ok(network.forward(&self.tensor(rows)?, &[0], None)?.get(0)?.to_vec2()?)
            }
        }
    }

    /// Rows as a network takes them, `[1, rows, columns]`.
    ///
    /// # Errors
    /// When rows have another width.
    pub fn tensor(&self, rows: &[Vec<f64>]) -> Result<Tensor> {
        let width = self.columns.names.len();
        if let Some(row) = rows.iter().find(|row| row.len() != width) {
            bail!("a row has {} numbers for {width} columns", row.len());
        }
        let values: Vec<f32> = rows.iter().flatten().map(|&v| v as f32).collect();
        Ok(Tensor::from_vec(values, (1, rows.len(), width), &Device::Cpu)?)
    }
}

/// The rows of a data set's songs.
///
/// # Errors
/// When it has no features.
pub fn rows_of(dataset: &crate::dataset::Dataset) -> Result<Table> {
    let features = dataset.features()?.context("the data set has no features")?;
    let ids = dataset.songs.iter().map(|song| song.track.id.clone()).collect();
    Table::new(ids, features.names, features.rows, BTreeMap::new())
}
