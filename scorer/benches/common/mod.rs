//! What the benchmarks share that time calls by themselves.

use std::time::{Duration, Instant};

/// How long a call is measured.
const SPAN: Duration = Duration::from_millis(400);

/// Microseconds of a call: the least and the median of many, after a few to warm up.
pub(crate) fn times_us(mut call: impl FnMut()) -> (f64, f64) {
    for _ in 0..3 {
        call();
    }
    let mut times = Vec::new();
    let started = Instant::now();
    while times.len() < 5 || started.elapsed() < SPAN {
        let start = Instant::now();
        call();
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    (times[0], times[times.len() / 2])
}

/// Numbers from 0 to 1, from a generator that peers have too.
pub(crate) fn shares(count: usize) -> impl Iterator<Item = f32> {
    let mut state = 1u32;
    (0..count).map(move |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    })
}
