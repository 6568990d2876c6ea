//! One run of a program, from its start to its end.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::workspace::shown;

/// What a run took.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Run {
    /// Seconds by the clock.
    pub(super) wall_s: f64,
    /// Seconds of processor time, all threads together.
    pub(super) cpu_s: f64,
    /// Most memory in use at once.
    pub(super) peak_mib: f64,
}

/// The middle and the ends of some values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Spread {
    /// # Panics
    /// When there are no values.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<_> = values.collect();
        values.sort_by(f64::total_cmp);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Self { median: (low + high) / 2.0, min: values[0], max: values[values.len() - 1] }
    }
}

/// Runs a program, its output thrown away, and measures it.
pub(super) fn run(command: &mut Command) -> Result<Run> {
    command.stdout(Stdio::null());
    Ok(measured(command)?.0)
}

/// Runs a program and measures it; gives what it printed too.
pub(super) fn run_printing(command: &mut Command) -> Result<(Run, Vec<u8>)> {
    command.stdout(Stdio::piped());
    measured(command)
}

fn measured(command: &mut Command) -> Result<(Run, Vec<u8>)> {
    command.stdin(Stdio::null());
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot start {}", shown(command)))?;
    let mut printed = Vec::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_end(&mut printed)?;
    }
    let (status, cpu_s, peak_mib) = wait(child)?;
    let wall_s = start.elapsed().as_secs_f64();
    ensure!(status.success(), "{} failed ({status})", shown(command));
    Ok((Run { wall_s, cpu_s, peak_mib }, printed))
}

/// Waits for a child; gives its processor seconds and its peak memory in MiB too.
#[cfg(unix)]
fn wait(child: Child) -> Result<(ExitStatus, f64, f64)> {
    use std::os::unix::process::ExitStatusExt;

    let pid = libc::pid_t::try_from(child.id())?;
    let mut status = 0;
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers are to live variables of the types wait4 writes to, and the child is
    // reaped nowhere else: `child` is dropped without waiting, and std does not reap on drop.
    while unsafe { libc::wait4(pid, &mut status, 0, usage.as_mut_ptr()) } != pid {
        let error = std::io::Error::last_os_error();
        ensure!(error.kind() == std::io::ErrorKind::Interrupted, "cannot wait: {error}");
    }
    // SAFETY: it started as zeros, which are a valid value of this struct of integers.
    let usage = unsafe { usage.assume_init() };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
    let unit = if cfg!(target_os = "macos") { 1.0 } else { 1024.0 };
    let peak_mib = usage.ru_maxrss as f64 * unit / f64::from(1 << 20);
    let cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    Ok((ExitStatus::from_raw(status), cpu_s, peak_mib))
}

#[cfg(not(unix))]
fn wait(_: Child) -> Result<(ExitStatus, f64, f64)> {
    anyhow::bail!("processes are measured on Unix only")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_odd_and_even_counts() {
        let of = |values: &[f64]| Spread::of(values.iter().copied());
        assert_eq!(of(&[3.0, 1.0, 2.0]), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]), Spread { median: 2.5, min: 1.0, max: 4.0 });
        assert_eq!(of(&[5.0]), Spread { median: 5.0, min: 5.0, max: 5.0 });
    }

    #[test]
    fn time_and_memory_are_those_of_the_program() {
        let asleep = run(Command::new("sleep").arg("0.2")).unwrap();
        assert!(asleep.wall_s >= 0.2 && asleep.cpu_s < 0.2, "{asleep:?}");
        // 64 MiB in one block, as `dd` allocates it.
        let large = run(Command::new("dd").args([
            "if=/dev/zero",
            "of=/dev/null",
            "bs=67108864",
            "count=1",
            "status=none",
        ]))
        .unwrap();
        assert!((64.0..100.0).contains(&large.peak_mib), "{large:?}");
        assert!(asleep.peak_mib < large.peak_mib);
    }

    #[test]
    fn what_a_program_prints_is_kept_where_it_is_wanted() {
        let mut echo = Command::new("echo");
        echo.arg("57.5");
        let (found, printed) = run_printing(&mut echo).unwrap();
        assert_eq!(printed, b"57.5\n");
        assert!(found.wall_s > 0.0);
        assert!(run_printing(&mut Command::new("false")).is_err());
    }

    #[test]
    fn a_program_that_fails_is_not_measured() {
        assert!(run(&mut Command::new("false")).is_err());
        assert!(run(&mut Command::new("earworm-no-such-program")).is_err());
    }
}
