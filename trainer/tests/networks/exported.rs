//! Exported, the networks say what they said.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use earworm_scorer::Model;
use earworm_scorer::model::Contract;
use earworm_train::export::{LARGEST_DIFFERENCE, compare, onnx_bytes};
use earworm_train::nn::{Blueprint, build};
use prost::Message;
use tract_onnx::pb::{GraphProto, ModelProto, TensorProto};

use crate::flat;
use crate::tiny::{OUTPUTS, TINY, Tiny, frames, hashed};

/// The model that comes with Earworm, taken apart and built again: the same outputs, and the same graph
/// when it is exported again.
#[test]
fn the_built_in_model_is_a_mean_lstm() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/emotify-lstm/model.onnx");
    let content = std::fs::read(path).unwrap();
    let model = Model::from_bytes(&content, "built in").unwrap();
    let metadata = model.metadata();
    let (bands, outputs) = (metadata.front_end.n_mels, metadata.classes.len());
    let graph = ModelProto::decode(&content[..]).unwrap().graph.unwrap();
    let constants: BTreeMap<&str, &TensorProto> =
        graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    let values = |name: &str| -> Tensor {
        let tensor = constants[name];
        let values: Vec<f32> =
            tensor.raw_data.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
        let dims: Vec<usize> = tensor.dims.iter().map(|&d| d as usize).collect();
        Tensor::from_vec(values, dims, &Device::Cpu).unwrap()
    };
    let recipe = "kind = 'mean-lstm'\nhidden = 128\nlayers = 3\nhead = [64]\ndropout = 0.4";
    let blueprint = Blueprint {
        bands,
        beside: 0,
        frames: metadata.window_frames,
        outputs,
        mean: &vec![0.0; bands],
        deviation: &vec![1.0; bands],
        output_bias: &vec![0.0; outputs],
        seed: 0,
        device: &Device::Cpu,
    };
    let network = build(&toml::from_str(recipe).unwrap(), &blueprint).unwrap();
    let tensors = network.weights().tensors().into_keys().map(|name| {
        let value = match name.rsplit_once('.') {
            Some((layer, "input")) => values(&format!("{layer}.w")).squeeze(0),
            Some((layer, "recurrent")) => values(&format!("{layer}.r")).squeeze(0),
            Some((layer, "weight")) => values(&format!("{layer}.w")).t(),
            Some((layer, "bias")) if layer.starts_with("lstm") => {
                values(&format!("{layer}.b")).squeeze(0).unwrap().narrow(0, 0, 4 * 128)
            }
            Some((layer, _)) => Ok(values(&format!("{layer}.b"))),
            None => Ok(values(&name)),
        };
        (name, value.unwrap())
    });
    network.weights().set(&tensors.collect()).unwrap();
    let window = hashed("window", metadata.window_frames * bands);
    let window: Vec<f32> = window.into_iter().map(|u| (60.0 * u) as f32 - 20.0).collect();
    let difference = compare(network.as_ref(), &model, &[window]).unwrap();
    assert!(difference <= LARGEST_DIFFERENCE, "{difference}");

    let again = onnx_bytes(network.as_ref(), metadata).unwrap();
    let again = ModelProto::decode(&again[..]).unwrap().graph.unwrap();
    assert_eq!(again.node, graph.node);
    assert_eq!((&again.input, &again.output), (&graph.input, &graph.output));
    let by_name = |graph: &GraphProto| -> BTreeMap<String, TensorProto> {
        graph.initializer.iter().map(|tensor| (tensor.name.clone(), tensor.clone())).collect()
    };
    assert!(by_name(&again) == by_name(&graph), "a constant differs");
}

/// Every kind: the file loads in the scorer and says what the network says, also when it was trained
/// for more outputs than it is exported with.
#[test]
fn exported_networks_say_what_they_said() {
    for tiny in &TINY {
        let network = tiny.filled();
        let streaming = tiny.is_streaming();
        assert_eq!(network.contract() == Contract::Streaming, streaming, "{}", tiny.name);
        let recipe: earworm_train::nn::ModelRecipe = toml::from_str(tiny.recipe).unwrap();
        assert_eq!(recipe.contract(), network.contract(), "{}", tiny.name);
        let model = Model::from_bytes(&tiny.onnx(), tiny.name).unwrap();
        let windows: Vec<Vec<f32>> = (0..3)
            .map(|n| {
                let values = hashed(&format!("window {n}"), tiny.frames * tiny.bands);
                values.into_iter().map(|u| (4.0 * u) as f32).collect()
            })
            .collect();
        let difference = compare(network.as_ref(), &model, &windows).unwrap();
        assert!(difference <= LARGEST_DIFFERENCE, "{}: {difference}", tiny.name);

        // The comparison sees a difference where there is one.
        let of_outputs = |name: &str| {
            ["head", "outputs", "classifier", "steps"].iter().any(|last| name.starts_with(last))
        };
        let mut trained = network.weights().trained().iter();
        let bias = trained.rfind(|(name, v)| v.dims() == [OUTPUTS] && of_outputs(name));
        let (_, bias) = bias.unwrap();
        bias.set(&(bias.as_detached_tensor() + 0.01).unwrap()).unwrap();
        let difference = compare(network.as_ref(), &model, &windows).unwrap();
        assert!((difference - 0.01).abs() < 1e-3, "{}: {difference}", tiny.name);

        let mut wrong = tiny.metadata(network.contract());
        wrong.contract = if streaming { Contract::Window } else { Contract::Streaming };
        let message = onnx_bytes(network.as_ref(), &wrong).unwrap_err().to_string();
        assert!(message.contains("contract"), "{message}");
        let mut more = tiny.metadata(network.contract());
        more.classes = vec![more.classes[0].clone(); OUTPUTS + 1];
        let message = onnx_bytes(network.as_ref(), &more).unwrap_err().to_string();
        assert!(message.contains("3 outputs"), "{message}");
    }
}

/// The published form of the LSTM, with a softmax inside: of one output, as a yes-or-no model has, and of
/// classes, none of which can be left out.
#[test]
fn a_softmax_inside_is_exported() {
    let recipe =
        "kind = 'lstm'\nhidden = 6\nlayers = 2\nwidth = 8\ndropout = 0.0\ndouble_softmax = true";
    let tiny = Tiny { name: "lstm", recipe, bands: 5, frames: 12 };
    let windows: Vec<Vec<f32>> = (0..3)
        .map(|n| hashed(&format!("w{n}"), 60).into_iter().map(|u| (4.0 * u) as f32).collect())
        .collect();
    for outputs in [1, 3] {
        let blueprint = Blueprint {
            bands: 5,
            beside: 0,
            frames: 12,
            outputs,
            mean: &[0.0; 5],
            deviation: &[1.0; 5],
            output_bias: &vec![0.3; outputs],
            seed: 4,
            device: &Device::Cpu,
        };
        let network = build(&toml::from_str(recipe).unwrap(), &blueprint).unwrap();
        let of_classes = |count: usize| {
            let mut metadata = tiny.metadata(Contract::Streaming);
            let named = |n: usize| earworm_scorer::model::Class {
                name: format!("class {n}"),
                meaning: String::new(),
            };
            metadata.classes = (0..count).map(named).collect();
            metadata.score_class = "class 0".into();
            onnx_bytes(network.as_ref(), &metadata)
        };
        let model = Model::from_bytes(&of_classes(outputs).unwrap(), "softmax").unwrap();
        let difference = compare(network.as_ref(), &model, &windows).unwrap();
        assert!(difference <= LARGEST_DIFFERENCE, "{outputs}: {difference}");
        let x = frames(12, 2, 5);
        let said = flat(&network.forward(&x, &[11], None).unwrap());
        if outputs == 1 {
            assert!(said.iter().all(|p| p.abs() < 1.0), "{said:?}");
        } else {
            assert!(said.chunks(3).all(|p| (p.iter().sum::<f64>() - 1.0).abs() < 1e-5));
            let message = of_classes(2).unwrap_err().to_string();
            assert!(message.contains("2 of 3"), "{message}");
        }
    }
}
