//! A trained model as the bytes of an ONNX file.

use anyhow::{Result, ensure};
use earworm_scorer::model::{Contract, Metadata};

use crate::nn::Network;
use crate::onnx::Graph;
use crate::table::{Columns, TableModel};

/// A network as an ONNX file of its contract: input `mel [batch, frames, bands]`, output
/// `score [batch, classes]`, and the states of a streaming network. The metadata's classes are the
/// network's first outputs; auxiliary ones behind them are left out.
///
/// # Errors
/// When the metadata name another contract, or a weight cannot be read from its device.
pub fn onnx_bytes(network: &dyn Network, metadata: &Metadata) -> Result<Vec<u8>> {
    ensure!(
        metadata.contract == network.contract(),
        "the network is for the contract {:?}, the metadata say {:?}",
        network.contract(),
        metadata.contract
    );
    let mut graph = Graph::default();
    network.write_onnx(&mut graph, metadata.classes.len())?;
    graph.encode(metadata)
}

/// A network over rows as an ONNX file: input `features [batch, 1, names]` as the scorer describes sound,
/// which `columns` scales as in training.
///
/// # Errors
/// As [`onnx_bytes`], or when the network judges frames one by one.
pub fn rows_onnx_bytes(
    network: &dyn Network,
    columns: &Columns,
    metadata: &Metadata,
) -> Result<Vec<u8>> {
    ensure!(network.contract() == Contract::Window, "the network does not take rows");
    let mut graph = Graph::for_rows(&columns.offsets, &columns.factors);
    network.write_onnx(&mut graph, metadata.classes.len())?;
    graph.encode(metadata)
}

/// A table model as an ONNX file, with the input of [`rows_onnx_bytes`].
///
/// # Errors
/// When the metadata cannot be written.
pub fn table_onnx_bytes(
    model: &TableModel,
    columns: &Columns,
    metadata: &Metadata,
) -> Result<Vec<u8>> {
    let mut graph = Graph::for_rows(&columns.offsets, &columns.factors);
    model.write_onnx(&mut graph);
    graph.encode(metadata)
}
