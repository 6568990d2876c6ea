//! The ONNX graph of a network, written with the protobuf types that tract reads.

use anyhow::Result;
use candle_core::Tensor;
use earworm_scorer::model::{METADATA_KEY, Metadata};
use prost::Message;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, TensorShapeProto, TypeProto, ValueInfoProto, attribute_proto::AttributeType,
    tensor_proto::DataType, tensor_shape_proto::Dimension, tensor_shape_proto::dimension,
    type_proto,
};

use crate::nn::{LEAK, Network};

/// ONNX operator set: the latest that every operator used here has the same meaning in, old enough
/// for any runtime of the last years.
const OPSET: i64 = 17;
/// Version of the file format that came with that operator set.
const IR_VERSION: i64 = 8;

/// A network as an ONNX file of the streaming contract: input `mel [batch, frames, bands]`, outputs
/// `score [batch, classes]`; states are `h` and `c` of each layer, and the sum and number of the
/// hidden states so far. The metadata's classes are the network's first outputs; auxiliary ones
/// behind them are left out.
///
/// # Errors
/// When a weight cannot be read from its device.
pub fn onnx_bytes(network: &Network, metadata: &Metadata) -> Result<Vec<u8>> {
    let mut graph = Graph::default();
    let shape = &network.shape;
    let hidden = shape.hidden as i64;
    graph.input("mel", &[any("batch"), any("frames"), size(shape.bands)]);
    graph.output("score", &[any("batch"), size(metadata.classes.len())]);

    graph.weights("mean", &[shape.bands], values(&network.mean)?);
    graph.weights("deviation", &[shape.bands], values(&network.deviation)?);
    graph.integers("axis.directions", &[1], vec![1]);
    graph.node("Sub", &["mel", "mean"], &["centred"], vec![]);
    graph.node("Div", &["centred", "deviation"], &["standardised"], vec![]);
    graph.node("Transpose", &["standardised"], &["lstm.0.x"], vec![ints("perm", &[1, 0, 2])]);

    for (n, layer) in network.lstm.iter().enumerate() {
        let inputs = if n == 0 { shape.bands } else { shape.hidden };
        let name = |part: &str| format!("lstm.{n}.{part}");
        let (h, c) = (format!("state.{}", 2 * n), format!("state.{}", 2 * n + 1));
        graph.weights(&name("w"), &[1, 4 * shape.hidden, inputs], values(&layer.input)?);
        graph.weights(&name("r"), &[1, 4 * shape.hidden, shape.hidden], values(&layer.recurrent)?);
        // ONNX has a bias for the input and one for the recurrence; their sum counts.
        let mut bias = values(&layer.bias)?;
        bias.resize(8 * shape.hidden, 0.0);
        graph.weights(&name("b"), &[1, 8 * shape.hidden], bias);
        let state = [size(1), any("batch"), size(shape.hidden)];
        for s in [&h, &c] {
            graph.input(&format!("{s}.in"), &state);
            graph.output(&format!("{s}.out"), &state);
        }
        graph.node(
            "LSTM",
            &[
                &name("x"),
                &name("w"),
                &name("r"),
                &name("b"),
                "",
                &format!("{h}.in"),
                &format!("{c}.in"),
            ],
            &[&name("y"), &format!("{h}.out"), &format!("{c}.out")],
            vec![int("hidden_size", hidden)],
        );
        let next = format!("lstm.{}.x", n + 1);
        graph.node("Squeeze", &[&name("y"), "axis.directions"], &[&next], vec![]);
    }
    let top = format!("lstm.{}.x", network.lstm.len());
    // The mean of the hidden states so far: their sum and number are states as well.
    let (sum, count) = (2 * network.lstm.len(), 2 * network.lstm.len() + 1);
    for (n, width) in [(sum, shape.hidden), (count, 1)] {
        graph.input(&format!("state.{n}.in"), &[any("batch"), size(width)]);
        graph.output(&format!("state.{n}.out"), &[any("batch"), size(width)]);
    }
    let state = |n: usize, end: &str| format!("state.{n}.{end}");
    graph.integers("axis.frames", &[1], vec![0]);
    graph.integers("axis.hidden.start", &[1], vec![0]);
    graph.integers("axis.hidden.end", &[1], vec![1]);
    graph.integers("axis.hidden", &[1], vec![2]);
    graph.weights("zero", &[1], vec![0.0]);
    graph.weights("one", &[1], vec![1.0]);
    graph.node("ReduceSum", &[&top, "axis.frames"], &["pool.new"], vec![int("keepdims", 0)]);
    graph.node("Add", &[&state(sum, "in"), "pool.new"], &[&state(sum, "out")], vec![]);
    // One for each frame and sequence, whatever their number.
    let first = ["axis.hidden.start", "axis.hidden.end", "axis.hidden"];
    graph.node("Slice", &[&top, first[0], first[1], first[2]], &["pool.column"], vec![]);
    graph.node("Mul", &["pool.column", "zero"], &["pool.zeros"], vec![]);
    graph.node("Add", &["pool.zeros", "one"], &["pool.ones"], vec![]);
    graph.node(
        "ReduceSum",
        &["pool.ones", "axis.frames"],
        &["pool.frames"],
        vec![int("keepdims", 0)],
    );
    graph.node("Add", &[&state(count, "in"), "pool.frames"], &[&state(count, "out")], vec![]);
    graph.node("Div", &[&state(sum, "out"), &state(count, "out")], &["head.0.x"], vec![]);

    let classes = metadata.classes.len();
    for (n, linear) in network.head.iter().enumerate() {
        let last = n + 1 == network.head.len();
        let (mut outputs, inputs) = linear.weight.dims2()?;
        if last {
            outputs = classes;
        }
        let name = |part: &str| format!("head.{n}.{part}");
        let mut x = name("x");
        if n > 0 {
            let rectified = name("rectified");
            graph.node("LeakyRelu", &[&x], &[&rectified], vec![float("alpha", LEAK as f32)]);
            x = rectified;
        }
        graph.weights(
            &name("w"),
            &[inputs, outputs],
            values(&linear.weight.narrow(0, 0, outputs)?.t()?)?,
        );
        graph.weights(&name("b"), &[outputs], values(&linear.bias.narrow(0, 0, outputs)?)?);
        graph.node("MatMul", &[&x, &name("w")], &[&name("product")], vec![]);
        let next = if last { "score".to_owned() } else { format!("head.{}.x", n + 1) };
        graph.node("Add", &[&name("product"), &name("b")], &[&next], vec![]);
    }
    Ok(graph.into_model(metadata)?.encode_to_vec())
}

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.contiguous()?.flatten_all()?.to_vec1()?)
}

/// A dimension that any size fits.
fn any(name: &str) -> dimension::Value {
    dimension::Value::DimParam(name.to_owned())
}

fn size(size: usize) -> dimension::Value {
    dimension::Value::DimValue(size as i64)
}

fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: kind.into(), ..Default::default() }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { i: value, ..attribute(name, AttributeType::Int) }
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { ints: values.to_vec(), ..attribute(name, AttributeType::Ints) }
}

fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { f: value, ..attribute(name, AttributeType::Float) }
}

#[derive(Default)]
struct Graph {
    proto: GraphProto,
}

impl Graph {
    fn input(&mut self, name: &str, shape: &[dimension::Value]) {
        self.proto.input.push(value_info(name, shape));
    }

    fn output(&mut self, name: &str, shape: &[dimension::Value]) {
        self.proto.output.push(value_info(name, shape));
    }

    fn weights(&mut self, name: &str, dims: &[usize], values: Vec<f32>) {
        self.proto.initializer.push(TensorProto {
            name: name.to_owned(),
            dims: dims.iter().map(|&d| d as i64).collect(),
            data_type: DataType::Float.into(),
            raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ..Default::default()
        });
    }

    fn integers(&mut self, name: &str, dims: &[i64], values: Vec<i64>) {
        self.proto.initializer.push(TensorProto {
            name: name.to_owned(),
            dims: dims.to_vec(),
            data_type: DataType::Int64.into(),
            raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ..Default::default()
        });
    }

    fn node(
        &mut self,
        op: &str,
        inputs: &[&str],
        outputs: &[&str],
        attribute: Vec<AttributeProto>,
    ) {
        let owned = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
        self.proto.node.push(NodeProto {
            name: format!("{}.{}", outputs[0], op.to_lowercase()),
            op_type: op.to_owned(),
            input: owned(inputs),
            output: owned(outputs),
            attribute,
            ..Default::default()
        });
    }

    fn into_model(mut self, metadata: &Metadata) -> Result<ModelProto> {
        self.proto.name = metadata.name.clone();
        Ok(ModelProto {
            ir_version: IR_VERSION,
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
            producer_name: env!("CARGO_PKG_NAME").to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            doc_string: metadata.label.clone(),
            metadata_props: vec![StringStringEntryProto {
                key: METADATA_KEY.to_owned(),
                value: serde_json::to_string(metadata)?,
            }],
            graph: Some(self.proto),
            ..Default::default()
        })
    }
}

fn value_info(name: &str, shape: &[dimension::Value]) -> ValueInfoProto {
    let dim =
        |value: &dimension::Value| Dimension { value: Some(value.clone()), ..Default::default() };
    let tensor = type_proto::Tensor {
        elem_type: DataType::Float as i32,
        shape: Some(TensorShapeProto { dim: shape.iter().map(dim).collect() }),
    };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..Default::default()
        }),
        ..Default::default()
    }
}
