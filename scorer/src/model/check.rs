//! Checks an ONNX file before tract sees it, so that a wrong or hostile file gets an error that
//! names what is wrong with it.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
    tensor_shape_proto::dimension, type_proto,
};
use tract_onnx::prelude::Framework;

use super::ModelError;
use super::metadata::{Contract, Input, METADATA_KEY, Metadata};

/// More nodes than any network of the two contracts has.
const MOST_NODES: usize = 20_000;
/// Most values in all state tensors of one sequence together.
const MOST_STATE_VALUES: usize = 1 << 22;
/// Most values that a node may compute from constants alone, which tract does while it loads.
const MOST_CONSTANT_VALUES: usize = 1 << 26;
/// Largest entry of the attributes that say how far a convolution or pooling reaches …
const FARTHEST_REACH: u64 = 1 << 16;
/// … and the largest product of such an attribute's entries.
const LARGEST_KERNEL: u64 = 1 << 20;
/// Those attributes.
const REACH_ATTRIBUTES: [&str; 6] =
    ["kernel_shape", "pads", "strides", "dilations", "output_padding", "output_shape"];
/// Operators whose cost or output size their inputs do not bound: a small file could ask for all
/// memory or never end.
const UNBOUNDED_OPERATORS: [&str; 13] = [
    "If",
    "Loop",
    "Scan",
    "ConstantOfShape",
    "Expand",
    "Tile",
    "Range",
    "Resize",
    "Upsample",
    "EyeLike",
    "OneHot",
    "RandomNormal",
    "RandomUniform",
];

/// Operators whose output is at most as large as the product of their inputs, or, for Concat, as
/// their sum: the only ones that may work on constants alone.
const CONSTANT_OPERATORS: [&str; 34] = [
    "Abs",
    "Add",
    "Cast",
    "Concat",
    "Constant",
    "Div",
    "Equal",
    "Exp",
    "Flatten",
    "Floor",
    "Gather",
    "Identity",
    "MatMul",
    "Max",
    "Min",
    "Mul",
    "Neg",
    "Pow",
    "Reciprocal",
    "ReduceL1",
    "ReduceL2",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
    "Reshape",
    "Slice",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Transpose",
    "Unsqueeze",
];
/// Operators that give the shape of what they read, at most one value for each axis: that is known
/// before anything runs.
const SHAPE_OPERATORS: [&str; 2] = ["Shape", "Size"];
/// More axes than any tensor has.
const MOST_AXES: usize = 16;

/// A state tensor of a streaming model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StateInfo {
    /// Sizes of the axes before the batch axis, multiplied.
    pub(super) outer: usize,
    /// Sizes of the axes behind the batch axis, multiplied.
    pub(super) inner: usize,
    /// All axes; the batch axis holds zero.
    pub(super) shape: Vec<usize>,
    /// Which axis is the batch.
    pub(super) batch_axis: usize,
}

/// A file that passed.
pub(super) struct Checked {
    pub(super) proto: ModelProto,
    pub(super) metadata: Metadata,
    pub(super) states: Vec<StateInfo>,
}

/// What did not pass.
#[derive(Debug, PartialEq)]
pub(super) enum CheckError {
    Onnx(String),
    Field { field: String, problem: String },
}

impl CheckError {
    pub(super) fn into_model_error(self, origin: &str) -> ModelError {
        let origin = origin.to_owned();
        match self {
            Self::Onnx(reason) => ModelError::Onnx { origin, reason },
            Self::Field { field, problem } => ModelError::Metadata { origin, field, problem },
        }
    }
}

fn onnx<T>(reason: impl Into<String>) -> Result<T, CheckError> {
    Err(CheckError::Onnx(reason.into()))
}

/// Checks container, metadata, graph and signature, in this order.
pub(super) fn check(content: &[u8]) -> Result<Checked, CheckError> {
    let mut proto = tract_onnx::onnx()
        .proto_model_for_read(&mut &content[..])
        .map_err(|_| CheckError::Onnx("it is no ONNX file, or it is cut off".into()))?;
    let metadata = read_metadata(&proto)?;
    let Some(graph) = &mut proto.graph else { return onnx("it has no graph") };
    check_graph(graph)?;
    let states = check_signature(graph, &metadata)?;
    forget_symbols(graph);
    Ok(Checked { metadata, states, proto })
}

fn read_metadata(proto: &ModelProto) -> Result<Metadata, CheckError> {
    let field = |field: &str, problem: String| CheckError::Field { field: field.into(), problem };
    let json = proto
        .metadata_props
        .iter()
        .find(|entry| entry.key == METADATA_KEY)
        .map(|entry| entry.value.as_str())
        .ok_or_else(|| {
            field(METADATA_KEY, "is missing; export the model with `earworm-train export`".into())
        })?;
    // The version comes first: a later version may have fields that this build does not know.
    let version = serde_json::from_str::<serde_json::Value>(json)
        .map_err(|e| field(METADATA_KEY, format!("is not JSON: {e}")))?;
    match version.get("contract_version").and_then(|v| v.as_u64()) {
        Some(v) if v == u64::from(super::CONTRACT_VERSION) => {}
        Some(v) => {
            return Err(field(
                "contract_version",
                format!("{v} is not {}, the one version this build knows", super::CONTRACT_VERSION),
            ));
        }
        None => return Err(field("contract_version", "is missing or no whole number".into())),
    }
    let metadata: Metadata = serde_path_to_error::deserialize(
        &mut serde_json::Deserializer::from_str(json),
    )
    .map_err(|e| CheckError::Field { field: field_of(&e), problem: e.inner().to_string() })?;
    metadata.validate().map_err(|e| CheckError::Field { field: e.field, problem: e.problem })?;
    Ok(metadata)
}

/// The path of the field that serde stopped at, such as `front_end.level.kind`.
fn field_of(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let path = error.path().to_string();
    // The path of a field that is missing is that of the object it is missing from.
    let message = error.inner().to_string();
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    match (path.as_str(), missing) {
        (".", None) => METADATA_KEY.to_owned(),
        (".", Some(name)) => name.to_owned(),
        (path, None) => path.to_owned(),
        (path, Some(name)) => format!("{path}.{name}"),
    }
}

fn check_graph(graph: &GraphProto) -> Result<(), CheckError> {
    if graph.node.len() > MOST_NODES {
        return onnx(format!("{} nodes are more than {MOST_NODES}", graph.node.len()));
    }
    // For every name: at most how many values it has, where those are known before anything runs.
    let mut known: HashMap<&str, Option<usize>> =
        graph.input.iter().map(|input| (input.name.as_str(), None)).collect();
    for tensor in &graph.initializer {
        known.insert(&tensor.name, Some(check_tensor(tensor)?));
    }
    for node in &graph.node {
        let attached = check_node(node)?;
        let mut sizes = vec![Some(attached)];
        for input in node.input.iter().filter(|name| !name.is_empty()) {
            let Some(&size) = known.get(input.as_str()) else {
                return onnx(format!(
                    "node {:?} reads {input:?}, which nothing before it gives",
                    node.name
                ));
            };
            sizes.push(size);
        }
        let size = match sizes.into_iter().collect::<Option<Vec<usize>>>() {
            Some(sizes) => Some(check_constant(node, &sizes)?),
            None => SHAPE_OPERATORS.contains(&node.op_type.as_str()).then_some(MOST_AXES),
        };
        known.extend(node.output.iter().map(|name| (name.as_str(), size)));
    }
    match graph.output.iter().find(|output| !known.contains_key(output.name.as_str())) {
        Some(output) => onnx(format!("no node gives the output {:?}", output.name)),
        None => Ok(()),
    }
}

/// Checks a node that works on constants of these sizes alone; returns the most values that it may
/// give. tract computes such nodes while it loads, so a few of them could ask for all memory.
fn check_constant(node: &NodeProto, sizes: &[usize]) -> Result<usize, CheckError> {
    let operator = node.op_type.as_str();
    if SHAPE_OPERATORS.contains(&operator) {
        return Ok(MOST_AXES);
    }
    if !CONSTANT_OPERATORS.contains(&operator) {
        return onnx(format!(
            "node {:?} applies {operator} to constants alone; put in the result instead",
            node.name
        ));
    }
    let sizes = sizes.iter().copied();
    let most = match operator {
        "Concat" => sizes.fold(0usize, usize::saturating_add),
        _ => sizes.fold(1usize, |product, size| product.saturating_mul(size.max(1))),
    };
    if most > MOST_CONSTANT_VALUES {
        return onnx(format!("node {:?} makes a constant that is too large", node.name));
    }
    Ok(most)
}

/// Returns how many values are attached to the node.
fn check_node(node: &NodeProto) -> Result<usize, CheckError> {
    if UNBOUNDED_OPERATORS.contains(&node.op_type.as_str()) {
        return onnx(format!(
            "the operator {} of node {:?} is not allowed",
            node.op_type, node.name
        ));
    }
    let mut attached = 1;
    for attribute in &node.attribute {
        if attribute.g.is_some() || !attribute.graphs.is_empty() {
            return onnx(format!(
                "node {:?} has a graph of its own, which is not allowed",
                node.name
            ));
        }
        if attribute.name == "perm" && !is_permutation(&attribute.ints) {
            // tract would look for the way there for ever.
            return onnx(format!(
                "the perm of node {:?} is no permutation: {:?}",
                node.name, attribute.ints
            ));
        }
        if REACH_ATTRIBUTES.contains(&attribute.name.as_str()) {
            check_reach(node, attribute)?;
        }
        for tensor in attribute.t.iter().chain(&attribute.tensors) {
            attached = check_tensor(tensor)?.max(attached);
        }
        attached = attached.max(attribute.ints.len()).max(attribute.floats.len());
    }
    Ok(attached)
}

fn is_permutation(ints: &[i64]) -> bool {
    let mut sorted = ints.to_vec();
    sorted.sort_unstable();
    sorted.into_iter().eq(0..ints.len() as i64)
}

fn check_reach(node: &NodeProto, attribute: &AttributeProto) -> Result<(), CheckError> {
    let entries = attribute.ints.iter().map(|i| i.unsigned_abs());
    let product = entries.clone().fold(1u64, |product, i| product.saturating_mul(i.max(1)));
    if product > LARGEST_KERNEL || entries.max().is_some_and(|i| i > FARTHEST_REACH) {
        return onnx(format!(
            "the {} of node {:?} are too large: {:?}",
            attribute.name, node.name, attribute.ints
        ));
    }
    Ok(())
}

/// Returns how many values the tensor has.
fn check_tensor(tensor: &TensorProto) -> Result<usize, CheckError> {
    let name = &tensor.name;
    if !tensor.external_data.is_empty() || tensor.data_location.is_some_and(|l| l != 0) {
        return onnx(format!("tensor {name:?} lies in another file, which is not allowed"));
    }
    let value_bytes = match DataType::try_from(tensor.data_type) {
        Ok(DataType::Uint8 | DataType::Int8 | DataType::Bool) => 1,
        Ok(DataType::Uint16 | DataType::Int16 | DataType::Float16) => 2,
        Ok(DataType::Uint32 | DataType::Int32 | DataType::Float) => 4,
        Ok(DataType::Uint64 | DataType::Int64 | DataType::Double) => 8,
        _ => {
            return onnx(format!(
                "tensor {name:?} is of type {}, which is not supported",
                tensor.data_type
            ));
        }
    };
    let values = tensor
        .dims
        .iter()
        .try_fold(1usize, |product, &dim| product.checked_mul(usize::try_from(dim).ok()?));
    let listed = tensor.float_data.len()
        + tensor.int32_data.len()
        + tensor.int64_data.len()
        + tensor.double_data.len()
        + tensor.uint64_data.len();
    let bytes = tensor.raw_data.len();
    match values {
        Some(values) if bytes == 0 && values == listed => Ok(values),
        Some(values) if bytes > 0 && values.checked_mul(value_bytes) == Some(bytes) => Ok(values),
        _ => onnx(format!(
            "tensor {name:?} of shape {:?} has not as many values as that: {listed}, {bytes} bytes",
            tensor.dims
        )),
    }
}

/// Names of dimensions can be formulas, which tract works out; this build gives every input its
/// sizes and has no use for them.
fn forget_symbols(graph: &mut GraphProto) {
    graph.value_info.clear();
    for value in graph.input.iter_mut().chain(&mut graph.output) {
        if let Some(type_proto::Value::TensorType(tensor)) =
            value.r#type.as_mut().and_then(|t| t.value.as_mut())
        {
            let dims = tensor.shape.iter_mut().flat_map(|shape| &mut shape.dim);
            for dim in dims.filter(|d| matches!(d.value, Some(dimension::Value::DimParam(_)))) {
                dim.value = None;
            }
        }
    }
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

fn check_signature(graph: &GraphProto, metadata: &Metadata) -> Result<Vec<StateInfo>, CheckError> {
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
