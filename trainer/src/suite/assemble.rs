//! The table of a suite: every system that was trained, measured alike.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::measure::{self, Field, Truth};
use super::{Form, Options, Plan, Row, System, Table, TestRow, show, values};
use crate::command_line::command_line;
use crate::compare::Test;
use crate::dataset::Dataset;
use crate::evaluate::Songs;
use crate::report::evaluate;
use crate::run::Run;

/// Measures what was trained.
///
/// # Errors
/// When the truth cannot be told of the songs, or no system can be measured. One that cannot is told of
/// among those that failed.
pub(super) fn table(
    plan: &Plan,
    options: &Options,
    set: &Dataset,
    trained: &[(&System, PathBuf)],
    mut failed: Vec<(String, String)>,
) -> Result<Table> {
    let column = |key: &str| plan.data.get(key).and_then(toml::Value::as_str);
    let truth = Truth::of(set, &plan.truth).context("truth")?;
    let mut left: Vec<&(&System, PathBuf)> = trained.iter().collect();
    let mut field = None;
    // Songs and parts are those of the first system that can be read.
    while let (None, Some(at)) = (&field, left.iter().position(|(system, _)| !system.apart)) {
        let (system, out) = left[at];
        match Field::of(&truth, out, column("genre")) {
            Ok(of) => field = Some(of),
            Err(error) => {
                failed.push((system.name.clone(), format!("{error:#}")));
                left.remove(at);
            }
        }
    }
    let field = field.with_context(|| match failed.first() {
        Some((name, reason)) => format!("no system could be trained; {name}: {reason}"),
        None => "the suite has no system for the table, only such as stand apart".to_owned(),
    })?;
    let (mut rows, mut songs, mut apart) = (Vec::new(), Vec::new(), Vec::new());
    let mut on_own_scale = Vec::new();
    for (system, out) in left {
        match measured(system, out, &field, plan.seed) {
            Ok((row, None)) => apart.push(row),
            Ok((row, Some((own, said)))) => {
                on_own_scale.extend(said.map(|said| (row.name.clone(), said)));
                rows.push(row);
                songs.push(own);
            }
            Err(error) => failed.push((system.name.clone(), format!("{error:#}"))),
        }
    }
    let by_genre = field.has_genres().then(|| field.by_genre());
    let genre = by_genre.as_ref().map(|songs| Row {
        name: "genre".into(),
        system: "–".into(),
        form: Form::Own,
        about: "the mean of the song's genre in the other folds, without listening".into(),
        parameters: 0,
        seconds: 0.0,
        figures: measure::figures_of(songs, plan.seed),
        finding: String::new(),
    });
    let name_tests = |against: &str, tests: Vec<Test>| -> Vec<TestRow> {
        let named = |test: Test| TestRow {
            name: rows[test.run].name.clone(),
            against: against.into(),
            figure: test.figure.into(),
            test: test.kind.name().into(),
            difference: test.difference,
            low: test.low,
            high: test.high,
            p: test.p,
            corrected: test.corrected,
        };
        tests.into_iter().map(named).collect()
    };
    let mut tests = name_tests("majority", measure::against_the_majority(&songs));
    if let Some(genre) = &by_genre {
        tests.extend(name_tests("genre", measure::against(genre, &songs, plan.seed)));
    }
    let mut table = Table {
        name: plan.name.clone(),
        data: column("name").unwrap_or("the data set").to_owned(),
        sha256: set.sha256.clone(),
        quick: options.quick,
        command: command_line(),
        ended: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
        songs: field.len(),
        groups: field.groups(),
        majority: field.majority(),
        rows,
        genre,
        values: values::values(&on_own_scale),
        apart,
        tests,
        failed,
        exported: Vec::new(),
        findings: Vec::new(),
    };
    table.findings = show::findings(&table);
    Ok(table)
}

/// What a system said of the songs: as all are measured, and on its own scale if it predicts values.
type Said = (Songs, Option<Songs>);

/// A system's row, and unless it stands apart what it said of the songs.
fn measured(
    system: &System,
    out: &Path,
    field: &Field<'_>,
    seed: u64,
) -> Result<(Row, Option<Said>)> {
    let evaluation = evaluate(out)?;
    let mut row = Row {
        name: system.name.clone(),
        system: system.system.clone(),
        form: system.form,
        about: system.about.clone(),
        parameters: evaluation.parameters,
        // Without that of a last model on all songs, which not every suite trains.
        seconds: Run::open(out)?.parts.iter().map(|part| part.outcome.seconds).sum(),
        figures: evaluation.figures,
        finding: evaluation.finding,
    };
    if system.apart {
        return Ok((row, None));
    }
    let own = field.judged_by(out)?;
    row.figures = measure::figures_of(&own, seed);
    Ok((row, Some((own, values::said(out)?))))
}
