//! Tiny networks of every kind, filled from the names of their tensors as `golden/make_networks.py`
//! fills them.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use earworm_scorer::model::{Contract, Metadata};
use earworm_train::export::onnx_bytes;
use earworm_train::nn::{Blueprint, ModelRecipe, Network, build, start};

/// Outputs of every tiny network.
pub const OUTPUTS: usize = 2;

/// Numbers of the song beside every frame, the last bands, for networks that take them.
pub const BESIDE: usize = 4;

/// A tiny network.
pub struct Tiny<'a> {
    /// Name in `golden/networks.json`.
    pub name: &'a str,
    /// Its recipe without dropout.
    pub recipe: &'a str,
    pub bands: usize,
    pub frames: usize,
}

/// One of each kind.
pub const TINY: [Tiny<'static>; 26] = [
    Tiny {
        name: "mean-lstm",
        recipe: "kind = 'mean-lstm'\nhidden = 12\nlayers = 2\nhead = [8]\ndropout = 0.0",
        bands: 10,
        frames: 20,
    },
    Tiny {
        name: "lstm",
        recipe: "kind = 'lstm'\nhidden = 12\nlayers = 3\nwidth = 16\ndropout = 0.0",
        bands: 10,
        frames: 20,
    },
    Tiny {
        name: "mlp",
        recipe: "kind = 'mlp'\nwidths = [16, 12]\ndropout = 0.0",
        bands: 6,
        frames: 5,
    },
    Tiny {
        name: "cnn3",
        recipe: "kind = 'cnn3'\nchannels = [4, 6, 4]\nwidth = 16",
        bands: 20,
        frames: 30,
    },
    Tiny {
        name: "mobilenet-v2",
        recipe: "kind = 'mobilenet-v2'\nwidth = 0.25\ndropout = 0.0",
        bands: 40,
        frames: 72,
    },
    Tiny {
        name: "vgg11",
        recipe: "kind = 'vgg11'\nwidth = 0.0625\ndropout = 0.0",
        bands: 32,
        frames: 72,
    },
    Tiny {
        name: "alexnet",
        recipe: "kind = 'alexnet'\nwidth = 0.0625\ndropout = 0.0",
        bands: 64,
        frames: 80,
    },
    Tiny {
        name: "transformer-pre",
        recipe: "kind = 'transformer'\nwidth = 16\nheads = 4\nlayers = 2\nfeed_forward = 24\ndropout = 0.0",
        bands: 10,
        frames: 12,
    },
    Tiny {
        name: "transformer-post",
        recipe: "kind = 'transformer'\nwidth = 16\nheads = 4\nlayers = 2\nfeed_forward = 24\ndropout = 0.0\nnorm = 'post'\npositions = 'learnt'",
        bands: 10,
        frames: 12,
    },
    Tiny {
        name: "few-features",
        recipe: "kind = 'few-features'\nembedding = 4\nwidth = 8\nblocks = 2\ndropout = 0.0",
        bands: 6,
        frames: 1,
    },
    Tiny {
        name: "hit-music-net",
        recipe: "kind = 'hit-music-net'\ncode = 6\npreparation = 0\ndropout = 0.0",
        bands: 15,
        frames: 1,
    },
    Tiny {
        name: "autoen-chorder",
        recipe: "kind = 'autoen-chorder'\npatch = 3\nhidden = 6\ncode = 2\nlayers = 4\ndropout = 0.0",
        bands: 10,
        frames: 12,
    },
    Tiny {
        name: "late-fusion",
        recipe: "kind = 'late-fusion'\npatch = 3\nhidden = 6\nwidth = 8\ndropout = 0.0",
        bands: 10,
        frames: 12,
    },
    Tiny {
        name: "attention-pool",
        recipe: "kind = 'attention-pool'\npatch = 3\nhidden = 6\nattention = 5\ndropout = 0.0",
        bands: 10,
        frames: 14,
    },
    Tiny {
        name: "sound-lstm",
        recipe: "kind = 'sound-lstm'\ncoefficients = 8\nhidden = 6\ndropout = 0.0",
        bands: 16,
        frames: 12,
    },
    Tiny {
        name: "sound-cnn",
        recipe: "kind = 'sound-cnn'\nchannels = [4, 6, 4, 6]\ndropout = 0.0",
        bands: 24,
        frames: 20,
    },
    Tiny {
        name: "popularity-cnn",
        recipe: "kind = 'popularity-cnn'\nconvolutions = 2\nchannels = 4\nwidth = 12\nimage = [17, 22]\ndropout = 0.0",
        bands: 12,
        frames: 20,
    },
    Tiny {
        name: "popularity-cnn-colour",
        recipe: "kind = 'popularity-cnn'\nconvolutions = 4\ncolour = true\nchannels = 4\nwidth = 12\nimage = [34, 50]\ndropout = 0.0",
        bands: 20,
        frames: 24,
    },
    Tiny {
        name: "vggish",
        recipe: "kind = 'vggish'\nwidth = 0.03125\ndropout = 0.0",
        bands: 16,
        frames: 32,
    },
    Tiny {
        name: "cnn3-straight",
        recipe: "kind = 'cnn3'\nchannels = [4, 6, 4]\nwidth = 16\nstraight = true",
        bands: 20,
        frames: 30,
    },
    Tiny {
        name: "cnn3-eight-bit",
        recipe: "kind = 'cnn3'\nchannels = [4, 6, 4]\nwidth = 16\neight_bit = true\ndropout = 0.0",
        bands: 20,
        frames: 30,
    },
    Tiny {
        name: "transformer-band",
        recipe: "kind = 'transformer'\nwidth = 16\nheads = 4\nlayers = 2\nfeed_forward = 24\ndropout = 0.0\ntoken = 'band'",
        bands: 10,
        frames: 12,
    },
    Tiny {
        name: "single-autoencoder",
        recipe: "kind = 'autoen-chorder'\nvariant = 'single-autoencoder'\npatch = 3\nhidden = 6\ncode = 4\nlayers = 3\ndropout = 0.0",
        bands: 10,
        frames: 12,
    },
    Tiny {
        name: "lstm-and-autoencoder",
        recipe: "kind = 'autoen-chorder'\nvariant = 'lstm-and-autoencoder'\npatch = 3\nhidden = 6\ncode = 2\nlayers = 3\ndropout = 0.0",
        bands: 10,
        frames: 12,
    },
    Tiny {
        name: "hit-music-net-embeddings",
        recipe: "kind = 'autoen-chorder'\nvariant = 'hit-music-net-and-embeddings'\npatch = 3\nlayers = 3\ndropout = 0.0",
        bands: 10,
        frames: 12,
    },
    Tiny {
        name: "popularity-cnn-six",
        recipe: "kind = 'popularity-cnn'\nconvolutions = 6\nchannels = 4\nwidth = 12\nimage = [64, 70]\ndropout = 0.0",
        bands: 20,
        frames: 24,
    },
];

impl Tiny<'_> {
    /// The network with its recipe's fresh weights.
    pub fn fresh(&self, seed: u64) -> Box<dyn Network> {
        fresh(self.recipe, self.bands, self.frames, seed).unwrap()
    }

    /// The network with weights filled from their names.
    pub fn filled(&self) -> Box<dyn Network> {
        let network = self.fresh(0);
        let tensors: HashMap<String, Tensor> = network
            .weights()
            .tensors()
            .into_iter()
            .map(|(name, tensor)| {
                let filled = filled(&name, tensor.dims());
                (name, filled)
            })
            .collect();
        network.weights().set(&tensors).unwrap();
        network
    }

    /// Whether it can be judged at any frame.
    pub fn is_streaming(&self) -> bool {
        matches!(self.name, "lstm" | "mean-lstm")
    }

    /// How many of its bands are numbers of the song.
    pub fn beside(&self) -> usize {
        let recipe: ModelRecipe = toml::from_str(self.recipe).unwrap();
        if recipe.needs_beside() { BESIDE } else { 0 }
    }

    /// What the exported model says about itself.
    pub fn metadata(&self, contract: Contract) -> Metadata {
        let beside = self.beside();
        let names = &["zcr", "rmse", "mfcc_1", "tonnetz_0"][..beside];
        let kind = if beside > 0 { "mel_and_descriptors" } else { "mel" };
        let mut input = serde_json::json!({ "kind": kind });
        if beside > 0 {
            input["names"] = serde_json::json!(names);
        }
        let document = serde_json::json!({
            "input": input,
            "contract_version": 1,
            "contract": contract,
            "name": format!("tiny-{}", self.name),
            "front_end": {
                "sample_rate": 16000, "n_fft": 1024, "hop": 512, "n_mels": self.bands - beside,
                "mel_scale": "htk", "mel_norm": "none", "f_min": 50.0, "f_max": 7000.0,
                "amin": 1e-10,
                "level": { "kind": "running_mean", "gate_db": -70.0, "floor_db": 4.0 },
            },
            "window_frames": self.frames,
            "warm_up_frames": self.frames.min(4),
            "task": "binary",
            // One class fewer than there are outputs: the others are auxiliary.
            "classes": [{ "name": "liked", "meaning": "" }],
            "score_class": "liked",
            "calibration": { "kind": "identity" },
            "label": "none: filled weights",
            "data": { "name": "none", "songs": 0, "sha256": "", "licence": "CC0-1.0", "about": "" },
            "metrics": [],
            "trust": "Not at all: the weights are made up.",
            "licence": "CC0-1.0",
        });
        serde_json::from_value(document).unwrap()
    }

    /// The filled network as an ONNX file.
    pub fn onnx(&self) -> Vec<u8> {
        let network = self.filled();
        onnx_bytes(network.as_ref(), &self.metadata(network.contract())).unwrap()
    }
}

/// A network with fresh weights, for standardised frames.
pub fn fresh(
    recipe: &str,
    bands: usize,
    frames: usize,
    seed: u64,
) -> anyhow::Result<Box<dyn Network>> {
    let recipe: ModelRecipe = toml::from_str(recipe)?;
    let beside = if recipe.needs_beside() { BESIDE } else { 0 };
    let blueprint = Blueprint {
        bands,
        beside,
        frames,
        outputs: OUTPUTS,
        mean: &vec![0.0; bands],
        deviation: &vec![1.0; bands],
        output_bias: &[0.0; OUTPUTS],
        seed,
        device: &Device::Cpu,
    };
    let network = build(&recipe, &blueprint)?;
    start(&recipe, network.as_ref())?;
    Ok(network)
}

/// Numbers in ± 1/2: FNV-1a of the name, then the finaliser of MurmurHash3 for each place.
pub fn hashed(name: &str, count: usize) -> Vec<f64> {
    let fnv = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let seed = name.bytes().fold(0x811c_9dc5, fnv);
    let value = |i: usize| {
        let x = (i as u32).wrapping_mul(0x9e37_79b9).wrapping_add(seed);
        let x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
        let x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
        f64::from(x ^ (x >> 16)) / 2f64.powi(32) - 0.5
    };
    (0..count).map(value).collect()
}

/// A tensor's values: such that signals neither fade nor grow, whatever its role.
pub fn filled(name: &str, dims: &[usize]) -> Tensor {
    let u = hashed(name, dims.iter().product());
    let fan_in: usize = dims.iter().skip(1).product();
    let value = |u: f64| match dims.len() {
        2.. => u * (24.0 / fan_in as f64).sqrt(),
        _ if name.ends_with("running_var") || name == "deviation" => 1.0 + 0.5 * u,
        _ if name.ends_with(".weight") => 1.0 + 0.4 * u,
        _ => 0.4 * u,
    };
    let values: Vec<f32> = u.into_iter().map(|u| value(u) as f32).collect();
    Tensor::from_vec(values, dims, &Device::Cpu).unwrap()
}

/// Frames `[frames, batch, bands]` in ± 2.
pub fn frames(frames: usize, batch: usize, bands: usize) -> Tensor {
    let values = hashed("frames", frames * batch * bands);
    let values: Vec<f32> = values.into_iter().map(|u| (4.0 * u) as f32).collect();
    Tensor::from_vec(values, (frames, batch, bands), &Device::Cpu).unwrap()
}
