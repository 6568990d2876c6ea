//! The tap on the audio thread never allocates, frees, waits or calls the system. Its own binary, because the
//! allocator that watches is global.

mod common;

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use common::{Noise, tiny_streaming};
use earworm_scorer::ScorerOptions;
use earworm_scorer::live::{Meter, Stream, Tap, Turn, open};
use earworm_scorer::model::{Calibration, Task};
use earworm_watch::real_time;

#[global_allocator]
static WATCHED: AllocDisabler = AllocDisabler;

const MOST_FRAMES: usize = 8192;

/// Runs `work` under all watches at once.
fn watched<R>(work: impl FnOnce() -> R) -> R {
    real_time(|| assert_no_alloc(work))
}

fn open_tiny() -> (Tap, Stream, Meter) {
    open(tiny_streaming(), 16_000, ScorerOptions::LIVE).unwrap()
}

/// Noise with something that is no number now and then.
fn noise(seed: u64, samples: usize) -> Vec<f32> {
    let mut noise = Noise::new(seed);
    (0..samples)
        .map(|_| if noise.between(0..500) == 0 { f32::NAN } else { noise.sample() })
        .collect()
}

#[test]
fn the_tap_does_nothing_but_its_work() {
    let (left, right) = (noise(1, MOST_FRAMES), noise(2, MOST_FRAMES));
    let (mut tap, mut stream, meter) = open_tiny();
    let mut blocks = Noise::new(3);
    for round in 0..4000 {
        let frames = blocks.between(1..MOST_FRAMES + 1);
        let kind = blocks.between(0..10);
        watched(|| match kind {
            0 => tap.push_planar(&[&left[..frames]]),
            1 => tap.push_interleaved(&left[..frames], 1),
            2 => tap.push_interleaved(&left[..frames], 6),
            3 if round % 7 == 0 => tap.reset(),
            4..7 => tap.push_interleaved(&right[..frames], 2),
            _ => tap.push_planar(&[&left[..frames], &right[..frames]]),
        });
        // Long stretches with a full ring, and some in which the worker keeps up.
        if round % 400 > 300 {
            while stream.turn() == Turn::Busy {}
        }
    }
    while stream.turn() == Turn::Busy {}
    watched(|| tap.push_planar(&[&left[..100]]));
    while stream.turn() == Turn::Busy {}
    let reading = meter.reading();
    assert!(meter.resets() > 0 && reading.dropped > 0 && reading.invalid > 0, "{reading:?}");
}

/// The very first calls on a thread, each on a tap of its own, and all marks at once.
#[test]
fn not_even_the_first_time() {
    let left = noise(4, MOST_FRAMES);
    let calls: [fn(&mut Tap, &[f32]); 6] = [
        |tap, block| tap.push_planar(&[block]),
        |tap, block| tap.push_planar(&[block, block]),
        |tap, block| tap.push_interleaved(block, 2),
        |tap, _| tap.push_planar(&[&[f32::NAN; 3]]),
        |tap, _| tap.reset(),
        |tap, block| {
            // Fills the ring of marks as well: an invalid sample and a reset each time.
            for _ in 0..100 {
                tap.push_planar(&[&[f32::INFINITY]]);
                tap.reset();
            }
            // Overruns the ring of samples.
            for _ in 0..20 {
                tap.push_planar(&[block]);
            }
        },
    ];
    for call in calls {
        let (mut tap, _stream, _meter) = open_tiny();
        std::thread::scope(|scope| {
            scope.spawn(|| watched(|| call(&mut tap, &left)));
        });
    }
}

/// What the other tests rest on: whoever allocates while watched does not survive it. A child
/// process tries. `tests/watch` does the same for the other watches.
#[test]
fn the_watch_is_awake() {
    if std::env::var_os("EARWORM_TEST_ALLOCATES").is_some() {
        assert_no_alloc(|| std::hint::black_box(vec![0u8; 64]));
        return;
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["the_watch_is_awake", "--exact"])
        .env("EARWORM_TEST_ALLOCATES", "1")
        .output()
        .unwrap();
    assert!(!output.status.success());
}

/// A raw row becomes a score without allocating, whatever the calibration.
#[test]
fn scores_never_allocate() {
    let mut metadata = tiny_streaming().metadata().clone();
    let raw: Vec<f32> = (0..metadata.classes.len()).map(|i| 0.3 * i as f32 - 0.2).collect();
    for task in [Task::Binary, Task::Multiclass] {
        for calibration in [
            Calibration::Identity,
            Calibration::Platt { slope: 2.0, intercept: 0.1 },
            Calibration::Temperature { t: 1.5 },
            Calibration::Isotonic { x: vec![-1.0, 1.0], y: vec![0.25, 0.75] },
        ] {
            (metadata.task, metadata.calibration) = (task, calibration);
            metadata.validate().unwrap();
            let mut score = f32::NAN;
            assert_no_alloc(|| score = metadata.score(&raw));
            assert!(
                (0.0..=100.0).contains(&score) && score > 0.0,
                "{:?}: {score}",
                metadata.calibration
            );
        }
    }
}
