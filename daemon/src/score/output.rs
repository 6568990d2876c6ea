//! Writes rows: a table for people, JSON lines, or CSV.

use std::io::Write;

use earworm_scorer::model::Metadata;

use super::row::{Row, csv_header};
use super::timeline::Point;
use crate::{clock, text};

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Columns to read.
    Table,
    /// One object a line.
    Json,
    /// Comma-separated values.
    Csv,
}

/// Longest file name in a table, in cells.
const LONGEST_NAME: usize = 44;
/// Length of the bar of a score curve, in cells.
const CURVE_CELLS: usize = 40;

/// Writes the rows of one run, each as soon as it is there.
pub(crate) struct Rows<'a, W> {
    out: W,
    format: Format,
    timeline: bool,
    metadata: &'a Metadata,
    name_cells: usize,
}

impl<'a, W: Write> Rows<'a, W> {
    /// Writes what stands above the rows of files of these names.
    ///
    /// # Errors
    /// When nobody takes the output.
    pub(crate) fn start<'n>(
        out: W,
        format: Format,
        timeline: bool,
        metadata: &'a Metadata,
        names: impl Iterator<Item = std::borrow::Cow<'n, str>>,
    ) -> anyhow::Result<Self> {
        let longest = names.map(|name| text::width(&text::tame(&name))).max().unwrap_or(0);
        let name_cells = longest.clamp("file".len(), LONGEST_NAME);
        let mut rows = Self { out, format, timeline, metadata, name_cells };
        match format {
            Format::Table => {
                let (name, worth) = (text::tame(&metadata.name), text::worth(metadata));
                writeln!(rows.out, "{name} · {worth}\n")?;
                rows.line(["file", "score", "hook", "length"], "status")?;
            }
            Format::Csv => rows.csv_line(csv_header(metadata, timeline))?,
            Format::Json => {}
        }
        rows.out.flush()?;
        Ok(rows)
    }

    /// Writes one row.
    ///
    /// # Errors
    /// When nobody takes the output.
    pub(crate) fn write(&mut self, row: &Row<'_>) -> anyhow::Result<()> {
        match self.format {
            Format::Table => self.table_row(row)?,
            Format::Json => {
                serde_json::to_writer(&mut self.out, row)?;
                writeln!(self.out)?;
            }
            Format::Csv => {
                let points = row.timeline.as_deref().unwrap_or_default();
                if points.is_empty() {
                    self.csv_line(row.csv_cells(self.metadata, self.timeline, None))?;
                }
                for point in points {
                    self.csv_line(row.csv_cells(self.metadata, self.timeline, Some(point)))?;
                }
            }
        }
        self.out.flush()?;
        Ok(())
    }

    fn csv_line(&mut self, cells: Vec<String>) -> anyhow::Result<()> {
        let mut writer = csv::Writer::from_writer(&mut self.out);
        writer.write_record(cells).map_err(to_io)?;
        writer.flush()?;
        Ok(())
    }

    fn table_row(&mut self, row: &Row<'_>) -> std::io::Result<()> {
        let status = row.reason().or(row.warning.as_deref()).unwrap_or("ok");
        let length = row.duration_s.map_or_else(|| "–".into(), clock::clock);
        let (score, hook) = (text::score(row.score), text::hook(row.hook.as_ref()));
        let name = text::shorten(&text::tame(&row.file), self.name_cells);
        self.line([&name, &score, &hook, &length], &text::tame(status))?;
        if let Some(points) = row.timeline.as_deref().filter(|points| !points.is_empty()) {
            self.curve(points)?;
        }
        Ok(())
    }

    fn line(
        &mut self,
        [name, score, hook, length]: [&str; 4],
        status: &str,
    ) -> std::io::Result<()> {
        let name = text::pad(name, self.name_cells, false);
        let (score, hook) = (text::pad(score, 5, true), text::pad(hook, 16, false));
        writeln!(self.out, "{name}  {score}  {hook}  {}  {status}", text::pad(length, 7, true))
    }

    fn curve(&mut self, points: &[Point]) -> std::io::Result<()> {
        writeln!(self.out, "\n     time  momentary  window  integrated")?;
        for point in points {
            let [momentary, window, integrated] =
                [point.momentary, point.window, point.integrated].map(text::score);
            let bar = text::bar(point.window.unwrap_or(0.0) / 100.0, CURVE_CELLS);
            let line = format!(
                "  {}  {}  {}  {}  {bar}",
                text::pad(&clock::clock(point.t), 7, true),
                text::pad(&momentary, 9, true),
                text::pad(&window, 6, true),
                text::pad(&integrated, 10, true),
            );
            writeln!(self.out, "{}", line.trim_end())?;
        }
        writeln!(self.out)
    }
}

/// So that a closed pipe is known for what it is.
fn to_io(error: csv::Error) -> anyhow::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(io) => io.into(),
        other => anyhow::anyhow!("cannot write CSV: {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use earworm_scorer::Model;

    use super::*;
    use crate::distinct;

    #[test]
    fn each_score_stands_under_its_name() {
        let (model, mut out) = (Model::embedded(), Vec::new());
        let names = std::iter::once(std::borrow::Cow::Borrowed("a.wav"));
        let mut rows = Rows::start(&mut out, Format::Table, true, model.metadata(), names).unwrap();
        rows.curve(&[Point::new(1.0, &distinct::reading())]).unwrap();
        let text = String::from_utf8(out).unwrap();
        let mut lines = text.lines().skip_while(|line| !line.contains("momentary"));
        let (heading, line) = (lines.next().unwrap(), lines.next().unwrap());
        for (name, score) in distinct::SCORES {
            let end = heading.find(name).unwrap() + name.len();
            assert!(line[..end].ends_with(&format!(" {score}")), "{text}");
        }
    }
}
