//! Embeddings in place of frames.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use earworm_train::dataset::build::{BuildOptions, build};
use earworm_train::dataset::{Dataset, FeatureSet};
use earworm_train::export::export;
use earworm_train::nn::{Blueprint, ModelRecipe};
use earworm_train::onnx::{Attribute, Dim, Graph};

use crate::common::{made_songs, song, write_wav};
use crate::{SHARE, figure, recipe, run};

/// A model over VGGish's patches: the mean of each band, or the first `values` of a patch.
fn embedding(path: &Path, frames: usize, flat: bool) {
    let mut graph = Graph::default();
    graph.input("patch", &[Dim::Any("batch"), Dim::Size(frames), Dim::Size(64)]);
    graph.output("embedding", &[Dim::Any("batch"), Dim::Any("values")]);
    if flat {
        graph.node("Flatten", &["patch"], &["embedding"], vec![Attribute::int("axis", 1)]);
    } else {
        let mean = vec![Attribute::ints("axes", &[1]), Attribute::int("keepdims", 0)];
        graph.node("ReduceMean", &["patch"], &["embedding"], mean);
    }
    std::fs::write(path, graph.encode_plain("means")).unwrap();
}

#[test]
fn embeddings_stand_in_place_of_frames() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = made_songs(dir.path());
    options.front_end = None;
    options.features = vec![FeatureSet::Descriptors];
    // One song is shorter than a patch.
    write_wav(&options.audio.join("5.wav"), &song(5, true)[..12_000]);
    let path = |name: &str| -> PathBuf { dir.path().join(name) };
    embedding(&path("means.onnx"), 96, false);
    options.embedding = Some(path("means.onnx"));
    let report = build(&options).unwrap();
    assert_eq!(report.built, 23, "{report}");
    let short = report.skipped.iter().find(|(id, _)| id == "5").unwrap();
    assert!(short.1.contains("less than one patch"), "{report}");
    let set = Dataset::open(&options.out).unwrap();
    assert_eq!(set.front_end.n_mels, 64);
    // Six seconds are six whole patches of 0.96 s.
    assert!(set.songs.iter().all(|song| (song.frames, song.audible) == (6, 6)));

    let data = "beside = ['zcr', 'spec_cent']\nscale = 'standard'\ngroup = 'artist'";
    let rest = "[split]\nfolds = 3\n[optimiser]\nlearning_rate = 0.01\n[budget]\nepochs = 15\nbatch = 8\n[model]\nkind = 'autoen-chorder'\npatch = 1\nhidden = 8\ncode = 2\nlayers = 3\npreparation = 3";
    let mut recipe = recipe(&options.out, data, SHARE, rest);
    (recipe.data.window_frames, recipe.data.warm_up_frames) = (6, 6);
    let evaluation = run(&recipe, &path("run"));
    assert!(figure(&evaluation, "auc") > 0.9, "{evaluation}");
    let message = format!("{:#}", export(&path("run"), &path("model")).err().unwrap());
    assert!(message.contains("embeddings"), "{message}");

    // What cannot be used is named.
    let refused = |file: &str| {
        let options =
            BuildOptions { embedding: Some(path(file)), out: path("other"), ..options.clone() };
        format!("{:#}", build(&options).unwrap_err())
    };
    embedding(&path("wide.onnx"), 96, true);
    embedding(&path("shape.onnx"), 50, false);
    std::fs::write(path("text.onnx"), "no model").unwrap();
    std::fs::write(path("weights.pth"), "no model").unwrap();
    assert!(refused("wide.onnx").contains("6144 values"));
    assert!(refused("shape.onnx").contains("the shape"));
    assert!(refused("text.onnx").contains("text.onnx"));
    assert!(refused("gone.onnx").contains("gone.onnx"));
    assert!(refused("weights.pth").contains(".safetensors"));
}

/// The weights of VGGish as a file: what stands in the data set is what the network itself makes of a patch.
#[test]
fn a_file_of_weights_makes_embeddings() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = made_songs(dir.path());
    options.front_end = None;
    let (bands, frames) = (earworm_train::embed::BANDS, earworm_train::embed::FRAMES);
    // A thirty-second of the published width: four values in place of 128.
    let blueprint = Blueprint {
        bands,
        beside: 0,
        frames,
        outputs: 4,
        mean: &vec![0.0; bands],
        deviation: &vec![1.0; bands],
        output_bias: &[0.0; 4],
        seed: 6,
        device: &Device::Cpu,
    };
    let recipe: ModelRecipe = toml::from_str("kind = 'vggish'\nwidth = 0.03125").unwrap();
    let network = earworm_train::nn::build(&recipe, &blueprint).unwrap();
    let of_embedding = |name: &str| name.starts_with("features") || name.starts_with("embeddings");
    let mut tensors = network.weights().tensors();
    // Its outputs are the embedding itself.
    tensors.insert("outputs.weight".into(), Tensor::eye(4, DType::F32, &Device::Cpu).unwrap());
    network.weights().set(&tensors).unwrap();
    tensors.retain(|name, _| of_embedding(name));
    let path = dir.path().join("vggish.safetensors");
    candle_core::safetensors::save(&tensors, &path).unwrap();
    options.embedding = Some(path.clone());
    build(&options).unwrap();
    let set = Dataset::open(&options.out).unwrap();
    assert_eq!(set.front_end.n_mels, 4);
    let place = set.songs.iter().position(|song| song.track.id == "3").unwrap();
    let samples = song(3, false);
    let patch = earworm_train::embed::FrontEnd::new().patch(&samples);
    let x = Tensor::from_vec(patch, (frames, 1, bands), &Device::Cpu).unwrap();
    let own = network.forward(&x, &[0], None).unwrap().flatten_all().unwrap();
    let own = own.to_vec1::<f32>().unwrap();
    let (first, _) = set.frames(place).iter().next().unwrap();
    assert!(own.iter().any(|&v| v > 0.0), "{own:?}");
    assert!(own.iter().zip(first).all(|(a, b)| (a - b).abs() < 1e-4), "{own:?} {first:?}");

    // A file that lacks a layer is refused, and so are weights for frames of decibels.
    tensors.retain(|name, _| name != "embeddings.4.weight");
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let again = BuildOptions { out: dir.path().join("again"), ..options };
    let message = format!("{:#}", build(&again).unwrap_err());
    assert!(message.contains("embeddings.4.weight"), "{message}");
    let named: ModelRecipe =
        toml::from_str("kind = 'vggish'\nweights = 'vggish.safetensors'").unwrap();
    assert!(named.validate().unwrap_err().to_string().contains("ln(mel + 0.01)"));
}
