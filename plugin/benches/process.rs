//! What the plugin costs on the audio thread, and whole instances with their share of the worker.
//!
//! Ratios to a plain copy of the same block mean more than times; both are measured in one run.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use criterion::{Bencher, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use earworm_plugin::harness::{Host, Playhead};
use nice_plug::prelude::ProcessMode;
use ringbuf::HeapRb;
use ringbuf::traits::{Consumer as _, Observer as _, Producer as _, Split as _};

const RATE: u32 = 48_000;

fn sound(frames: usize) -> [Vec<f32>; 2] {
    let left: Vec<f32> = (0..frames)
        .map(|i| {
            let t = i as f32 / RATE as f32;
            0.2 * (1400.0 * t).sin() + 0.1 * (9000.0 * t).sin() * (-(t % 0.5) * 20.0).exp()
        })
        .collect();
    let right = left.iter().map(|x| x * 0.8).collect();
    [left, right]
}

/// `process()` of a stereo block beside a copy of the block. The ring is emptied between batches, so
/// that the tap writes every block.
fn block(c: &mut Criterion) {
    let mut group = c.benchmark_group("plugin/block");
    for frames in [32usize, 64, 128, 256, 512, 1024, 2048] {
        let [mut left, mut right] = sound(frames);
        group.throughput(Throughput::Elements(frames as u64));
        let (mut to_left, mut to_right) = (left.clone(), right.clone());
        group.bench_function(BenchmarkId::new("copy", frames), |b| {
            b.iter(|| {
                black_box(&mut to_left).copy_from_slice(black_box(&left));
                black_box(&mut to_right).copy_from_slice(black_box(&right));
            });
        });
        group.bench_function(BenchmarkId::new("plain_ring", frames), |b| plain_ring(b, &left));
        let mut host = Host::new(RATE, 2048, ProcessMode::Realtime);
        // As much as fits into the ring with room to spare.
        let batch = (RATE as usize * 2 / frames) as u64;
        group.bench_function(BenchmarkId::new("process", frames), |b| {
            b.iter_custom(|iterations| {
                let (mut done, mut spent) = (0, Duration::ZERO);
                while done < iterations {
                    let now = batch.min(iterations - done);
                    let start = Instant::now();
                    for _ in 0..now {
                        host.process(&mut [&mut left, &mut right], Playhead::default());
                    }
                    spent += start.elapsed();
                    done += now;
                    host.wait_until_taken();
                }
                spent
            });
        });
    }
    group.finish();
}

/// What any plugin pays that hands one channel to another thread: the block goes into a ring whose memory
/// the other thread's core has read last.
fn plain_ring(b: &mut Bencher<'_>, block: &[f32]) {
    let (mut to, mut from) = HeapRb::new(4 * RATE as usize).split();
    to.push_iter(std::iter::repeat_n(0.0, 4 * RATE as usize));
    let ended = Arc::new(AtomicBool::new(false));
    let reader = std::thread::spawn({
        let ended = ended.clone();
        move || {
            let mut taken = vec![0.0f32; 16_384];
            while !ended.load(Ordering::Relaxed) {
                while from.pop_slice(&mut taken) > 0 {
                    black_box(&taken);
                }
                std::thread::sleep(Duration::from_millis(40));
            }
        }
    });
    let batch = (RATE as usize * 2 / block.len()) as u64;
    b.iter_custom(|iterations| {
        let (mut done, mut spent) = (0, Duration::ZERO);
        while done < iterations {
            while !to.is_empty() {
                std::thread::sleep(Duration::from_millis(5));
            }
            let now = batch.min(iterations - done);
            let start = Instant::now();
            for _ in 0..now {
                black_box(to.push_slice(black_box(block)));
            }
            spent += start.elapsed();
            done += now;
        }
        spent
    });
    ended.store(true, Ordering::Relaxed);
    reader.join().expect("it only reads");
}

/// Opening an instance, the model being loaded.
fn open(c: &mut Criterion) {
    let _first = Host::new(RATE, 512, ProcessMode::Offline);
    let mut group = c.benchmark_group("plugin/instance");
    group.sample_size(20);
    group.bench_function("open", |b| b.iter(|| Host::new(RATE, 512, ProcessMode::Offline)));
    group.finish();
}

criterion_group!(benches, block, open);
criterion_main!(benches);
