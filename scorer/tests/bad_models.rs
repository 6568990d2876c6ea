//! Broken and hostile model files: each gets an error that names the file and what is wrong with
//! it, and none panics, hangs or takes more memory than the machine has.

mod common;

use std::fs::File;
use std::path::Path;
use std::sync::Once;

use common::{Noise, content, proto, with_metadata};
use earworm_scorer::model::{LARGEST_FILE, METADATA_KEY, Model};
use prost::Message;
use serde_json::{Value, json};
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, StringStringEntryProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};

const STREAMING: &str = "tiny_lstm.onnx";
const WINDOW: &str = "tiny_window.onnx";

/// A fixture with its graph changed.
fn with_graph(name: &str, change: impl FnOnce(&mut GraphProto)) -> ModelProto {
    let mut model = proto(name);
    change(model.graph.as_mut().unwrap());
    model
}

fn error_of(content: &[u8]) -> String {
    match Model::from_bytes(content, "bad.onnx") {
        Ok(_) => panic!("a bad model was loaded"),
        Err(error) => error.to_string(),
    }
}

/// Checks that the model is refused and that the error names the file and all of `words`.
fn assert_refused(what: &str, model: &ModelProto, words: &[&str]) {
    let error = error_of(&model.encode_to_vec());
    for word in words.iter().chain(&["bad.onnx"]) {
        assert!(error.contains(word), "{what}: {word:?} is not in {error:?}");
    }
}

/// tract panics on some graphs, and loading turns that into an error. Such panics are not shown.
fn hush_tract() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let shown = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.location().is_some_and(|l| l.file().starts_with("scorer/")) {
                shown(info);
            }
        }));
    });
}

#[test]
fn the_unchanged_fixtures_load() {
    for name in [STREAMING, WINDOW] {
        Model::from_bytes(&proto(name).encode_to_vec(), name).unwrap();
    }
}

#[test]
fn metadata_must_be_there_and_be_json() {
    let mut model = proto(STREAMING);
    model.metadata_props.clear();
    assert_refused("no metadata", &model, &[METADATA_KEY, "is missing", "earworm-train export"]);
    model.metadata_props.push(StringStringEntryProto { key: "other".into(), value: "{}".into() });
    assert_refused("another's metadata", &model, &[METADATA_KEY, "is missing"]);
    for text in ["", "liked", "{\"contract_version\": 1,", &"[".repeat(100_000)] {
        model.metadata_props[0].key = METADATA_KEY.into();
        model.metadata_props[0].value = text.into();
        assert_refused("no JSON", &model, &[METADATA_KEY, "is not JSON"]);
    }
}

#[test]
fn the_contract_version_is_looked_at_first() {
    for (version, words) in [
        (json!(2), ["contract_version", "2 is not 1"]),
        (json!(0), ["contract_version", "0 is not 1"]),
        (json!("x"), ["contract_version", "no whole number"]),
        (json!(1.5), ["contract_version", "no whole number"]),
        (json!(null), ["contract_version", "no whole number"]),
    ] {
        // A later version may have fields that this one does not know.
        let model = with_metadata(STREAMING, |m| {
            m["contract_version"] = version;
            m["new_field"] = json!(1);
        });
        assert_refused("contract_version", &model, &words);
    }
    let model = with_metadata(STREAMING, |m| {
        m.as_object_mut().unwrap().remove("contract_version");
    });
    assert_refused("contract_version", &model, &["contract_version", "is missing"]);
}

/// All paths of fields in the document, such as `front_end.level.kind` and `classes.0.name`.
fn paths(value: &Value, prefix: &str, found: &mut Vec<String>) {
    let entries: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(k, v)| (k.clone(), v)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect(),
        _ => return,
    };
    for (key, value) in entries {
        let path = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        found.push(path.clone());
        paths(value, &path, found);
    }
}

/// The metadata with every kind of field there is, and all its paths.
fn full_document() -> (ModelProto, Vec<String>) {
    let mut found = Vec::new();
    let model = with_metadata(STREAMING, |m| {
        m["metrics"] =
            json!([{"name": "auc", "scope": "all", "value": 0.7, "low": 0.6, "high": 0.8}]);
        paths(m, "", &mut found);
    });
    Model::from_bytes(&model.encode_to_vec(), "full").unwrap();
    found.retain(|path| path != "contract_version");
    (model, found)
}

fn change_document(model: &ModelProto, change: impl FnOnce(&mut Value)) -> ModelProto {
    let mut model = model.clone();
    let mut document = serde_json::from_str(&model.metadata_props[0].value).unwrap();
    change(&mut document);
    model.metadata_props[0].value = document.to_string();
    model
}

/// A path as messages write it: `classes[0].name` for `classes.0.name`.
fn shown(path: &str) -> String {
    path.split('.').fold(String::new(), |shown, part| match part.parse::<usize>() {
        Ok(index) => format!("{shown}[{index}]"),
        Err(_) if shown.is_empty() => part.to_owned(),
        Err(_) => format!("{shown}.{part}"),
    })
}

/// The object or array that holds the field at `path`, and the field's own name.
fn parent<'a, 'b>(document: &'a mut Value, path: &'b str) -> (&'a mut Value, &'b str) {
    let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
    let pointer: String = parent
        .split('.')
        .filter(|p| !p.is_empty())
        .fold(String::new(), |pointer, part| format!("{pointer}/{part}"));
    (document.pointer_mut(&pointer).unwrap(), name)
}

#[test]
fn each_missing_field_is_named() {
    let (full, paths) = full_document();
    let optional = ["meaning", "about"];
    for path in &paths {
        let mut removed = false;
        let model = change_document(&full, |document| {
            let (parent, name) = parent(document, path);
            removed = !optional.contains(&name)
                && parent.as_object_mut().is_some_and(|o| o.remove(name).is_some());
        });
        if removed {
            assert_refused(
                "missing",
                &model,
                &[&format!("metadata field {}:", shown(path)), "missing"],
            );
        }
    }
}

#[test]
fn each_field_of_a_wrong_type_is_named() {
    let (full, paths) = full_document();
    for path in &paths {
        let model = change_document(&full, |document| {
            let (parent, name) = parent(document, path);
            let value = match parent {
                Value::Array(items) => &mut items[name.parse::<usize>().unwrap()],
                object => &mut object[name],
            };
            *value = if value.is_boolean() { json!(1) } else { json!(true) };
        });
        // serde reads the numbers of the calibration as a whole.
        let named = match path.as_str() {
            "calibration.slope" | "calibration.intercept" => "calibration",
            path => path,
        };
        assert_refused("wrong type", &model, &[&format!("metadata field {}:", shown(named))]);
    }
}

#[test]
fn unknown_fields_are_named() {
    for place in ["", "front_end", "front_end.level", "data", "classes.0", "calibration"] {
        let path = if place.is_empty() { "spice".into() } else { format!("{place}.spice") };
        let model = with_metadata(STREAMING, |document| {
            parent(document, &path).0["spice"] = json!(7);
        });
        let path = shown(&path);
        let words = if place == "calibration" { [place, "spice"] } else { [&*path, "unknown"] };
        assert_refused("unknown field", &model, &words);
    }
}

#[test]
fn values_that_cannot_be_honoured_are_named() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change, &[&str]); 18] = [
        ("contract", |m| m["contract"] = json!("batch"), &["field contract", "batch"]),
        ("task", |m| m["task"] = json!("ranking"), &["field task", "ranking"]),
        (
            "mel_scale",
            |m| m["front_end"]["mel_scale"] = json!("bark"),
            &["field front_end.mel_scale", "bark", "slaney"],
        ),
        (
            "level",
            |m| m["front_end"]["level"]["kind"] = json!("lufs"),
            &["field front_end.level.kind", "lufs"],
        ),
        (
            "calibration",
            |m| m["calibration"]["kind"] = json!("spline"),
            &["field calibration", "spline"],
        ),
        ("n_fft", |m| m["front_end"]["n_fft"] = json!(1u64 << 40), &["front_end.n_fft", "16384"]),
        ("n_fft", |m| m["front_end"]["n_fft"] = json!(513), &["front_end.n_fft", "513"]),
        ("n_fft", |m| m["front_end"]["n_fft"] = json!(-2), &["front_end.n_fft", "-2"]),
        ("hop", |m| m["front_end"]["hop"] = json!(0), &["front_end.hop"]),
        // Half a minute of such frames could take gigabytes.
        ("hop", |m| m["front_end"]["hop"] = json!(1), &["front_end.hop", "16000", "400"]),
        ("hop", |m| m["front_end"]["hop"] = json!(39), &["front_end.hop", "411", "400"]),
        ("f_max", |m| m["front_end"]["f_max"] = json!(8001), &["front_end.f_max", "8000"]),
        ("amin", |m| m["front_end"]["amin"] = json!(1e300), &["front_end.amin"]),
        ("window_frames", |m| m["window_frames"] = json!(0), &["window_frames", "100000"]),
        ("window_frames", |m| m["window_frames"] = json!(100_001), &["window_frames", "100000"]),
        ("window_frames", |m| m["window_frames"] = json!(u64::MAX), &["window_frames", "100000"]),
        ("warm_up_frames", |m| m["warm_up_frames"] = json!(65), &["warm_up_frames"]),
        ("score_class", |m| m["score_class"] = json!("loved"), &["score_class", "loved"]),
    ];
    for (what, change, words) in cases {
        assert_refused(what, &with_metadata(STREAMING, change), words);
    }
}

#[test]
fn calibrations_that_cannot_be_honoured_are_named() {
    let isotonic = |x: Value, y: Value| json!({"kind": "isotonic", "x": x, "y": y});
    let many: Vec<usize> = (0..=earworm_scorer::model::MOST_POINTS).collect();
    let flat = vec![0.5; many.len()];
    let cases: [(Value, &[&str]); 16] = [
        (json!({"kind": "temperature", "t": 0.0}), &["field calibration.t", "above 0"]),
        (json!({"kind": "temperature", "t": -1.5}), &["field calibration.t", "-1.5"]),
        (json!({"kind": "temperature", "t": 1e300}), &["field calibration"]),
        (json!({"kind": "temperature"}), &["field calibration.t", "missing"]),
        (json!({"kind": "temperature", "t": 1.0, "x": []}), &["field calibration", "x"]),
        (json!({"kind": "isotonic", "x": [0.0]}), &["field calibration.y", "missing"]),
        (isotonic(json!([]), json!([])), &["field calibration.x", "0 points"]),
        (isotonic(json!([0.0, 1.0]), json!([0.5])), &["field calibration.y", "1 values"]),
        (
            isotonic(json!([0.0, 0.0]), json!([0.1, 0.5])),
            &["field calibration.x[1]", "not above 0"],
        ),
        (isotonic(json!([1.0, 0.0]), json!([0.1, 0.5])), &["field calibration.x[1]"]),
        (isotonic(json!([0.0, 1.0]), json!([0.5, 0.4])), &["field calibration.y[1]", "below 0.5"]),
        (isotonic(json!([0.0, 1.0]), json!([0.5, 1.1])), &["field calibration.y[1]", "1.1"]),
        (isotonic(json!([0.0, 1.0]), json!([-0.1, 1.0])), &["field calibration.y[0]"]),
        (isotonic(json!([0.0, 1e300]), json!([0.1, 1.0])), &["field calibration"]),
        (isotonic(json!([null, 1.0]), json!([0.1, 1.0])), &["field calibration"]),
        (isotonic(json!(many), json!(flat)), &["field calibration.x", "4097 points"]),
    ];
    for (calibration, words) in cases {
        let model = with_metadata(STREAMING, |m| m["calibration"] = calibration);
        assert_refused("calibration", &model, words);
    }
}

#[test]
fn a_model_can_carry_each_calibration() {
    for calibration in [
        json!({"kind": "identity"}),
        json!({"kind": "temperature", "t": 1.5}),
        json!({"kind": "isotonic", "x": [-1.0, 0.5], "y": [0.0, 1.0]}),
    ] {
        let model = with_metadata(STREAMING, |m| m["calibration"] = calibration.clone());
        let model = Model::from_bytes(&model.encode_to_vec(), "calibrated").unwrap();
        assert_eq!(serde_json::to_value(&model.metadata().calibration).unwrap(), calibration);
    }
}

#[test]
fn metadata_and_graph_must_agree() {
    let bands = with_metadata(STREAMING, |m| m["front_end"]["n_mels"] = json!(17));
    assert_refused("n_mels", &bands, &["mel", "[any, any, 16]", "17"]);
    let classes = with_metadata(STREAMING, |m| {
        m["classes"].as_array_mut().unwrap().pop();
    });
    assert_refused("classes", &classes, &["score", "[any, 3]", "[batch, 2]"]);
    let none = with_metadata(STREAMING, |m| m["classes"] = json!([]));
    assert_refused("no classes", &none, &["classes", "0"]);
    let frames = with_metadata(WINDOW, |m| m["window_frames"] = json!(65));
    assert_refused("window_frames", &frames, &["mel", "[any, 64, 16]"]);
    let contract = with_metadata(WINDOW, |m| m["contract"] = json!("streaming"));
    assert_refused("contract", &contract, &["mel", "64"]);
    let contract = with_metadata(STREAMING, |m| m["contract"] = json!("window"));
    assert_refused("contract", &contract, &["no state inputs"]);
}

fn shape_of(value: &mut ValueInfoProto) -> &mut Vec<Dimension> {
    let type_proto::Value::TensorType(tensor) =
        value.r#type.as_mut().unwrap().value.as_mut().unwrap();
    &mut tensor.shape.as_mut().unwrap().dim
}

fn size(size: i64) -> Dimension {
    Dimension { value: Some(dimension::Value::DimValue(size)), ..Dimension::default() }
}

fn any(name: &str) -> Dimension {
    Dimension { value: Some(dimension::Value::DimParam(name.into())), ..Dimension::default() }
}

fn float_value(name: &str, dims: Vec<Dimension>) -> ValueInfoProto {
    let tensor = type_proto::Tensor { elem_type: 1, shape: Some(TensorShapeProto { dim: dims }) };
    let value = Some(type_proto::Value::TensorType(tensor));
    let r#type = Some(TypeProto { value, ..TypeProto::default() });
    ValueInfoProto { name: name.into(), r#type, ..ValueInfoProto::default() }
}

#[test]
fn inputs_and_outputs_must_follow_the_contract() {
    type Change = fn(&mut GraphProto);
    let cases: [(&str, Change, &[&str]); 14] = [
        ("no input", |g| g.input.clear(), &["reads \"mel\""]),
        ("mel second", |g| g.input.swap(0, 1), &["first input", "state.0.in", "mel"]),
        (
            "mel not float",
            |g| {
                let type_proto::Value::TensorType(tensor) =
                    g.input[0].r#type.as_mut().unwrap().value.as_mut().unwrap();
                tensor.elem_type = 11;
            },
            &["mel", "float32"],
        ),
        ("mel without type", |g| g.input[0].r#type = None, &["mel", "no tensor type"]),
        (
            "mel without shape",
            |g| {
                let type_proto::Value::TensorType(tensor) =
                    g.input[0].r#type.as_mut().unwrap().value.as_mut().unwrap();
                tensor.shape = None;
            },
            &["mel", "no shape"],
        ),
        ("mel of one song", |g| shape_of(&mut g.input[0])[0] = size(1), &["mel", "[1, any, 16]"]),
        ("no output", |g| g.output.clear(), &["no output"]),
        (
            "score misnamed",
            |g| {
                g.output[0].name = "points".into();
                g.node.last_mut().unwrap().output[0] = "points".into();
            },
            &["points", "score"],
        ),
        ("an output that nobody gives", |g| g.output[1].name = "ghost".into(), &["ghost"]),
        (
            "state input missing",
            |g| {
                g.input.pop();
                for node in &mut g.node {
                    node.input.iter_mut().filter(|i| *i == "state.3.in").for_each(String::clear);
                }
            },
            &["3 state inputs", "4 state outputs"],
        ),
        (
            "state output missing",
            |g| {
                g.output.pop();
            },
            &["4 state inputs", "3 state outputs"],
        ),
        ("states swapped", |g| g.input.swap(1, 2), &["state 0", "state.1.in", "state.0.in"]),
        (
            "two batch axes",
            |g| shape_of(&mut g.input[1])[0] = any("layers"),
            &["state.0.in", "[any, any, 12]", "one batch axis"],
        ),
        (
            "no batch axis",
            |g| shape_of(&mut g.input[1])[1] = size(1),
            &["state.0.in", "[1, 1, 12]", "one batch axis"],
        ),
    ];
    for (what, change, words) in cases {
        assert_refused(what, &with_graph(STREAMING, change), words);
    }
}

#[test]
fn tensors_must_hold_what_they_say() {
    type Change = fn(&mut TensorProto);
    let cases: [(&str, Change, &[&str]); 7] = [
        ("external", |t| t.data_location = Some(1), &["another file"]),
        ("external", |t| t.external_data.push(Default::default()), &["another file"]),
        ("larger", |t| t.dims[0] = 1 << 20, &["head.w", "not as many values"]),
        ("a little larger", |t| t.dims[0] += 1, &["head.w", "not as many values"]),
        ("overflowing", |t| t.dims = vec![i64::MAX; 4], &["head.w", "not as many values"]),
        ("negative", |t| t.dims[0] = -1, &["head.w", "not as many values"]),
        ("of no type", |t| t.data_type = 999, &["head.w", "type 999"]),
    ];
    for (what, change, words) in cases {
        let change_head = |g: &mut GraphProto| {
            change(g.initializer.iter_mut().find(|t| t.name == "head.w").unwrap());
        };
        assert_refused(what, &with_graph(STREAMING, change_head), words);
        // The same tensor as an attribute of a node.
        let as_attribute = with_graph(STREAMING, |g| {
            let at = g.initializer.iter().position(|t| t.name == "head.w").unwrap();
            let mut tensor = g.initializer.remove(at);
            change(&mut tensor);
            let mut constant = node("Constant", &[], "head.w");
            constant.attribute.push(AttributeProto {
                name: "value".into(),
                r#type: AttributeType::Tensor as i32,
                t: Some(tensor),
                ..AttributeProto::default()
            });
            g.node.insert(0, constant);
        });
        assert_refused(what, &as_attribute, words);
    }
}

fn node(op_type: &str, input: &[&str], output: &str) -> NodeProto {
    NodeProto {
        name: format!("{op_type} to {output}"),
        op_type: op_type.into(),
        input: input.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..NodeProto::default()
    }
}

fn with_int(mut node: NodeProto, name: &str, i: i64) -> NodeProto {
    let r#type = AttributeType::Int as i32;
    node.attribute.push(AttributeProto { name: name.into(), r#type, i, ..Default::default() });
    node
}

fn with_ints(mut node: NodeProto, name: &str, ints: &[i64]) -> NodeProto {
    let (r#type, ints) = (AttributeType::Ints as i32, ints.to_vec());
    node.attribute.push(AttributeProto { name: name.into(), r#type, ints, ..Default::default() });
    node
}

/// A constant of whole numbers.
fn whole(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: vec![values.len() as i64],
        data_type: DataType::Int64 as i32,
        int64_data: values.to_vec(),
        ..TensorProto::default()
    }
}

#[test]
fn nodes_must_follow_from_what_came_before() {
    let ghost = with_graph(WINDOW, |g| g.node[0].input[0] = "ghost".into());
    assert_refused("unknown name", &ghost, &["ghost", "nothing before it"]);
    let late = with_graph(WINDOW, |g| g.node.swap(0, 1));
    assert_refused("wrong order", &late, &["mean", "nothing before it"]);
    let own = with_graph(WINDOW, |g| g.node.insert(0, node("Relu", &["circle"], "circle")));
    assert_refused("its own output", &own, &["circle", "nothing before it"]);
    let unknown = with_graph(WINDOW, |g| g.node[1].op_type = "Teleport".into());
    assert_refused("unknown operator", &unknown, &["Teleport"]);
    for perm in [[0, 0, 2], [1, 2, 3], [-1, 0, 1], [0, 1, i64::MAX]] {
        let turned = with_graph(STREAMING, |g| {
            g.node.iter_mut().find(|n| n.op_type == "Transpose").unwrap().attribute[0].ints =
                perm.to_vec();
        });
        assert_refused("perm", &turned, &["perm", "no permutation"]);
    }
    let mut without = proto(WINDOW);
    without.graph = None;
    assert_refused("no graph", &without, &["no graph"]);
}

#[test]
fn operators_without_bounds_are_refused() {
    for op_type in ["Loop", "If", "Scan", "ConstantOfShape", "Expand", "Tile", "Range", "OneHot"] {
        let model = with_graph(WINDOW, |g| g.node.insert(0, node(op_type, &["mel"], "made")));
        assert_refused(op_type, &model, &[op_type, "is not allowed"]);
    }
    let model = with_graph(WINDOW, |g| {
        g.node[1].attribute.push(AttributeProto {
            name: "body".into(),
            g: Some(GraphProto::default()),
            ..AttributeProto::default()
        });
    });
    assert_refused("a graph inside", &model, &["graph of its own"]);
}

/// The window model with one number more in its score: the largest value of `grown`, which the
/// nodes make of `mel` and a few constants.
fn adding(nodes: impl IntoIterator<Item = NodeProto>) -> ModelProto {
    with_graph(WINDOW, |g| {
        let one = TensorProto {
            name: "one".into(),
            dims: vec![1],
            data_type: DataType::Float as i32,
            float_data: vec![1.0],
            ..TensorProto::default()
        };
        g.initializer.extend([
            one,
            whole("a column", &[-1, 1]),
            whole("a row", &[1, -1]),
            whole("far", &[1 << 40]),
            whole("on all sides", &[0, 0, 0, 1 << 40, 1 << 40, 1 << 40]),
        ]);
        g.node.last_mut().unwrap().output[0] = "judged".into();
        g.node.extend(nodes);
        g.node.push(with_int(node("ReduceMax", &["grown"], "largest"), "keepdims", 0));
        g.node.push(node("Add", &["judged", "largest"], "score"));
    })
}

/// Doubles a tensor that often.
fn doubled(from: &str, times: usize, to: &str) -> Vec<NodeProto> {
    let name = |i: usize| match i {
        0 => from.to_owned(),
        i if i == times => to.to_owned(),
        i => format!("{from}, doubled {i} times"),
    };
    (0..times)
        .map(|i| node("Concat", &[&name(i), &name(i)], &name(i + 1)))
        .map(|node| with_int(node, "axis", 0))
        .collect()
}

/// Multiplies every value of a tensor with every other.
fn squared(operator: &str, from: &str, to: &str) -> Vec<NodeProto> {
    let (column, row) = (format!("{from}, upright"), format!("{from}, lying"));
    vec![
        node("Reshape", &[from, "a column"], &column),
        node("Reshape", &[from, "a row"], &row),
        node(operator, &[&column, &row], to),
    ]
}

#[test]
fn graphs_that_grow_a_little_are_fine() {
    for nodes in [doubled("one", 4, "grown"), doubled("mel", 4, "grown")] {
        Model::from_bytes(&adding(nodes).encode_to_vec(), "little").unwrap();
    }
    let squares = squared("MatMul", "mel", "grown");
    Model::from_bytes(&adding(squares).encode_to_vec(), "little").unwrap();
}

/// Large networks have weights of more values than a graph may compute.
#[test]
fn large_weights_are_fine() {
    let values = (1 << 26) + 1;
    let to = |kind: DataType, from: &str, name: &str| {
        with_int(node("Cast", &[from], name), "to", i64::from(kind as i32))
    };
    let mut model = adding([
        node("Sub", &["mel", "mel"], "zeros"),
        to(DataType::Int64, "zeros", "places"),
        node("Gather", &["large", "places"], "found"),
        to(DataType::Float, "found", "grown"),
    ]);
    model.graph.as_mut().unwrap().initializer.push(TensorProto {
        name: "large".into(),
        dims: vec![values],
        data_type: DataType::Uint8 as i32,
        raw_data: vec![7; values as usize],
        ..TensorProto::default()
    });
    Model::from_bytes(&model.encode_to_vec(), "large").unwrap();
}

/// These graphs read well and are tiny, but ask for more memory or time than there is.
#[test]
fn small_files_cannot_ask_for_huge_tensors() {
    hush_tract();
    assert_refused("constants", &adding(doubled("one", 44, "grown")), &["constant", "too large"]);
    assert_refused("frames", &adding(doubled("mel", 44, "grown")), &["too large"]);
    let shape = [node("Shape", &["mel"], "shape")].into_iter();
    let shapes = shape.chain(doubled("shape", 44, "grown"));
    assert_refused("shapes", &adding(shapes), &["constant", "too large"]);

    for operator in ["MatMul", "Mul", "Sub"] {
        let many = doubled("one", 20, "many").into_iter();
        let constants = many.chain(squared(operator, "many", "grown"));
        assert_refused(operator, &adding(constants), &["constant", "too large"]);
        let once = squared(operator, "mel", "once").into_iter();
        let frames = once.chain(squared(operator, "once", "grown"));
        assert_refused(operator, &adding(frames), &["too large"]);
    }
    for operator in ["HannWindow", "RandomNormalLike", "Pad", "CumSum"] {
        let window = node(operator, &["far"], "grown");
        assert_refused(operator, &adding([window]), &[operator, "constants alone"]);
    }
    assert_refused("Pad", &adding([node("Pad", &["mel", "on all sides"], "grown")]), &[]);
    assert_refused("TopK", &adding([node("TopK", &["mel", "far"], "grown")]), &[]);
    // tract lists every place that a kernel reaches.
    for (name, ints) in [
        ("kernel_shape", [1 << 30].as_slice()),
        ("kernel_shape", &[1 << 12, 1 << 12]),
        ("pads", &[1 << 29, 1 << 29]),
        ("dilations", &[-(1 << 40)]),
        ("strides", &[i64::MIN]),
    ] {
        let node = with_ints(node("MaxPool", &["mel"], "grown"), name, ints);
        assert_refused(name, &adding([node]), &[name, "too large"]);
    }
}

/// tract would count up to it.
#[test]
fn axes_are_near_zero() {
    for axis in [i64::MIN, -(1 << 61) - 1, -17, 17, i64::MAX] {
        let norm = with_int(node("Softmax", &["mel"], "grown"), "axis", axis);
        assert_refused("axis", &adding([norm]), &["axis", &axis.to_string()]);
        let mean = with_ints(node("ReduceMean", &["mel"], "grown"), "axes", &[1, axis]);
        assert_refused("axes", &adding([mean]), &["axis", &axis.to_string()]);
    }
}

/// No tensor of this graph is large, but multiplying them would take hours.
#[test]
fn small_files_cannot_ask_for_hours() {
    let products = |times: usize| {
        let name = |i: usize| if i == times { "grown".into() } else { format!("product {i}") };
        let chain = (0..times).map(|i| node("MatMul", &[&name(i), &name(i)], &name(i + 1)));
        adding(squared("MatMul", "mel", &name(0)).into_iter().chain(chain.collect::<Vec<_>>()))
    };
    Model::from_bytes(&products(2).encode_to_vec(), "few").unwrap();
    assert_refused("products", &products(100), &["multiplications"]);
}

#[test]
fn states_cannot_be_huge_together() {
    let model = with_graph(STREAMING, |g| {
        for n in 4..10_000 {
            let shape = || vec![size(1), any("batch"), size(1 << 20)];
            g.input.push(float_value(&format!("state.{n}.in"), shape()));
            g.node.push(node("Identity", &[&format!("state.{n}.in")], &format!("state.{n}.out")));
            g.output.push(float_value(&format!("state.{n}.out"), shape()));
        }
    });
    assert_refused("states", &model, &["states are too large"]);
}

/// Names of dimensions can be formulas; working them out could take for ever or exhaust the stack.
#[test]
fn formulas_in_dimensions_are_not_worked_out() {
    let nested = |depth| format!("{}x{}", "(".repeat(depth), ")".repeat(depth));
    for formula in [nested(1 << 20), "(a+b)*".repeat(1000) + "c", "a/".repeat(5000) + "0"] {
        for name in [STREAMING, WINDOW] {
            let model = with_graph(name, |g| {
                for value in g.input.iter_mut().chain(&mut g.output) {
                    for dim in shape_of(value) {
                        if let Some(dimension::Value::DimParam(name)) = &mut dim.value {
                            name.clone_from(&formula);
                        }
                    }
                }
                g.value_info.push(float_value("top", vec![any(&formula)]));
            });
            Model::from_bytes(&model.encode_to_vec(), "formulas").unwrap();
        }
    }
}

/// As many nodes in a row as are allowed load in a time one can wait for.
#[test]
fn long_chains_end() {
    let chain = |nodes: usize| {
        adding((0..nodes).map(|i| {
            let from = if i == 0 { "mel".to_owned() } else { format!("link {i}") };
            let to = if i == nodes - 1 { "grown".into() } else { format!("link {}", i + 1) };
            node(if i % 2 == 0 { "Tanh" } else { "Sigmoid" }, &[&from], &to)
        }))
    };
    Model::from_bytes(&chain(1000).encode_to_vec(), "long").unwrap();
    assert_refused("longer", &chain(20_001), &["nodes are more than"]);
}

#[test]
fn files_that_are_no_models_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("not a model.onnx");
    let refused = |path: &Path, words: &[&str]| {
        let error = Model::load(path).err().unwrap().to_string();
        for word in words.iter().chain(&[path.to_str().unwrap()]) {
            assert!(error.contains(word), "{word:?} is not in {error:?}");
        }
    };
    refused(&path, &[]);
    refused(folder.path(), &["folder"]);
    for text in ["", "not a model at all\n", "\u{0}\u{0}\u{0}\u{0}", "{\"name\": \"liked\"}"] {
        std::fs::write(&path, text).unwrap();
        refused(&path, &[]);
    }
    // Sparse: it takes no room on the disk.
    File::create(&path).unwrap().set_len(LARGEST_FILE + 1).unwrap();
    refused(&path, &[&(LARGEST_FILE + 1).to_string(), "more than"]);
    if cfg!(unix) {
        refused(Path::new("/dev/zero"), &["device"]);
    }
}

#[test]
fn models_that_are_cut_off_are_refused() {
    for name in [STREAMING, WINDOW] {
        let whole = content(name);
        for part in 0..50 {
            error_of(&whole[..whole.len() * part / 50]);
        }
        error_of(&whole[..whole.len() - 1]);
    }
}

/// Whatever one byte becomes, loading ends, with a model or with an error.
#[test]
fn single_changed_bytes_never_panic() {
    hush_tract();
    let mut noise = Noise::new(1);
    for name in [STREAMING, WINDOW] {
        let whole = content(name);
        let mut loaded = 0;
        for _ in 0..2000 {
            let mut changed = whole.clone();
            changed[noise.between(0..whole.len())] = noise.between(0..256) as u8;
            match Model::from_bytes(&changed, "changed.onnx") {
                Ok(_) => loaded += 1,
                Err(error) => assert!(error.to_string().starts_with("changed.onnx: ")),
            }
        }
        assert!((1..2000).contains(&loaded), "{name}: {loaded} loaded");
    }
}

/// The same for numbers inside the graph, which random bytes seldom reach: each becomes several
/// that are as wrong as can be.
#[test]
fn extreme_numbers_never_panic() {
    hush_tract();
    let extremes = [i64::MIN, -(1 << 40), -1, 0, 1, 7, 1 << 20, 1 << 40, i64::MAX];
    for name in [STREAMING, WINDOW] {
        for extreme in extremes {
            for target in 0.. {
                let mut model = proto(name);
                let Some(number) = numbers(&mut model).into_iter().nth(target) else { break };
                *number = extreme;
                let _ = Model::from_bytes(&model.encode_to_vec(), "extreme.onnx");
            }
        }
    }
}

/// All whole numbers in a model's graph that say how large, which or where.
fn numbers(model: &mut ModelProto) -> Vec<&mut i64> {
    let mut found = Vec::new();
    found.extend(model.opset_import.iter_mut().map(|opset| &mut opset.version));
    let graph = model.graph.as_mut().unwrap();
    for tensor in &mut graph.initializer {
        if tensor.data_type == DataType::Int64 as i32 && !tensor.raw_data.is_empty() {
            // Unpacked, so that there is a number to change.
            let values = tensor.raw_data.chunks_exact(8);
            tensor.int64_data = values.map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect();
            tensor.raw_data.clear();
        }
        found.extend(tensor.int64_data.iter_mut().chain(&mut tensor.dims));
    }
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        found.extend(attribute.ints.iter_mut().chain([&mut attribute.i]));
    }
    for value in graph.input.iter_mut().chain(&mut graph.output) {
        for dim in shape_of(value) {
            if let Some(dimension::Value::DimValue(size)) = &mut dim.value {
                found.push(size);
            }
        }
    }
    found
}
