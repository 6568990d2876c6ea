//! How fast audio becomes readings, and where the time goes.
//!
//! Throughput is counted in milliseconds of audio, so that 1 Melem/s means a thousand times as fast
//! as it plays. Set `CRITERION_HOME` and `--save-baseline` to compare two builds.

use std::f64::consts::TAU;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use earworm_scorer::front_end::{FrontEnd, FrontEndSettings};
use earworm_scorer::live::{Turn, open};
use earworm_scorer::{Model, Resampler, Scorer, ScorerOptions};

const SECONDS: usize = 10;

/// The model that comes with Earworm, or the tests' tiny one where it has not been trained yet.
fn model() -> Arc<Model> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let trained = folder.join("../models/emotify-lstm/model.onnx");
    let path = match std::fs::metadata(&trained) {
        Ok(file) if file.len() > 0 => trained,
        _ => folder.join("tests/fixtures/tiny_lstm.onnx"),
    };
    eprintln!("model: {}", path.display());
    Model::load(path).expect("the model loads")
}

/// Something like music in one channel: a chord, a beat, a little noise.
fn music(rate: u32, seconds: usize) -> Vec<f32> {
    let mut noise = 1u32;
    (0..rate as usize * seconds)
        .map(|i| {
            let t = i as f64 / f64::from(rate);
            let chord: f64 = [220.0, 277.2, 329.6].iter().map(|hz| (TAU * hz * t).sin()).sum();
            let beat = (-(t % 0.5) / 0.05).exp();
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = f64::from(noise >> 8) / f64::from(1 << 23) - 1.0;
            (0.1 * chord + hiss * (0.02 + 0.3 * beat)) as f32
        })
        .collect()
}

fn stereo(rate: u32, seconds: usize) -> Vec<f32> {
    music(rate, seconds).iter().flat_map(|&s| [s, 0.8 * s]).collect()
}

fn audio_ms(seconds: usize) -> Throughput {
    Throughput::Elements(1000 * seconds as u64)
}

/// The whole path, from stereo at the sound card's rate to readings.
fn stream(c: &mut Criterion) {
    let model = model();
    let mut group = c.benchmark_group("stream");
    group.throughput(audio_ms(SECONDS)).sample_size(10);
    let live = |lanes| ScorerOptions { lanes, ..ScorerOptions::LIVE };
    for (name, rate, options, block) in [
        ("48k_stereo_4_lanes_file", 48_000, ScorerOptions::FILE, 8192),
        ("48k_stereo_4_lanes_live", 48_000, live(4), 512),
        // How the cost grows: with lanes, rate and block.
        ("48k_stereo_1_lane_live", 48_000, live(1), 512),
        ("48k_stereo_2_lanes_live", 48_000, live(2), 512),
        ("48k_stereo_8_lanes_live", 48_000, live(8), 512),
        ("22k_stereo_4_lanes_live", 22_050, live(4), 512),
        ("44k_stereo_4_lanes_live", 44_100, live(4), 512),
        ("96k_stereo_4_lanes_live", 96_000, live(4), 512),
        ("192k_stereo_4_lanes_live", 192_000, live(4), 512),
        ("48k_stereo_4_lanes_live_block_32", 48_000, live(4), 32),
        ("48k_stereo_4_lanes_live_block_4096", 48_000, live(4), 4096),
    ] {
        let sound = stereo(rate, SECONDS);
        let mut scorer = Scorer::new(model.clone(), rate, options).expect("a scorer");
        group.bench_function(name, |b| {
            b.iter(|| {
                scorer.reset();
                for block in sound.chunks(2 * block) {
                    scorer.push_interleaved(block, 2, &mut ()).expect("the model runs");
                }
                black_box(scorer.reading().window)
            });
        });
    }
    group.finish();
}

fn front_end(c: &mut Criterion) {
    let sound = music(22_050, SECONDS);
    let mut front_end = FrontEnd::new(&FrontEndSettings::default_model()).expect("valid settings");
    let mut group = c.benchmark_group("front_end");
    group.throughput(audio_ms(SECONDS));
    group.bench_function("22050", |b| {
        b.iter(|| {
            front_end.push(black_box(&sound), |frame| {
                black_box(frame.level_db);
            })
        });
    });
    group.finish();
}

fn resample(c: &mut Criterion) {
    let sound = music(48_000, SECONDS);
    let mut resampler = Resampler::new(48_000, 22_050).expect("these rates");
    let mut group = c.benchmark_group("resample");
    group.throughput(audio_ms(SECONDS));
    group.bench_function("48000_to_22050", |b| {
        b.iter(|| {
            resampler.push(black_box(&sound), |out| {
                black_box(out.len());
            })
        });
    });
    group.finish();
}

/// What the audio thread pays, beside the copy into a buffer that any recorder would make.
fn tap(c: &mut Criterion) {
    const FRAMES: usize = 512;
    // Too quiet for the model, which would take longer to empty the ring than the tap to fill it.
    let block: Vec<f32> = stereo(48_000, 1)[..2 * FRAMES].iter().map(|s| 1e-5 * s).collect();
    let mut group = c.benchmark_group("tap");
    group.throughput(Throughput::Elements(FRAMES as u64));
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));

    let (mut tap, mut stream, _meter) =
        open(model(), 48_000, ScorerOptions::LIVE).expect("a stream");
    let room = tap.room();
    group.bench_function("push_512_stereo", |b| {
        // The ring is emptied outside the measurement, as often as a batch of blocks fills it.
        b.iter_custom(|blocks| {
            let mut spent = Duration::ZERO;
            for batch in batches(blocks, (room / FRAMES - 2) as u64) {
                while stream.turn() == Turn::Busy {}
                let start = Instant::now();
                for _ in 0..batch {
                    tap.push_interleaved(black_box(&block), 2);
                }
                spent += start.elapsed();
            }
            spent
        });
    });

    let mut ring = vec![0.0f32; room * 2];
    let mut at = 0;
    group.bench_function("plain_copy_512_stereo", |b| {
        b.iter(|| {
            ring[at..at + block.len()].copy_from_slice(black_box(&block));
            at = (at + block.len()) % (ring.len() - block.len());
            black_box(&mut ring);
        });
    });
    group.finish();
}

/// Splits a number into parts of at most `most`.
fn batches(mut total: u64, most: u64) -> impl Iterator<Item = u64> {
    std::iter::from_fn(move || {
        let batch = total.min(most);
        total -= batch;
        (batch > 0).then_some(batch)
    })
}

/// The model alone, in the shapes that lanes and chunks give it.
fn session(c: &mut Criterion) {
    let model = model();
    let front_end = &model.metadata().front_end;
    let mut group = c.benchmark_group("session");
    for lanes in [1, 4] {
        for frames in [1, 2, 4, 16] {
            let mel = vec![-20.0; lanes * frames * front_end.n_mels];
            let mut session = model.session(lanes, frames).expect("this shape");
            let heard_ms = 1000.0 * frames as f64 / front_end.frame_rate();
            group.throughput(Throughput::Elements(heard_ms.round() as u64));
            group.bench_function(format!("lanes_{lanes}_chunk_{frames}"), |b| {
                b.iter(|| black_box(session.run(black_box(&mel)).expect("the model runs")[0]));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, stream, front_end, resample, tap, session);
criterion_main!(benches);
