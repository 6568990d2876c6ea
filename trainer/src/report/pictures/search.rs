//! The configurations that were tried.

use anyhow::Result;
use plotters::style::RGBColor;

use super::super::svg::{DIM, Picture, Plot, dot, line, range, series, shorten, stroke};
use super::learning::without_outliers;
use crate::run::{EpochRow, Search, SearchConfig};

/// Configurations with a colour of their own; the others are grey.
const MOST_COLOURS: usize = 7;
/// Longest label of a configuration.
const LABEL: usize = 38;

/// The configurations by their mean score, the chosen one first and those without a mean, as they failed, last.
pub(in crate::report) fn ranked(search: &Search) -> Vec<&SearchConfig> {
    let mut configs: Vec<&SearchConfig> = search.configs.iter().collect();
    configs.sort_by(|a, b| {
        let (a, b) = (&a.entry, &b.entry);
        let there_first = a.mean.is_nan().cmp(&b.mean.is_nan());
        b.chosen.cmp(&a.chosen).then(there_first).then(b.mean.total_cmp(&a.mean))
    });
    configs
}

fn colour(rank: usize) -> RGBColor {
    if rank < MOST_COLOURS { series(rank) } else { DIM }
}

/// A value of each pass, averaged over the folds that got so far.
fn mean_of_folds(
    config: &SearchConfig,
    value: impl Fn(&EpochRow) -> Option<f64>,
) -> Vec<(f64, f64)> {
    let passes = config.folds.iter().map(Vec::len).max().unwrap_or(0);
    (0..passes)
        .filter_map(|pass| {
            let values: Vec<f64> = config
                .folds
                .iter()
                .filter_map(|fold| value(fold.get(pass)?))
                .filter(|value| value.is_finite())
                .collect();
            (!values.is_empty())
                .then(|| (pass as f64 + 1.0, values.iter().sum::<f64>() / values.len() as f64))
        })
        .collect()
}

/// Learning curves of all configurations in one picture: accuracy where it was measured, else loss.
pub(super) fn curves(search: &Search) -> Result<Option<Picture>> {
    let configs = ranked(search);
    let mut rows = configs.iter().flat_map(|config| config.folds.iter().flatten());
    let accuracy = rows.any(|row| row.validation_accuracy.is_some());
    let held =
        |row: &EpochRow| if accuracy { row.validation_accuracy } else { row.validation_loss };
    let train = |row: &EpochRow| match accuracy {
        true => row.train_accuracy,
        // The loss of a preparation is another one.
        false => (!row.preparing).then_some(row.train_loss),
    };
    let lines: Vec<[Vec<(f64, f64)>; 2]> = configs
        .iter()
        .map(|config| [mean_of_folds(config, train), mean_of_folds(config, held)])
        .collect();
    let all: Vec<(f64, f64)> = lines.iter().flatten().flatten().copied().collect();
    if all.is_empty() {
        return Ok(None);
    }
    let y = without_outliers(&all);
    let last = all.iter().map(|p| p.0).fold(1.0, f64::max);
    let plot = Plot {
        title: "Learning curves of all configurations",
        caption: "Means over folds. Thick: songs that were not learnt from. Thin: training songs. The chosen configuration comes first.",
        size: (940, 420),
        x: (0.0, last + 0.5),
        y,
        x_label: "passes over the songs",
        y_label: if accuracy { "share right" } else { "loss" },
        legend: legend(&configs),
    };
    plot.paint(|axes| {
        // The best are drawn last, on top.
        for (rank, [train, held]) in lines.iter().enumerate().rev() {
            let clipped = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
                points.iter().map(|&(x, v)| (x, v.clamp(y.0, y.1))).collect()
            };
            let faint = if rank < MOST_COLOURS { 1.0 } else { 0.35 };
            let width = if configs[rank].entry.chosen { 3.0 } else { 1.8 };
            line(axes, clipped(train), stroke(colour(rank), 0.5 * faint, 1.0))?;
            line(axes, clipped(held), stroke(colour(rank), faint, width))?;
        }
        Ok(())
    })
    .map(Some)
}

fn legend(configs: &[&SearchConfig]) -> Vec<(RGBColor, String)> {
    let mut legend: Vec<(RGBColor, String)> = configs
        .iter()
        .take(MOST_COLOURS)
        .enumerate()
        .map(|(rank, config)| {
            let chosen = if config.entry.chosen { " (chosen)" } else { "" };
            (colour(rank), shorten(&config.entry.short_label(), LABEL) + chosen)
        })
        .collect();
    if configs.len() > MOST_COLOURS {
        legend.push((DIM, format!("{} others", configs.len() - MOST_COLOURS)));
    }
    legend
}

/// The score of each configuration in each fold, with their means.
pub(super) fn scores(search: &Search) -> Result<Option<Picture>> {
    let configs = ranked(search);
    let scores = || configs.iter().flat_map(|config| config.entry.scores.iter().copied());
    if scores().next().is_none() {
        return Ok(None);
    }
    let n = configs.len();
    let plot = Plot {
        title: "Scores of all configurations",
        caption: "Small dots: one fold each. Large dots and lines: mean and one standard deviation. The chosen configuration comes first; where the lines of others overlap with its own, the choice is a matter of luck.",
        size: (940, 330),
        x: (0.4, n as f64 + 0.6),
        y: range(scores().chain(configs.iter().map(|c| c.entry.mean + c.entry.sd))),
        x_label: "configuration, the best first",
        y_label: "score",
        legend: legend(&configs),
    };
    plot.paint(|axes| {
        for (rank, config) in configs.iter().enumerate() {
            let (x, entry) = (rank as f64 + 1.0, &config.entry);
            for &score in entry.scores.iter().filter(|score| score.is_finite()) {
                dot(axes, (x, score), 2.2, colour(rank), 0.55)?;
            }
            if entry.mean.is_finite() && entry.sd.is_finite() {
                let ends = [(x, entry.mean - entry.sd), (x, entry.mean + entry.sd)];
                line(axes, ends, stroke(colour(rank), 0.8, 1.6))?;
                dot(axes, (x, entry.mean), 5.0, colour(rank), 1.0)?;
            }
        }
        Ok(())
    })
    .map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::SearchEntry;

    #[test]
    fn configurations_that_failed_come_last() {
        // Of both signs: 0 / 0 makes a negative one.
        let means = [0.5, f64::NAN, 0.7, -f64::NAN, 0.6];
        let config = |(index, mean): (usize, f64)| SearchConfig {
            entry: SearchEntry {
                config: serde_json::Map::new(),
                scores: vec![mean],
                mean,
                sd: 0.0,
                chosen: index == 4,
                failed: mean.is_nan().then(|| "the loss is no longer a number".to_owned()),
                folder: Some(index.to_string()),
            },
            folds: vec![],
        };
        let search = Search { configs: means.into_iter().enumerate().map(config).collect() };
        let ranks: Vec<&str> = ranked(&search)
            .into_iter()
            .filter_map(|config| config.entry.folder.as_deref())
            .collect();
        assert_eq!(ranks[..3], ["4", "2", "0"]);
        assert_eq!(ranks.len(), 5);
    }
}
