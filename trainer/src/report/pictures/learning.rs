//! Learning curves of the parts.

use anyhow::Result;

use super::super::svg::{DIM, Picture, Plot, dot, line, range, series, stroke};
use crate::run::{EpochRow, LearningPoint, Run};

/// The curves of one part.
struct Curves<'a> {
    name: &'a str,
    epochs: Vec<&'a EpochRow>,
    best: usize,
}

/// The passes that prepare a network have a loss of their own: they are never on one line with the others.
fn curves(run: &Run, preparing: bool) -> Vec<Curves<'_>> {
    let parts = run.parts.iter().map(|part| Curves {
        name: &part.name,
        epochs: wanted(&part.epochs, preparing),
        best: part.outcome.best_epoch,
    });
    let last = run.last.as_ref().map(|last| Curves {
        name: "final",
        epochs: wanted(&last.epochs, preparing),
        best: last.outcome.best_epoch,
    });
    parts.chain(last).filter(|curves| curves.epochs.len() > 1).collect()
}

fn wanted(rows: &[EpochRow], preparing: bool) -> Vec<&EpochRow> {
    rows.iter().filter(|row| row.preparing == preparing).collect()
}

/// Loss of the preparation by pass, where there was one.
pub(super) fn preparation(run: &Run) -> Result<Option<Picture>> {
    let caption = "The passes before the network learns the target, in which it learns to give back what it was given. This loss is another than that of the learning curves.";
    let curves = curves(run, true);
    draw(&curves, "Preparation", caption, "loss of preparing", |row| (Some(row.train_loss), None))
}

/// Training and validation loss by pass.
pub(super) fn losses(run: &Run) -> Result<Option<Picture>> {
    let caption = "Thick: loss on validation songs. Thin: on training songs. A dot marks the pass whose weights were kept. Where the thick line turns up while the thin one still falls, the model begins to learn its songs by heart.";
    draw(&curves(run, false), "Learning curves", caption, "loss", |row| {
        (Some(row.train_loss), row.validation_loss)
    })
}

/// Training and validation accuracy by pass, where they were measured.
pub(super) fn accuracies(run: &Run) -> Result<Option<Picture>> {
    let caption = "Thick: validation songs. Thin: training songs, each when it was learnt from. A dot marks the pass whose weights were kept.";
    draw(&curves(run, false), "Accuracy while learning", caption, "share right", |row| {
        (row.train_accuracy, row.validation_accuracy)
    })
}

/// What a table model is worth with ever more songs to learn from, where it was asked.
pub(super) fn over_songs(run: &Run) -> Result<Option<Picture>> {
    let Some(part) = run.parts.first().filter(|part| part.learning.len() > 1) else {
        return Ok(None);
    };
    let points = &part.learning;
    let curve = |value: fn(&LearningPoint) -> f64| -> Vec<(f64, f64)> {
        points.iter().map(|point| (point.songs as f64, value(point))).collect()
    };
    let (seen, judged) = (curve(|p| p.train_accuracy), curve(|p| p.judged_accuracy));
    let most = points.iter().map(|point| point.songs).max().unwrap_or_default() as f64;
    let plot = Plot {
        title: "Learning curve over songs",
        caption: "Models that learn from a tenth of the training songs and more, up to all of them, in the first part. Thick: judged songs. Thin: songs learnt from. Where the thick line still rises at its end, more songs would help; where the thin one stays far above it, the model learns its songs by heart.",
        x: (0.0, 1.04 * most),
        y: range(seen.iter().chain(&judged).map(|point| point.1)),
        x_label: "songs learnt from",
        y_label: "share right",
        ..Plot::default()
    };
    plot.paint(|axes| {
        line(axes, seen.iter().copied(), stroke(series(0), 0.55, 1.0))?;
        line(axes, judged.iter().copied(), stroke(series(0), 1.0, 2.2))?;
        for (curve, radius) in [(&seen, 2.5), (&judged, 4.5)] {
            for &at in curve {
                dot(axes, at, radius, series(0), 1.0)?;
            }
        }
        Ok(())
    })
    .map(Some)
}

fn draw(
    curves: &[Curves<'_>],
    title: &str,
    caption: &str,
    y_label: &str,
    values: impl Fn(&EpochRow) -> (Option<f64>, Option<f64>),
) -> Result<Option<Picture>> {
    let line_of = |curve: &Curves<'_>, validation: bool| -> Vec<(f64, f64)> {
        let value = |row: &EpochRow| {
            let (train, held) = values(row);
            let value = if validation { held } else { train };
            value.filter(|v| v.is_finite()).map(|v| (row.epoch as f64, v))
        };
        curve.epochs.iter().copied().filter_map(value).collect()
    };
    let all: Vec<(f64, f64)> = curves
        .iter()
        .flat_map(|curve| [line_of(curve, false), line_of(curve, true)].concat())
        .collect();
    if all.is_empty() {
        return Ok(None);
    }
    let last = all.iter().map(|p| p.0).fold(1.0, f64::max);
    let y = without_outliers(&all);
    let legend = curves.iter().enumerate().map(|(i, c)| (colour(i, c), c.name.into())).collect();
    let plot = Plot {
        title,
        caption,
        x: (0.0, last + 0.5),
        y,
        x_label: "passes over the songs",
        y_label,
        legend,
        ..Plot::default()
    };
    let clipped =
        |points: Vec<(f64, f64)>| points.into_iter().map(move |(x, v)| (x, v.clamp(y.0, y.1)));
    plot.paint(|axes| {
        for (index, curve) in curves.iter().enumerate() {
            let colour = colour(index, curve);
            line(axes, clipped(line_of(curve, false)), stroke(colour, 0.55, 1.0))?;
            let held = line_of(curve, true);
            let marked = if held.is_empty() { line_of(curve, false) } else { held.clone() };
            line(axes, clipped(held), stroke(colour, 1.0, 2.2))?;
            let best = marked.into_iter().filter(|p| p.0 == curve.best as f64);
            for best in clipped(best.collect()) {
                dot(axes, best, 4.5, colour, 1.0)?;
            }
        }
        Ok(())
    })
    .map(Some)
}

fn colour(index: usize, curves: &Curves<'_>) -> plotters::style::RGBColor {
    if curves.name == "final" { DIM } else { series(index) }
}

/// The range of curves whose first passes may be far off.
pub(super) fn without_outliers(points: &[(f64, f64)]) -> (f64, f64) {
    let mut values: Vec<f64> = points.iter().map(|p| p.1).collect();
    values.sort_by(f64::total_cmp);
    let (full, most) = (range(values.iter().copied()), values.len().saturating_sub(1));
    let usual = range(values[..=most * 19 / 20].iter().copied());
    // Only when they would press all the rest together.
    if full.1 - full.0 > 2.0 * (usual.1 - usual.0) { usual } else { full }
}
