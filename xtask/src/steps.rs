//! Steps that are done one after the other, each with a heading and its time.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Result;

/// How a step ended.
#[derive(Debug)]
enum End {
    Done(Duration),
    Failed(Duration),
    Skipped(String),
}

/// The steps so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    ended: Vec<(&'static str, End)>,
}

impl Steps {
    /// Does a step.
    pub(crate) fn step<T>(
        &mut self,
        title: &'static str,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        println!("\n=== {title}");
        // The programs that a step runs write to the same place.
        std::io::stdout().flush()?;
        let start = Instant::now();
        let result = work();
        let time = start.elapsed();
        let end = if result.is_ok() { End::Done(time) } else { End::Failed(time) };
        println!("--- {}", line(title, &end));
        self.ended.push((title, end));
        result
    }

    /// Leaves a step out, loudly.
    pub(crate) fn skip(&mut self, title: &'static str, why: &str) {
        let end = End::Skipped(why.to_owned());
        println!("\n=== {title}\n!!! {}", line(title, &end));
        self.ended.push((title, end));
    }

    /// All steps, one a line.
    pub(crate) fn summary(&self) -> String {
        let lines = self.ended.iter().map(|(title, end)| format!("  {}\n", line(title, end)));
        format!("\n=== summary\n{}", lines.collect::<String>())
    }
}

fn line(title: &str, end: &End) -> String {
    match end {
        End::Done(time) => format!("ok      {:7.1} s  {title}", time.as_secs_f64()),
        End::Failed(time) => format!("FAILED  {:7.1} s  {title}", time.as_secs_f64()),
        End::Skipped(why) => format!("SKIPPED            {title}: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_tells_how_each_step_ended() {
        let mut steps = Steps::default();
        assert_eq!(steps.step("first", || Ok(7)).unwrap(), 7);
        steps.skip("second", "no tool");
        assert!(steps.step("third", || -> Result<()> { anyhow::bail!("broken") }).is_err());
        let summary = steps.summary();
        let words: Vec<_> = summary
            .lines()
            .skip(2)
            .map(|line| line.split_whitespace().next().unwrap().to_owned())
            .collect();
        assert_eq!(words, ["ok", "SKIPPED", "FAILED"], "{summary}");
        assert!(summary.contains("second: no tool"), "{summary}");
    }
}
