//! The table as text.

use std::fmt::{self, Write};

use super::{Row, Table, TestRow};
use crate::evaluate::{Figure, number};
use crate::report::{seconds, thousands};

/// Names, scopes and headings of the figures in the table.
pub(super) const COLUMNS: [(&str, &str, &str); 5] = [
    ("auc", "all", "AUC"),
    ("spearman", "all", "Spearman"),
    ("accuracy", "all", "accuracy"),
    ("auc", "within genre", "AUC within genre"),
    ("spearman", "within genre", "Spearman within genre"),
];

impl Row {
    /// A figure by name and scope.
    pub(super) fn figure(&self, name: &str, scope: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name && figure.scope == scope)
    }
}

impl Table {
    /// The test of a system in AUC against the genre, else in accuracy against the majority.
    pub(super) fn test_of(&self, name: &str, against: &str, figure: &str) -> Option<&TestRow> {
        let fits =
            |test: &&TestRow| test.name == name && test.against == against && test.figure == figure;
        self.tests.iter().find(fits)
    }

    /// The rows by AUC, the best first.
    pub(super) fn ranked(&self) -> Vec<&Row> {
        let auc = |row: &Row| row.figure("auc", "all").map_or(f64::NEG_INFINITY, |f| f.value);
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by(|a, b| auc(b).total_cmp(&auc(a)));
        rows
    }

    /// How many songs, of whom.
    pub(super) fn songs_words(&self) -> String {
        match self.groups {
            Some(groups) => format!("{} songs of {groups} groups", self.songs),
            None => format!("{} songs", self.songs),
        }
    }
}

fn interval(figure: &Figure) -> String {
    format!("{} ({})", number(figure.value), figure.interval_words())
}

/// What the table comes to.
pub(super) fn findings(table: &Table) -> Vec<String> {
    let mut findings = Vec::new();
    let ranked = table.ranked();
    if let Some((best, figure)) = ranked.first().and_then(|b| Some((b, b.figure("auc", "all")?))) {
        let chance = match figure.beats_baseline() {
            Some(true) => "better than a coin beyond its interval",
            Some(false) => "not beyond chance",
            None => "which of so few cannot be told from chance",
        };
        findings.push(format!(
            "The best ranking is that of {} (system {}): AUC {}, {chance}. It is the best of {}, so luck has helped it.",
            best.name, best.system, interval(figure), table.rows.len()
        ));
        if let Some(test) = table.test_of(&best.name, "genre", "auc") {
            let word = if test.corrected < 0.05 { "beyond chance" } else { "no more than chance" };
            findings.push(format!(
                "Against knowing the genre alone its AUC differs by {:+.3} ({:+.3} to {:+.3}; p corrected {:.3}): {word}.",
                test.difference, test.low, test.high, test.corrected
            ));
        }
    }
    let tested = table.tests.iter().filter(|t| t.against == "genre" && t.figure == "auc");
    let tested: Vec<_> = tested.collect();
    let beyond: Vec<&str> = tested
        .iter()
        .filter(|t| t.corrected < 0.05 && t.difference > 0.0)
        .map(|t| t.name.as_str())
        .collect();
    // Of too few groups nothing is tested.
    if table.genre.is_some() && !tested.is_empty() {
        findings.push(match beyond.as_slice() {
            [] => "No system ranks songs better than their genre does, after correction for their number.".into(),
            names => format!("Better than the genre beyond chance, after correction: {}.", names.join(", ")),
        });
    }
    for row in table.rows.iter().chain(&table.apart) {
        // Published and corrected forms are told by their names.
        let Some(name) = row.name.strip_suffix("-corrected") else { continue };
        let published = format!("{name}-published");
        let published = table.rows.iter().chain(&table.apart).find(|other| other.name == published);
        let figures =
            published.and_then(|p| Some((p.figure("auc", "all")?, row.figure("auc", "all")?)));
        if let Some((before, after)) = figures {
            findings.push(format!(
                "{name}: AUC {} as published, {} corrected.",
                interval(before),
                interval(after)
            ));
        }
    }
    findings
}

/// The table as Markdown, to be kept with the models.
pub(super) fn markdown(table: &Table) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_markdown(&mut text, table);
    text
}

fn write_markdown(f: &mut String, table: &Table) -> fmt::Result {
    let quick = if table.quick { ", quick mode" } else { "" };
    writeln!(f, "# {}\n", table.name)?;
    writeln!(
        f,
        "{} on {}{quick}. Every song is judged by models that have not seen its group; intervals are 95 %. Made by `{}`, {}.\n",
        table.songs_words(),
        table.data,
        table.command,
        table.ended
    )?;
    for finding in &table.findings {
        writeln!(f, "- {finding}")?;
    }
    let columns: Vec<_> = COLUMNS
        .iter()
        .filter(|(name, scope, _)| table.rows.iter().any(|row| row.figure(name, scope).is_some()))
        .collect();
    write!(f, "\n| system | of | form |")?;
    columns.iter().try_for_each(|(_, _, heading)| write!(f, " {heading} |"))?;
    writeln!(f, " p against majority | p against genre | parameters | training |")?;
    writeln!(f, "|{}", " --- |".repeat(columns.len() + 7))?;
    for row in table.ranked().into_iter().chain(&table.genre) {
        write!(f, "| {} | {} | {} |", row.name, row.system, row.form.name())?;
        for (name, scope, _) in &columns {
            let cell = row.figure(name, scope).map_or("–".into(), interval);
            write!(f, " {cell} |")?;
        }
        for (against, figure) in [("majority", "accuracy"), ("genre", "auc")] {
            let test = table.test_of(&row.name, against, figure);
            write!(f, " {} |", test.map_or("–".into(), |t| format!("{:.3}", t.corrected)))?;
        }
        writeln!(f, " {} | {} |", thousands(row.parameters), seconds(row.seconds))?;
    }
    if let Some(values) = &table.values {
        let first = &values.rows[0].name;
        writeln!(f, "\nSystems that learn the value itself, on its own scale:\n")?;
        writeln!(f, "| system | MSE | MAE | R² | closer than {first} |\n|{}", " --- |".repeat(5))?;
        for row in &values.rows {
            let closer = row.closer.map_or("–".into(), |share| format!("{:.1} %", 100.0 * share));
            let r2 = row.r2.map_or("–".into(), number);
            writeln!(
                f,
                "| {} | {:.4} | {} | {r2} | {closer} |",
                row.name,
                row.mse,
                number(row.mae)
            )?;
        }
        let draws = &values.draws;
        writeln!(
            f,
            "| draws from a normal distribution, {:.3} ± {:.3} | {:.4} | – | – | – |",
            draws.mean, draws.deviation, draws.mse
        )?;
    }
    if !table.apart.is_empty() {
        writeln!(f, "\nOn songs or splits of their own, not comparable with the table:\n")?;
        for row in &table.apart {
            writeln!(f, "- {} ({}): {}. {}", row.name, row.form.name(), row.about, row.finding)?;
        }
    }
    writeln!(f)?;
    for row in &table.rows {
        writeln!(f, "- {}: {}", row.name, row.about)?;
    }
    for (name, reason) in &table.failed {
        writeln!(f, "- {name} failed: {reason}")?;
    }
    if !table.exported.is_empty() {
        writeln!(f, "\nModels for the meter:\n")?;
        for model in &table.exported {
            writeln!(f, "- {}: {}", model.name, model.words)?;
        }
    }
    Ok(())
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} of {}\n", self.name, self.songs_words(), self.data)?;
        let rows: Vec<&Row> = self.ranked().into_iter().chain(&self.genre).collect();
        let widest = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        writeln!(
            f,
            "{:<widest$}  of  form       {:<24}  {:<26}  parameters  training",
            "system", "AUC", "Spearman"
        )?;
        for row in rows {
            let cell = |name| row.figure(name, "all").map_or("–".into(), interval);
            writeln!(
                f,
                "{:<widest$}  {:<2}  {:<9}  {:<24}  {:<26}  {:>10}  {:>8}",
                row.name,
                row.system,
                row.form.name(),
                cell("auc"),
                cell("spearman"),
                thousands(row.parameters),
                seconds(row.seconds)
            )?;
        }
        writeln!(f)?;
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        for (name, reason) in &self.failed {
            writeln!(f, "{name} failed: {reason}")?;
        }
        for model in &self.exported {
            writeln!(f, "{}: {}", model.name, model.words)?;
        }
        Ok(())
    }
}
