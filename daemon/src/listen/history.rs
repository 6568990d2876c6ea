//! The score against time, as bars of block characters with the hook marked.

use earworm_scorer::Hook;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};

use super::bars::colour;
use crate::clock;
use earworm_kit::colour::{DIM, GRID, HOOK, WINDOW};
use earworm_kit::ticks::tick_step;

/// Most slots: more than a terminal has columns.
const MOST_SLOTS: usize = 1024;
/// Seconds in a slot at first.
const SLOT_S: f64 = 0.25;
/// A history is drawn over at least this many seconds.
const LEAST_S: f64 = 60.0;
/// Cells for the labels of the score.
const GUTTER: u16 = 4;

/// Window scores in slots of equal length; when all are used, neighbours become one.
#[derive(Debug)]
pub(super) struct History {
    /// Sum and number of the scores of each slot.
    slots: Vec<(f32, u32)>,
    slot_s: f64,
    now_s: f64,
    /// The last score and its time, unless there was none since.
    last: Option<(f64, f32)>,
}

impl History {
    /// Nothing heard yet.
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), slot_s: SLOT_S, now_s: 0.0, last: None }
    }

    /// Takes note of the score at a time, not before the last one.
    pub(super) fn push(&mut self, time_s: f64, score: Option<f32>) {
        self.now_s = time_s.max(self.now_s);
        let mut index = (self.now_s / self.slot_s) as usize;
        while index >= MOST_SLOTS {
            self.slots = self
                .slots
                .chunks(2)
                .map(|s| s.iter().fold((0.0, 0), |a, b| (a.0 + b.0, a.1 + b.1)))
                .collect();
            self.slot_s *= 2.0;
            index = (self.now_s / self.slot_s) as usize;
        }
        if self.slots.len() <= index {
            self.slots.resize(index + 1, (0.0, 0));
        }
        if let (Some(score), Some((last_s, last))) = (score, self.last) {
            // Audio that comes faster than it is drawn leaves slots out.
            let before = (last_s / self.slot_s) as usize;
            for missed in before + 1..index {
                let part = (missed - before) as f32 / (index - before) as f32;
                self.slots[missed] = (last + (score - last) * part, 1);
            }
        }
        if let Some(score) = score {
            self.slots[index].0 += score;
            self.slots[index].1 += 1;
        }
        self.last = score.map(|score| (self.now_s, score));
    }

    /// The mean score from `from_s` to `to_s`.
    fn mean(&self, from_s: f64, to_s: f64) -> Option<f32> {
        let first = (from_s / self.slot_s) as usize;
        let last = ((to_s / self.slot_s).ceil() as usize).max(first + 1);
        let slots = self.slots.get(first..last.min(self.slots.len()))?;
        let (sum, count) = slots.iter().fold((0.0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        (count > 0).then(|| sum / count as f32)
    }

    /// Draws the history from the start to now, or to the end of the input where that is known.
    pub(super) fn draw(
        &self,
        area: Rect,
        buffer: &mut Buffer,
        hook: Option<&Hook>,
        expected_s: Option<f64>,
    ) {
        if area.height < 2 || area.width < GUTTER + 8 {
            return;
        }
        let whole_s = expected_s.unwrap_or(LEAST_S).max(self.now_s);
        let (rows, columns) = (area.height - 1, area.width - GUTTER);
        let plot = Rect { x: area.x + GUTTER, width: columns, height: rows, ..area };
        let dim = Style::new().fg(colour(DIM));
        buffer.set_string(area.x, area.y, "100", dim);
        buffer.set_string(area.x, area.y + rows - 1, "  0", dim);
        let column_s = whole_s / f64::from(columns);
        for column in 0..columns {
            let from_s = f64::from(column) * column_s;
            let in_hook =
                hook.is_some_and(|h| (h.start_s..h.end_s).contains(&(from_s + column_s / 2.0)));
            let rgb = colour(if in_hook { HOOK } else { WINDOW });
            let score = self.mean(from_s, from_s + column_s).filter(|_| from_s <= self.now_s);
            draw_bar(buffer, plot, column, score, rgb);
        }
        let axis = Rect { y: area.y + rows, height: 1, ..plot };
        time_axis(buffer, axis, whole_s, dim);
        if let Some(hook) = hook {
            let middle = (hook.start_s + hook.end_s) / 2.0 / column_s;
            let label = format!("▲ hook {:.0}", hook.score);
            let cells = label.chars().count() as u16;
            let x = axis.x + (middle as u16).min(columns.saturating_sub(cells));
            clear_word(buffer, axis, x);
            clear_word(buffer, axis, x + cells);
            buffer.set_string(x, axis.y, label, Style::new().fg(colour(HOOK)));
        }
    }
}

/// Takes away the word of which the cell at `x` is a part: half a label says something wrong.
fn clear_word(buffer: &mut Buffer, row: Rect, x: u16) {
    let inked = |buffer: &Buffer, x: u16| {
        (row.left()..row.right()).contains(&x) && buffer[(x, row.y)].symbol() != " "
    };
    if !inked(buffer, x) {
        return;
    }
    let first = (row.left()..=x).rev().take_while(|&x| inked(buffer, x)).last().unwrap_or(x);
    let end = (x..row.right()).find(|&x| !inked(buffer, x)).unwrap_or(row.right());
    for x in first..end {
        buffer[(x, row.y)].set_symbol(" ");
    }
}

fn draw_bar(buffer: &mut Buffer, plot: Rect, column: u16, score: Option<f32>, rgb: Color) {
    const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    let Some(score) = score else {
        let style = Style::new().fg(colour(GRID));
        buffer.set_string(plot.x + column, plot.bottom() - 1, "▁", style);
        return;
    };
    let eighths = (score / 100.0 * f32::from(plot.height) * 8.0).round().max(1.0) as usize;
    for row in 0..plot.height {
        let filled = eighths.saturating_sub(8 * usize::from(row)).min(8);
        let y = plot.bottom() - 1 - row;
        buffer.set_string(plot.x + column, y, EIGHTHS[filled], Style::new().fg(rgb));
    }
}

fn time_axis(buffer: &mut Buffer, area: Rect, whole_s: f64, style: Style) {
    let step = tick_step(whole_s, usize::from(area.width / 12).max(1));
    let mut seconds = 0.0;
    while seconds <= whole_s {
        let label = clock::clock(seconds);
        let x = (seconds / whole_s * f64::from(area.width)) as u16;
        if x + label.len() as u16 <= area.width {
            buffer.set_string(area.x + x, area.y, label, style);
        }
        seconds += step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_fit_into_the_slots() {
        let mut history = History::new();
        for second in 0..12 * 3600 {
            history.push(f64::from(second), Some((second / 3600) as f32));
        }
        assert!(history.slots.len() <= MOST_SLOTS);
        let third_hour = history.mean(3.2 * 3600.0, 3.3 * 3600.0).unwrap();
        assert!((third_hour - 3.0).abs() < 0.01, "{third_hour}");
        assert_eq!(history.mean(1e6, 1e6 + 1.0), None);
        let area = Rect::new(0, 0, 80, 4);
        history.draw(area, &mut Buffer::empty(area), None, Some(1e7));
    }

    #[test]
    fn what_comes_too_fast_is_filled_in() {
        let mut history = History::new();
        history.push(0.1, Some(0.0));
        history.push(10.1, Some(100.0));
        assert_eq!(history.mean(5.0, 5.25), Some(50.0));
        history.push(11.0, None);
        history.push(20.0, Some(50.0));
        assert_eq!(history.mean(15.0, 15.25), None);
    }

    #[test]
    fn the_hook_leaves_no_half_label() {
        let mut history = History::new();
        history.push(60.0, Some(50.0));
        for start_s in 0..60 {
            let start_s = f64::from(start_s);
            let hook = Hook { score: 50.0, start_s, end_s: start_s + 1.0 };
            let area = Rect::new(0, 0, 64, 3);
            let mut buffer = Buffer::empty(area);
            history.draw(area, &mut buffer, Some(&hook), None);
            let axis: String = (4..64).map(|x| buffer[(x, 2)].symbol()).collect();
            let times = axis.replace("▲ hook 50", " ");
            let whole = |word: &str| matches!(word, "0:00" | "0:15" | "0:30" | "0:45" | "1:00");
            assert!(times.split_whitespace().all(whole), "{axis}");
        }
    }

    #[test]
    fn it_draws_into_any_area() {
        let mut history = History::new();
        history.push(0.0, None);
        history.push(10.0, Some(100.0));
        let hook = Hook { score: 100.0, start_s: 0.0, end_s: 90.0 };
        for (width, height) in [(80, 6), (12, 2), (5, 1), (0, 0)] {
            let area = Rect::new(0, 0, width, height);
            history.draw(area, &mut Buffer::empty(area), Some(&hook), None);
        }
        let area = Rect::new(0, 0, 64, 3);
        let mut buffer = Buffer::empty(area);
        history.draw(area, &mut buffer, Some(&hook), Some(60.0));
        assert_eq!(buffer[(14, 0)].symbol(), "█");
        assert_eq!(buffer[(30, 0)].symbol(), " ");
    }
}
