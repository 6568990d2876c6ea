//! Which classes were taken for which.

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::super::svg::{DIM, INK, Picture, failed, paint, series, shorten, units, write};
use crate::evaluate::Confusion;

/// Most classes whose cells can hold a number.
const MOST_CLASSES: usize = 12;

/// The confusion matrix: rows are true classes, columns named ones.
pub(super) fn confusion(confusion: &Confusion) -> Result<Picture> {
    let shown = confusion.classes.len().min(MOST_CLASSES);
    let caption = "Rows: what is true. Columns: what was named. Percentages and shades are shares of a row; a perfect model has its songs on the diagonal.";
    let (width, left, top) = (460.0, 118.0, 46.0);
    let cell = ((width - left - 12.0) / shown as f64).min(132.0);
    let height_of = (cell * 0.78).max(30.0);
    let height = top + height_of * shown as f64 + 14.0;
    paint("Confusion matrix", caption, (width as u32, height as u32), |sheet| {
        let most = if shown > 5 { 6 } else { 14 };
        let middle = left + cell * shown as f64 / 2.0;
        write(sheet, "named", (units(middle), units(12.0)), DIM, HPos::Center)?;
        for (truth, row) in confusion.counts.iter().take(shown).enumerate() {
            let all = row.iter().sum::<usize>().max(1) as f64;
            let y = top + truth as f64 * height_of;
            let name = shorten(&confusion.classes[truth], 15);
            let at = (units(left - 8.0), units(y + height_of / 2.0));
            write(sheet, &name, at, INK, HPos::Right)?;
            let x = left + (truth as f64 + 0.5) * cell;
            let name = shorten(&confusion.classes[truth], most);
            write(sheet, &name, (units(x), units(32.0)), INK, HPos::Center)?;
            for (named, &count) in row.iter().take(shown).enumerate() {
                let share = count as f64 / all;
                let x = left + named as f64 * cell;
                let corners = [
                    (units(x + 1.5), units(y + 1.5)),
                    (units(x + cell - 1.5), units(y + height_of - 1.5)),
                ];
                let colour = if truth == named { series(0) } else { series(1) };
                // Never so dark that text in the page's ink could not be read on it.
                let shade = Rectangle::new(corners, colour.mix(0.05 + 0.5 * share).filled());
                sheet.draw(&shade).map_err(failed)?;
                let (x, y) = (x + cell / 2.0, y + height_of / 2.0);
                if cell > 60.0 {
                    let words = format!("{:.0} %", 100.0 * share);
                    write(sheet, &words, (units(x), units(y - 10.0)), INK, HPos::Center)?;
                    let count = count.to_string();
                    write(sheet, &count, (units(x), units(y + 10.0)), INK, HPos::Center)?;
                } else {
                    write(sheet, &count.to_string(), (units(x), units(y)), INK, HPos::Center)?;
                }
            }
        }
        Ok(())
    })
}
