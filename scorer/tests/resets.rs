//! A scorer that was reset is as a new one, whatever kind of model it runs.

mod common;

use std::sync::Arc;

use common::{Log, music, tiny_streaming, tiny_window, with_metadata};
use earworm_scorer::{Model, Reading, Scorer, ScorerOptions};
use prost::Message;
use serde_json::json;
use tract_onnx::pb::tensor_shape_proto::dimension;
use tract_onnx::pb::{ModelProto, type_proto};

const RATE: u32 = 44_100;

fn load(model: &ModelProto) -> Arc<Model> {
    Model::from_bytes(&model.encode_to_vec(), "tiny").unwrap()
}

/// The tiny window model with what describes the window in place of the highest bands.
fn tiny_both() -> Arc<Model> {
    let names = ["zero_crossing_rate", "tonnetz_0", "tonnetz_1", "tonnetz_2"];
    load(&with_metadata("tiny_window.onnx", |m| {
        m["front_end"]["n_mels"] = json!(12);
        m["input"] = json!({"kind": "mel_and_descriptors", "names": names});
    }))
}

/// The tiny window model of one row of descriptors, as many as it has bands.
fn tiny_descriptors() -> Arc<Model> {
    let mut names: Vec<String> = (0..12).map(|note| format!("chroma_cqt_{note}")).collect();
    names.extend(["zero_crossing_rate", "tonnetz_0", "tonnetz_1", "tonnetz_2"].map(String::from));
    let mut model = with_metadata("tiny_window.onnx", |m| {
        m["input"] = json!({"kind": "descriptors", "names": names});
    });
    let graph = model.graph.as_mut().unwrap();
    graph.node[0].input[0] = "features".into();
    let input = &mut graph.input[0];
    input.name = "features".into();
    let type_proto::Value::TensorType(tensor) =
        input.r#type.as_mut().unwrap().value.as_mut().unwrap();
    tensor.shape.as_mut().unwrap().dim[1].value = Some(dimension::Value::DimValue(1));
    load(&model)
}

/// Everything a scorer tells of this sound, and its reading after each block: how much of a window was heard
/// stands in that alone.
fn listen(scorer: &mut Scorer, sound: &[f32]) -> (Log, Vec<Reading>) {
    let (mut log, mut readings) = (Log::default(), Vec::new());
    for block in sound.chunks(1000) {
        scorer.push_mono(block, &mut log).unwrap();
        readings.push(scorer.reading().clone());
    }
    (log, readings)
}

#[test]
fn a_reset_leaves_nothing_behind() {
    let silence = |seconds: f64| vec![0.0; (seconds * f64::from(RATE)) as usize];
    // Both silences together, but neither by itself, are long enough to be told.
    let before = [music(RATE, 4.3, 7), vec![f32::NAN; 10], silence(0.9)].concat();
    let sound = [silence(0.25), music(RATE, 3.0, 6)].concat();
    for (kind, model) in [
        ("streaming", tiny_streaming()),
        ("window", tiny_window()),
        ("window with descriptors", tiny_both()),
        ("descriptors", tiny_descriptors()),
    ] {
        let new = || Scorer::new(model.clone(), RATE, ScorerOptions::LIVE).unwrap();
        let (mut fresh, mut used) = (new(), new());
        let (heard, _) = listen(&mut used, &before);
        used.reset();
        let (expected, said) = (listen(&mut fresh, &sound), listen(&mut used, &sound));
        assert!(!heard.windows.is_empty() && !expected.0.windows.is_empty(), "{kind}: no window");
        assert!(said == expected, "{kind}: not as a new one");
    }
}
