//! Windows as pictures of 256 greys, the front end of seed system A's convolutional variant: each window from its
//! weakest value, which is 0, to its strongest, 255, whole numbers in between. Networks get them divided by 255.
//!
//! How loud a window is is lost with that, and so is how large its range is; a window of one value is all 0.

use anyhow::Result;
use candle_core::Tensor;

use crate::onnx::{Attribute, Graph};

/// The brightest grey.
const BRIGHTEST: f64 = 255.0;
/// Less than this many decibels from weakest to strongest count as this many.
const LEAST_RANGE: f64 = 1e-3;

/// `frames [frames, batch, bands]` as pictures of the same shape.
pub(super) fn picture(frames: &Tensor) -> Result<Tensor> {
    let low = frames.min_keepdim(2)?.min_keepdim(0)?;
    let range = (frames.max_keepdim(2)?.max_keepdim(0)? - &low)?.maximum(LEAST_RANGE)?;
    let greys = (frames.broadcast_sub(&low)?.broadcast_div(&range)? * BRIGHTEST)?.floor()?;
    Ok((greys / BRIGHTEST)?)
}

/// The same of `mel [batch, frames, bands]` in a graph; returns the name of the picture.
pub(super) fn write_onnx(graph: &mut Graph) -> String {
    graph.values("grey.brightest", &[], &[BRIGHTEST as f32]);
    graph.values("grey.least_range", &[], &[LEAST_RANGE as f32]);
    let over = || vec![Attribute::ints("axes", &[1, 2])];
    let low = graph.apply("ReduceMin", &["mel"], over());
    let high = graph.apply("ReduceMax", &["mel"], over());
    let range = graph.apply("Sub", &[&high, &low], vec![]);
    let range = graph.apply("Max", &[&range, "grey.least_range"], vec![]);
    let above = graph.apply("Sub", &["mel", &low], vec![]);
    let share = graph.apply("Div", &[&above, &range], vec![]);
    let greys = graph.apply("Mul", &[&share, "grey.brightest"], vec![]);
    let greys = graph.apply("Floor", &[&greys], vec![]);
    graph.apply("Div", &[&greys, "grey.brightest"], vec![])
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn a_window_goes_from_black_to_white() {
        // Two windows of two frames of two bands; the second is all of one value.
        let frames = [-80.0f32, -40.0, 3.0, 3.0, -0.1, 0.0, 3.0, 3.0];
        let frames = Tensor::from_slice(&frames, (2, 2, 2), &Device::Cpu).unwrap();
        let grey = |n: f32| n / 255.0;
        let expected = [0.0, grey(127.0), 0.0, 0.0, grey(254.0), 1.0, 0.0, 0.0];
        // Turning it up changes nothing.
        for louder in [0.0, 12.0] {
            let found = picture(&(&frames + louder).unwrap()).unwrap();
            let found = found.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let near = found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6);
            assert!(near, "{found:?} {louder} dB louder");
        }
    }
}
