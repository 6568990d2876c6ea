//! `process()` never allocates, frees, waits or calls the system, not even the first time. The allocator that
//! watches comes with nice-plug in builds with debug assertions, and ends the process; so do the other watches.
#![cfg(debug_assertions)]

use std::time::{Duration, Instant};

use earworm_plugin::harness::{Host, Playhead, automate};
use earworm_watch::real_time;
use nice_assert_no_alloc::assert_no_alloc;
use nice_plug::prelude::ProcessMode;

const RATE: u32 = 48_000;

/// Noise with something that is no number now and then.
fn noise(samples: usize) -> Vec<f32> {
    let mut state = 1u32;
    (0..samples)
        .map(|i| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if i % 977 == 0 { f32::NAN } else { (state >> 8) as f32 / (1 << 24) as f32 - 0.5 }
        })
        .collect()
}

/// Runs `work` under all watches at once.
fn watched<R>(work: impl FnOnce() -> R) -> R {
    real_time(|| assert_no_alloc(work))
}

#[test]
fn not_even_the_first_call_does() {
    for mode in [ProcessMode::Realtime, ProcessMode::Offline] {
        let (mut left, mut right) = (noise(8192), noise(8192));
        let mut host = Host::new(RATE, 8192, mode);
        // On a thread that has never run anything of this.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let start = Playhead { playing: true, position: Some(0) };
                watched(|| host.process(&mut [&mut left, &mut right], start));
                watched(|| host.process(&mut [&mut left], Playhead::default()));
            });
        });
    }
}

/// A full ring, resets, jumps, bypass, automation, and streams that change meanwhile.
#[test]
fn whatever_happens() {
    let (mut left, mut right) = (noise(2048), noise(2048));
    let mut host = Host::new(RATE, 2048, ProcessMode::Realtime);
    let session = host.session().clone();
    let params = session.params.clone();
    let mut position = 0i64;
    for round in 0..6000usize {
        let frames = 1 + round * 131 % 2048;
        if round % 500 == 250 {
            // Another stream takes the place of this one, and this one goes back to be freed.
            automate(&params.window, (round / 500 % 3) as f32 / 2.0);
            session.refresh();
        }
        let jump = round % 97 == 0;
        position = if jump { (round * 7919) as i64 } else { position + frames as i64 };
        let playhead = Playhead { playing: round % 200 > 20, position: Some(position) };
        watched(|| {
            if round % 53 == 0 {
                host.reset();
            }
            if round % 31 == 0 {
                automate(&params.reset, (round / 31 % 2) as f32);
            }
            automate(&params.bypass, f32::from(round % 300 < 5));
            host.process(&mut [&mut left[..frames], &mut right[..frames]], playhead);
        });
    }
    let heard = Instant::now() + Duration::from_secs(60);
    automate(&params.bypass, 0.0);
    while session.reading().dropped == 0 && session.reading().time_s == 0.0 {
        assert!(Instant::now() < heard, "no reading came");
        watched(|| {
            host.process(&mut [&mut left, &mut right], Playhead::default());
        });
    }
}

/// A host may turn to rendering offline, and back, without activating the plugin again.
#[test]
fn turning_to_another_mode_does_not_either() {
    let (mut left, mut right) = (noise(2048), noise(2048));
    let mut host = Host::new(RATE, 2048, ProcessMode::Realtime);
    assert_no_alloc(|| host.turn_to(ProcessMode::Offline));
    watched(|| {
        host.turn_to(ProcessMode::Realtime);
        host.process(&mut [&mut left, &mut right], Playhead::default());
    });
}

/// A bounce that waits for another stream calls the system for that, but it allocates and frees no more than any.
#[test]
fn waiting_for_another_stream_allocates_nothing() {
    let (mut left, mut right) = (noise(2048), noise(2048));
    let mut host = Host::new(RATE, 2048, ProcessMode::Offline);
    for (window, stream) in [(0.5, 2), (1.0, 3), (0.0, 4)] {
        automate(&host.session().params.window, window);
        assert_no_alloc(|| host.process(&mut [&mut left, &mut right], Playhead::default()));
        assert_eq!(host.session().streams(), stream);
    }
}

/// What the other tests rest on: whoever allocates while watched does not survive it. A child process
/// tries. `tests/watch` does the same for the other watches.
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
