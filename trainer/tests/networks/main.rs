//! The networks: they compute what PyTorch's do, and export to what they compute.

#[path = "../common/mod.rs"]
mod common;
mod exported;
mod heard;
mod inputs;
mod published;
#[path = "../common/tiny.rs"]
mod tiny;
mod weights;

use candle_core::Tensor;

fn flat(tensor: &Tensor) -> Vec<f64> {
    let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    values.into_iter().map(f64::from).collect()
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
