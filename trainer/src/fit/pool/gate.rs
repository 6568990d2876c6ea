//! Lets one training after another begin, as memory allows.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard};

use crate::memory;

/// Bytes that this process holds, and bytes that can still be had; `None` where the system does not say.
type Memory = fn() -> Option<(u64, u64)>;

/// Lets a training begin when all that run have shown, by their first step or their end, how much memory
/// they take, and there is as much left as the largest one has taken so far. Where none runs, one begins
/// whatever is left.
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
    memory: Memory,
}

#[derive(Default)]
struct State {
    /// Workers whose training runs.
    running: BTreeMap<usize, Running>,
    /// Bytes that each worker's trainings have been seen to take. The next one finds them free again.
    taken: BTreeMap<usize, u64>,
    /// Whether nothing is left to do.
    over: bool,
}

struct Running {
    /// Bytes that the process held when it began.
    before: u64,
    /// Whether it has shown what it takes.
    shown: bool,
}

impl State {
    fn has_room(&self, worker: usize, memory: Memory) -> bool {
        self.running.is_empty()
            || (self.all_have_shown()
                && memory().is_none_or(|(held, left)| left > self.missing(worker, held)))
    }

    fn all_have_shown(&self) -> bool {
        self.running.values().all(|training| training.shown)
    }

    /// Bytes that a worker's next training is taken to need beside those that the worker has already. The
    /// next may be of another configuration, so that the largest of all is what counts.
    fn missing(&self, worker: usize, held: u64) -> u64 {
        let most = self.taken.values().copied().max().unwrap_or(0);
        let missing = match self.taken.contains_key(&worker) {
            true => most.saturating_sub(self.own(worker, held)),
            // Trainings grow after they have shown themselves: an equal part of all where that is more.
            false => most.max(held / self.taken.len().max(1) as u64),
        };
        missing * 5 / 4
    }

    /// Bytes that a worker has of its former trainings, as far as the process holds so many: where freed
    /// memory goes back to the system, the worker has it no more.
    fn own(&self, worker: usize, held: u64) -> u64 {
        let others: u64 =
            self.taken.iter().filter(|(of, _)| **of != worker).map(|(_, bytes)| bytes).sum();
        let own = self.taken.get(&worker).copied().unwrap_or(0);
        own.min(held.saturating_sub(others))
    }
}

impl Gate {
    pub(super) fn new() -> Self {
        Self::with(|| memory::held().zip(memory::available()))
    }

    fn with(memory: Memory) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), memory }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn held(&self) -> u64 {
        (self.memory)().map_or(0, |(held, _)| held)
    }

    /// Waits until there is room for the next training of a worker; `false` where nothing is left to do.
    pub(super) fn enter(&self, worker: usize) -> bool {
        let mut state = self.state();
        while !state.over && !state.has_room(worker, self.memory) {
            state = self.changed.wait(state).unwrap_or_else(|e| e.into_inner());
        }
        if state.over {
            return false;
        }
        let before = self.held();
        let own = state.own(worker, before);
        state.taken.insert(worker, own);
        state.running.insert(worker, Running { before, shown: false });
        true
    }

    /// Tells that a worker's training has what it needs.
    pub(super) fn shows(&self, worker: usize) {
        let mut state = self.state();
        let Some(training) = state.running.get_mut(&worker).filter(|training| !training.shown)
        else {
            return;
        };
        training.shown = true;
        let grown = self.held().saturating_sub(training.before);
        *state.taken.entry(worker).or_default() += grown;
        self.changed.notify_all();
    }

    /// Whether no training is waited for before the next one.
    #[cfg(test)]
    pub(super) fn all_have_shown(&self) -> bool {
        self.state().all_have_shown()
    }

    /// Tells that a worker's training is over.
    pub(super) fn leave(&self, worker: usize) {
        self.shows(worker);
        self.state().running.remove(&worker);
        self.changed.notify_all();
    }

    /// Tells that nothing is left to do.
    pub(super) fn end(&self) {
        self.state().over = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn a_training_begins_when_those_before_it_have_shown_what_they_take() {
        static HELD: AtomicU64 = AtomicU64::new(0);
        let gate = Gate::with(|| Some((HELD.load(Ordering::Relaxed), 1000)));
        assert!(gate.enter(0), "the first one begins whatever is left");
        let has_room = |worker| gate.state().has_room(worker, gate.memory);
        assert!(!has_room(1), "the first one has not shown what it takes");
        HELD.store(100, Ordering::Relaxed);
        gate.shows(0);
        assert!(has_room(1) && gate.enter(1));
        gate.shows(0);
        assert!(!has_room(2), "that the first one goes on says nothing of the second");
        std::thread::scope(|scope| {
            let third = scope.spawn(|| gate.enter(2));
            gate.shows(1);
            assert!(third.join().unwrap());
        });
        gate.end();
        assert!(!gate.enter(3), "nothing is left to do");
    }

    /// Two small trainings run side by side; the next one is large, and there is room for no second one.
    #[test]
    fn every_training_asks_for_what_the_largest_has_taken() {
        static HELD: AtomicU64 = AtomicU64::new(0);
        const ALL: u64 = 1000;
        let gate = Gate::with(|| {
            let held = HELD.load(Ordering::Relaxed);
            Some((held, ALL - held))
        });
        let has_room = |worker| gate.state().has_room(worker, gate.memory);
        let begin = |worker, grows: u64| {
            assert!(has_room(worker) && gate.enter(worker));
            HELD.fetch_add(grows, Ordering::Relaxed);
            gate.shows(worker);
        };
        begin(0, 10);
        begin(1, 10);
        gate.leave(0);
        begin(0, 590);
        gate.leave(1);
        assert!(!has_room(1), "another large one would need more than is left");
        assert!(!has_room(2));
        gate.leave(0);
        assert!(has_room(1), "alone it may try");
        begin(0, 0);
        assert!(!has_room(1));
        gate.leave(0);
        // Memory that went back to the system is asked for again.
        HELD.store(10, Ordering::Relaxed);
        begin(1, 600);
        assert!(!has_room(0));
    }

    #[test]
    fn trainings_of_one_size_go_on_with_the_memory_that_they_have() {
        static HELD: AtomicU64 = AtomicU64::new(0);
        static LEFT: AtomicU64 = AtomicU64::new(200);
        let gate =
            Gate::with(|| Some((HELD.load(Ordering::Relaxed), LEFT.load(Ordering::Relaxed))));
        let has_room = |worker| gate.state().has_room(worker, gate.memory);
        for worker in 0..3 {
            assert!(has_room(worker) && gate.enter(worker));
            HELD.fetch_add(100, Ordering::Relaxed);
            gate.shows(worker);
        }
        LEFT.store(50, Ordering::Relaxed);
        gate.leave(1);
        assert!(has_room(1), "it finds the memory of the one before");
        assert!(!has_room(3));
    }
}
