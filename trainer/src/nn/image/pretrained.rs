//! Weights that torchvision's networks learnt on ImageNet, to start from.
//! [`ModelRecipe`](crate::nn::ModelRecipe) says where to
//! get them.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use candle_core::{DType, Device, Tensor};
use prost::Message;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{ModelProto, TensorProto};

use super::super::Weights;

/// Takes all weights but those of the layer `last` over from a file.
///
/// # Errors
/// When the file cannot be read, lacks a value, or has one of another shape or for another network; the
/// message names it, and nothing has changed then.
pub(in crate::nn) fn start_from(weights: &Weights, path: &Path, last: &str) -> Result<()> {
    let read = || -> Result<()> {
        let mut found = match path.extension().and_then(|e| e.to_str()) {
            Some("safetensors") => candle_core::safetensors::load(path, &Device::Cpu)?,
            Some("onnx") => initialisers(path)?,
            _ => bail!("its name ends neither in .safetensors nor in .onnx"),
        };
        // How many batches a norm has seen says nothing; the last layer is for other outputs.
        let of_last = |name: &str| {
            name.strip_prefix(last).is_some_and(|rest| rest == ".weight" || rest == ".bias")
        };
        found.retain(|name, _| !name.ends_with(".num_batches_tracked") && !of_last(name));
        for (name, own) in weights.tensors() {
            // What is not in a file for ImageNet: the last layer, mean and deviation of the bands.
            if of_last(&name) || name == "mean" || name == "deviation" {
                ensure!(!found.contains_key(&name), "{name} belongs to another network");
                found.insert(name, own);
            } else if let Some(tensor) = found.get_mut(&name) {
                *tensor = tensor.to_dtype(DType::F32)?;
            }
        }
        weights.set(&found).context(
            "the names and shapes must be those of torchvision's network of the same kind, at width 1",
        )
    };
    read().with_context(|| format!("cannot start from the weights {}", path.display()))
}

/// The named float tensors of an ONNX file.
fn initialisers(path: &Path) -> Result<HashMap<String, Tensor>> {
    let model = ModelProto::decode(&std::fs::read(path)?[..]).context("it is no ONNX file")?;
    let graph = model.graph.context("it has no graph")?;
    let floats = graph.initializer.into_iter().filter(|t| t.data_type == DataType::Float as i32);
    floats.map(|tensor| Ok((tensor.name.clone(), values(tensor)?))).collect()
}

fn values(tensor: TensorProto) -> Result<Tensor> {
    let name = &tensor.name;
    let dims: Vec<usize> = tensor
        .dims
        .iter()
        .map(|&dim| usize::try_from(dim))
        .collect::<Result<_, _>>()
        .with_context(|| format!("{name} has the shape {:?}", tensor.dims))?;
    ensure!(
        tensor.external_data.is_empty(),
        "{name} lies in another file; save the model as one file"
    );
    let values = match tensor.raw_data.as_slice() {
        [] => tensor.float_data,
        raw => raw.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
    };
    let count = dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
    ensure!(count == Some(values.len()), "{name} has not as many values as its shape {dims:?}");
    Ok(Tensor::from_vec(values, dims, &Device::Cpu)?)
}
