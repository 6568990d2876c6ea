//! The nodes and constants of a graph: nothing in it may ask for more memory or time than its size
//! says.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};

use super::{CheckError, onnx};

/// More nodes than any network of the two contracts has.
const MOST_NODES: usize = 20_000;
/// Most values that a node may compute from constants alone, which tract does while it loads.
const MOST_CONSTANT_VALUES: usize = 1 << 26;
/// Largest entry of the attributes that say how far a convolution or pooling reaches …
const FARTHEST_REACH: u64 = 1 << 16;
/// … and the largest product of such an attribute's entries.
const LARGEST_KERNEL: u64 = 1 << 20;
/// Those attributes.
const REACH_ATTRIBUTES: [&str; 6] =
    ["kernel_shape", "pads", "strides", "dilations", "output_padding", "output_shape"];
/// Most channels that a local response normalisation may look at for each value.
const MOST_NEIGHBOURS: i64 = 1 << 10;
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
/// The same where only a bound is known, as of shapes that are put together from those of others.
const MOST_COMPUTED_AXES: usize = 512;
/// Most values that all nodes together may compute from constants alone: 1 GiB.
const MOST_CONSTANTS_TOGETHER: usize = 1 << 28;
/// Attributes that name axes.
const AXIS_ATTRIBUTES: [&str; 3] = ["axis", "axes", "perm"];
/// Operators whose second input says what axes their output has, one value for each.
const AXIS_OPERATORS: [&str; 3] = ["Reshape", "Squeeze", "Unsqueeze"];
/// Most values that all nodes read or give by name together.
const MOST_CONNECTIONS: usize = 100_000;
/// Most values that one node reads by name: tract goes through them again and again.
const MOST_INPUTS: usize = 1000;

pub(super) fn check_graph(graph: &GraphProto) -> Result<(), CheckError> {
    if graph.node.len() > MOST_NODES {
        return onnx(format!("{} nodes are more than {MOST_NODES}", graph.node.len()));
    }
    let connections: usize = graph.node.iter().map(|n| n.input.len() + n.output.len()).sum();
    let most = graph.node.iter().map(|n| n.input.len()).max().unwrap_or(0);
    if connections > MOST_CONNECTIONS || most > MOST_INPUTS {
        return onnx(format!(
            "its nodes read and give {connections} values, one of them {most}: more than {MOST_CONNECTIONS}, {MOST_INPUTS}"
        ));
    }
    // Kept by tract when it loads, all of them at the same time.
    let mut constants = 0usize;
    let written: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
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
        check_rank(node, &sizes, &written)?;
        let size = match sizes.into_iter().collect::<Option<Vec<usize>>>() {
            Some(sizes) => {
                let size = check_constant(node, &sizes)?;
                constants = constants.saturating_add(size);
                if constants > MOST_CONSTANTS_TOGETHER {
                    return onnx("its nodes make too many constants");
                }
                Some(size)
            }
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

/// No tensor has more axes than [`MOST_AXES`]: what tract does with one grows with a power of them. `sizes` are
/// those of what is attached to the node and of its inputs.
fn check_rank(
    node: &NodeProto,
    sizes: &[Option<usize>],
    written: &HashSet<&str>,
) -> Result<(), CheckError> {
    if !AXIS_OPERATORS.contains(&node.op_type.as_str()) {
        return Ok(());
    }
    let is_written = node.input.get(1).is_some_and(|name| written.contains(name.as_str()));
    let most = if is_written { MOST_AXES } else { MOST_COMPUTED_AXES };
    match sizes.get(2) {
        None => Ok(()),
        Some(&Some(axes)) if axes <= most => Ok(()),
        Some(_) => onnx(format!(
            "node {:?} has a {} to more than {MOST_AXES} axes, or to how many is not known before it runs",
            node.name, node.op_type
        )),
    }
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
        if node.op_type == "LRN" && attribute.name == "size" && attribute.i > MOST_NEIGHBOURS {
            return onnx(format!("the size of node {:?} is too large: {}", node.name, attribute.i));
        }
        if AXIS_ATTRIBUTES.contains(&attribute.name.as_str()) {
            check_axes(node, attribute)?;
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

/// tract counts from an axis that is far off to those that there are.
fn check_axes(node: &NodeProto, attribute: &AttributeProto) -> Result<(), CheckError> {
    if attribute.ints.len() > MOST_AXES {
        return onnx(format!("node {:?} names {} axes", node.name, attribute.ints.len()));
    }
    let mut axes = attribute.ints.iter().chain([&attribute.i]);
    match axes.find(|axis| axis.unsigned_abs() > MOST_AXES as u64) {
        Some(axis) => onnx(format!("node {:?} names the axis {axis}", node.name)),
        None => Ok(()),
    }
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
    if tensor.dims.len() > MOST_AXES {
        return onnx(format!("tensor {name:?} has {} axes", tensor.dims.len()));
    }
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
