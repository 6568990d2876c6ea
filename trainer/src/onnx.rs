//! ONNX graphs in the making, with the protobuf types that tract reads: what networks and models of tables
//! write themselves into.

use std::collections::HashSet;

use anyhow::Result;
use candle_core::{DType, Tensor};
use earworm_scorer::model::{METADATA_KEY, Metadata};
use prost::Message;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, TensorShapeProto, TypeProto, ValueInfoProto, attribute_proto::AttributeType,
    tensor_proto::DataType, tensor_shape_proto::Dimension, tensor_shape_proto::dimension,
    type_proto,
};

/// ONNX operator set: the latest that every operator used here has the same meaning in, old enough
/// for any runtime of the last years.
const OPSET: i64 = 17;
/// Version of the file format that came with that operator set.
const IR_VERSION: i64 = 8;

/// A dimension of an input or output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dim {
    /// Any size; the name says what it counts.
    Any(&'static str),
    /// This size.
    Size(usize),
}

/// An attribute of a node.
pub struct Attribute(AttributeProto);

impl Attribute {
    fn of(name: &str, kind: AttributeType) -> AttributeProto {
        AttributeProto { name: name.to_owned(), r#type: kind.into(), ..Default::default() }
    }

    /// A whole number.
    pub fn int(name: &str, value: i64) -> Self {
        Self(AttributeProto { i: value, ..Self::of(name, AttributeType::Int) })
    }

    /// A word.
    pub fn string(name: &str, value: &str) -> Self {
        Self(AttributeProto {
            s: value.as_bytes().to_vec(),
            ..Self::of(name, AttributeType::String)
        })
    }

    /// Whole numbers.
    pub fn ints(name: &str, values: &[i64]) -> Self {
        Self(AttributeProto { ints: values.to_vec(), ..Self::of(name, AttributeType::Ints) })
    }

    /// A number.
    pub fn float(name: &str, value: f32) -> Self {
        Self(AttributeProto { f: value, ..Self::of(name, AttributeType::Float) })
    }
}

/// An ONNX graph in the making. Values are known by name; every name is given once.
#[derive(Default)]
pub struct Graph {
    proto: GraphProto,
    constants: HashSet<String>,
    states: usize,
    applied: usize,
}

impl Graph {
    /// A graph that begins with `features [batch, 1, columns]` and scales them, `(value − offset) · factor`,
    /// to the value that networks know as `mel`. There are as many factors as offsets.
    pub fn for_rows(offsets: &[f64], factors: &[f64]) -> Self {
        let mut graph = Self::default();
        let width = offsets.len();
        let single = |values: &[f64]| values.iter().map(|&v| v as f32).collect::<Vec<f32>>();
        graph.input("features", &[Dim::Any("batch"), Dim::Size(1), Dim::Size(width)]);
        graph.values("features.offset", &[width], &single(offsets));
        graph.values("features.factor", &[width], &single(factors));
        let centred = graph.apply("Sub", &["features", "features.offset"], vec![]);
        graph.node("Mul", &[&centred, "features.factor"], &["mel"], vec![]);
        graph
    }

    /// Declares an input of 32-bit floats, unless a node gives that value already.
    pub fn input(&mut self, name: &str, shape: &[Dim]) {
        if self.proto.node.iter().any(|node| node.output.iter().any(|output| output == name)) {
            return;
        }
        self.proto.input.push(value_info(name, shape));
    }

    /// Declares an output of 32-bit floats, which a node must give.
    pub fn output(&mut self, name: &str, shape: &[Dim]) {
        self.proto.output.push(value_info(name, shape));
    }

    /// Declares the next state, a pair of input and output; returns the names of both.
    pub fn state(&mut self, shape: &[Dim]) -> (String, String) {
        let name = format!("state.{}", self.states);
        let (from, to) = (format!("{name}.in"), format!("{name}.out"));
        self.states += 1;
        self.input(&from, shape);
        self.output(&to, shape);
        (from, to)
    }

    fn constant(&mut self, name: &str, dims: Vec<i64>, kind: DataType, raw_data: Vec<u8>) {
        let fresh = self.constants.insert(name.to_owned());
        debug_assert!(fresh, "two constants are called {name}");
        self.proto.initializer.push(TensorProto {
            name: name.to_owned(),
            dims,
            data_type: kind.into(),
            raw_data,
            ..Default::default()
        });
    }

    /// Adds a tensor of weights.
    ///
    /// # Errors
    /// When it cannot be read from its device.
    pub fn weights(&mut self, name: &str, tensor: &Tensor) -> Result<()> {
        let values = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
        self.values(name, tensor.dims(), &values);
        Ok(())
    }

    /// Adds a constant of floats.
    pub fn values(&mut self, name: &str, dims: &[usize], values: &[f32]) {
        let dims = dims.iter().map(|&d| d as i64).collect();
        let raw = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(name, dims, DataType::Float, raw);
    }

    /// Adds a constant of floats unless there is one of that name already.
    pub fn values_once(&mut self, name: &str, dims: &[usize], values: &[f32]) {
        if !self.constants.contains(name) {
            self.values(name, dims, values);
        }
    }

    /// Adds a list of whole numbers, such as axes.
    pub fn integers(&mut self, name: &str, values: &[i64]) {
        let raw = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(name, vec![values.len() as i64], DataType::Int64, raw);
    }

    /// Adds a node; an empty name stands for an input that is left out.
    ///
    /// # Panics
    /// When no output is named.
    pub fn node(
        &mut self,
        op: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: Vec<Attribute>,
    ) {
        let owned = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
        self.proto.node.push(NodeProto {
            name: format!("{}.{}", outputs[0], op.to_lowercase()),
            op_type: op.to_owned(),
            input: owned(inputs),
            output: owned(outputs),
            attribute: attributes.into_iter().map(|a| a.0).collect(),
            ..Default::default()
        });
    }

    /// Adds a node with one output, and returns the name it was given.
    pub fn apply(&mut self, op: &str, inputs: &[&str], attributes: Vec<Attribute>) -> String {
        let name = format!("value.{}", self.applied);
        self.applied += 1;
        self.node(op, inputs, &[&name], attributes);
        name
    }

    /// The whole file, with the metadata inside.
    ///
    /// # Errors
    /// When the metadata cannot be written as JSON.
    pub fn encode(self, metadata: &Metadata) -> Result<Vec<u8>> {
        let document = StringStringEntryProto {
            key: METADATA_KEY.to_owned(),
            value: serde_json::to_string(metadata)?,
        };
        Ok(self.file(&metadata.name, &metadata.label, vec![document]))
    }

    /// A file without metadata: no model of the meter.
    pub fn encode_plain(self, name: &str) -> Vec<u8> {
        self.file(name, "", vec![])
    }

    fn file(mut self, name: &str, about: &str, props: Vec<StringStringEntryProto>) -> Vec<u8> {
        self.proto.name = name.to_owned();
        let model = ModelProto {
            ir_version: IR_VERSION,
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
            producer_name: env!("CARGO_PKG_NAME").to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            doc_string: about.to_owned(),
            metadata_props: props,
            graph: Some(self.proto),
            ..Default::default()
        };
        model.encode_to_vec()
    }
}

fn value_info(name: &str, shape: &[Dim]) -> ValueInfoProto {
    let dim = |dim: &Dim| {
        let value = match dim {
            Dim::Any(name) => dimension::Value::DimParam((*name).to_owned()),
            Dim::Size(size) => dimension::Value::DimValue(*size as i64),
        };
        Dimension { value: Some(value), ..Default::default() }
    };
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
