//! What the networks take, and what they refuse.

use std::collections::HashMap;

use candle_core::Tensor;

use crate::flat;
use crate::tiny::{OUTPUTS, TINY, Tiny, filled, frames, fresh};

/// Rows of a table are windows of one frame.
#[test]
fn an_mlp_takes_rows_of_a_table() {
    let network = fresh("kind = 'mlp'\nwidths = [8]\ndropout = 0.5", 19, 1, 0).unwrap();
    let y = network.forward(&frames(1, 7, 19), &[], None).unwrap();
    assert_eq!(y.dims(), [1, 7, OUTPUTS]);
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
