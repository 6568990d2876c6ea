//! What the program prints. `println!` panics where nobody reads it any more, in the middle of a pipe, or where the
//! disk that it goes to is full.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

/// Prints to standard output. Whoever read it and went away has seen enough (`earworm-train evaluate … | head`):
/// that is no failure, and what is under way goes on.
///
/// # Errors
/// When it cannot be written for another reason, such as a full disk.
pub fn print(text: impl Display) -> Result<()> {
    print_to(&mut io::stdout().lock(), text)
}

/// Prints a line, as [`print()`] does.
///
/// # Errors
/// As [`print()`].
pub fn print_line(text: impl Display) -> Result<()> {
    print(format_args!("{text}\n"))
}

/// Whether this is the program, and not a test that says what it prints only where it fails.
static IS_PROGRAM: AtomicBool = AtomicBool::new(false);

/// From now on nothing that is told depends on whether somebody reads it. For the beginning of `main`.
pub fn begin() {
    IS_PROGRAM.store(true, Ordering::Relaxed);
}

/// Tells something on standard error, which may be closed.
pub fn tell(text: impl Display) {
    if IS_PROGRAM.load(Ordering::Relaxed) {
        let _ = writeln!(io::stderr(), "{text}");
    } else {
        eprintln!("{text}");
    }
}

fn print_to(out: &mut impl Write, text: impl Display) -> Result<()> {
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed.context("cannot write to standard output"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What nothing can be written to.
    struct Closed(ErrorKind);

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_goes_away_is_no_failure() {
        print_to(&mut Closed(ErrorKind::BrokenPipe), "seen enough").unwrap();
        let full = print_to(&mut Closed(ErrorKind::StorageFull), "too much").unwrap_err();
        assert!(full.to_string().contains("standard output"), "{full:#}");
        let mut out = Vec::new();
        print_to(&mut out, format_args!("{} songs\n", 3)).unwrap();
        assert_eq!(out, b"3 songs\n");
    }
}
