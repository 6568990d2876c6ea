//! Several trainings at a time, each with its progress bar.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Does `work` for every item, on at most `jobs` threads, and returns the results in order; `None`
/// when one of them was stopped. After a failure no further item is begun.
pub(super) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    names: &[String],
    jobs: usize,
    work: impl Fn(&T, &ProgressBar) -> Result<Option<R>> + Sync,
) -> Result<Option<Vec<R>>> {
    let bars = MultiProgress::new();
    let style = ProgressStyle::with_template(
        "{prefix}: {bar:24} step {pos}/{len}  {per_sec}  {eta} left  {wide_msg}",
    )?;
    let results: Vec<Mutex<Option<Result<Option<R>>>>> =
        items.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let take = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return };
            let bar = bars.add(ProgressBar::new(1).with_style(style.clone()));
            bar.set_prefix(names[index].clone());
            let result = work(item, &bar).with_context(|| names[index].clone());
            bar.finish_and_clear();
            if !matches!(result, Ok(Some(_))) {
                next.store(items.len(), Ordering::Relaxed);
            }
            *results[index].lock().unwrap_or_else(|e| e.into_inner()) = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..jobs.min(items.len()) {
            scope.spawn(take);
        }
        take();
    });
    let mut done = Vec::with_capacity(items.len());
    let mut stopped = false;
    for result in results {
        match result.into_inner().unwrap_or_else(|e| e.into_inner()) {
            Some(result) => match result? {
                Some(result) => done.push(result),
                None => stopped = true,
            },
            None => stopped = true,
        }
    }
    Ok((!stopped).then_some(done))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_order_and_failures_are_told() {
        let items: Vec<usize> = (0..9).collect();
        let names: Vec<String> = items.iter().map(|i| format!("item {i}")).collect();
        let squares = in_parallel(&items, &names, 3, |&i, _| Ok(Some(i * i))).unwrap().unwrap();
        assert_eq!(squares, [0, 1, 4, 9, 16, 25, 36, 49, 64]);
        let failed = in_parallel(&items, &names, 2, |&i, _| {
            anyhow::ensure!(i != 4, "no");
            Ok(Some(i))
        });
        assert_eq!(format!("{:#}", failed.unwrap_err()), "item 4: no");
        let stopped = in_parallel(&items, &names, 2, |&i, _| Ok((i < 3).then_some(i))).unwrap();
        assert_eq!(stopped, None);
    }
}
