//! Ctrl-C: long work asks here whether it should stop.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::exit::INTERRUPTED;

static STOP: AtomicBool = AtomicBool::new(false);
static BY_USER: AtomicBool = AtomicBool::new(false);

/// From now on the first Ctrl-C (or SIGTERM) asks long work to stop, the second one stops at once.
pub(crate) fn watch() {
    let handler = || {
        if BY_USER.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED.into());
        }
        STOP.store(true, Ordering::Relaxed);
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        tracing::debug!(%error, "Ctrl-C will end the program without cleaning up");
    }
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
}
