//! Log lines go to standard error; while the terminal meter is drawn they wait.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use tracing_subscriber::EnvFilter;

/// Without `RUST_LOG`. Symphonia warns about every oddity of a file; what matters of that is in
/// our own messages.
const DEFAULT_FILTER: &str = "warn,symphonia=error";

/// Most bytes that wait while the meter is drawn.
const MOST_HELD: usize = 64 << 10;

/// What waits, while lines are held back.
static HELD: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// Starts logging as `RUST_LOG` says.
pub(crate) fn start() {
    let filter = std::env::var("RUST_LOG").unwrap_or_default();
    let filter = if filter.is_empty() { DEFAULT_FILTER } else { &filter };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::builder().parse_lossy(filter))
        .with_writer(|| Lines)
        .log_internal_errors(false)
        .init();
}

/// Holds log lines back until the guard is dropped, which prints them.
#[must_use]
pub(crate) fn hold() -> Hold {
    *HELD.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
    Hold
}

/// See [`hold`].
pub(crate) struct Hold;

impl Drop for Hold {
    fn drop(&mut self) {
        let held = HELD.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _ = io::stderr().write_all(&held.unwrap_or_default());
    }
}

struct Lines;

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match &mut *HELD.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(held) if held.len() + line.len() <= MOST_HELD => held.extend_from_slice(line),
            Some(_) => {}
            None => io::stderr().write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
