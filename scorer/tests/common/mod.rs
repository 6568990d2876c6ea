//! What the integration tests share: the tiny models and made audio.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test file uses its own part")]

pub mod songs;

use std::path::PathBuf;
use std::sync::Arc;

use earworm_scorer::model::METADATA_KEY;
use earworm_scorer::{CompletedWindow, Model, Observer, Reading, Scorer, Span};
use prost::Message;
use serde_json::Value;
use tract_onnx::pb::ModelProto;

/// A file in `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The bytes of a file in `tests/fixtures`.
pub fn content(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

/// The ONNX message of a model in `tests/fixtures`.
pub fn proto(name: &str) -> ModelProto {
    ModelProto::decode(content(name).as_slice()).unwrap()
}

/// The same with its metadata changed.
pub fn with_metadata(name: &str, change: impl FnOnce(&mut Value)) -> ModelProto {
    let mut model = proto(name);
    let text = &mut model.metadata_props.iter_mut().find(|e| e.key == METADATA_KEY).unwrap().value;
    let mut document = serde_json::from_str(text).unwrap();
    change(&mut document);
    *text = document.to_string();
    model
}

/// The tiny streaming model: 16 kHz, windows of 64 frames.
pub fn tiny_streaming() -> Arc<Model> {
    Model::load(fixture("tiny_lstm.onnx")).expect("the fixture loads")
}

/// The tiny window model: the same front end.
pub fn tiny_window() -> Arc<Model> {
    Model::load(fixture("tiny_window.onnx")).expect("the fixture loads")
}

/// Whether two rows of numbers are of one length and nowhere `within` apart or more.
pub fn close(a: &[f32], b: &[f32], within: f32) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < within)
}

/// Keeps every completed window and reading.
#[derive(Debug, Default, PartialEq)]
pub struct Log {
    pub windows: Vec<(Span, Vec<f32>)>,
    pub readings: Vec<Reading>,
}

impl Observer for Log {
    fn window(&mut self, window: &CompletedWindow<'_>) {
        self.windows.push((window.span, window.raw.to_vec()));
    }

    fn reading(&mut self, reading: &Reading) {
        self.readings.push(reading.clone());
    }
}

/// Pushes samples in blocks of random sizes.
pub fn push_in_blocks(scorer: &mut Scorer, samples: &[f32], blocks: &mut Noise, log: &mut Log) {
    let mut rest = samples;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(blocks.between(1..5000).min(rest.len()));
        scorer.push_mono(now, log).unwrap();
        rest = later;
    }
}

/// Small, fast, seeded random numbers.
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Uniform in −1 … 1.
    pub fn sample(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    /// Uniform in `range`.
    pub fn between(&mut self, range: std::ops::Range<usize>) -> usize {
        range.start + (self.next() >> 33) as usize % (range.end - range.start)
    }
}

/// Something like music: chords that change every half second, a beat, noise, a pause now and then.
pub fn music(rate: u32, seconds: f64, seed: u64) -> Vec<f32> {
    let mut noise = Noise::new(seed);
    let mut pitches = [220.0f64; 3];
    let half = rate as usize / 2;
    let mut pause = false;
    (0..(f64::from(rate) * seconds) as usize)
        .map(|i| {
            if i % half == 0 {
                pitches =
                    std::array::from_fn(|_| 80.0 * 2f64.powf(noise.between(0..48) as f64 / 12.0));
                pause = noise.between(0..20) == 0;
            }
            if pause {
                return 0.0;
            }
            let t = i as f64 / f64::from(rate);
            let chord: f64 = pitches.iter().map(|p| (std::f64::consts::TAU * p * t).sin()).sum();
            let beat = (-((i % half) as f64) / (0.05 * f64::from(rate))).exp();
            (0.1 * chord) as f32 + noise.sample() * (0.02 + 0.3 * beat as f32)
        })
        .collect()
}
