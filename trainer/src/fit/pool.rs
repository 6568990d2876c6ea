//! Several trainings at a time, each with its progress.

mod gate;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use self::gate::Gate;
use crate::interrupt;
use crate::output::tell;
use crate::progress::{Lines, SILENCE};

/// Least time between two lines about passes in a log, so that quick ones do not flood it.
const BETWEEN_PASSES: Duration = Duration::from_secs(10);

/// How many trainings run at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Workers {
    /// At most this many.
    pub(super) most: usize,
    /// Whether another one only begins when those that run have shown what memory they take, and as much
    /// is left.
    pub(super) watch_memory: bool,
}

impl Workers {
    /// As few as either allows, and as careful as either asks for.
    pub(super) fn strictest(self, other: Self) -> Self {
        Self {
            most: self.most.min(other.most),
            watch_memory: self.watch_memory || other.watch_memory,
        }
    }
}

/// How a training shows how far it is: as a bar on a terminal, as lines where there is none.
pub(super) struct Shown<'a> {
    bar: ProgressBar,
    name: &'a str,
    /// When the last line was written, where lines are.
    lines: Option<Lines>,
    worker: usize,
    gate: &'a Gate,
}

impl Shown<'_> {
    /// Tells how many steps there are and how many were done before.
    pub(super) fn begin(&self, step: usize, steps: usize) {
        self.bar.set_length(steps as u64);
        self.bar.set_position(step as u64);
        self.bar.reset_eta();
    }

    /// Tells that the training has what memory it needs, so that nobody waits to see that.
    pub(super) fn has_its_memory(&self) {
        self.gate.shows(self.worker);
    }

    /// Whether another training need not wait for this one.
    #[cfg(test)]
    pub(super) fn lets_others_begin(&self) -> bool {
        self.gate.all_have_shown()
    }

    /// Tells that a step is done.
    pub(super) fn step(&self, step: usize) {
        self.bar.set_position(step as u64);
        self.has_its_memory();
        self.line(SILENCE, false, || {
            format!("step {step} of {}", self.bar.length().unwrap_or_default())
        });
    }

    /// Tells what a pass over the songs came to.
    pub(super) fn pass(&self, pass: usize, message: String) {
        self.line(BETWEEN_PASSES, true, || format!("pass {pass}: {message}"));
        self.bar.set_message(message);
    }

    /// Tells what somebody may want to know, beside the bars.
    pub(super) fn note(&self, text: &str) {
        self.bar.suspend(|| tell(format_args!("note: {}: {text}", self.name)));
    }

    /// Writes a line if the last one is old enough; `first` where there has been none.
    fn line(&self, after: Duration, first: bool, text: impl FnOnce() -> String) {
        if self.lines.as_ref().is_some_and(|lines| lines.are_due(after, first)) {
            tell(format_args!("{}: {}", self.name, text()));
        }
    }
}

/// Ends a gate when a worker ends, however it does.
struct EndOf<'a>(&'a Gate);

impl Drop for EndOf<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Does `work` for every item and returns the results in order; `None` when Ctrl-C or one of them
/// stopped. After a failure no further item is begun.
pub(super) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    names: &[String],
    workers: Workers,
    work: impl Fn(&T, &Shown<'_>) -> Result<Option<R>> + Sync,
) -> Result<Option<Vec<R>>> {
    let _attention = interrupt::attend();
    let bars = MultiProgress::new();
    let style = ProgressStyle::with_template(
        "{prefix}: {bar:24} step {pos}/{len}  {per_sec}  {eta} left  {wide_msg}",
    )?;
    let results: Vec<Mutex<Option<Result<Option<R>>>>> =
        items.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let gate = Gate::new();
    let take = |worker: usize| {
        let _end = EndOf(&gate);
        while !interrupt::requested() && next.load(Ordering::Relaxed) < items.len() {
            if workers.watch_memory && !gate.enter(worker) {
                break;
            }
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { break };
            let bar = bars.add(ProgressBar::new(1).with_style(style.clone()));
            bar.set_prefix(names[index].clone());
            let lines = bars.is_hidden().then(Lines::default);
            let shown = Shown { bar, name: &names[index], lines, worker, gate: &gate };
            let begun = Instant::now();
            let result = work(item, &shown).with_context(|| names[index].clone());
            shown.bar.finish_and_clear();
            if shown.lines.is_some() && matches!(result, Ok(Some(_))) {
                tell(format_args!(
                    "{}: done in {:.1} s",
                    names[index],
                    begun.elapsed().as_secs_f64()
                ));
            }
            if !matches!(result, Ok(Some(_))) {
                next.store(items.len(), Ordering::Relaxed);
            }
            *results[index].lock().unwrap_or_else(|e| e.into_inner()) = Some(result);
            gate.leave(worker);
        }
    };
    std::thread::scope(|scope| {
        for worker in 1..workers.most.min(items.len()) {
            let take = &take;
            scope.spawn(move || take(worker));
        }
        take(0);
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
        for (most, watch_memory) in [(1, false), (3, false), (4, true)] {
            let workers = Workers { most, watch_memory };
            let squares = in_parallel(&items, &names, workers, |&i, _| Ok(Some(i * i)));
            assert_eq!(squares.unwrap().unwrap(), [0, 1, 4, 9, 16, 25, 36, 49, 64]);
            let failed = in_parallel(&items, &names, workers, |&i, _| {
                anyhow::ensure!(i != 4, "no");
                Ok(Some(i))
            });
            assert_eq!(format!("{:#}", failed.unwrap_err()), "item 4: no");
            let stopped = in_parallel(&items, &names, workers, |&i, _| Ok((i < 3).then_some(i)));
            assert_eq!(stopped.unwrap(), None);
        }
    }

    /// Items that wait for each other only end if they run at the same time.
    #[test]
    fn as_many_run_at_a_time_as_are_asked_for() {
        let items = [0usize; 3];
        let names: Vec<String> = (0..3).map(|i| format!("item {i}")).collect();
        let barrier = std::sync::Barrier::new(3);
        let workers = Workers { most: 3, watch_memory: false };
        let met = in_parallel(&items, &names, workers, |_, _| {
            barrier.wait();
            Ok(Some(()))
        });
        assert_eq!(met.unwrap().unwrap().len(), 3);
    }

    #[test]
    fn the_strictest_of_several_plans_is_taken() {
        let rows = Workers { most: 16, watch_memory: false };
        let sound = Workers { most: 8, watch_memory: true };
        assert_eq!(rows.strictest(sound), sound);
        assert_eq!(sound.strictest(Workers { most: 1, watch_memory: false }).most, 1);
    }
}
