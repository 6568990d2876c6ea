//! Threads that give way to audio.

use std::thread::JoinHandle;

use thread_priority::{ThreadPriority, set_current_thread_priority};

/// Starts a thread at the lowest priority that the system grants.
///
/// # Errors
/// When the system gives no thread.
pub(crate) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.into()).spawn(move || {
        // Tests run beside builds and other tests, and would wait for ever.
        if cfg!(test) {
            return work();
        }
        if let Err(error) = set_current_thread_priority(ThreadPriority::Min) {
            tracing::debug!(?error, "this thread keeps its priority");
        }
        work();
    })
}
