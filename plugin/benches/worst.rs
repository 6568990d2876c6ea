//! The slowest of very many callbacks while another thread keeps the other cores busy: what a mean hides.
//! Prints one JSON object.
//!
//!     cargo bench --workspace --bench worst -- [BLOCKS]
//!
//! Times are by the clock, so they hold what the system does to the thread as well: how often it was put
//! aside stands beside them.

#[cfg(target_os = "linux")]
mod linux {
    use std::hint::black_box;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use earworm_plugin::harness::{Host, Playhead};
    use nice_plug::prelude::ProcessMode;
    use serde_json::{Value, json};

    const RATE: u32 = 48_000;
    const FRAMES: usize = 32;
    /// Memory that the load walks through, more than caches hold.
    const LOAD_BYTES: usize = 64 << 20;

    pub(crate) fn main() {
        // cargo adds an argument of its own.
        let blocks = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(10_000_000);
        let ended = AtomicBool::new(false);
        let others = std::thread::available_parallelism().map_or(1, usize::from).max(2) - 1;
        let found = std::thread::scope(|scope| {
            for _ in 0..others {
                scope.spawn(|| load(&ended));
            }
            let found = run(blocks);
            ended.store(true, Ordering::Relaxed);
            found
        });
        println!("{found:#}");
    }

    /// Keeps a core and its caches busy.
    fn load(ended: &AtomicBool) {
        let mut memory = vec![1u64; LOAD_BYTES / 8];
        while !ended.load(Ordering::Relaxed) {
            for value in &mut memory {
                *value = value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            }
            black_box(&memory);
        }
    }

    fn run(blocks: usize) -> Value {
        let mut host = Host::new(RATE, FRAMES as u32, ProcessMode::Realtime);
        let sound: Vec<f32> = (0..FRAMES).map(|i| 0.3 * (0.1 * i as f32).sin()).collect();
        let (mut left, mut right) = (sound.clone(), sound);
        let mut nanoseconds: Vec<u32> = Vec::with_capacity(blocks);
        // As much as fits into the ring with room to spare.
        let batch = RATE as usize * 2 / FRAMES;
        let mut put_aside = 0;
        while nanoseconds.len() < blocks {
            let before = involuntary_switches();
            for _ in 0..batch.min(blocks - nanoseconds.len()) {
                let start = Instant::now();
                host.process(&mut [&mut left, &mut right], Playhead::default());
                nanoseconds.push(u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX));
            }
            put_aside += involuntary_switches() - before;
            host.wait_until_taken();
        }
        nanoseconds.sort_unstable();
        let at = |part: f64| {
            let index = ((nanoseconds.len() - 1) as f64 * part).round() as usize;
            f64::from(nanoseconds[index]) / 1e3
        };
        let over = |us: u32| nanoseconds.len() - nanoseconds.partition_point(|t| *t <= us * 1000);
        json!({
            "blocks": nanoseconds.len(),
            "frames": FRAMES,
            "budget_us": FRAMES as f64 / f64::from(RATE) * 1e6,
            "p50_us": at(0.5),
            "p99_us": at(0.99),
            "p99_99_us": at(0.9999),
            "p99_9999_us": at(0.999_999),
            "max_us": at(1.0),
            "over_10_us": over(10),
            "over_100_us": over(100),
            "put_aside_by_the_system": put_aside,
        })
    }

    /// How often the system took the processor away from this thread.
    fn involuntary_switches() -> i64 {
        let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: `usage` is valid for writes, and zeros are a valid value of this struct of integers.
        unsafe {
            libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr());
            usage.assume_init().ru_nivcsw
        }
    }
}

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("worst: only Linux tells a thread how often it was put aside");
}
