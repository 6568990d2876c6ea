//! Lines of a loudness-like meter: a name, a bar, a figure.

use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};

use crate::text;
use earworm_kit::colour::{BRIGHT, DIM, GRID, Rgb};

/// A colour as the terminal takes it.
pub(super) fn colour((r, g, b): Rgb) -> Color {
    Color::Rgb(r, g, b)
}

/// Cells for the name.
const NAME: usize = 11;
/// Cells for the figure.
const FIGURE: usize = 10;

/// A bar filled to `part`, or an empty one, `cells` long in all.
pub(super) fn bar_line(
    name: &str,
    part: Option<f32>,
    figure: &str,
    rgb: Rgb,
    cells: usize,
) -> Line<'static> {
    let room = cells.saturating_sub(NAME + FIGURE);
    let (heard, rest) = thin_bar(part.unwrap_or(0.0), room);
    let name = text::pad(&text::shorten(name, NAME - 1), NAME, false);
    Line::from(vec![
        Span::styled(name, Style::new().fg(colour(DIM))),
        Span::styled(heard, Style::new().fg(colour(rgb))),
        Span::styled(rest, Style::new().fg(colour(GRID))),
        Span::styled(text::pad(figure, FIGURE, true), Style::new().fg(colour(BRIGHT))),
    ])
}

/// The filled and the empty part of a bar of heavy line characters, in halves of a cell.
fn thin_bar(part: f32, cells: usize) -> (String, String) {
    let halves = (part.clamp(0.0, 1.0) * cells as f32 * 2.0).round() as usize;
    let filled = "━".repeat(halves / 2) + if halves % 2 == 1 { "╸" } else { "" };
    (filled, "━".repeat(cells - halves.div_ceil(2)))
}

/// A bar for a score.
pub(super) fn score_line(name: &str, score: Option<f32>, rgb: Rgb, cells: usize) -> Line<'static> {
    bar_line(name, score.map(|score| score / 100.0), &text::score(score), rgb, cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_fill_their_line() {
        for part in [None, Some(0.0), Some(0.37), Some(1.0), Some(7.0), Some(f32::NAN)] {
            assert_eq!(bar_line("momentary", part, "37", BRIGHT, 60).width(), 60);
        }
        assert_eq!(score_line("window", Some(57.6), BRIGHT, 40).width(), 40);
        assert_eq!(score_line("a name that is too long", None, BRIGHT, 10).width(), NAME + FIGURE);
    }
}
