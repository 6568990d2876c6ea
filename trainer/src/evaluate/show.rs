//! An evaluation as text for the terminal.

use std::fmt;

use earworm_scorer::model::Calibration;

use super::{Evaluation, Figure, FittedOn, TOO_FEW};
use crate::run::Split;

impl Evaluation {
    /// How many songs were judged, and into how many pieces they were cut.
    pub(crate) fn songs_words(&self) -> String {
        match self.pieces {
            Some(pieces) => format!("{pieces} pieces of {} songs", self.songs),
            None => format!("{} songs", self.songs),
        }
    }

    /// The same with the groups that they are of.
    pub(crate) fn counted(&self) -> String {
        match self.unit.as_str() {
            "songs" => self.songs_words(),
            unit => format!("{} of {} {unit}", self.songs_words(), self.groups),
        }
    }

    /// What a judgement is of: a song or a piece of one.
    pub(crate) fn judged(&self) -> &'static str {
        if self.pieces.is_some() { "pieces" } else { "songs" }
    }

    /// In words: how many songs, and how they were kept apart.
    pub fn songs_and_split(&self) -> String {
        let grouped = self.unit != "songs" || self.pieces.is_some();
        let one = self.unit.trim_end_matches('s');
        let songs = self.counted();
        if self.leaks {
            return format!("{songs}, judged by models that had seen others of the same {one}");
        }
        match (self.split, grouped) {
            (Split::Folds, true) => {
                format!("{songs}, each judged by a model that had not seen its {one}")
            }
            (Split::Folds, false) => {
                format!("{songs}, each judged by a model that had not seen it")
            }
            (Split::Test, _) => format!("{songs}, set aside for the test"),
        }
    }

    /// What the calibration is, in words.
    pub fn calibration_words(&self) -> String {
        let on = match self.calibration_fitted_on {
            FittedOn::Validation => ", fitted on validation songs",
            FittedOn::Judged => ", fitted on the judged songs",
            FittedOn::Nothing => "",
        };
        match &self.calibration {
            Calibration::Identity => "none".into(),
            Calibration::Platt { slope, intercept } => {
                format!("Platt, slope {slope:.3}, intercept {intercept:.3}{on}")
            }
            Calibration::Temperature { t } => format!("temperature {t:.3}{on}"),
            Calibration::Isotonic { x, .. } => format!("isotonic, {} points{on}", x.len()),
        }
    }
}

/// A value with as many digits as it deserves.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 1e6 => format!("{value:.2e}"),
        v if v >= 1000.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

/// A figure with its interval, in little room.
pub(crate) fn in_brackets(figure: &Figure) -> String {
    let interval = figure.interval().map_or_else(
        || format!("({TOO_FEW})"),
        |(low, high)| format!("[{}, {}]", number(low), number(high)),
    );
    format!("{} {interval}", number(figure.value))
}

fn row(figure: &Figure) -> [String; 5] {
    let baseline = match (figure.baseline, &figure.baseline_is) {
        (Some(value), Some(is)) => format!("{}  {is}", number(value)),
        _ => String::new(),
    };
    let (value, interval) = (number(figure.value), figure.interval_words());
    [figure.name.clone(), figure.scope.clone(), value, interval, baseline]
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.name, self.songs_and_split())?;
        writeln!(f)?;
        let header = ["figure", "songs", "value", "95 % interval", "without listening"];
        let rows: Vec<[String; 5]> = std::iter::once(header.map(str::to_owned))
            .chain(self.figures.iter().map(row))
            .collect();
        let width = |column: usize| rows.iter().map(|r| r[column].chars().count()).max();
        let widths: Vec<usize> = (0..5).map(|column| width(column).unwrap_or(0)).collect();
        for [name, scope, value, interval, baseline] in &rows {
            let line = format!(
                "{name:<0$}  {scope:<1$}  {value:>2$}  {interval:<3$}  {baseline}",
                widths[0], widths[1], widths[2], widths[3]
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        if let Some(train) = self.train_accuracy {
            writeln!(f, "accuracy on the training songs {train:.3}")?;
        }
        for result in &self.by_genre {
            let figures: Vec<String> =
                result.figures.iter().map(|x| format!("{} {}", x.name, in_brackets(x))).collect();
            let (name, songs, judged) = (&result.name, result.songs, self.judged());
            writeln!(f, "  {name} ({songs} {judged}): {}", figures.join(", "))?;
        }
        writeln!(f, "\ncalibration: {}", self.calibration_words())?;
        for (predicted, observed, songs) in &self.reliability {
            writeln!(
                f,
                "  said {:>3.0} %  was {:>3.0} %  ({songs} {})",
                predicted * 100.0,
                observed * 100.0,
                self.judged()
            )?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        write!(f, "\n{}", self.finding)
    }
}
