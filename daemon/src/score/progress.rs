//! Progress of long files on a terminal: one line, about one file at a time.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{clock, text};

/// A file that is done before that needs no progress line.
const PATIENCE: Duration = Duration::from_millis(700);
/// From one drawing of the line to the next.
const INTERVAL: Duration = Duration::from_millis(100);
/// Cells of the file's name and of the bar.
const CELLS: usize = 30;

/// Takes the line away. The cursor stays behind the line's text and not below it, so that the
/// `^C` that terminals write goes with it.
const ERASE: &str = "\r\x1b[K";

/// The progress line of a run.
pub(crate) struct Progress {
    on_terminal: bool,
    /// Whether some file has the line.
    taken: AtomicBool,
    /// Whether the line is to be seen; locked by whoever writes to the terminal.
    visible: Mutex<bool>,
}

impl Progress {
    /// Shows progress if standard error is a terminal.
    pub(crate) fn new() -> Self {
        Self {
            on_terminal: io::stderr().is_terminal(),
            taken: AtomicBool::new(false),
            visible: Mutex::new(false),
        }
    }

    /// Progress of one file.
    pub(crate) fn file(&self, path: &Path) -> FileProgress<'_> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let name = text::pad(&text::shorten(&text::tame(&name), CELLS), CELLS, false);
        let started = Instant::now();
        FileProgress { all: self, name, started, due: started + PATIENCE, has_line: false }
    }

    /// Does what writes to the terminal with the line out of the way.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        let mut visible = self.visible.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut *visible) {
            let _ = write!(io::stderr(), "{ERASE}");
        }
        write()
    }

    fn draw(&self, line: &str) {
        let cells = ratatui::crossterm::terminal::size().map_or(80, |(cells, _)| cells);
        let line = text::shorten(line, usize::from(cells).saturating_sub(4));
        let mut visible = self.visible.lock().unwrap_or_else(PoisonError::into_inner);
        let mut terminal = io::stderr();
        let _ = write!(terminal, "{ERASE}{line}").and_then(|()| terminal.flush());
        *visible = true;
    }
}

/// Progress of one file. With several at the same time the one that came first has the line.
pub(crate) struct FileProgress<'a> {
    all: &'a Progress,
    name: String,
    started: Instant,
    /// When to draw next.
    due: Instant,
    has_line: bool,
}

impl FileProgress<'_> {
    /// So much is done, of so much if that is known.
    pub(crate) fn update(&mut self, done_s: f64, total_s: Option<f64>) {
        if !self.all.on_terminal || Instant::now() < self.due {
            return;
        }
        self.due = Instant::now() + INTERVAL;
        self.has_line = self.has_line || !self.all.taken.swap(true, Ordering::Relaxed);
        if self.has_line {
            let line = progress_line(done_s, total_s, self.started.elapsed());
            self.all.draw(&format!("{}  {line}", self.name));
        }
    }
}

impl Drop for FileProgress<'_> {
    fn drop(&mut self) {
        if self.has_line {
            self.all.aside(|| self.all.taken.store(false, Ordering::Relaxed));
        }
    }
}

fn progress_line(done_s: f64, total_s: Option<f64>, taken: Duration) -> String {
    let done = clock::clock(done_s);
    let Some(total_s) = total_s.filter(|&total_s| total_s > 0.0) else { return done };
    let part = (done_s / total_s).clamp(0.0, 1.0);
    let bar = text::pad(&text::bar(part as f32, CELLS), CELLS, false);
    let left = clock::clock(taken.as_secs_f64() * (1.0 - part) / part.max(1e-6));
    format!("▕{bar}▏ {done} of {} · {left} left", clock::clock(total_s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_long_it_will_take() {
        let line = progress_line(60.0, Some(240.0), Duration::from_secs(2));
        assert!(line.ends_with("▏ 1:00 of 4:00 · 0:06 left"), "{line}");
        assert_eq!(progress_line(60.0, None, Duration::from_secs(2)), "1:00");
        assert!(progress_line(0.0, Some(1.0), Duration::ZERO).contains("0:00 left"));
    }
}
