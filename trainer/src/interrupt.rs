//! Ctrl-C: work that can go on later finishes the step it is in, saves and ends; all else ends at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Exit code of a program that Ctrl-C ended: 128 + SIGINT.
const ENDED: i32 = 130;

static REQUESTED: AtomicBool = AtomicBool::new(false);
/// How much work that looks at [`requested`] is under way.
static ATTENDED: AtomicUsize = AtomicUsize::new(0);

/// Starts listening for Ctrl-C. While nothing is under way that [`attend`] was called for, it ends the
/// program at once; a second Ctrl-C always does.
pub fn listen() {
    // Where a handler is already there (tests in one process), it stays.
    let _ = ctrlc::set_handler(|| {
        if ATTENDED.load(Ordering::SeqCst) == 0 || REQUESTED.swap(true, Ordering::SeqCst) {
            std::process::exit(ENDED);
        }
        eprintln!("stopping after the step in hand; Ctrl-C again ends at once");
    });
}

/// Whether Ctrl-C was pressed.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// Says, as long as it is held, that work is under way that looks at [`requested`] often enough and saves
/// what it has.
#[must_use]
pub struct Attention(());

/// Begins such work.
pub fn attend() -> Attention {
    ATTENDED.fetch_add(1, Ordering::SeqCst);
    Attention(())
}

impl Drop for Attention {
    fn drop(&mut self) {
        ATTENDED.fetch_sub(1, Ordering::SeqCst);
    }
}
