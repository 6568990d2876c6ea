//! The picture of the time-lag matrix: what sounds at a time sounded a lag earlier.

use std::path::Path;

use anyhow::{Result, ensure};
use earworm_kit::canvas::{self, Anchor, Area, Canvas};
use earworm_kit::colour::{
    BACKGROUND, BRIGHT, DIM, INTEGRATED as EARLIER, MOMENTARY as FOUND, PANEL, Rgb,
    WINDOW as CHOSEN, magma,
};
use earworm_scorer::features::{Analysis, Repetition};

use crate::files;

/// Pixels of the picture.
const SIZE: (u32, u32) = (1000, 620);
/// The matrix, in pixels of the picture: left, top, right, bottom.
const LEFT: f64 = 76.0;
const TOP: f64 = 58.0;
const RIGHT: f64 = 976.0;
const BOTTOM: f64 = 560.0;

/// The canvas, with time and lag turned into pixels.
struct Sheet<'a, 'b> {
    canvas: &'a Canvas<'b>,
    seconds: f64,
}

/// Draws the matrix of a song of `seconds`, its lines and the choice, and writes it as PNG.
pub(super) fn draw(analysis: &Analysis, seconds: f64, title: &str, path: &Path) -> Result<()> {
    ensure!(
        path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png")),
        "cannot write {}: a picture's name must end in .png",
        path.display()
    );
    files::make_folder_of(path)?;
    canvas::save_png(path, SIZE, BACKGROUND, |canvas| paint(canvas, analysis, seconds, title))
}

fn paint(canvas: &Canvas<'_>, analysis: &Analysis, seconds: f64, title: &str) -> Result<()> {
    let sheet = Sheet { canvas, seconds: seconds.max(1e-3) };
    canvas.text(title, (LEFT, 30.0), 19.0, BRIGHT, Anchor::Left)?;
    sheet.matrix(analysis)?;
    sheet.axes()?;
    sheet.lines(analysis)?;
    sheet.legend(analysis)
}

impl Sheet<'_, '_> {
    fn x(&self, time: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * time / self.seconds
    }

    fn y(&self, lag: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * lag / self.seconds
    }

    /// The values as colours; above the diagonal, where the lag is longer than the song has
    /// lasted, there are none.
    fn matrix(&self, analysis: &Analysis) -> Result<()> {
        let area = Area { left: LEFT, top: TOP, right: RIGHT, bottom: BOTTOM };
        self.canvas.fill(area, PANEL, 1.0)?;
        let n = analysis.frames;
        let top = brightest(&analysis.time_lag);
        self.canvas.image(area, |time, lag| {
            let place = |part: f64| ((part * n as f64) as usize).min(n - 1);
            // The root, so that weak lines show beside strong ones.
            let value = || (analysis.time_lag[place(lag) * n + place(time)] / top).sqrt();
            (lag <= time).then(|| magma(value()))
        })
    }

    fn axes(&self) -> Result<()> {
        let step = tick(self.seconds);
        for k in 0..=(self.seconds / step) as usize {
            let seconds = k as f64 * step;
            let (x, y) = (self.x(seconds), self.y(seconds));
            let label = format!("{}:{:02}", seconds as u64 / 60, seconds as u64 % 60);
            self.canvas.line([(x, BOTTOM), (x, BOTTOM + 5.0)], DIM, 1.0, 1.0)?;
            self.canvas.text(&label, (x, BOTTOM + 17.0), 13.0, DIM, Anchor::Middle)?;
            self.canvas.line([(LEFT - 5.0, y), (LEFT, y)], DIM, 1.0, 1.0)?;
            self.canvas.text(&label, (LEFT - 10.0, y), 13.0, DIM, Anchor::Right)?;
        }
        let middle = (LEFT + RIGHT) / 2.0;
        self.canvas.text(
            "time in the song (min:s)",
            (middle, BOTTOM + 40.0),
            14.0,
            DIM,
            Anchor::Middle,
        )?;
        self.canvas.text("lag (min:s)", (LEFT - 58.0, TOP - 12.0), 14.0, DIM, Anchor::Left)
    }

    fn lines(&self, analysis: &Analysis) -> Result<()> {
        for line in &analysis.repetitions {
            if Some(*line) != analysis.chosen {
                self.bar(line.start, line.end, line.lag, FOUND)?;
            }
        }
        let (Some(chorus), Some(Repetition { lag, .. })) = (analysis.chorus, analysis.chosen)
        else {
            return Ok(());
        };
        // From the choice down to the time axis: now, and a lag earlier, which is down the diagonal.
        let y = self.y(lag);
        for time in [chorus.start, chorus.end] {
            self.canvas.line([(self.x(time), y), (self.x(time), BOTTOM)], CHOSEN, 0.8, 1.0)?;
            let earlier = self.x((time - lag).max(0.0));
            self.canvas.line([(self.x(time), y), (earlier, BOTTOM)], EARLIER, 0.5, 1.0)?;
        }
        self.bar(chorus.start, chorus.end, lag, CHOSEN)?;
        let under = |from: f64, to: f64, colour| {
            self.fill((self.x(from), BOTTOM - 5.0), (self.x(to), BOTTOM), colour, 1.0)
        };
        under((chorus.start - lag).max(0.0), (chorus.end - lag).max(0.0), EARLIER)?;
        under(chorus.start, chorus.end, CHOSEN)
    }

    fn legend(&self, analysis: &Analysis) -> Result<()> {
        let chosen = analysis.chorus.is_some();
        let others = analysis.repetitions.len() - usize::from(analysis.chosen.is_some());
        let entries = [
            (CHOSEN, "the chorus: a section that comes again".to_owned(), chosen),
            (EARLIER, "where it was before".to_owned(), chosen),
            (FOUND, format!("other repeated sections ({others})"), others > 0),
        ];
        let mut y = TOP + 26.0;
        for (colour, text, _) in entries.iter().filter(|(.., shown)| *shown) {
            self.fill((LEFT + 18.0, y - 2.5), (LEFT + 44.0, y + 2.5), *colour, 1.0)?;
            self.canvas.text(text, (LEFT + 54.0, y), 14.0, BRIGHT, Anchor::Left)?;
            y += 24.0;
        }
        for step in 0u8..90 {
            let x = LEFT + 18.0 + f64::from(step);
            self.fill(
                (x, y - 5.0),
                (x + 1.0, y + 5.0),
                magma((f32::from(step) / 90.0).sqrt()),
                1.0,
            )?;
        }
        let top = brightest(&analysis.time_lag);
        let scale = format!("0 to {top:.2}: how much a moment is like the one a lag earlier");
        self.canvas.text(&scale, (LEFT + 118.0, y), 14.0, DIM, Anchor::Left)
    }

    /// A repeated section, edged so that it shows on any colour.
    fn bar(&self, start: f64, end: f64, lag: f64, colour: Rgb) -> Result<()> {
        let (from, to, y) = (self.x(start), self.x(end), self.y(lag));
        self.fill((from - 1.0, y - 3.0), (to + 1.0, y + 3.0), BACKGROUND, 0.9)?;
        self.fill((from, y - 2.0), (to, y + 2.0), colour, 1.0)
    }

    fn fill(&self, from: (f64, f64), to: (f64, f64), colour: Rgb, opacity: f64) -> Result<()> {
        let area = Area { left: from.0, top: from.1, right: to.0, bottom: to.1 };
        self.canvas.fill(area, colour, opacity)
    }
}

/// The value that is shown brightest: one in a thousand lies above it.
fn brightest(values: &[f32]) -> f32 {
    let mut positive: Vec<f32> = values.iter().copied().filter(|&x| x > 0.0).collect();
    if positive.is_empty() {
        return 1.0;
    }
    let place = positive.len() - 1 - positive.len() / 1000;
    *positive.select_nth_unstable_by(place, f32::total_cmp).1
}

/// Seconds between ticks, so that there are about ten.
fn tick(seconds: f64) -> f64 {
    let steps = [1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 3600.0];
    steps.into_iter().find(|step| seconds / step <= 12.0).unwrap_or(seconds / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_and_brightest() {
        assert_eq!((tick(60.0), tick(104.0), tick(240.0)), (5.0, 10.0, 20.0));
        assert_eq!(brightest(&[0.0; 4]), 1.0);
        assert_eq!(brightest(&[0.0, 0.5, 0.25]), 0.5);
    }

    #[test]
    fn a_song_in_which_nothing_comes_again_is_drawn_too() {
        let analysis = Analysis {
            chorus: None,
            chosen: None,
            repetitions: Vec::new(),
            time_lag: vec![0.0; 16],
            frames: 4,
            frame_seconds: 0.2,
        };
        let pixels =
            canvas::paint(SIZE, BACKGROUND, |canvas| paint(canvas, &analysis, 0.8, "nothing"))
                .unwrap();
        assert_eq!(pixels.len(), (SIZE.0 * SIZE.1 * 3) as usize);
    }
}
