//! A comparison as text and as CSV.

use std::fmt;

use anyhow::Result;

use super::{Comparison, NormalDraws, figure};
use crate::evaluate::{in_brackets, number};
use crate::metrics::bootstrap::FEWEST_UNITS;
use crate::run::Task;

/// What the comparison comes to, in sentences.
pub(super) fn findings(comparison: &Comparison) -> Vec<String> {
    let first = &comparison.runs[0].evaluation;
    let can_tell = first.groups >= FEWEST_UNITS;
    let mut findings = match can_tell {
        true => against_nothing(comparison),
        false => vec![format!("{} are too few to tell the runs apart.", first.counted())],
    };
    findings.extend(closeness(comparison));
    if can_tell {
        findings.push(differences(comparison));
    }
    findings
}

/// Whether runs are better than always naming the majority class, and than a coin.
fn against_nothing(comparison: &Comparison) -> Vec<String> {
    let mut findings = Vec::new();
    let labels = |indices: &[usize]| -> String {
        indices.iter().map(|&i| comparison.runs[i].label.as_str()).collect::<Vec<_>>().join(", ")
    };
    let all = comparison.runs.len();
    if let (Task::Binary | Task::Classes, Some(majority)) =
        (comparison.task(), &comparison.runs[0].evaluation.majority)
    {
        let beating: Vec<usize> = (0..all)
            .filter(|&i| {
                figure(&comparison.runs[i].evaluation, "accuracy", "all")
                    .is_some_and(|accuracy| accuracy.is_above(majority.share))
            })
            .collect();
        let always =
            format!("the majority class (always “{}”: {:.3})", majority.class, majority.share);
        findings.push(match beating.len() {
            0 => format!("No run beats {always} beyond its interval."),
            n if n == all => format!("All {n} runs beat {always} beyond their intervals."),
            n => format!(
                "{n} of {all} runs beat {always} beyond their intervals: {}.",
                labels(&beating)
            ),
        });
        let proven: Vec<usize> = comparison
            .majority_tests
            .iter()
            .filter(|test| test.differs() && test.difference > 0.0)
            .map(|test| test.run)
            .collect();
        findings.push(match proven.len() {
            0 => format!(
                "By McNemar’s exact test, corrected for {all} runs, none is better than it song by song."
            ),
            n => format!(
                "By McNemar’s exact test, corrected for {all} runs, {n} {} better than it song by song: {}.",
                if n == 1 { "is" } else { "are" },
                labels(&proven)
            ),
        });
    }
    if comparison.task() != Task::Regression {
        let ranking: Vec<usize> = (0..all)
            .filter(|&i| {
                figure(&comparison.runs[i].evaluation, "auc", "all")
                    .is_some_and(|auc| auc.is_above(0.5))
            })
            .collect();
        findings.push(match ranking.len() {
            0 => "No run ranks songs better than a coin beyond its interval.".into(),
            n if n == all => {
                "All runs rank songs better than a coin beyond their intervals.".into()
            }
            n => format!(
                "{n} of {all} runs rank songs better than a coin beyond their intervals: {}.",
                labels(&ranking)
            ),
        });
    }
    findings
}

/// Song by song, and beside draws that know nothing.
fn closeness(comparison: &Comparison) -> Vec<String> {
    let mut findings = Vec::new();
    let reference = &comparison.runs[comparison.reference].label;
    for won in &comparison.song_by_song {
        findings.push(format!(
            "{} is closer to the truth than {reference} on {:.1} % of the songs.",
            comparison.runs[won.run].label,
            100.0 * won.closer
        ));
    }
    if let Some(NormalDraws { mean, deviation, mse }) = comparison.normal_draws {
        findings.push(format!(
            "Draws from a normal distribution ({mean:.3} ± {deviation:.3}) have a mean squared error of {}.",
            number(mse)
        ));
    }
    findings
}

/// Which runs differ from the reference by more than chance.
fn differences(comparison: &Comparison) -> String {
    let reference = &comparison.runs[comparison.reference].label;
    let differing: Vec<String> = comparison
        .tests
        .iter()
        .filter(|test| test.differs())
        .map(|test| {
            format!(
                "{} in {} by {:+.3} (p {})",
                comparison.runs[test.run].label,
                test.figure,
                test.difference,
                match p_value(test.corrected) {
                    least if least.starts_with('<') => least,
                    p => format!("= {p}"),
                }
            )
        })
        .collect();
    match differing.is_empty() {
        true => {
            format!("No run differs from {reference} by more than chance, after Holm’s correction.")
        }
        false => format!(
            "More than chance apart from {reference}, after Holm’s correction: {}.",
            differing.join("; ")
        ),
    }
}

/// A p-value with as many digits as it deserves.
pub(super) fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".into() } else { format!("{p:.3}") }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = &self.runs[0].evaluation;
        writeln!(f, "{}", first.songs_and_split())?;
        if let Some(majority) = &first.majority {
            writeln!(
                f,
                "majority class: always “{}” is right {:.3}",
                majority.class, majority.share
            )?;
        }
        writeln!(f)?;
        let columns = self.columns();
        let trained = self.runs.iter().any(|run| run.evaluation.train_accuracy.is_some());
        let mut header = vec!["run".to_owned()];
        header.extend(columns.iter().map(|&(name, scope)| match scope {
            "all" => name.to_owned(),
            scope => format!("{name} {scope}"),
        }));
        if trained {
            header.push("train accuracy".into());
        }
        header.extend(["parameters".to_owned(), "seconds".to_owned()]);
        let mut rows = vec![header];
        for (index, run) in self.runs.iter().enumerate() {
            let mark = if index == self.reference { " *" } else { "" };
            let mut row = vec![format!("{}{mark}", run.label)];
            row.extend(columns.iter().map(|&(name, scope)| {
                figure(&run.evaluation, name, scope).map_or("–".into(), in_brackets)
            }));
            if trained {
                row.push(run.evaluation.train_accuracy.map_or("–".into(), number));
            }
            row.push(run.evaluation.parameters.to_string());
            row.push(format!("{:.1}", run.evaluation.seconds));
            rows.push(row);
        }
        table(f, &rows)?;
        writeln!(f, "\n* the others are held against it")?;
        let mut rows = vec![
            ["against *", "figure", "difference", "95 % interval", "p", "p corrected", "test"]
                .map(str::to_owned)
                .to_vec(),
        ];
        for test in &self.tests {
            rows.push(vec![
                self.runs[test.run].label.clone(),
                test.figure.into(),
                format!("{:+.3}", test.difference),
                format!("{:+.3} to {:+.3}", test.low, test.high),
                p_value(test.p),
                p_value(test.corrected),
                test.kind.name().into(),
            ]);
        }
        writeln!(f)?;
        table(f, &rows)?;
        writeln!(f)?;
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        Ok(())
    }
}

fn table(f: &mut fmt::Formatter<'_>, rows: &[Vec<String>]) -> fmt::Result {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        writeln!(f, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// One row a run: what it is, all its figures with their intervals, and its tests.
pub(super) fn csv(comparison: &Comparison) -> Result<Vec<u8>> {
    let mut names: Vec<(String, String)> = Vec::new();
    for run in &comparison.runs {
        for figure in &run.evaluation.figures {
            let name = (figure.name.clone(), figure.scope.clone());
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let tested: Vec<&str> = comparison.tests.iter().fold(Vec::new(), |mut tested, test| {
        if !tested.contains(&test.figure) {
            tested.push(test.figure);
        }
        tested
    });
    let mut header: Vec<String> =
        ["run", "model", "songs", "groups", "majority", "train accuracy", "parameters", "seconds"]
            .map(str::to_owned)
            .to_vec();
    for (name, scope) in &names {
        let name = if scope == "all" { name.clone() } else { format!("{name} {scope}") };
        header.extend([name.clone(), format!("{name} low"), format!("{name} high")]);
    }
    for figure in &tested {
        header.extend([format!("{figure} difference"), format!("{figure} p corrected")]);
    }
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(&header)?;
    let optional = |value: Option<f64>| value.map_or(String::new(), |v| v.to_string());
    for (index, run) in comparison.runs.iter().enumerate() {
        let evaluation = &run.evaluation;
        let mut row = vec![
            run.label.clone(),
            evaluation.name.clone(),
            evaluation.songs.to_string(),
            evaluation.groups.to_string(),
            optional(evaluation.majority.as_ref().map(|majority| majority.share)),
            optional(evaluation.train_accuracy),
            evaluation.parameters.to_string(),
            evaluation.seconds.to_string(),
        ];
        for (name, scope) in &names {
            let figure = figure(evaluation, name, scope);
            row.extend([
                optional(figure.map(|f| f.value)),
                optional(figure.and_then(|f| f.low)),
                optional(figure.and_then(|f| f.high)),
            ]);
        }
        for figure in &tested {
            let test = comparison.tests.iter().find(|t| t.run == index && t.figure == *figure);
            row.extend([optional(test.map(|t| t.difference)), optional(test.map(|t| t.corrected))]);
        }
        csv.write_record(&row)?;
    }
    csv.into_inner().map_err(|e| e.into_error().into())
}
