//! A picture of what was heard over hours or days: the scores, the songs, their hooks.

use std::path::Path;

use crate::history::{SongHeard, Step};
use crate::{clock, text};
use earworm_kit::canvas::{self, Anchor, Area, Canvas};
use earworm_kit::colour::{
    BACKGROUND, BRIGHT, DIM, GRID, HOOK, INTEGRATED, MOMENTARY, PANEL, Rgb, WINDOW,
};
use earworm_kit::ticks::tick_step;

/// Width and height of the picture.
const SIZE: (u32, u32) = (1600, 620);
/// Where the curves are.
const AREA: Area = Area { left: 84.0, top: 120.0, right: 1560.0, bottom: 540.0 };
/// Size of labels.
const LABEL: f64 = 17.0;
/// Most marks on the time axis.
const MOST_TICKS: usize = 12;
/// Least width of a song whose title is written.
const TITLE_WIDTH: f64 = 90.0;

/// What is drawn.
pub(super) struct Heard {
    /// Written above it.
    pub(super) heading: String,
    /// Its start and end, in seconds since 1970.
    pub(super) from: f64,
    pub(super) to: f64,
    /// Seconds of a step.
    pub(super) resolution: i64,
    /// The scores.
    pub(super) steps: Vec<Step>,
    /// The songs, in any order.
    pub(super) songs: Vec<SongHeard>,
}

/// Draws it into a file, which is replaced only by a whole picture.
///
/// # Errors
/// Names the file that cannot be written.
pub(super) fn draw(out: &Path, heard: &Heard) -> anyhow::Result<()> {
    canvas::save_png(out, SIZE, BACKGROUND, |canvas| heard.draw(canvas))
}

impl Heard {
    fn draw(&self, canvas: &Canvas<'_>) -> anyhow::Result<()> {
        canvas.text(&text::shorten(&self.heading, 70), (40.0, 46.0), 34.0, BRIGHT, Anchor::Left)?;
        let heard_s: f64 = self.songs.iter().map(|song| song.heard_s).sum();
        let songs = self.songs.len();
        let sum = format!("{songs} songs, {} heard · times in UTC", clock::clock(heard_s));
        canvas.text(&sum, (40.0, 84.0), 20.0, DIM, Anchor::Left)?;
        canvas.fill(AREA, PANEL, 1.0)?;
        self.songs(canvas)?;
        self.axes(canvas)?;
        for (value, rgb, opacity, width) in [
            ((|step| step.momentary) as fn(&Step) -> Option<f32>, MOMENTARY, 0.6, 1.0),
            (|step| step.integrated, INTEGRATED, 1.0, 1.5),
            (|step| step.window, WINDOW, 1.0, 2.0),
        ] {
            self.curve(canvas, value, rgb, opacity, width)?;
        }
        legend(canvas)
    }

    fn x(&self, time: f64) -> f64 {
        let part = (time - self.from) / (self.to - self.from).max(1e-9);
        AREA.left + part.clamp(0.0, 1.0) * AREA.width()
    }

    fn songs(&self, canvas: &Canvas<'_>) -> anyhow::Result<()> {
        for (index, song) in self.songs.iter().enumerate() {
            let (left, right) = (self.x(song.start), self.x(song.end));
            let shade = if index % 2 == 0 { 0.35 } else { 0.7 };
            canvas.fill(Area { left, right, ..AREA }, GRID, shade)?;
            if let Some(hook) = &song.hook {
                let (left, end) = (self.x(hook.start), self.x(hook.end));
                let right = end.max(left + 2.0);
                canvas.fill(Area { left, right, ..AREA }, HOOK, 0.2)?;
                let mark = Area { left, right, top: AREA.top - 6.0, bottom: AREA.top - 2.0 };
                canvas.fill(mark, HOOK, 1.0)?;
            }
            if right - left >= TITLE_WIDTH
                && let Some(title) = &song.title
            {
                let letters = ((right - left - 12.0) / (0.55 * LABEL)) as usize;
                let title = text::shorten(&text::tame(title), letters);
                let place = (left + 6.0, AREA.bottom - 16.0);
                canvas.text(&title, place, LABEL, DIM, Anchor::Left)?;
            }
        }
        Ok(())
    }

    fn axes(&self, canvas: &Canvas<'_>) -> anyhow::Result<()> {
        for score in [0.0, 25.0, 50.0, 75.0, 100.0] {
            let y = y(score);
            canvas.line([(AREA.left, y), (AREA.right, y)], GRID, 1.0, 1.0)?;
            let place = (AREA.left - 12.0, y);
            canvas.text(&format!("{score:.0}"), place, LABEL, DIM, Anchor::Right)?;
        }
        let step = tick_step(self.to - self.from, MOST_TICKS);
        let mut time = (self.from / step).ceil() * step;
        while time <= self.to {
            let x = self.x(time);
            canvas.line([(x, AREA.top), (x, AREA.bottom + 6.0)], GRID, 1.0, 1.0)?;
            let label = clock::tick(time, step);
            canvas.text(&label, (x, AREA.bottom + 22.0), LABEL, DIM, Anchor::Middle)?;
            time += step;
        }
        Ok(())
    }

    fn curve(
        &self,
        canvas: &Canvas<'_>,
        value: fn(&Step) -> Option<f32>,
        rgb: Rgb,
        opacity: f64,
        width: f64,
    ) -> anyhow::Result<()> {
        let gap = 3 * self.resolution.max(2);
        let mut run: Vec<(f64, f64)> = Vec::new();
        let mut last = i64::MIN;
        for step in &self.steps {
            let score = value(step);
            if score.is_none() || step.time.saturating_sub(last) > gap {
                canvas.line(run.drain(..), rgb, opacity, width)?;
            }
            run.extend(score.map(|score| (self.x(step.time as f64), y(score))));
            last = step.time;
        }
        canvas.line(run, rgb, opacity, width)
    }
}

fn y(score: f32) -> f64 {
    AREA.bottom - f64::from(score) / 100.0 * AREA.height()
}

fn legend(canvas: &Canvas<'_>) -> anyhow::Result<()> {
    let (mut x, y) = (AREA.left, AREA.bottom + 54.0);
    for (name, rgb) in
        [("momentary", MOMENTARY), ("window", WINDOW), ("integrated", INTEGRATED), ("hook", HOOK)]
    {
        canvas.line([(x, y), (x + 26.0, y)], rgb, 1.0, 3.0)?;
        canvas.text(name, (x + 34.0, y), LABEL, DIM, Anchor::Left)?;
        x += 34.0 + canvas.text_width(name, LABEL)? + 32.0;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distinct;

    #[test]
    fn each_score_is_drawn_where_it_lies_in_its_own_colour() {
        let [momentary, window, integrated] = distinct::SCORES.map(|(_, score)| Some(score));
        let step = |time| Step { time, momentary, window, integrated, level_db: -7.0 };
        let heard = Heard {
            heading: "What was heard".into(),
            from: 0.0,
            to: 44.0,
            resolution: 1,
            steps: (0..=44).map(step).collect(),
            songs: Vec::new(),
        };
        let pixels = canvas::paint(SIZE, BACKGROUND, |canvas| heard.draw(canvas)).unwrap();
        for (name, score) in distinct::SCORES {
            // Between the marks of the time.
            let place = (heard.x(41.3), y(score));
            assert_eq!(distinct::score_drawn_at(&pixels, SIZE.0, place), name);
        }
    }
}
