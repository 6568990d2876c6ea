//! Does several things at the same time and delivers their results in the order they were asked.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// Calls `work` for `0..count` on `jobs` threads, and `take` with each result, in order, on this
/// thread. When `take` fails, no further work is begun and its error is returned; `give_up` is
/// called so that work in progress can be told.
pub(crate) fn in_order<R: Send, E>(
    jobs: usize,
    count: usize,
    work: impl Fn(usize) -> R + Sync,
    give_up: impl Fn(),
    mut take: impl FnMut(usize, R) -> Result<(), E>,
) -> Result<(), E> {
    let next = AtomicUsize::new(0);
    let (results, inbox) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(count) {
            let (next, work, results) = (&next, &work, results.clone());
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count || results.send((index, work(index))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(results);
        let mut early = BTreeMap::new();
        let mut due = 0;
        for (index, result) in inbox {
            early.insert(index, result);
            while let Some(result) = early.remove(&due) {
                if let Err(error) = take(due, result) {
                    next.store(count, Ordering::Relaxed);
                    give_up();
                    return Err(error);
                }
                due += 1;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn results_come_in_order() {
        for jobs in [1, 3, 50] {
            let mut seen = Vec::new();
            let work = |i: usize| {
                std::thread::sleep(Duration::from_millis((7 * i % 5) as u64));
                i * i
            };
            in_order(
                jobs,
                20,
                work,
                || {},
                |index, square| {
                    seen.push((index, square));
                    Ok::<(), ()>(())
                },
            )
            .unwrap();
            assert_eq!(seen, (0..20).map(|i| (i, i * i)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_failing_taker_ends_the_work() {
        let done = AtomicUsize::new(0);
        let work = |_| done.fetch_add(1, Ordering::Relaxed);
        let result = in_order(2, 1_000_000, work, || {}, |_, _| Err("full"));
        assert_eq!(result, Err("full"));
        assert!(done.load(Ordering::Relaxed) < 1_000_000);
    }
}
