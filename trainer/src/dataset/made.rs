//! Small data sets for the tests of other modules.

use std::path::Path;

use anyhow::Result;

use super::build::{BuildOptions, build_with};
use super::{Dataset, FeatureSet, FeatureSource};

/// The features of every made data set.
pub(crate) const FEATURES: [&str; 2] = ["length", "peak"];

/// Builds a data set in a folder: for each row 0.4 s of noise, so loud, and what it has in `columns`.
pub(crate) fn made_set(folder: &Path, columns: &str, rows: &[(String, f32)]) -> Dataset {
    let mut manifest = format!("track_id,file,{columns}\n");
    for (n, (cells, gain)) in rows.iter().enumerate() {
        write_song(&folder.join(format!("{n}.wav")), n as u32, *gain);
        manifest += &format!("s{n},{n}.wav,{cells}\n");
    }
    let options = BuildOptions {
        manifest: folder.join("tracks.csv"),
        audio: folder.to_owned(),
        out: folder.join("set"),
        features: vec![FeatureSet::Descriptors],
        ..BuildOptions::default()
    };
    std::fs::write(&options.manifest, manifest).unwrap();
    build_with(&options, &LengthAndPeak).unwrap();
    Dataset::open(&options.out).unwrap()
}

fn write_song(path: &Path, number: u32, gain: f32) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 22_050,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).unwrap();
    let mut state = number.wrapping_mul(2_654_435_761) | 1;
    for _ in 0..8192 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = 2.0 * (state >> 8) as f32 / (1 << 24) as f32 - 1.0;
        wav.write_sample((gain * noise * 32_000.0) as i16).unwrap();
    }
    wav.finalize().unwrap();
}

/// Features that take no time.
struct LengthAndPeak;

impl FeatureSource for LengthAndPeak {
    fn names(&self, _: FeatureSet) -> Result<Vec<String>> {
        Ok(FEATURES.map(str::to_owned).to_vec())
    }

    fn extract(&self, samples: &[f32], _: u32, _: &[FeatureSet]) -> Result<Vec<f32>> {
        let peak = samples.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        Ok(vec![samples.len() as f32, peak])
    }

    fn chorus(&self, _: &[f32], _: u32, _: f64) -> Result<Option<f64>> {
        Ok(None)
    }

    fn finds_choruses(&self) -> bool {
        false
    }
}
