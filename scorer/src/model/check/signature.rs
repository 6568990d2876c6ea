//! The inputs and outputs of a graph: those that the metadata promise.

use std::collections::HashSet;

use tract_onnx::pb::{GraphProto, ValueInfoProto, tensor_shape_proto::dimension, type_proto};

use super::{CheckError, onnx};
use crate::model::metadata::{Contract, Input, Metadata};

/// Most values in all state tensors of one sequence together.
const MOST_STATE_VALUES: usize = 1 << 22;

/// A state tensor of a streaming model.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::model) struct StateInfo {
    /// Sizes of the axes before the batch axis, multiplied.
    pub(in crate::model) outer: usize,
    /// Sizes of the axes behind the batch axis, multiplied.
    pub(in crate::model) inner: usize,
    /// All axes; the batch axis holds zero.
    pub(in crate::model) shape: Vec<usize>,
    /// Which axis is the batch.
    pub(in crate::model) batch_axis: usize,
}

/// A dimension: a size, or any.
type Dim = Option<usize>;

fn dims_of(value: &ValueInfoProto) -> Result<Vec<Dim>, CheckError> {
    let Some(type_proto::Value::TensorType(tensor)) =
        value.r#type.as_ref().and_then(|t| t.value.as_ref())
    else {
        return onnx(format!("{:?} has no tensor type", value.name));
    };
    if tensor.elem_type != 1 {
        return onnx(format!("{:?} is not of type float32", value.name));
    }
    let Some(shape) = &tensor.shape else {
        return onnx(format!("{:?} has no shape", value.name));
    };
    shape
        .dim
        .iter()
        .map(|dim| match &dim.value {
            Some(dimension::Value::DimValue(size)) => match usize::try_from(*size) {
                Ok(size) if size > 0 && size <= MOST_STATE_VALUES => Ok(Some(size)),
                _ => onnx(format!("{:?} has a dimension of {size}", value.name)),
            },
            _ => Ok(None),
        })
        .collect()
}

pub(super) fn check_signature(
    graph: &GraphProto,
    metadata: &Metadata,
) -> Result<Vec<StateInfo>, CheckError> {
    let initialised: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let inputs: Vec<&ValueInfoProto> =
        graph.input.iter().filter(|i| !initialised.contains(i.name.as_str())).collect();
    let Some((mel, state_inputs)) = inputs.split_first() else { return onnx("it has no input") };
    let (name, rows) = match metadata.input {
        Input::Mel | Input::MelAndDescriptors { .. } => ("mel", "frames"),
        Input::Descriptors { .. } => ("features", "1"),
    };
    if mel.name != name {
        return onnx(format!("its first input is {:?}, not {name:?}", mel.name));
    }
    let width = metadata.input_width();
    let frames_fit = |frames: Dim| match metadata.contract {
        Contract::Streaming => frames.is_none(),
        Contract::Window => frames.is_none_or(|f| f == metadata.input_rows()),
    };
    match dims_of(mel)?.as_slice() {
        [None, frames, Some(w)] if *w == width && frames_fit(*frames) => {}
        other => {
            return onnx(format!(
                "the input {name:?} has shape {}, not [batch, {rows}, {width}] as the metadata say",
                show(other)
            ));
        }
    }
    let Some((score, state_outputs)) = graph.output.split_first() else {
        return onnx("it has no output");
    };
    let classes = metadata.classes.len();
    match dims_of(score)?.as_slice() {
        [_, Some(c)] if score.name == "score" && *c == classes => {}
        other => {
            return onnx(format!(
                "the first output is {:?} of shape {}, not \"score\" of shape [batch, {classes}]",
                score.name,
                show(other)
            ));
        }
    }
    if metadata.contract == Contract::Window && !state_inputs.is_empty() {
        return onnx("a window model has no state inputs");
    }
    if state_inputs.len() != state_outputs.len() {
        return onnx(format!(
            "{} state inputs but {} state outputs",
            state_inputs.len(),
            state_outputs.len()
        ));
    }
    let states: Vec<StateInfo> = state_inputs
        .iter()
        .zip(state_outputs)
        .enumerate()
        .map(|(n, (input, output))| check_state(n, input, output))
        .collect::<Result<_, _>>()?;
    let values: usize = states.iter().map(|state| state.outer * state.inner).sum();
    if values > MOST_STATE_VALUES {
        return onnx(format!("its states are too large: {values} values for each sequence"));
    }
    Ok(states)
}

fn check_state(
    n: usize,
    input: &ValueInfoProto,
    output: &ValueInfoProto,
) -> Result<StateInfo, CheckError> {
    if input.name != format!("state.{n}.in") || output.name != format!("state.{n}.out") {
        return onnx(format!(
            "state {n} is called {:?} and {:?}, not \"state.{n}.in\" and \"state.{n}.out\"",
            input.name, output.name
        ));
    }
    let dims = dims_of(input)?;
    let batch_axes: Vec<usize> = (0..dims.len()).filter(|&axis| dims[axis].is_none()).collect();
    let &[batch_axis] = batch_axes.as_slice() else {
        return onnx(format!(
            "{:?} of shape {} has not exactly one batch axis",
            input.name,
            show(&dims)
        ));
    };
    let shape: Vec<usize> = dims.iter().map(|d| d.unwrap_or(0)).collect();
    let product = |dims: &[usize]| {
        dims.iter().try_fold(1usize, |a, &b| a.checked_mul(b)).filter(|&p| p <= MOST_STATE_VALUES)
    };
    match (product(&shape[..batch_axis]), product(&shape[batch_axis + 1..])) {
        (Some(outer), Some(inner)) if outer * inner <= MOST_STATE_VALUES => {
            Ok(StateInfo { outer, inner, shape, batch_axis })
        }
        _ => onnx(format!("{:?} of shape {} is too large", input.name, show(&dims))),
    }
}

fn show(dims: &[Dim]) -> String {
    let dims: Vec<String> =
        dims.iter().map(|d| d.map_or("any".to_owned(), |d| d.to_string())).collect();
    format!("[{}]", dims.join(", "))
}
