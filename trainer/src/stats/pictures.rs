//! The pictures of a data set: histograms, categories, correlations.

use std::path::Path;

use anyhow::Result;
use earworm_kit::canvas::{self, Anchor, Area, Canvas};
use earworm_kit::colour::{
    BACKGROUND, BRIGHT, DIM, GRID, INTEGRATED as GREEN, MOMENTARY as BLUE, PANEL, Rgb,
    WINDOW as AMBER,
};

use super::columns::{Categories, Numbers, Origin, quantile};
use crate::files;

/// Width of pictures of many panels.
const WIDTH: f64 = 1600.0;
/// Room around everything.
const MARGIN: f64 = 40.0;
/// Height of the title.
const TITLE: f64 = 96.0;
/// Panels side by side, and below one another at most.
const ACROSS: usize = 4;
const DOWN: usize = 6;
/// Height of a panel with its labels.
const PANEL_HEIGHT: f64 = 230.0;
/// Sizes of text.
const LARGE: f64 = 30.0;
const NAME: f64 = 18.0;
const LABEL: f64 = 14.0;

/// Draws histograms of columns in a grid, on as many sheets as it takes; returns the files' names.
pub(super) fn histograms(
    folder: &Path,
    name: &str,
    title: &str,
    columns: &[&Numbers],
) -> Result<Vec<String>> {
    let panels: Vec<Panel<'_>> = columns.iter().map(|column| Panel::Numbers(column)).collect();
    sheets(folder, name, title, &panels)
}

/// Draws bars of categories in a grid; returns the files' names.
pub(super) fn categories(
    folder: &Path,
    name: &str,
    title: &str,
    columns: &[&Categories],
) -> Result<Vec<String>> {
    let panels: Vec<Panel<'_>> = columns.iter().map(|column| Panel::Categories(column)).collect();
    sheets(folder, name, title, &panels)
}

enum Panel<'a> {
    Numbers(&'a Numbers),
    Categories(&'a Categories),
}

fn sheets(folder: &Path, name: &str, title: &str, panels: &[Panel<'_>]) -> Result<Vec<String>> {
    let count = panels.len().div_ceil(ACROSS * DOWN);
    let mut files = Vec::new();
    for (number, panels) in panels.chunks(ACROSS * DOWN).enumerate() {
        let (file, title) = match count {
            1 => (format!("{name}.png"), title.to_owned()),
            _ => (
                format!("{name}-{}.png", number + 1),
                format!("{title} ({} of {count})", number + 1),
            ),
        };
        let across = panels.len().min(ACROSS);
        let rows = panels.len().div_ceil(ACROSS);
        let step = (WIDTH - 2.0 * MARGIN + 28.0) / ACROSS as f64;
        // A few panels make a narrow sheet, but the title must fit.
        let width = (2.0 * MARGIN - 28.0 + step * across as f64).max(2.0 * step + MARGIN);
        let height = TITLE + rows as f64 * PANEL_HEIGHT + 16.0;
        paint(&folder.join(&file), (width as u32, height as u32), |canvas| {
            let title = canvas.fitted(&title, LARGE, width - 2.0 * MARGIN)?;
            canvas.text(&title, (MARGIN, 48.0), LARGE, BRIGHT, Anchor::Left)?;
            for (at, panel) in panels.iter().enumerate() {
                let left = MARGIN + (at % ACROSS) as f64 * step;
                let top = TITLE + (at / ACROSS) as f64 * PANEL_HEIGHT;
                let area = Area {
                    left,
                    top,
                    right: left + step - 28.0,
                    bottom: top + PANEL_HEIGHT - 22.0,
                };
                match panel {
                    Panel::Numbers(column) => histogram(canvas, area, column)?,
                    Panel::Categories(column) => bars(canvas, area, column)?,
                }
            }
            Ok(())
        })?;
        files.push(file);
    }
    Ok(files)
}

/// Draws into a PNG file in a folder that is made if it is not there.
fn paint(
    path: &Path,
    size: (u32, u32),
    draw: impl FnOnce(&Canvas<'_>) -> Result<()>,
) -> Result<()> {
    files::make_folder_of(path)?;
    canvas::save_png(path, size, BACKGROUND, draw)
}

fn histogram(canvas: &Canvas<'_>, area: Area, column: &Numbers) -> Result<()> {
    let sorted = column.sorted();
    let histogram = column.histogram();
    let note = match sorted.as_slice() {
        [] => "no values".to_owned(),
        sorted => format!("median {}", short(quantile(sorted, 0.5))),
    };
    let missing = column.values.len() - sorted.len();
    let note =
        if missing > 0 && !sorted.is_empty() { format!("{note}, {missing} missing") } else { note };
    heading(canvas, area, &column.name, &note)?;
    let plot = Area { top: area.top + 26.0, bottom: area.bottom - 26.0, ..area };
    canvas.fill(plot, PANEL, 1.0)?;
    let Some(most) = histogram.counts.iter().copied().max().filter(|&most| most > 0) else {
        return Ok(());
    };
    // Room for the label of the highest bar.
    let full = plot.height() - 24.0;
    let level = plot.bottom - full;
    canvas.line([(plot.left, level), (plot.right, level)], GRID, 1.0, 1.0)?;
    let rgb = if column.origin == Origin::Target { GREEN } else { BLUE };
    let count = histogram.counts.len() as f64;
    let step = plot.width() / count;
    let gap = if count <= 36.0 { (0.12 * step).min(4.0) } else { 0.5 };
    for (bar, &height) in histogram.counts.iter().enumerate() {
        let left = plot.left + bar as f64 * step;
        let top = plot.bottom - full * height as f64 / most as f64;
        let bar = Area { left: left + gap, right: left + step - gap, top, bottom: plot.bottom };
        if height > 0 {
            canvas.fill(Area { top: top.min(plot.bottom - 1.0), ..bar }, rgb, 1.0)?;
        }
    }
    canvas.text(&most.to_string(), (plot.left + 6.0, level - 11.0), LABEL, DIM, Anchor::Left)?;
    let (first, last) = (histogram.edges[0], histogram.edges[histogram.edges.len() - 1]);
    let part = |value: f64| match histogram.logarithmic {
        true => (value.max(first) / first).ln() / (last / first).ln(),
        false => (value - first) / (last - first),
    };
    let middle = quantile(&sorted, 0.5);
    let x = plot.left + part(middle).clamp(0.0, 1.0) * plot.width();
    canvas.line([(x, level), (x, plot.bottom)], AMBER, 1.0, 1.5)?;
    let y = plot.bottom + 13.0;
    let single = (1..histogram.edges.len())
        .all(|at| histogram.edges[at] - histogram.edges[at - 1] == 1.0 && first.fract() != 0.0);
    if single {
        let values: Vec<String> = histogram.edges[..histogram.counts.len()]
            .iter()
            .map(|edge| short(edge + 0.5))
            .collect();
        let mut widest = 0.0f64;
        for value in &values {
            widest = widest.max(canvas.text_width(value, LABEL)?);
        }
        // Every bar has its label, or every second, …
        let every = ((widest + 10.0) / step).ceil() as usize;
        for (bar, value) in values.iter().enumerate().step_by(every) {
            let x = plot.left + (bar as f64 + 0.5) * step;
            canvas.text(value, (x, y), LABEL, DIM, Anchor::Middle)?;
        }
        return Ok(());
    }
    let (least, greatest) = (sorted[0], sorted[sorted.len() - 1]);
    canvas.text(&short(least), (plot.left, y), LABEL, DIM, Anchor::Left)?;
    if greatest > least {
        canvas.text(&short(greatest), (plot.right, y), LABEL, DIM, Anchor::Right)?;
    }
    if histogram.logarithmic {
        let middle = plot.left + plot.width() / 2.0;
        canvas.text("logarithmic", (middle, y), LABEL, DIM, Anchor::Middle)?;
    } else if greatest > least {
        let (x, value) = (plot.left + plot.width() / 2.0, (first + last) / 2.0);
        canvas.text(&short(value), (x, y), LABEL, DIM, Anchor::Middle)?;
    }
    Ok(())
}

fn bars(canvas: &Canvas<'_>, area: Area, column: &Categories) -> Result<()> {
    let note = match column.missing {
        0 => format!("{} values", column.counts.len()),
        missing => format!("{} values, {missing} missing", column.counts.len()),
    };
    heading(canvas, area, &column.name, &note)?;
    let plot = Area { top: area.top + 26.0, bottom: area.bottom, ..area };
    canvas.fill(plot, PANEL, 1.0)?;
    let room = 8;
    let shown = if column.counts.len() > room { room - 1 } else { column.counts.len() };
    let most = column.counts.first().map_or(1, |(_, count)| *count);
    let step = (plot.height() - 12.0) / room as f64;
    let names = 0.42 * plot.width();
    for (row, (name, count)) in column.counts[..shown].iter().enumerate() {
        let middle = plot.top + 6.0 + (row as f64 + 0.5) * step;
        let name = canvas.fitted(name, LABEL, names - 20.0)?;
        canvas.text(&name, (plot.left + names - 8.0, middle), LABEL, DIM, Anchor::Right)?;
        let left = plot.left + names;
        let width = (plot.right - left - 56.0) * *count as f64 / most as f64;
        let bar =
            Area { left, right: left + width.max(1.0), top: middle - 6.0, bottom: middle + 6.0 };
        canvas.fill(bar, BLUE, 1.0)?;
        canvas.text(&count.to_string(), (bar.right + 8.0, middle), LABEL, DIM, Anchor::Left)?;
    }
    if shown < column.counts.len() {
        let rest: usize = column.counts[shown..].iter().map(|(_, count)| count).sum();
        let text = format!("{} more values: {rest} songs", column.counts.len() - shown);
        let middle = plot.top + 6.0 + (shown as f64 + 0.5) * step;
        canvas.text(&text, (plot.left + names, middle), LABEL, DIM, Anchor::Left)?;
    }
    Ok(())
}

fn heading(canvas: &Canvas<'_>, area: Area, name: &str, note: &str) -> Result<()> {
    let y = area.top + 11.0;
    canvas.text(note, (area.right, y), LABEL, DIM, Anchor::Right)?;
    let room = area.width() - canvas.text_width(note, LABEL)? - 14.0;
    let name = canvas.fitted(name, NAME, room)?;
    canvas.text(&name, (area.left, y), NAME, BRIGHT, Anchor::Left)
}

/// Draws the matrix of correlations of columns.
pub(super) fn correlations(
    path: &Path,
    title: &str,
    names: &[&str],
    matrix: &[Vec<Option<f64>>],
) -> Result<()> {
    const LONGEST: f64 = 210.0;
    let count = names.len() as f64;
    let cell = (1100.0 / count).clamp(3.0, 64.0);
    let side = cell * count;
    // As many labels as can be read.
    let every = (11.0 / cell).ceil().max(1.0) as usize;
    let size = (cell * every as f64 * 0.8).clamp(9.0, 17.0);
    let left = MARGIN + LONGEST + 10.0;
    let width = left + side + 150.0;
    let width = width.max(900.0);
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let height = TITLE + side + (0.6 * size * longest as f64).min(LONGEST) + 40.0;
    paint(path, (width as u32, height as u32), |canvas| {
        let title = canvas.fitted(title, LARGE, width - 2.0 * MARGIN)?;
        canvas.text(&title, (MARGIN, 48.0), LARGE, BRIGHT, Anchor::Left)?;
        let gap = if cell > 12.0 { 1.0 } else { 0.0 };
        for (row, correlations) in matrix.iter().enumerate() {
            let top = TITLE + row as f64 * cell;
            for (at, value) in correlations.iter().enumerate() {
                let x = left + at as f64 * cell;
                let area = Area { left: x, top, right: x + cell - gap, bottom: top + cell - gap };
                // No correlation with a constant: the cell stays empty.
                let Some(value) = value else { continue };
                canvas.fill(area, diverging(*value), 1.0)?;
                if cell >= 34.0 {
                    let text = format!("{value:.2}").replace('-', "−").replace("−0.00", "0.00");
                    let rgb = match value.abs() {
                        strong if strong > 0.55 => BACKGROUND,
                        strong if strong > 0.25 => BRIGHT,
                        _ => DIM,
                    };
                    let middle = (x + cell / 2.0, top + cell / 2.0);
                    canvas.text(&text, middle, (cell * 0.32).min(15.0), rgb, Anchor::Middle)?;
                }
            }
            if row % every == 0 {
                let middle = (row as f64 + 0.5) * cell;
                let name = canvas.fitted(names[row], size, LONGEST)?;
                canvas.text(&name, (left - 8.0, TITLE + middle), size, DIM, Anchor::Right)?;
                let below = (left + middle, TITLE + side + 8.0);
                canvas.text(&name, below, size, DIM, Anchor::Upwards)?;
            }
        }
        scale(canvas, left + side + 40.0, TITLE, side.min(420.0))
    })
}

/// The colours of −1 to 1, with their values.
fn scale(canvas: &Canvas<'_>, left: f64, top: f64, height: f64) -> Result<()> {
    let steps = 100;
    for step in 0..steps {
        let part = f64::from(step) / f64::from(steps);
        let y = top + part * height;
        let area =
            Area { left, right: left + 22.0, top: y, bottom: y + height / f64::from(steps) + 1.0 };
        canvas.fill(area, diverging(1.0 - 2.0 * part), 1.0)?;
    }
    for (label, value) in [("1", 1.0), ("0.5", 0.5), ("0", 0.0), ("−0.5", -0.5), ("−1", -1.0)] {
        let y = top + (1.0 - value) / 2.0 * height;
        canvas.text(label, (left + 32.0, y), LABEL, DIM, Anchor::Left)?;
    }
    Ok(())
}

/// Blue for −1, dark for 0, amber for 1.
fn diverging(value: f64) -> Rgb {
    let strength = value.abs().clamp(0.0, 1.0);
    let to = if value < 0.0 { BLUE } else { AMBER };
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * strength) as u8;
    (mix(PANEL.0, to.0), mix(PANEL.1, to.1), mix(PANEL.2, to.2))
}

/// A number in few characters.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    let text = match size {
        0.0 => "0".to_owned(),
        s if !(1e-3..1e15).contains(&s) => format!("{value:.1e}"),
        s if s >= 9.995e8 => format!("{}G", digits(value / 1e9)),
        s if s >= 9.995e5 => format!("{}M", digits(value / 1e6)),
        s if s >= 1e4 => format!("{}k", digits(value / 1e3)),
        _ => digits(value),
    };
    text.replace('-', "−")
}

/// Three or four digits, without zeros that say nothing.
fn digits(value: f64) -> String {
    let text = match value.abs() {
        s if s >= 100.0 => return format!("{value:.0}"),
        s if s >= 10.0 => format!("{value:.1}"),
        s if s >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (0.39, "0.39"),
            (-2.5, "−2.5"),
            (1234.0, "1234"),
            (12_345.0, "12.3k"),
            (500_000.0, "500k"),
            (4_187_998_484.0, "4.19G"),
            (999_999.0, "1M"),
            (0.000_12, "1.2e−4"),
            (10.0, "10"),
            (100.0, "100"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}
