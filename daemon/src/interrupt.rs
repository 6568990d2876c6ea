//! Signals: Ctrl-C and its like ask long work to stop, which asks here whether it should.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::exit::INTERRUPTED;

static STOP: AtomicBool = AtomicBool::new(false);
static BY_USER: AtomicBool = AtomicBool::new(false);
/// Whether a hang-up means to reload instead of to stop, as for a service.
static HANG_UP_RELOADS: AtomicBool = AtomicBool::new(false);
/// How often a reload has been asked for.
static RELOADS: AtomicU64 = AtomicU64::new(0);

/// Wakes whoever waits for a signal.
static SIGNALS: (Mutex<()>, Condvar) = (Mutex::new(()), Condvar::new());

/// From now on the first Ctrl-C (or SIGTERM) asks long work to stop, the second one stops at once. So does
/// a hang-up. Where Ctrl-C or hang-ups are ignored, as under `nohup`, they stay so.
pub(crate) fn watch() {
    if let Err(error) = start() {
        tracing::debug!(%error, "Ctrl-C will end the program without cleaning up");
    }
}

#[cfg(unix)]
fn start() -> anyhow::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
    let mut heeded = earworm_kit::signals::not_ignored(&[SIGINT, SIGHUP]);
    heeded.extend([SIGTERM, SIGUSR1]);
    let mut signals = signal_hook::iterator::Signals::new(heeded)?;
    let _ = HEEDED.set(signals.handle());
    std::thread::Builder::new().name("earworm-signals".into()).spawn(move || {
        for signal in signals.forever() {
            let hang_up_reloads = HANG_UP_RELOADS.load(Ordering::Relaxed);
            if signal == SIGUSR1 || signal == SIGHUP && hang_up_reloads {
                RELOADS.fetch_add(1, Ordering::Relaxed);
                wake();
            } else {
                ask_to_stop();
            }
        }
    })?;
    Ok(())
}

/// The signals that are heeded, to which more can be added.
#[cfg(unix)]
static HEEDED: std::sync::OnceLock<signal_hook::iterator::Handle> = std::sync::OnceLock::new();

/// From now on hang-ups are heeded, even if they were to be ignored: for what is of no use without its
/// terminal.
pub(crate) fn heed_hang_ups() {
    #[cfg(unix)]
    if let Some(heeded) = HEEDED.get() {
        let _ = heeded.add_signal(signal_hook::consts::SIGHUP);
    }
}

#[cfg(not(unix))]
fn start() -> anyhow::Result<()> {
    Ok(ctrlc::set_handler(ask_to_stop)?)
}

fn ask_to_stop() {
    if BY_USER.swap(true, Ordering::Relaxed) {
        std::process::exit(INTERRUPTED.into());
    }
    stop();
}

fn wake() {
    let _lock = SIGNALS.0.lock().unwrap_or_else(PoisonError::into_inner);
    SIGNALS.1.notify_all();
}

/// Whether long work should stop.
pub(crate) fn stopped() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// Whether it was the user who asked for that.
pub(crate) fn by_user() -> bool {
    BY_USER.load(Ordering::Relaxed)
}

/// Asks all long work to stop, because its results are of no use any more.
pub(crate) fn stop() {
    STOP.store(true, Ordering::Relaxed);
    wake();
}

/// From now on SIGHUP asks for a reload, as SIGUSR1 always does.
pub(crate) fn hang_up_reloads() {
    HANG_UP_RELOADS.store(true, Ordering::Relaxed);
}

/// How often a reload has been asked for.
pub(crate) fn reloads() -> u64 {
    RELOADS.load(Ordering::Relaxed)
}

/// Waits until long work should stop, or a reload is asked for beyond `reloads`, or so much time
/// has passed.
pub(crate) fn wait(reloads_seen: u64, most: Duration) {
    let lock = SIGNALS.0.lock().unwrap_or_else(PoisonError::into_inner);
    let nothing = |_: &mut ()| !stopped() && reloads() == reloads_seen;
    let _ = SIGNALS.1.wait_timeout_while(lock, most, nothing);
}
