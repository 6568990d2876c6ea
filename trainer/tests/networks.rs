//! The networks: they compute what PyTorch's do, and export to what they compute.

#[path = "common/tiny.rs"]
mod tiny;

use std::collections::{BTreeMap, HashMap};

use candle_core::{Device, Tensor};
use earworm_scorer::Model;
use earworm_scorer::model::Contract;
use earworm_train::Rng;
use earworm_train::export::{LARGEST_DIFFERENCE, compare, onnx_bytes};
use earworm_train::nn::{Blueprint, Dropout, Network, build, lstm_layer, running_mean};
use prost::Message;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;
use tiny::{OUTPUTS, TINY, Tiny, filled, frames, fresh, hashed};
use tract_onnx::pb::{GraphProto, ModelProto, TensorProto};

/// What `golden/make_networks.py` wrote of one network.
#[derive(Deserialize)]
struct Golden {
    bands: usize,
    frames: usize,
    judged: Vec<f64>,
    trained: Vec<f64>,
    gradients: BTreeMap<String, (f64, f64)>,
    running: BTreeMap<String, f64>,
}

fn flat(tensor: &Tensor) -> Vec<f64> {
    let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    values.into_iter().map(f64::from).collect()
}

fn product(name: &str, tensor: &Tensor) -> f64 {
    let values = flat(tensor);
    let with = hashed(&format!("{name}.digest"), values.len());
    values.iter().zip(with).map(|(a, b)| a * b).sum()
}

fn assert_near(what: &str, ours: &[f64], theirs: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (a, b) in ours.iter().zip(theirs) {
        assert!((a - b).abs() <= tolerance, "{what}: {a} is not {b}");
    }
}

fn last_frame(frames: usize) -> [u32; 1] {
    [frames as u32 - 1]
}

/// Outputs, running statistics and gradients are those of PyTorch and torchvision.
#[test]
fn networks_are_those_of_pytorch() {
    let golden: BTreeMap<String, Golden> =
        serde_json::from_str(include_str!("golden/networks.json")).unwrap();
    let compared: Vec<&Tiny<'_>> = TINY.iter().filter(|t| golden.contains_key(t.name)).collect();
    assert_eq!(compared.len(), golden.len());
    for tiny in compared {
        let golden = &golden[tiny.name];
        assert_eq!((tiny.bands, tiny.frames), (golden.bands, golden.frames));
        let batch = golden.judged.len() / OUTPUTS;
        let x = frames(tiny.frames, batch, tiny.bands);
        let network = tiny.filled();
        let judged = network.forward(&x, &last_frame(tiny.frames), None).unwrap();
        assert_eq!(judged.dims(), [1, batch, OUTPUTS], "{}", tiny.name);
        assert_near(tiny.name, &flat(&judged), &golden.judged, 1e-4);

        let mut rng = Rng::seed_from_u64(0);
        let y = network.forward(&x, &last_frame(tiny.frames), Some(&mut rng)).unwrap();
        assert_near(&format!("{} in training", tiny.name), &flat(&y), &golden.trained, 1e-4);
        let coefficients: Vec<f32> =
            hashed("coefficients", batch * OUTPUTS).into_iter().map(|u| u as f32).collect();
        let coefficients = Tensor::from_vec(coefficients, y.dims(), &Device::Cpu).unwrap();
        let gradients = (y * coefficients).unwrap().sum_all().unwrap().backward().unwrap();
        let weights = network.weights();
        let names: Vec<&String> = weights.trained().keys().collect();
        assert_eq!(names, golden.gradients.keys().collect::<Vec<_>>(), "{}", tiny.name);
        for (name, (norm, digest)) in &golden.gradients {
            // What an answer does not depend on, such as a decoder, has no gradient.
            let variable = &weights.trained()[name];
            let none = variable.zeros_like().unwrap();
            let gradient = gradients.get(variable).unwrap_or(&none);
            let own = flat(gradient).iter().map(|g| g * g).sum::<f64>().sqrt();
            let what = format!("{}: gradient of {name}", tiny.name);
            // A rectifier that just opens in one and not in the other shows behind small batches:
            // PyTorch's own gradients in 32 and 64 bits differ by 1 % there.
            let share = if tiny.name == "mobilenet-v2" { 3e-2 } else { 1e-3 };
            let tolerance = share * norm + 1e-5;
            assert_near(&what, &[own, product(name, gradient)], &[*norm, *digest], tolerance);
        }
        for (name, running) in &golden.running {
            let what = format!("{}: {name}", tiny.name);
            assert_near(&what, &[product(name, &weights.running()[name])], &[*running], 1e-4);
        }
    }
}

/// The default network as it was before there were others: the same draws, the same values at every
/// frame, the same dropout from the same draws.
#[test]
fn the_mean_lstm_is_the_network_it_was() {
    let recipe = "kind = 'mean-lstm'\nhidden = 6\nlayers = 2\nhead = [5, 4]\ndropout = 0.3";
    let network = fresh(recipe, 7, 16, 11).unwrap();
    let own = network.weights().tensors();
    let mut rng = Rng::seed_from_u64(11);
    for (name, dims, fan) in [
        ("lstm.0.input", [24, 7], 6),
        ("lstm.0.recurrent", [24, 6], 6),
        ("lstm.1.input", [24, 6], 6),
        ("lstm.1.recurrent", [24, 6], 6),
        ("head.0.weight", [5, 6], 6),
        ("head.1.weight", [4, 5], 5),
        ("head.2.weight", [OUTPUTS, 4], 4),
    ] {
        let limit = 1.0 / (fan as f32).sqrt();
        let draws: Vec<f32> =
            (0..dims[0] * dims[1]).map(|_| rng.random_range(-limit..limit)).collect();
        assert_eq!(own[name].dims(), dims, "{name}");
        assert_eq!(own[name].flatten_all().unwrap().to_vec1::<f32>().unwrap(), draws, "{name}");
    }
    let bias = own["lstm.1.bias"].to_vec1::<f32>().unwrap();
    assert!(
        bias.iter().enumerate().all(|(n, &b)| b == f32::from(u8::from(n / 6 == 2))),
        "{bias:?}"
    );
    assert!(flat(&own["head.0.bias"]).iter().all(|&b| b == 0.0));
    assert_eq!(own.len(), 6 + 6 + 2);

    let x = frames(16, 3, 7);
    let before = |mut rng: Option<&mut Rng>| -> candle_core::Result<Tensor> {
        let linear = |x: &Tensor, w: &str, b: &str| x.matmul(&own[w].t()?)?.broadcast_add(&own[b]);
        let mut h = x.broadcast_sub(&own["mean"])?.broadcast_div(&own["deviation"])?;
        let mut apply = |x: Tensor, mask: &[usize]| match &mut rng {
            Some(rng) => Dropout { share: 0.3, rng }.apply(&x, mask).unwrap(),
            None => x,
        };
        for n in 0..2 {
            let part = |part: &str| &own[&format!("lstm.{n}.{part}")];
            let states = lstm_layer(&h, part("input"), part("recurrent"), part("bias"))?;
            h = apply(states, &[1, 3, 6]);
        }
        let at = Tensor::new(&[15u32, 4, 9], &Device::Cpu)?;
        let mut y = running_mean(&h)?.index_select(&at, 0)?.reshape((9, 6))?;
        for n in 0..3 {
            if n > 0 {
                y = candle_nn::ops::leaky_relu(&y, 0.01)?;
                let dims = y.dims().to_vec();
                y = apply(y, &dims);
            }
            y = linear(&y, &format!("head.{n}.weight"), &format!("head.{n}.bias"))?;
        }
        y.reshape((3, 3, OUTPUTS))
    };
    let at = [15, 4, 9];
    let judged = network.forward(&x, &at, None).unwrap();
    assert_eq!(flat(&judged), flat(&before(None).unwrap()));
    let trained = network.forward(&x, &at, Some(&mut Rng::seed_from_u64(4))).unwrap();
    assert_eq!(flat(&trained), flat(&before(Some(&mut Rng::seed_from_u64(4))).unwrap()));
    assert_ne!(flat(&trained), flat(&judged));
}

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

/// As many trained values as torchvision's networks with as many outputs, at full width.
#[test]
fn full_networks_have_the_published_sizes() {
    let parameters = |recipe| fresh(recipe, 64, 64, 0).unwrap().weights().parameters();
    // Published with a thousand outputs: 3,504,872 and 61,100,840.
    assert_eq!(parameters("kind = 'mobilenet-v2'"), 3_504_872 - 998 * 1281);
    assert_eq!(parameters("kind = 'alexnet'"), 61_100_840 - 998 * 4097);
}

/// Rows of a table are windows of one frame.
#[test]
fn an_mlp_takes_rows_of_a_table() {
    let network = fresh("kind = 'mlp'\nwidths = [8]\ndropout = 0.5", 19, 1, 0).unwrap();
    let y = network.forward(&frames(1, 7, 19), &[], None).unwrap();
    assert_eq!(y.dims(), [1, 7, OUTPUTS]);
}

/// Every kind: the file loads in the scorer and says what the network says, also when it was trained
/// for more outputs than it is exported with.
#[test]
fn exported_networks_say_what_they_said() {
    for tiny in &TINY {
        let network = tiny.filled();
        let streaming = tiny.is_streaming();
        assert_eq!(network.contract() == Contract::Streaming, streaming, "{}", tiny.name);
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

/// Streaming networks judge a frame as they would if the song ended there.
#[test]
fn streaming_networks_do_not_see_what_comes() {
    for tiny in TINY.iter().filter(|tiny| tiny.is_streaming()) {
        let network = tiny.filled();
        let x = frames(tiny.frames, 2, tiny.bands);
        let all = network.forward(&x, &[3, 11], None).unwrap();
        for (n, at) in [3usize, 11].into_iter().enumerate() {
            let part = x.narrow(0, 0, at + 1).unwrap();
            let one = network.forward(&part, &[at as u32], None).unwrap();
            let difference = (one.get(0).unwrap() - all.get(n).unwrap()).unwrap().abs().unwrap();
            assert!(difference.max_all().unwrap().to_scalar::<f32>().unwrap() < 1e-6);
        }
        let message = network.forward(&x, &[500], None).unwrap_err().to_string();
        assert!(message.contains("500"), "{message}");
        assert!(network.forward(&x, &[], None).is_err());
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let error = |recipe: &str, bands, frames| {
        let Err(error) = fresh(recipe, bands, frames, 0) else { panic!("{recipe} was built") };
        format!("{error:#}")
    };
    let small = error("kind = 'alexnet'", 62, 100);
    assert!(small.contains("alexnet") && small.contains("62 bands"), "{small}");
    assert!(error("kind = 'vgg11'\nwidth = 0.1", 64, 31).contains("31 frames"));
    assert!(error("kind = 'mlp'\nwidths = [0]\ndropout = 0.0", 4, 4).contains("model.widths"));
    let lost = error("kind = 'vgg11'\nwidth = 0.1\nweights = 'nowhere.safetensors'", 64, 64);
    assert!(lost.contains("nowhere.safetensors"), "{lost}");
    assert!(error("kind = 'vgg11'\nwidth = 0.1\nweights = 'a.pth'", 64, 64).contains(".onnx"));

    let whole = |tiny: &&Tiny<'_>| tiny.frames > 1 && !tiny.name.contains("lstm");
    for tiny in TINY.iter().filter(whole) {
        let x = frames(tiny.frames - 1, 2, tiny.bands);
        let message = tiny.fresh(0).forward(&x, &[0], None).unwrap_err().to_string();
        assert!(message.contains(&format!("window of {} frames", tiny.frames - 1)), "{message}");
    }

    // Weights of another network: nothing changes before everything fits.
    let network = TINY[0].fresh(1);
    let before = flat(&network.weights().tensors()["lstm.0.input"]);
    let mut tensors: HashMap<String, Tensor> = TINY[0]
        .fresh(2)
        .weights()
        .tensors()
        .into_iter()
        .map(|(name, tensor)| (name, tensor.copy().unwrap()))
        .collect();
    let bias = tensors.insert("head.1.bias".into(), filled("x", &[7])).unwrap();
    let message = network.weights().set(&tensors).unwrap_err().to_string();
    assert!(message.contains("head.1.bias") && message.contains("[7]"), "{message}");
    tensors.remove("head.1.bias");
    let message = network.weights().set(&tensors).unwrap_err().to_string();
    assert!(message.contains("head.1.bias"), "{message}");
    tensors.insert("head.1.bias".into(), bias);
    tensors.insert("stray".into(), filled("x", &[7]));
    let message = network.weights().set(&tensors).unwrap_err().to_string();
    assert!(message.contains("stray"), "{message}");
    assert_eq!(flat(&network.weights().tensors()["lstm.0.input"]), before);
}

/// Saved and loaded, every network says the same; followed, it moves.
#[test]
fn weights_survive_a_file() {
    let folder = tempfile::tempdir().unwrap();
    for tiny in &TINY {
        let (network, other) = (tiny.filled(), tiny.fresh(3));
        let path = folder.path().join(format!("{}.safetensors", tiny.name));
        network.weights().save(&path).unwrap();
        other.weights().load(&path).unwrap();
        let x = frames(tiny.frames, 2, tiny.bands);
        let at = last_frame(tiny.frames);
        let says = |network: &dyn Network| flat(&network.forward(&x, &at, None).unwrap());
        assert_eq!(says(network.as_ref()), says(other.as_ref()), "{}", tiny.name);

        let third = tiny.fresh(5);
        let name = third.weights().trained().keys().next().unwrap().clone();
        let of = |network: &dyn Network| flat(&network.weights().tensors()[&name]);
        let (own, new) = (of(third.as_ref()), of(network.as_ref()));
        third.weights().follow(network.weights(), 0.75).unwrap();
        let expected: Vec<f64> = own.iter().zip(&new).map(|(a, b)| 0.75 * a + 0.25 * b).collect();
        assert_near(&name, &of(third.as_ref()), &expected, 1e-6);
        for (name, running) in third.weights().running() {
            assert_eq!(flat(running), flat(&network.weights().running()[name]), "{name}");
        }
        let counted: usize = third.weights().trained().values().map(|v| v.elem_count()).sum();
        assert_eq!(third.weights().parameters(), counted);
    }
}

/// ImageNet weights come from safetensors or ONNX under torchvision's names; the last layer, mean and
/// deviation stay as they were.
#[test]
fn image_networks_start_from_files_of_weights() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["mobilenet-v2", "vgg11", "alexnet"] {
        let tiny = TINY.iter().find(|tiny| tiny.name == name).unwrap();
        let last = if name == "mobilenet-v2" { "classifier.1" } else { "classifier.6" };
        let mut tensors = tiny.filled().weights().tensors();
        tensors.retain(|name, _| name != "mean" && name != "deviation");
        // For a thousand classes, and with counters, as in torchvision's files.
        let width = tensors[&format!("{last}.weight")].dim(1).unwrap();
        tensors.insert(format!("{last}.weight"), filled("w", &[1000, width]));
        tensors.insert(format!("{last}.bias"), filled("b", &[1000]));
        let counter = Tensor::new(7i64, &Device::Cpu).unwrap();
        tensors.insert("features.0.1.num_batches_tracked".into(), counter);
        let path = folder.path().join(format!("{name}.safetensors"));
        candle_core::safetensors::save(&tensors, &path).unwrap();
        let started = |path: &std::path::Path| {
            let recipe = format!("{}\nweights = {:?}", tiny.recipe, path.to_str().unwrap());
            fresh(&recipe, tiny.bands, tiny.frames, 9)
        };
        let own = started(&path).unwrap().weights().tensors();
        let fresh = tiny.fresh(9).weights().tensors();
        for (name, tensor) in &own {
            let kept = name.starts_with(last) || name == "mean" || name == "deviation";
            let expected = if kept { &fresh[name] } else { &tensors[name] };
            assert_eq!(flat(tensor), flat(expected), "{name}");
        }

        // The same as initialisers of an ONNX file.
        let mut graph = earworm_train::onnx::Graph::default();
        for (name, tensor) in tensors.iter().filter(|(_, t)| t.rank() > 0) {
            graph.weights(name, tensor).unwrap();
        }
        let onnx = folder.path().join(format!("{name}.onnx"));
        let metadata = tiny.metadata(Contract::Window);
        std::fs::write(&onnx, graph.encode(&metadata).unwrap()).unwrap();
        let from_onnx = started(&onnx).unwrap().weights().tensors();
        assert!(own.iter().all(|(name, tensor)| flat(tensor) == flat(&from_onnx[name])));

        let first =
            if name == "mobilenet-v2" { "features.0.0.weight" } else { "features.0.weight" };
        let tensor = tensors.remove(first).unwrap();
        candle_core::safetensors::save(&tensors, &path).unwrap();
        let message = format!("{:#}", started(&path).err().unwrap());
        assert!(message.contains(first) && message.contains(name), "{message}");
        tensors.insert(first.into(), tensor.narrow(0, 0, 3).unwrap());
        candle_core::safetensors::save(&tensors, &path).unwrap();
        let message = format!("{:#}", started(&path).err().unwrap());
        assert!(message.contains(first) && message.contains("shape"), "{message}");
    }
}
