//! How far long work is: a bar on a terminal; a line now and then where there is none, as in a scheduler's log.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::tell;

/// Longest silence in a log while work gets on.
pub(crate) const SILENCE: Duration = Duration::from_secs(60);

/// When the last line of a log was written.
#[derive(Debug, Default)]
pub(crate) struct Lines(Mutex<Option<Instant>>);

impl Lines {
    /// As if a line had been written now.
    fn begin() -> Self {
        Self(Mutex::new(Some(Instant::now())))
    }

    /// Whether a line is due, as the last one is so old; `first` where there has been none. It counts as written
    /// then, and where there has been none, as if there had been one now.
    pub(crate) fn are_due(&self, after: Duration, first: bool) -> bool {
        let mut last = self.0.lock().unwrap_or_else(|e| e.into_inner());
        let due = last.map_or(first, |last| last.elapsed() >= after);
        if due || last.is_none() {
            *last = Some(Instant::now());
        }
        due
    }
}

/// Work on many things, one after another or side by side.
pub(crate) struct Progress {
    bar: ProgressBar,
    work: &'static str,
    things: &'static str,
    lines: Option<Lines>,
}

impl Progress {
    /// Begins: `work` is what the command is called, `things` what there are so many of.
    pub(crate) fn begin(work: &'static str, things: &'static str, count: usize) -> Result<Self> {
        let style = ProgressStyle::with_template(&format!(
            "{{bar:30}} {{pos}}/{{len}} {things}  {{per_sec}}  {{eta}} left  {{wide_msg}}"
        ))?;
        let bar = ProgressBar::new(count as u64).with_style(style);
        let lines = bar.is_hidden().then(Lines::begin);
        Ok(Self { bar, work, things, lines })
    }

    /// Shows what is at hand.
    pub(crate) fn is_at(&self, name: &str) {
        self.bar.set_message(name.to_owned());
    }

    /// One more is done.
    pub(crate) fn one_more(&self) {
        self.bar.inc(1);
        if let Some(line) = self.line(SILENCE) {
            tell(line);
        }
    }

    /// A line, where lines are and the last one is so old.
    fn line(&self, after: Duration) -> Option<String> {
        let (done, all) = (self.bar.position(), self.bar.length().unwrap_or_default());
        let text = || format!("{}: {done} of {all} {}", self.work, self.things);
        self.lines.as_ref()?.are_due(after, false).then(text)
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_due_after_a_while() {
        let lines = Lines::default();
        assert!(!lines.are_due(Duration::ZERO, false));
        assert!(lines.are_due(Duration::ZERO, false) && !lines.are_due(SILENCE, true));
        assert!(Lines::default().are_due(SILENCE, true));
    }

    #[test]
    fn a_log_is_told_how_far_the_work_is() {
        let lines = Some(Lines::begin());
        let work = Progress { lines, ..Progress::begin("dataset build", "songs", 3).unwrap() };
        work.one_more();
        work.one_more();
        assert_eq!(work.line(SILENCE), None);
        assert_eq!(work.line(Duration::ZERO).as_deref(), Some("dataset build: 2 of 3 songs"));
        work.end();
        let on_a_terminal = Progress { lines: None, ..work };
        assert_eq!(on_a_terminal.line(Duration::ZERO), None);
    }
}
