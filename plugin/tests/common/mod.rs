//! What the tests of a whole instance share: sound, the engine beside it, and playing.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

pub mod com;
pub mod vst3;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use earworm_plugin::harness::{Host, Playhead};
use earworm_scorer::decode::AudioFile;
use earworm_scorer::{Model, Reading, Scorer, ScorerOptions};

/// The demo song, planar.
pub fn demo() -> (u32, [Vec<f32>; 2]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/demo.ogg");
    let mut file = AudioFile::open(path).unwrap();
    let rate = file.format().sample_rate;
    let mut channels = [Vec::new(), Vec::new()];
    while let Some(block) = file.next_block().unwrap() {
        for frame in block.chunks(2) {
            channels[0].push(frame[0]);
            channels[1].push(frame[1]);
        }
    }
    (rate, channels)
}

/// What the engine says of the same samples.
pub fn engine(
    model: Arc<Model>,
    rate: u32,
    channels: &[Vec<f32>; 2],
    options: ScorerOptions,
) -> Reading {
    let interleaved: Vec<f32> =
        channels[0].iter().zip(&channels[1]).flat_map(|(&l, &r)| [l, r]).collect();
    let mut scorer = Scorer::new(model, rate, options).unwrap();
    scorer.push_interleaved(&interleaved, 2, &mut ()).unwrap();
    scorer.reading().clone()
}

pub fn play(host: &mut Host, channels: &[Vec<f32>], block: usize, mut playhead: Playhead) {
    let mut from = 0;
    while from < channels[0].len() {
        let to = (from + block).min(channels[0].len());
        let mut parts: Vec<Vec<f32>> = channels.iter().map(|c| c[from..to].to_vec()).collect();
        let mut slices: Vec<&mut [f32]> = parts.iter_mut().map(Vec::as_mut_slice).collect();
        host.process(&mut slices, playhead);
        for (part, channel) in parts.iter().zip(channels) {
            let same = part.iter().zip(&channel[from..to]).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "the audio was changed at {from}");
        }
        if let Some(position) = &mut playhead.position {
            *position += (to - from) as i64;
        }
        from = to;
    }
}

pub fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !reached() {
        assert!(Instant::now() < end, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub fn close(got: Option<f32>, want: Option<f32>) -> bool {
    matches!((got, want), (Some(got), Some(want)) if (got - want).abs() < 0.05)
}

/// Noise and a tone at 48 kHz.
pub fn sound(seconds: u32) -> [Vec<f32>; 2] {
    let mut noise = 1u32;
    let channel: Vec<f32> = (0..48_000 * seconds)
        .map(|i| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 8) as f32 / (1 << 24) as f32 * 0.2 + (i as f32 * 0.03).sin() * 0.2
        })
        .collect();
    [channel.clone(), channel]
}
