//! What a run of libFuzzer says.

use std::path::PathBuf;

/// What came of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Inputs tried.
    pub(super) executions: u64,
    /// Places of the program that were reached.
    coverage: u64,
    /// Inputs that showed something new.
    inputs: u64,
    /// Files with what went wrong.
    pub(super) faults: Vec<PathBuf>,
}

impl Found {
    /// Takes in a line; false if it is not one of progress, and somebody may want to read it.
    pub(super) fn add(&mut self, line: &str) -> bool {
        let number = |text: &str| text.split_whitespace().next()?.parse().ok();
        if let Some(rest) = line.strip_prefix("stat::") {
            if let Some(count) = rest.strip_prefix("number_of_executed_units:").and_then(number) {
                self.executions = count;
            }
            return true;
        }
        if let Some((_, path)) = line.split_once("Test unit written to ") {
            self.faults.push(path.trim().into());
            return false;
        }
        let Some((_, rest)) = line.strip_prefix('#').and_then(|rest| rest.split_once("cov: "))
        else {
            return false;
        };
        self.coverage = number(rest).unwrap_or(self.coverage);
        let inputs = rest.split_once("corp: ").and_then(|(_, rest)| rest.split_once('/'));
        self.inputs = inputs.and_then(|(count, _)| number(count)).unwrap_or(self.inputs);
        true
    }

    /// All of it in a line.
    pub(super) fn line(&self, target: &str) -> String {
        let Self { executions, coverage, inputs, faults } = self;
        let faults = faults.len();
        format!(
            "{target}: {executions} executions, {coverage} edges, {inputs} inputs, {faults} found"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_add_up() {
        let mut found = Found::default();
        for (line, of_progress) in [
            ("#2\tINITED cov: 12 ft: 13 corp: 1/1b exec/s: 0 rss: 27Mb", true),
            (
                "#4096\tpulse  cov: 300 ft: 413 corp: 17/120Kb lim: 4096 exec/s: 2048 rss: 45Mb",
                true,
            ),
            ("thread '<unnamed>' panicked at scorer/src/lib.rs:1:2:", false),
            ("artifact_prefix='x/'; Test unit written to /tmp/x/crash-12ab", false),
            ("stat::number_of_executed_units: 4099", true),
            ("stat::peak_rss_mb:              45", true),
        ] {
            assert_eq!(found.add(line), of_progress, "{line}");
        }
        let faults = vec![PathBuf::from("/tmp/x/crash-12ab")];
        assert_eq!(found, Found { executions: 4099, coverage: 300, inputs: 17, faults });
        let line = "decode: 4099 executions, 300 edges, 17 inputs, 1 found";
        assert_eq!(found.line("decode"), line);
    }
}
