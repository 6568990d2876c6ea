//! Checks an ONNX file before tract sees it, so that a wrong or hostile file gets an error that
//! names what is wrong with it.

mod graph;
mod signature;

use tract_onnx::pb::{GraphProto, ModelProto, tensor_shape_proto::dimension, type_proto};
use tract_onnx::prelude::Framework;

use self::graph::check_graph;
pub(super) use self::signature::StateInfo;
use self::signature::check_signature;
use super::ModelError;
use super::metadata::{METADATA_KEY, Metadata};

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
