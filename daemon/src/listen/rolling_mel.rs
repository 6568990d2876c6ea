//! The last mel frames as a picture of half-block characters, newest on the right.

use std::collections::VecDeque;

use earworm_scorer::live::{HistoryFrame, Meter};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::bars::colour;
use earworm_kit::colour::MelRange;

/// Frames of the last seconds.
#[derive(Debug)]
pub(super) struct RollingMel {
    frames: VecDeque<HistoryFrame>,
    next: u64,
    most: usize,
}

impl RollingMel {
    /// Keeps `most` frames.
    pub(super) fn new(most: usize) -> Self {
        Self { frames: VecDeque::new(), next: 0, most: most.max(1) }
    }

    /// Takes what is new from the meter.
    pub(super) fn update(&mut self, meter: &Meter) {
        let mut new = Vec::new();
        self.next = meter.frames_since(self.next, &mut new);
        self.push(new);
    }

    fn push(&mut self, new: Vec<HistoryFrame>) {
        self.frames.extend(new);
        let surplus = self.frames.len().saturating_sub(self.most);
        self.frames.drain(..surplus);
    }

    /// Draws the frames across the whole area.
    pub(super) fn draw(&self, area: Rect, buffer: &mut Buffer) {
        let Some(newest) = self.frames.back() else { return };
        let bands = newest.mel_db.len();
        if area.is_empty() || bands == 0 {
            return;
        }
        let range = MelRange::of(self.frames.iter().flat_map(|f| f.mel_db.iter().copied()));
        // Columns begin at multiples of their length, so that the picture moves without flicker.
        let per_column = (self.most as u64).div_ceil(u64::from(area.width)).max(1);
        let last_column = newest.index / per_column;
        let dots = 2 * usize::from(area.height);
        let mut sums = vec![0.0f32; bands];
        let mut frames = self.frames.iter().rev().peekable();
        for x in (area.left()..area.right()).rev() {
            let column = last_column.checked_sub(u64::from(area.right() - 1 - x));
            let Some(column) = column else { break };
            sums.fill(0.0);
            let mut count = 0;
            while let Some(frame) = frames.next_if(|f| f.index / per_column >= column) {
                for (sum, db) in sums.iter_mut().zip(&frame.mel_db) {
                    *sum += db;
                }
                count += 1;
            }
            if count == 0 {
                continue;
            }
            let dot = |from_bottom: usize| {
                let first = from_bottom * bands / dots;
                let end = ((from_bottom + 1) * bands / dots).max(first + 1);
                let sum: f32 = sums[first..end].iter().sum();
                colour(range.colour(sum / (count * (end - first)) as f32))
            };
            for y in area.top()..area.bottom() {
                let below = 2 * usize::from(area.bottom() - 1 - y);
                let style = Style::new().fg(dot(below + 1)).bg(dot(below));
                buffer.set_string(x, y, "▀", style);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use earworm_kit::colour::magma;

    fn frame(index: u64, low: f32, high: f32) -> HistoryFrame {
        HistoryFrame { index, time_s: index as f64, level_db: -20.0, mel_db: vec![low, high] }
    }

    #[test]
    fn the_newest_frame_is_on_the_right_and_low_bands_are_below() {
        let mut mel = RollingMel::new(8);
        mel.push((0..20).map(|i| frame(i, -100.0, -100.0)).collect());
        mel.push(vec![frame(20, 20.0, -100.0)]);
        assert_eq!(mel.frames.len(), 8);
        let area = Rect::new(0, 0, 8, 1);
        let mut buffer = Buffer::empty(area);
        mel.draw(area, &mut buffer);
        let right = &buffer[(7, 0)];
        assert_eq!(right.bg, colour(magma(1.0)));
        assert_eq!(right.fg, colour(magma(0.0)));
        assert_eq!(buffer[(6, 0)].bg, colour(magma(0.0)));
    }

    #[test]
    fn it_draws_into_any_area() {
        let mut mel = RollingMel::new(645);
        mel.push((0..3).map(|i| frame(i, 0.0, 0.0)).collect());
        for (width, height) in [(0, 0), (1, 1), (200, 9), (3, 2)] {
            let area = Rect::new(0, 0, width, height);
            mel.draw(area, &mut Buffer::empty(area));
        }
    }
}
