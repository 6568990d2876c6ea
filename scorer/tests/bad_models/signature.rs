//! Inputs and outputs that are not those of the contract and the metadata.

use serde_json::json;
use tract_onnx::pb::{GraphProto, type_proto};

use crate::common::with_metadata;
use crate::protos::{any, shape_of, size};
use crate::{STREAMING, WINDOW, assert_refused, with_graph};

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
