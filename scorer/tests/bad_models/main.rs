//! Broken and hostile model files: each gets an error that names the file and what is wrong with
//! it, and none panics, hangs or takes more memory than the machine has.

#[path = "../common/mod.rs"]
mod common;
mod files;
mod graph;
mod metadata;
mod protos;
mod signature;
mod too_much;

use std::sync::Once;

use common::proto;
use earworm_scorer::model::Model;
use prost::Message;
use tract_onnx::pb::{GraphProto, ModelProto};

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
