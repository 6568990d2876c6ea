//! Ctrl-C: work that can go on later finishes the step it is in, saves and ends; all else ends at once.

use std::io::Write;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Exit code of a program that Ctrl-C ended: 128 + SIGINT.
const ENDED: i32 = 130;

static REQUESTED: AtomicBool = AtomicBool::new(false);
/// How much work that looks at [`requested`] is under way.
static ATTENDED: AtomicUsize = AtomicUsize::new(0);

/// Starts listening for Ctrl-C. While nothing is under way that [`attend`] was called for, it ends the
/// program at once; a second Ctrl-C always does. SIGTERM, with which schedulers end work, and a terminal that
/// closes are as good as Ctrl-C, unless they are to be ignored, as under `nohup`.
pub fn listen() {
    static LISTENS: Once = Once::new();
    // Without it Ctrl-C ends the program at once, and what was saved until then is kept as well.
    LISTENS.call_once(|| {
        let _ = watch();
    });
}

#[cfg(unix)]
fn watch() -> std::io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut heeded = earworm_kit::signals::not_ignored(&[SIGINT, SIGHUP]);
    heeded.push(SIGTERM);
    let mut signals = signal_hook::iterator::Signals::new(heeded)?;
    let answer = move || signals.forever().for_each(|_| stop());
    std::thread::Builder::new().name("earworm-signals".into()).spawn(answer)?;
    Ok(())
}

#[cfg(not(unix))]
fn watch() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(stop)
}

fn stop() {
    if ATTENDED.load(Ordering::SeqCst) == 0 || REQUESTED.swap(true, Ordering::SeqCst) {
        std::process::exit(ENDED);
    }
    // There may be no terminal any more that it could be said on.
    let _ =
        writeln!(std::io::stderr(), "stopping after the step in hand; Ctrl-C again ends at once");
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
