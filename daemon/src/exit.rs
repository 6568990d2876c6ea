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

/// A failure with an exit code of its own, so that scripts and services can tell it.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// What was asked for makes no sense: 2, as for any wrong use of the command line.
    pub(crate) fn usage(message: String) -> Self {
        Self { code: 2, message }
    }

    /// The configuration cannot be used, or what it names: a model or a sound system that is none. 3: to try
    /// again helps against none of that.
    pub(crate) fn configuration(message: String) -> Self {
        Self { code: 3, message }
    }

    /// Somebody else has what is needed, such as another Earworm: 4.
    pub(crate) fn taken(message: String) -> Self {
        Self { code: 4, message }
    }

    /// The exit code.
    #[cfg(test)]
    pub(crate) fn code(&self) -> u8 {
        self.code
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

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
            error
                .downcast_ref::<Failure>()
                .map_or(ExitCode::FAILURE, |failure| ExitCode::from(failure.code))
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
