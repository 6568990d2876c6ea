//! Log lines go to standard error; while the terminal meter is drawn they wait.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing_subscriber::filter::Builder;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry};

use crate::panics::caught;

/// Without `RUST_LOG`. Symphonia tells every oddity of a file, even as errors, and pulseaudio calls the end of
/// every connection one; what matters of that is in our own messages.
const DEFAULT_FILTER: &str = "warn,symphonia=off,pulseaudio=off";

/// Most bytes that wait while the meter is drawn.
const MOST_HELD: usize = 64 << 10;

/// What waits, while lines are held back.
static HELD: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// Of a service, which nobody watches, what it does is told as well.
const SERVICE_FILTER: &str = "warn,symphonia=off,pulseaudio=off,earworm=info";

/// Changes what is logged.
static FILTER: OnceLock<Handle<EnvFilter, Registry>> = OnceLock::new();

/// Starts logging as `RUST_LOG` says.
pub(crate) fn start() {
    let (filter, handle) = reload::Layer::new(filter(DEFAULT_FILTER));
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(io::stderr().is_terminal())
        .with_writer(|| Lines)
        .log_internal_errors(false);
    tracing_subscriber::registry().with(filter).with(lines).init();
    let _ = FILTER.set(handle);
}

/// Tells from now on what `chosen` says, or else as much as suits a service or somebody who watches.
pub(crate) fn tell(chosen: Option<&str>, service: bool) {
    let usual = if service { SERVICE_FILTER } else { DEFAULT_FILTER };
    if let Some(handle) = FILTER.get() {
        let _ = handle.reload(filter(chosen.unwrap_or(usual)));
    }
}

/// Whether a filter means something.
pub(crate) fn check(text: &str) -> Result<String, String> {
    let parsed = caught(|| builder().parse(text)).map_err(|_| TWICE.to_owned())?;
    parsed.map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// Where the library is compiled with its own checks, as for tests, it panics of a value that is asked for twice.
const TWICE: &str = "it asks for the same twice";

/// Values of fields are texts, not patterns: a pattern of a few dozen characters can take minutes to read.
fn builder() -> Builder {
    EnvFilter::builder().with_regex(false)
}

/// What `RUST_LOG` says, or else this.
fn filter(default: &str) -> EnvFilter {
    let chosen = std::env::var("RUST_LOG").unwrap_or_default();
    let chosen = if chosen.is_empty() { default } else { &chosen };
    caught(|| builder().parse_lossy(chosen)).unwrap_or_else(|_| builder().parse_lossy(default))
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

#[cfg(test)]
mod tests {
    use super::{TWICE, check};

    #[test]
    fn values_in_filters_are_texts() {
        // As a pattern it would have an unclosed group.
        assert!(check("earworm[song{title=wait(}]=info").is_ok());
        assert!(check("earworm=lots").is_err());
    }

    #[test]
    fn a_filter_that_asks_for_the_same_twice_is_no_panic() {
        let once = "earworm[song{title=wait}]=info";
        assert!(check(once).is_ok());
        let twice = check(&format!("{once},{once}"));
        assert!(twice.as_ref().is_ok() || twice == Err(TWICE.into()), "{twice:?}");
    }
}
