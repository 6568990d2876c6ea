//! Statistics as text.

use std::fmt;

use super::{Stats, pictures};

/// Columns in the text at most.
const MOST_LISTED: usize = 50;

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} songs", self.source.display(), self.songs)?;
        if let Some(hours) = self.hours {
            write!(f, ", {hours:.2} hours")?;
        }
        if let Some((column, groups)) = &self.groups {
            write!(f, ", {groups} values of {column:?}")?;
        }
        writeln!(f)?;
        let width = self.columns.iter().map(|c| c.name.chars().count()).max().unwrap_or(0).min(32);
        writeln!(
            f,
            "\n{:width$} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8}",
            "column", "mean", "deviation", "least", "median", "greatest", "distinct", "missing"
        )?;
        // Hundreds of features are for the pictures and stats.json.
        for column in self.columns.iter().take(MOST_LISTED) {
            let number = |value: Option<f64>| value.map_or("-".to_owned(), pictures::short);
            let quartile = |at: usize| number(column.quartiles.map(|quartiles| quartiles[at]));
            let name: String = column.name.chars().take(width).collect();
            writeln!(
                f,
                "{name:width$} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8}",
                number(column.mean),
                number(column.deviation),
                quartile(0),
                quartile(2),
                quartile(4),
                column.distinct,
                column.missing
            )?;
        }
        if let Some(more) = self.columns.len().checked_sub(MOST_LISTED).filter(|&more| more > 0) {
            writeln!(f, "… {more} more in stats.json")?;
        }
        for (name, counts) in &self.categories {
            let counts: Vec<String> =
                counts.iter().take(8).map(|(text, count)| format!("{text} {count}")).collect();
            writeln!(f, "{name}: {}", counts.join(", "))?;
        }
        if !self.strongest.is_empty() {
            writeln!(f, "\nstrongest correlations")?;
            for (a, b, value) in self.strongest.iter().take(5) {
                writeln!(f, "  {:>6} {a} and {b}", format!("{value:.3}").replace('-', "−"))?;
            }
        }
        writeln!(f)?;
        if self.warnings.is_empty() {
            writeln!(f, "no warnings")?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {}", warning.message)?;
            let more = warning.names.len().saturating_sub(3);
            for name in warning.names.iter().take(3) {
                writeln!(f, "  {name}")?;
            }
            if more > 0 {
                writeln!(f, "  … more in stats.json")?;
            }
        }
        write!(f, "\npictures: {}", self.pictures.join(", "))
    }
}
