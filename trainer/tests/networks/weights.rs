//! Weights that are saved, followed, and read from files of others.

use candle_core::{Device, Tensor};
use earworm_scorer::model::Contract;
use earworm_train::nn::Network;

use crate::tiny::{TINY, filled, frames, fresh};
use crate::{assert_near, flat, last_frame};

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
