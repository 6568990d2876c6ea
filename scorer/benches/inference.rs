//! The network alone, in every shape that lanes and chunks give it, beside the least that reading its
//! weights takes. Prints one JSON object; `cargo xtask bench --only inference` puts onnxruntime beside it.
//!
//!     cargo bench --workspace --bench inference

mod common;

use std::hint::black_box;

use common::{shares, times_us};
use earworm_scorer::Model;
use pulp::{Arch, Simd, WithSimd};
use serde_json::{Value, json};

const LANES: [usize; 2] = [1, 4];

fn main() {
    let model = Model::embedded();
    let bands = model.metadata().front_end.n_mels;
    let whole = model.metadata().window_frames;
    let mut shapes = Vec::new();
    for lanes in LANES {
        for frames in [1, 2, 4, 16, whole] {
            let mel = input(lanes * frames * bands);
            // Two calls from a fresh start, so that the states that one hands to the next are compared too.
            let mut fresh = model.session(lanes, frames).expect("this shape");
            fresh.run(&mel).expect("the model runs");
            let outputs = fresh.run(&mel).expect("the model runs").to_vec();
            let mut session = model.session(lanes, frames).expect("this shape");
            let us = per_frame(frames, || {
                black_box(session.run(black_box(&mel)).expect("the model runs")[0]);
            });
            shapes.push(json!({ "lanes": lanes, "frames": frames, "us": us, "outputs": outputs }));
        }
    }
    // The default model's three layers: as many weights as one frame has to meet.
    let weights = input(4 * 128 * (bands + 5 * 128));
    let arch = Arch::new();
    let read = per_frame(1, || {
        black_box(arch.dispatch(Sum(black_box(&weights))));
    });
    println!(
        "{}",
        json!({ "shapes": shapes, "weights_bytes": 4 * weights.len(), "read_us": read })
    );
}

/// Reads values once, doing as little as can be with them.
struct Sum<'a>(&'a [f32]);

impl WithSimd for Sum<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let mut sums = [simd.splat_f32s(0.0); 8];
        let (vectors, _) = S::as_simd_f32s(self.0);
        for eight in vectors.as_chunks::<8>().0 {
            for (sum, &vector) in sums.iter_mut().zip(eight) {
                *sum = simd.add_f32s(*sum, vector);
            }
        }
        sums.into_iter().map(|sum| simd.reduce_sum_f32s(sum)).sum()
    }
}

/// Decibels as loud music has them.
fn input(values: usize) -> Vec<f32> {
    shares(values).map(|share| share * 40.0 - 30.0).collect()
}

/// Microseconds a frame.
fn per_frame(frames: usize, call: impl FnMut()) -> Value {
    let (least, median) = times_us(call);
    json!({ "least": least / frames as f64, "median": median / frames as f64 })
}
