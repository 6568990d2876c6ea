//! Measures whole instances at the pace of sound and prints one JSON object: processor time as a part of
//! one core for 1 to 100 instances with their editors closed, memory for each further instance, time to open
//! one, and the time of callbacks at several block sizes.
//!
//!     cargo bench --workspace --bench cost -- [SECONDS]

#[cfg(target_os = "linux")]
mod linux {
    use std::time::{Duration, Instant};

    use earworm_plugin::harness::{Host, Playhead};
    use nice_plug::prelude::ProcessMode;
    use serde_json::{Value, json};

    const RATE: u32 = 48_000;
    const BLOCKS: [usize; 7] = [32, 64, 128, 256, 512, 1024, 2048];
    const INSTANCES: [usize; 5] = [1, 5, 20, 50, 100];
    const LARGEST: u32 = 2048;

    pub(crate) fn main() {
        // cargo adds an argument of its own.
        let seconds = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(20.0);
        let (first, open_first_ms) = opened();
        let (_, open_further_ms) = opened();
        let mut hosts = vec![first];
        let mut core_percent = serde_json::Map::new();
        let mut before = f64::NAN;
        for count in INSTANCES {
            hosts.extend((hosts.len()..count).map(|_| opened().0));
            let (percent, _) = run(&mut hosts, seconds, 512);
            core_percent.insert(count.to_string(), json!(round(percent, 3)));
            if count == 1 {
                // Everything that sound brings into use is in use now.
                before = resident();
            }
        }
        let further = hosts.len() - 1;
        let megabytes_each_further = (resident() - before) / further as f64 / 1e6;
        hosts.truncate(1);
        let callbacks_us: serde_json::Map<String, Value> = BLOCKS
            .iter()
            .map(|&block| {
                let (_, calls) = run(&mut hosts, (seconds / 4.0f64).max(1.0), block);
                (block.to_string(), percentiles(calls))
            })
            .collect();
        let found = json!({
            "open_first_ms": round(open_first_ms, 1),
            "open_further_ms": round(open_further_ms, 1),
            "core_percent_of_instances": core_percent,
            "megabytes_each_further": round(megabytes_each_further, 2),
            "callbacks_us": callbacks_us,
        });
        println!("{found:#}");
    }

    /// An instance, heard by the worker, and the milliseconds until it was.
    fn opened() -> (Host, f64) {
        let started = Instant::now();
        let mut host = Host::new(RATE, LARGEST, ProcessMode::Offline);
        let took = started.elapsed().as_secs_f64() * 1e3;
        host.activate(RATE, LARGEST, ProcessMode::Realtime);
        (host, took)
    }

    /// Plays to all instances at the pace of sound: processor time in percent of a core, without the
    /// feeding itself, and the time of each call.
    fn run(hosts: &mut [Host], seconds: f64, block: usize) -> (f64, Vec<f64>) {
        let sound: Vec<f32> = (0..RATE as usize)
            .map(|i| {
                let t = i as f32 / RATE as f32;
                0.2 * (1400.0 * t).sin() + 0.1 * (9000.0 * t).sin()
            })
            .collect();
        let (mut left, mut right) = (vec![0.0f32; block], vec![0.0f32; block]);
        let mut calls = Vec::new();
        let (cpu, started) = (process_time(), Instant::now());
        let mut feeding = 0.0;
        let mut frames = 0usize;
        while (frames as f64) < seconds * f64::from(RATE) {
            let fed = thread_time();
            let at = frames % (sound.len() - block);
            left.copy_from_slice(&sound[at..at + block]);
            right.copy_from_slice(&sound[at..at + block]);
            feeding += thread_time() - fed;
            for host in hosts.iter_mut() {
                let start = Instant::now();
                host.process(&mut [&mut left, &mut right], Playhead::default());
                calls.push(start.elapsed().as_secs_f64() * 1e6);
            }
            frames += block;
            let fed = thread_time();
            let due = Duration::from_secs_f64(frames as f64 / f64::from(RATE));
            std::thread::sleep(due.saturating_sub(started.elapsed()));
            feeding += thread_time() - fed;
        }
        let spent = process_time() - cpu - feeding;
        (100.0 * spent / started.elapsed().as_secs_f64(), calls)
    }

    fn percentiles(mut calls: Vec<f64>) -> Value {
        calls.sort_by(f64::total_cmp);
        let at = |part: f64| round(calls[((calls.len() - 1) as f64 * part) as usize], 2);
        json!({ "p50": at(0.5), "p99": at(0.99), "max": at(1.0) })
    }

    fn round(value: f64, digits: i32) -> f64 {
        let scale = 10f64.powi(digits);
        (value * scale).round() / scale
    }

    fn clock(which: libc::clockid_t) -> f64 {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is valid for writes.
        unsafe { libc::clock_gettime(which, &mut time) };
        time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
    }

    fn process_time() -> f64 {
        clock(libc::CLOCK_PROCESS_CPUTIME_ID)
    }

    fn thread_time() -> f64 {
        clock(libc::CLOCK_THREAD_CPUTIME_ID)
    }

    /// Bytes of memory in use.
    fn resident() -> f64 {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let pages: f64 = statm.split(' ').nth(1).and_then(|p| p.parse().ok()).unwrap_or(f64::NAN);
        pages * 4096.0
    }
}

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("cost: only Linux tells a process what its threads cost");
}
