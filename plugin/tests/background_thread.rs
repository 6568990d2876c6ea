//! The thread on which instances of a plugin have work done in the background is one for all of them, and outlives
//! each. In nice-plug 0.4.2 as published it ends with the first that goes before its work's turn; see `vendor`.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use nice_plug::prelude::*;
use nice_plug::wrapper::vst3::Wrapper;

/// What is waited for comes long before this.
const LIMIT: Duration = Duration::from_secs(30);

/// Work that says when it begins, and goes on until it is let go.
struct Work {
    begun: Sender<()>,
    until: Receiver<()>,
    /// Dropped with the thread that does the work, or when it begins other work.
    thread: Sender<()>,
}

/// The other ends of some work.
struct Watch {
    begun: Receiver<()>,
    let_go: Sender<()>,
    thread: Receiver<()>,
}

fn work() -> (Work, Watch) {
    let (begin, begun) = channel();
    let (let_go, until) = channel();
    let (lives, thread) = channel();
    (Work { begun: begin, until, thread: lives }, Watch { begun, let_go, thread })
}

thread_local! {
    static LIVES: RefCell<Option<Sender<()>>> = const { RefCell::new(None) };
}

fn do_work(work: Work) {
    LIVES.with(|lives| *lives.borrow_mut() = Some(work.thread));
    let _ = work.begun.send(());
    // Until its other end is gone.
    let _ = work.until.recv();
}

#[derive(Params)]
struct Parameters {
    #[id = "on"]
    on: BoolParam,
}

/// A plugin with nothing but work.
#[derive(Default)]
struct Worker;

/// On which thread the plugin ended that did so last.
static ENDED: Mutex<Option<ThreadId>> = Mutex::new(None);

impl Drop for Worker {
    fn drop(&mut self) {
        *lock(&ENDED) = Some(thread::current().id());
    }
}

/// What the instance that was made last has its work done with.
static EXECUTOR: Mutex<Option<AsyncExecutor<Worker>>> = Mutex::new(None);

impl Plugin for Worker {
    const NAME: &'static str = "Worker";
    const VENDOR: &'static str = "Earworm";
    const URL: &'static str = "";
    const EMAIL: &'static str = "";
    const VERSION: &'static str = "0.0.0";
    const AUDIO_IO_LAYOUTS: &'static [AudioIOLayout] = &[];

    type Editor = ();
    type SysExMessage = ();
    type BackgroundTask = Work;

    fn task_executor(&mut self) -> TaskExecutor<Self> {
        Box::new(do_work)
    }

    fn params(&self) -> Arc<dyn Params> {
        Arc::new(Parameters { on: BoolParam::new("On", false) })
    }

    fn editor(&mut self, executor: AsyncExecutor<Self>) -> Option<()> {
        *lock(&EXECUTOR) = Some(executor);
        None
    }

    fn process(
        &mut self,
        _buffer: &mut Buffer,
        _aux: &mut AuxiliaryBuffers,
        _context: &mut impl ProcessContext<Self>,
    ) -> ProcessStatus {
        ProcessStatus::Normal
    }
}

impl Vst3Plugin for Worker {
    const VST3_CLASS_ID: [u8; 16] = *b"EarwormTestWork1";
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = &[Vst3SubCategory::Fx];
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An instance, and what it has its work done with.
fn instance() -> (Wrapper<Worker>, AsyncExecutor<Worker>) {
    let wrapper = Wrapper::new();
    let executor = lock(&EXECUTOR).take().unwrap();
    (wrapper, executor)
}

/// One test at a time, as all instances share one thread.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn an_instance_that_goes_before_its_work_ends_nobody_elses() {
    let _turn = lock(&TURN);
    let [(first, first_does), (second, second_does), (third, third_does)] =
        std::array::from_fn(|_| instance());
    // Keeps the thread busy until the second instance is gone.
    let (busy, watch) = work();
    first_does.execute_background(busy);
    watch.begun.recv_timeout(LIMIT).unwrap();
    let (late, late_watch) = work();
    second_does.execute_background(late);
    drop(second);
    drop(watch.let_go);
    let (last, last_watch) = work();
    third_does.execute_background(last);
    last_watch.begun.recv_timeout(LIMIT).expect("the thread goes on");
    assert!(late_watch.begun.try_recv().is_err(), "nobody was there to do it");
    drop(last_watch.let_go);
    drop((first, third));
    assert_eq!(last_watch.thread.recv_timeout(LIMIT), Err(RecvTimeoutError::Disconnected));
}

static PANICS: AtomicUsize = AtomicUsize::new(0);

#[test]
fn the_last_instance_may_end_on_the_thread_itself() {
    let _turn = lock(&TURN);
    let shown = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        shown(panic);
    }));
    let (only, does) = instance();
    let (busy, watch) = work();
    does.execute_background(busy);
    watch.begun.recv_timeout(LIMIT).unwrap();
    // A host waits for a second. From then on the thread holds the last of it.
    drop(only);
    drop(watch.let_go);
    assert_eq!(watch.thread.recv_timeout(LIMIT), Err(RecvTimeoutError::Disconnected));
    assert_eq!(PANICS.load(Ordering::Relaxed), 0);
    // And the next instance has one again.
    let (_next, does) = instance();
    let (next, watch) = work();
    does.execute_background(next);
    watch.begun.recv_timeout(LIMIT).unwrap();
}

/// Hosts free what plugins may call once an instance is gone.
#[test]
fn an_instance_ends_on_the_thread_that_lets_go_of_it() {
    let _turn = lock(&TURN);
    let (only, does) = instance();
    let (busy, watch) = work();
    does.execute_background(busy);
    watch.begun.recv_timeout(LIMIT).unwrap();
    thread::scope(|scope| {
        let let_go = watch.let_go;
        scope.spawn(move || {
            // Nothing tells that the host waits; let go earlier, there is nothing to wait for.
            thread::sleep(Duration::from_millis(20));
            drop(let_go);
        });
        drop(only);
    });
    assert_eq!(*lock(&ENDED), Some(thread::current().id()));
}
