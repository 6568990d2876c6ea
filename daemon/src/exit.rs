//! How a run ends: exit codes, and the message that goes with them.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// How a command ended that did not fail as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything was done.
    Done,
    /// Some of it failed; what failed has been said already.
    SomeFailed,
    /// The user stopped it; what was done until then has been delivered.
    Interrupted,
}

/// The exit code of a run that was stopped by Ctrl-C: 128 + SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// Turns a command's result into the process's exit code and says what went wrong.
pub(crate) fn conclude(result: anyhow::Result<Outcome>) -> ExitCode {
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::SomeFailed) => ExitCode::FAILURE,
        Ok(Outcome::Interrupted) => ExitCode::from(INTERRUPTED),
        // Whoever read our output has seen enough (`earworm score … | head`).
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&describe(&error));
            ExitCode::FAILURE
        }
    }
}

/// Prints one line about a problem to standard error, which may be closed.
pub(crate) fn complain(problem: &str) {
    let _ = writeln!(std::io::stderr(), "earworm: {problem}");
}

/// An error with its causes; one that its successor repeats is not said twice.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Whether an error only says that nobody reads our output any more.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>();
        let json = cause.downcast_ref::<serde_json::Error>().and_then(|e| e.io_error_kind());
        io.map(std::io::Error::kind).or(json) == Some(ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_said_once() {
        let cause = std::io::Error::other("disk on fire");
        let error = anyhow::Error::from(cause).context("a.wav: disk on fire").context("reading");
        assert_eq!(describe(&error), "reading: a.wav: disk on fire");
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let closed = anyhow::Error::from(std::io::Error::from(ErrorKind::BrokenPipe));
        assert!(is_broken_pipe(&closed.context("writing the rows")));
        let other = std::io::Error::from(ErrorKind::NotFound);
        assert!(!is_broken_pipe(&other.into()));
    }
}
