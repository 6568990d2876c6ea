//! Parts of ONNX graphs.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, NodeProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};

pub(super) fn shape_of(value: &mut ValueInfoProto) -> &mut Vec<Dimension> {
    let type_proto::Value::TensorType(tensor) =
        value.r#type.as_mut().unwrap().value.as_mut().unwrap();
    &mut tensor.shape.as_mut().unwrap().dim
}

pub(super) fn size(size: i64) -> Dimension {
    Dimension { value: Some(dimension::Value::DimValue(size)), ..Dimension::default() }
}

pub(super) fn any(name: &str) -> Dimension {
    Dimension { value: Some(dimension::Value::DimParam(name.into())), ..Dimension::default() }
}

pub(super) fn float_value(name: &str, dims: Vec<Dimension>) -> ValueInfoProto {
    let tensor = type_proto::Tensor { elem_type: 1, shape: Some(TensorShapeProto { dim: dims }) };
    let value = Some(type_proto::Value::TensorType(tensor));
    let r#type = Some(TypeProto { value, ..TypeProto::default() });
    ValueInfoProto { name: name.into(), r#type, ..ValueInfoProto::default() }
}

pub(super) fn node(op_type: &str, input: &[&str], output: &str) -> NodeProto {
    NodeProto {
        name: format!("{op_type} to {output}"),
        op_type: op_type.into(),
        input: input.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..NodeProto::default()
    }
}

pub(super) fn with_int(mut node: NodeProto, name: &str, i: i64) -> NodeProto {
    let r#type = AttributeType::Int as i32;
    node.attribute.push(AttributeProto { name: name.into(), r#type, i, ..Default::default() });
    node
}

pub(super) fn with_ints(mut node: NodeProto, name: &str, ints: &[i64]) -> NodeProto {
    let (r#type, ints) = (AttributeType::Ints as i32, ints.to_vec());
    node.attribute.push(AttributeProto { name: name.into(), r#type, ints, ..Default::default() });
    node
}

/// A constant of whole numbers.
pub(super) fn whole(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: vec![values.len() as i64],
        data_type: DataType::Int64 as i32,
        int64_data: values.to_vec(),
        ..TensorProto::default()
    }
}
