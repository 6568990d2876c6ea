//! The picture of which combinations drive the score.

use anyhow::Result;
use plotters::prelude::Rectangle;
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, RGBColor};

use super::{Explanation, MOST_PAIRED};
use crate::report::svg::{
    DIM, GRID, INK, Picture, Sheet, failed, paint, series, shorten, units, write,
};

/// Width of the column of names, and height of the row of numbers.
const NAMES: i32 = 170;
const NUMBERS: i32 = 26;
/// Width of the column of bars, and of the gap before it.
const BARS: i32 = 120;
const GAP: i32 = 22;
/// Longest name.
const LONGEST: usize = 24;

/// A square for each pair of features, the darker the more they do together; beside it a bar for each
/// feature, of what is lost when it is shuffled.
pub(super) fn interactions(explanation: &Explanation) -> Result<Picture> {
    let features = &explanation.features[..explanation.features.len().min(MOST_PAIRED)];
    let count = features.len() as i32;
    let cell = (560 / count.max(1)).clamp(18, 40);
    let most = explanation.pairs.first().map_or(0.0, |pair| pair.strength).max(1e-12);
    let widest = features.iter().map(|f| f.importance.abs()).fold(1e-12, f64::max);
    let size =
        ((NAMES + count * cell + GAP + BARS + 60) as u32, (NUMBERS + count * cell + 14) as u32);
    let caption = format!(
        "Squares: how much two features change the raw score together beyond what each does alone (mean size over songs; the darkest is {:.3}). Orange where both being high or both being low raises the score, blue where it lowers it. Bars: {} lost when the feature is shuffled.",
        most, explanation.figure
    );
    paint("Which combinations drive the score", &caption, size, |sheet| {
        let at = |x: i32, y: i32| (units(f64::from(x)), units(f64::from(y)));
        let top = |row: i32| NUMBERS + row * cell;
        for (n, feature) in (0..).zip(features) {
            let middle = top(n) + cell / 2;
            let name = shorten(&feature.name, LONGEST);
            let label = format!("{name}  {}", n + 1);
            write(sheet, &label, at(NAMES - 8, middle), INK, HPos::Right)?;
            let number = (n + 1).to_string();
            write(sheet, &number, at(NAMES + n * cell + cell / 2, NUMBERS / 2), DIM, HPos::Center)?;
            let left = NAMES + count * cell + GAP;
            let length = (f64::from(BARS) * feature.importance.max(0.0) / widest).round() as i32;
            rectangle(
                sheet,
                at(left, middle - 4),
                at(left + length.max(1), middle + 4),
                series(0),
            )?;
            let value = format!("{:+.3}", feature.importance);
            write(sheet, &value, at(left + length + 6, middle), DIM, HPos::Left)?;
        }
        for row in 0..count {
            for column in 0..count {
                let corner = (NAMES + column * cell, top(row));
                let (from, to) =
                    (at(corner.0 + 1, corner.1 + 1), at(corner.0 + cell - 1, corner.1 + cell - 1));
                let pair = explanation.pairs.iter().find(|pair| {
                    let (low, high) = (row.min(column) as usize, row.max(column) as usize);
                    (pair.first, pair.second) == (low, high)
                });
                match pair {
                    None => rectangle(sheet, from, to, GRID)?,
                    Some(pair) => {
                        let colour = if pair.together >= 0.0 { series(1) } else { series(0) };
                        let share = 0.06 + 0.94 * (pair.strength / most);
                        let shape = Rectangle::new([from, to], colour.mix(share).filled());
                        sheet.draw(&shape).map_err(failed)?;
                    }
                }
            }
        }
        Ok(())
    })
}

fn rectangle(sheet: &Sheet<'_>, from: (i32, i32), to: (i32, i32), colour: RGBColor) -> Result<()> {
    sheet.draw(&Rectangle::new([from, to], colour.filled())).map_err(failed)
}
