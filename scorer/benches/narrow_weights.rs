//! What weights of 16 or 8 bits would gain and cost: the matrix products of a step, written by hand for
//! AVX2, with weights of each width; and how far scores of real files move when the network's weights are
//! rounded to that width. Prints one JSON object.
//!
//!     cargo bench --workspace --bench narrow_weights -- FILE…
//!
//! Without files the demo song is scored.

#[cfg(target_arch = "x86_64")]
mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use earworm_scorer::decode::AudioFile;
use earworm_scorer::{Model, Scorer, ScorerOptions};
use prost::Message;
use serde_json::{Value, json};
use tract_onnx::pb::{ModelProto, TensorProto};
use tract_onnx::tract_core::prelude::f16;

/// Weights of LSTM layers have three axes; those of other layers are few.
const LSTM_RANK: usize = 3;

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> =
        std::env::args_os().skip(1).map(PathBuf::from).filter(|path| path.exists()).collect();
    if files.is_empty() {
        files.push(folder.join("../demo/demo.ogg"));
    }
    let content = std::fs::read(folder.join("../models/emotify-lstm/model.onnx")).expect("a model");
    let moved = |round: fn(&mut [f32], usize)| {
        let whole = ModelProto::decode(&content[..]).expect("an ONNX file");
        let rounded = Model::from_bytes(&rounded(whole, round).encode_to_vec(), "rounded");
        let rounded = rounded.expect("it is the same network");
        points(&Model::embedded(), &rounded, &files)
    };
    println!(
        "{}",
        json!({
            "files": files.len(),
            "points": { "f16": moved(to_f16), "i8": moved(to_i8) },
            "step_us": step_times(),
        })
    );
}

/// The model with the weights of its LSTM layers changed, row by row.
fn rounded(mut model: ModelProto, round: fn(&mut [f32], usize)) -> ModelProto {
    let graph = model.graph.as_mut().expect("a graph");
    let layers = graph.initializer.iter_mut().filter(|tensor| tensor.dims.len() == LSTM_RANK);
    let mut changed = 0;
    for tensor in layers {
        let mut values = values_of(tensor);
        round(&mut values, tensor.dims[LSTM_RANK - 1] as usize);
        tensor.float_data.clear();
        tensor.raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        changed += 1;
    }
    assert!(changed >= 2, "the network has LSTM layers");
    model
}

fn values_of(tensor: &TensorProto) -> Vec<f32> {
    match tensor.raw_data.as_chunks::<4>().0 {
        [] => tensor.float_data.clone(),
        raw => raw.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
    }
}

fn to_f16(values: &mut [f32], _: usize) {
    values.iter_mut().for_each(|value| *value = f16::from_f32(*value).to_f32());
}

/// One scale for each row: its largest value is 127.
fn to_i8(values: &mut [f32], row: usize) {
    for row in values.chunks_exact_mut(row) {
        let scale = scale_of(row);
        row.iter_mut().for_each(|value| *value = (*value / scale).round() * scale);
    }
}

fn scale_of(row: &[f32]) -> f32 {
    row.iter().fold(f32::MIN_POSITIVE, |largest, value| largest.max(value.abs())) / 127.0
}

/// How far scores of files move, in points: the mean and the largest.
fn points(before: &Arc<Model>, after: &Arc<Model>, files: &[PathBuf]) -> Value {
    let moved: Vec<f64> = files
        .iter()
        .map(|file| f64::from((score(before, file) - score(after, file)).abs()))
        .collect();
    let mean = moved.iter().sum::<f64>() / moved.len() as f64;
    json!({ "mean": mean, "largest": moved.into_iter().fold(0.0, f64::max) })
}

fn score(model: &Arc<Model>, file: &Path) -> f32 {
    let mut audio = AudioFile::open(file).expect("audio");
    let format = audio.format();
    let mut scorer =
        Scorer::new(model.clone(), format.sample_rate, ScorerOptions::FILE).expect("a scorer");
    while let Some(block) = audio.next_block().expect("audio") {
        scorer.push_interleaved(block, format.channels, &mut ()).expect("it scores");
    }
    scorer.finish(&mut ()).expect("it scores");
    scorer.reading().integrated.expect("the file is long enough to be scored")
}

#[cfg(not(target_arch = "x86_64"))]
fn step_times() -> Value {
    Value::Null
}

#[cfg(target_arch = "x86_64")]
fn step_times() -> Value {
    let can = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c");
    if can { avx2::step_times() } else { Value::Null }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;
    use std::hint::black_box;

    use earworm_scorer::Model;
    use serde_json::{Value, json};
    use tract_onnx::tract_core::prelude::f16;

    use super::common::{shares, times_us};
    use super::scale_of;

    const HIDDEN: usize = 128;
    const LAYERS: usize = 3;

    /// A layer's weights `[4 hidden, inputs + hidden]` in each width.
    struct Layer {
        columns: usize,
        f32s: Vec<f32>,
        f16s: Vec<u16>,
        i8s: Vec<i8>,
        scales: Vec<f32>,
    }

    impl Layer {
        fn new(columns: usize) -> Self {
            let f32s: Vec<f32> =
                shares(4 * HIDDEN * columns).map(|share| share * 0.2 - 0.1).collect();
            let scales: Vec<f32> = f32s.chunks_exact(columns).map(scale_of).collect();
            let rows = f32s.chunks_exact(columns).zip(&scales);
            let i8s =
                rows.flat_map(|(row, scale)| row.iter().map(move |w| (w / scale).round() as i8));
            Self {
                columns,
                i8s: i8s.collect(),
                f16s: f32s.iter().map(|&w| f16::from_f32(w).to_bits()).collect(),
                f32s,
                scales,
            }
        }
    }

    /// Weights of one width, eight at a time.
    trait Width {
        /// Eight weights from place `at` on.
        ///
        /// # Safety
        /// There are eight, and the processor has AVX2, FMA and F16C.
        unsafe fn eight(layer: &Layer, at: usize) -> __m256;
        /// What a row's products are multiplied with.
        fn scale(layer: &Layer, row: usize) -> f32;
    }

    struct F32;
    struct F16;
    struct I8;

    impl Width for F32 {
        #[inline(always)]
        unsafe fn eight(layer: &Layer, at: usize) -> __m256 {
            // SAFETY: the caller's promise.
            unsafe { _mm256_loadu_ps(layer.f32s.as_ptr().add(at)) }
        }
        fn scale(_: &Layer, _: usize) -> f32 {
            1.0
        }
    }

    impl Width for F16 {
        #[inline(always)]
        unsafe fn eight(layer: &Layer, at: usize) -> __m256 {
            // SAFETY: the caller's promise.
            unsafe { _mm256_cvtph_ps(_mm_loadu_si128(layer.f16s.as_ptr().add(at).cast())) }
        }
        fn scale(_: &Layer, _: usize) -> f32 {
            1.0
        }
    }

    impl Width for I8 {
        #[inline(always)]
        unsafe fn eight(layer: &Layer, at: usize) -> __m256 {
            // SAFETY: the caller's promise.
            unsafe {
                let bytes = _mm_loadl_epi64(layer.i8s.as_ptr().add(at).cast());
                _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes))
            }
        }
        #[inline(always)]
        fn scale(layer: &Layer, row: usize) -> f32 {
            layer.scales[row]
        }
    }

    /// The product of a layer's weights with its inputs and states: four rows at a time, so that eight
    /// sums are under way.
    ///
    /// # Safety
    /// The processor has AVX2, FMA and F16C.
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn product<W: Width>(layer: &Layer, x: &[f32], y: &mut [f32]) {
        let columns = layer.columns;
        assert!(x.len() == columns && columns.is_multiple_of(16) && y.len() == 4 * HIDDEN);
        for (n, y) in y.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let mut sums = [[_mm256_setzero_ps(); 2]; 4];
            for at in (0..columns).step_by(16) {
                for half in 0..2 {
                    // SAFETY: sixteen values are left of `x` and of each row.
                    unsafe {
                        let x = _mm256_loadu_ps(x.as_ptr().add(at + 8 * half));
                        for (row, sums) in sums.iter_mut().enumerate() {
                            let place = (4 * n + row) * columns + at + 8 * half;
                            sums[half] = _mm256_fmadd_ps(W::eight(layer, place), x, sums[half]);
                        }
                    }
                }
            }
            for (row, (y, [a, b])) in y.iter_mut().zip(sums).enumerate() {
                let mut parts = [0.0; 8];
                // SAFETY: there is room for eight.
                unsafe { _mm256_storeu_ps(parts.as_mut_ptr(), _mm256_add_ps(a, b)) };
                *y = parts.iter().sum::<f32>() * W::scale(layer, 4 * n + row);
            }
        }
    }

    /// Microseconds of the products of one step of one lane.
    pub(super) fn step_times() -> Value {
        let bands = Model::embedded().metadata().front_end.n_mels;
        let layers: Vec<Layer> =
            (0..LAYERS).map(|n| Layer::new(HIDDEN + if n == 0 { bands } else { HIDDEN })).collect();
        let x = vec![0.5f32; 2 * HIDDEN];
        let exact = outputs::<F32>(&layers, &x);
        let far = |narrow: Vec<f32>| {
            narrow.iter().zip(&exact).fold(0.0f32, |far, (a, b)| far.max((a - b).abs()))
        };
        // Rounding moves sums of some hundred products a little; anything else would be a mistake here.
        assert!(far(outputs::<F16>(&layers, &x)) < 1e-3 && far(outputs::<I8>(&layers, &x)) < 2e-2);
        json!({
            "f32": median::<F32>(&layers, &x),
            "f16": median::<F16>(&layers, &x),
            "i8": median::<I8>(&layers, &x),
        })
    }

    fn outputs<W: Width>(layers: &[Layer], x: &[f32]) -> Vec<f32> {
        let mut y = vec![0.0f32; 4 * HIDDEN];
        let product_of = |layer: &Layer| {
            // SAFETY: it was looked whether the processor can.
            unsafe { product::<W>(layer, &x[..layer.columns], &mut y) };
            y.clone()
        };
        layers.iter().flat_map(product_of).collect()
    }

    fn median<W: Width>(layers: &[Layer], x: &[f32]) -> f64 {
        let mut y = vec![0.0f32; 4 * HIDDEN];
        let step = || {
            for layer in layers {
                // SAFETY: it was looked whether the processor can.
                unsafe { product::<W>(black_box(layer), black_box(&x[..layer.columns]), &mut y) };
                black_box(&y);
            }
        };
        times_us(step).1
    }
}
