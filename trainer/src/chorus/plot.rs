//! The picture of the time-lag matrix: what sounds at a time sounded a lag earlier.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};
use earworm_scorer::features::{Analysis, Repetition};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};

use crate::files;

const FONT: &str = "earworm";
/// Pixels of the picture; it is drawn `SCALE` times as large and made smaller, so that it is smooth.
const SIZE: (u32, u32) = (1000, 620);
const SCALE: i32 = 2;
/// The matrix, in pixels of the picture: left, top, right, bottom.
const LEFT: f64 = 76.0;
const TOP: f64 = 58.0;
const RIGHT: f64 = 976.0;
const BOTTOM: f64 = 560.0;

const BACKGROUND: RGBColor = RGBColor(0x10, 0x12, 0x19);
const PANEL: RGBColor = RGBColor(0x18, 0x1b, 0x25);
const DIM: RGBColor = RGBColor(0x93, 0x99, 0xab);
const BRIGHT: RGBColor = RGBColor(0xe8, 0xea, 0xf0);
const FOUND: RGBColor = RGBColor(0x5b, 0xa8, 0xd8);
const CHOSEN: RGBColor = RGBColor(0xff, 0xb4, 0x54);
const EARLIER: RGBColor = RGBColor(0x7f, 0xd1, 0x9b);

/// Matplotlib's "magma" at nine equally spaced places.
const MAGMA: [u32; 9] =
    [0x000004, 0x1d1147, 0x51127c, 0x832681, 0xb73779, 0xe55064, 0xfb8761, 0xfec287, 0xfcfdbf];

/// The sheet, with time and lag turned into pixels.
struct Sheet<'a> {
    area: DrawingArea<BitMapBackend<'a>, Shift>,
    seconds: f64,
}

/// Draws the matrix of a song of `seconds`, its lines and the choice, and writes it as PNG.
pub(super) fn draw(analysis: &Analysis, seconds: f64, title: &str, path: &Path) -> Result<()> {
    let pixels = paint(analysis, seconds, title)?;
    ensure!(
        path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png")),
        "cannot write {}: a picture's name must end in .png",
        path.display()
    );
    files::write_whole(path, |temporary| {
        let area = BitMapBackend::new(temporary, SIZE).into_drawing_area();
        let image = BitMapElement::with_owned_buffer((0, 0), SIZE, pixels)
            .context("the picture has the wrong size")?;
        area.draw(&image).map_err(failed)?;
        area.present().map_err(failed)
    })
}

fn paint(analysis: &Analysis, seconds: f64, title: &str) -> Result<Vec<u8>> {
    prepare_font()?;
    let large = (SIZE.0 * SCALE as u32, SIZE.1 * SCALE as u32);
    let mut pixels = vec![0; (large.0 * large.1 * 3) as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, large).into_drawing_area();
        area.fill(&BACKGROUND).map_err(failed)?;
        let sheet = Sheet { area, seconds: seconds.max(1e-3) };
        sheet.text(title, (LEFT, 30.0), 19.0, BRIGHT, HPos::Left)?;
        sheet.matrix(analysis)?;
        sheet.axes()?;
        sheet.lines(analysis)?;
        sheet.legend(analysis)?;
        sheet.area.present().map_err(failed)?;
    }
    Ok(halve(&pixels))
}

impl Sheet<'_> {
    fn x(&self, time: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * time / self.seconds
    }

    fn y(&self, lag: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * lag / self.seconds
    }

    /// The values as colours; above the diagonal, where the lag is longer than the song has
    /// lasted, there are none.
    fn matrix(&self, analysis: &Analysis) -> Result<()> {
        self.fill((LEFT, TOP), (RIGHT, BOTTOM), PANEL, 1.0)?;
        let n = analysis.frames;
        let top = brightest(&analysis.time_lag);
        let ((left, upper), (right, lower)) = (at(LEFT, TOP), at(RIGHT, BOTTOM));
        for y in upper..lower {
            let lag = (f64::from(lower - y) - 0.5) / f64::from(lower - upper);
            for x in left..right {
                let time = (f64::from(x - left) + 0.5) / f64::from(right - left);
                if lag <= time {
                    let (row, column) = ((lag * n as f64) as usize, (time * n as f64) as usize);
                    let value = analysis.time_lag[row.min(n - 1) * n + column.min(n - 1)];
                    // The root, so that weak lines show beside strong ones.
                    self.area.draw_pixel((x, y), &magma((value / top).sqrt())).map_err(failed)?;
                }
            }
        }
        Ok(())
    }

    fn axes(&self) -> Result<()> {
        let step = tick(self.seconds);
        for k in 0..=(self.seconds / step) as usize {
            let seconds = k as f64 * step;
            let (x, y) = (self.x(seconds), self.y(seconds));
            let label = format!("{}:{:02}", seconds as u64 / 60, seconds as u64 % 60);
            self.line(&[(x, BOTTOM), (x, BOTTOM + 5.0)], DIM, 1.0, 1.0)?;
            self.text(&label, (x, BOTTOM + 17.0), 13.0, DIM, HPos::Center)?;
            self.line(&[(LEFT - 5.0, y), (LEFT, y)], DIM, 1.0, 1.0)?;
            self.text(&label, (LEFT - 10.0, y), 13.0, DIM, HPos::Right)?;
        }
        let middle = (LEFT + RIGHT) / 2.0;
        self.text("time in the song (min:s)", (middle, BOTTOM + 40.0), 14.0, DIM, HPos::Center)?;
        self.text("lag (min:s)", (LEFT - 58.0, TOP - 12.0), 14.0, DIM, HPos::Left)
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
            self.line(&[(self.x(time), y), (self.x(time), BOTTOM)], CHOSEN, 0.8, 1.0)?;
            let earlier = self.x((time - lag).max(0.0));
            self.line(&[(self.x(time), y), (earlier, BOTTOM)], EARLIER, 0.5, 1.0)?;
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
            self.text(text, (LEFT + 54.0, y), 14.0, BRIGHT, HPos::Left)?;
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
        self.text(&scale, (LEFT + 118.0, y), 14.0, DIM, HPos::Left)
    }

    /// A repeated section, edged so that it shows on any colour.
    fn bar(&self, start: f64, end: f64, lag: f64, colour: RGBColor) -> Result<()> {
        let (from, to, y) = (self.x(start), self.x(end), self.y(lag));
        self.fill((from - 1.0, y - 3.0), (to + 1.0, y + 3.0), BACKGROUND, 0.9)?;
        self.fill((from, y - 2.0), (to, y + 2.0), colour, 1.0)
    }

    fn fill(&self, from: (f64, f64), to: (f64, f64), colour: RGBColor, opacity: f64) -> Result<()> {
        let corners = [at(from.0, from.1), at(to.0, to.1)];
        let style = colour.mix(opacity).filled();
        self.area.draw(&Rectangle::new(corners, style)).map_err(failed)
    }

    fn line(
        &self,
        points: &[(f64, f64)],
        colour: RGBColor,
        opacity: f64,
        width: f64,
    ) -> Result<()> {
        let points: Vec<_> = points.iter().map(|&(x, y)| at(x, y)).collect();
        let width = (width * f64::from(SCALE)).round().max(1.0) as u32;
        let style = colour.mix(opacity).stroke_width(width);
        self.area.draw(&PathElement::new(points, style)).map_err(failed)
    }

    /// A text whose middle line is at `y`.
    fn text(
        &self,
        text: &str,
        (x, y): (f64, f64),
        size: f64,
        colour: RGBColor,
        side: HPos,
    ) -> Result<()> {
        let style: TextStyle<'_> = (FONT, size * f64::from(SCALE)).into_font().into();
        let style = style.color(&colour).pos(Pos::new(side, VPos::Center));
        // plotters centres the line, not the letters in it.
        self.area.draw(&Text::new(text, at(x, y + 0.08 * size), style)).map_err(failed)
    }
}

fn at(x: f64, y: f64) -> (i32, i32) {
    let scaled = |v: f64| (v * f64::from(SCALE)).round() as i32;
    (scaled(x), scaled(y))
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

fn magma(value: f32) -> RGBColor {
    let place = value.clamp(0.0, 1.0) * (MAGMA.len() - 1) as f32;
    let below = (place as usize).min(MAGMA.len() - 2);
    let between = place - below as f32;
    let channel = |shift: u32| {
        let at = |i: usize| (MAGMA[i] >> shift & 0xff) as f32;
        (at(below) + (at(below + 1) - at(below)) * between).round() as u8
    };
    RGBColor(channel(16), channel(8), channel(0))
}

fn prepare_font() -> Result<()> {
    static READY: OnceLock<bool> = OnceLock::new();
    let font = epaint_default_fonts::UBUNTU_LIGHT;
    let register = || register_font(FONT, FontStyle::Normal, font).is_ok();
    if *READY.get_or_init(register) { Ok(()) } else { Err(anyhow!("the built-in font is broken")) }
}

fn failed<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> anyhow::Error {
    anyhow!("cannot draw the picture: {error}")
}

/// The mean of each square of 2 × 2 pixels.
fn halve(pixels: &[u8]) -> Vec<u8> {
    let (width, height) = (SIZE.0 as usize, SIZE.1 as usize);
    let row = width * 2 * 3;
    let mut halved = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                let first = 2 * y * row + 2 * x * 3 + channel;
                let four = [first, first + 3, first + row, first + row + 3];
                let sum: u32 = four.into_iter().map(|at| u32::from(pixels[at])).sum();
                halved.push(((sum + 2) / 4) as u8);
            }
        }
    }
    halved
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
        let pixels = paint(&analysis, 0.8, "nothing").unwrap();
        assert_eq!(pixels.len(), (SIZE.0 * SIZE.1 * 3) as usize);
    }
}
