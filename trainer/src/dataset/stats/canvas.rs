//! A sheet to draw on: drawn at twice its size and then halved, so that edges and text are smooth.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, FontTransform, TextStyle, register_font};

use crate::files;

/// Red, green and blue.
pub(super) type Rgb = (u8, u8, u8);

/// Behind everything.
pub(super) const BACKGROUND: Rgb = (0x10, 0x12, 0x19);
/// Behind a panel.
pub(super) const PANEL: Rgb = (0x18, 0x1b, 0x25);
/// Lines of a grid.
pub(super) const GRID: Rgb = (0x2c, 0x31, 0x3f);
/// Labels.
pub(super) const DIM: Rgb = (0x93, 0x99, 0xab);
/// What is to be read first.
pub(super) const BRIGHT: Rgb = (0xe8, 0xea, 0xf0);
/// Bars of what songs are.
pub(super) const BLUE: Rgb = (0x5b, 0xa8, 0xd8);
/// Medians, and positive correlation.
pub(super) const AMBER: Rgb = (0xff, 0xb4, 0x54);
/// Bars of what is to be learnt.
pub(super) const GREEN: Rgb = (0x7f, 0xd1, 0x9b);

/// The font of all text.
const FONT: &str = "earworm";
/// How much larger than the picture it is drawn.
const SCALE: i32 = 2;

/// Where a text's position lies in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// Its left edge.
    Left,
    /// Its middle.
    Middle,
    /// Its right edge.
    Right,
    /// Its right edge, the text turned to be read from below.
    Upwards,
}

/// A rectangle in pixels of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Area {
    pub(super) fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(super) fn height(&self) -> f64 {
        self.bottom - self.top
    }
}

/// The sheet. Positions are in pixels of the finished picture.
pub(super) struct Canvas<'a> {
    area: DrawingArea<BitMapBackend<'a>, Shift>,
}

/// Draws a picture of `size` into a PNG file, whole or not at all.
pub(super) fn paint(
    path: &Path,
    size: (u32, u32),
    draw: impl FnOnce(&Canvas<'_>) -> Result<()>,
) -> Result<()> {
    prepare_font()?;
    let large = (size.0 * SCALE as u32, size.1 * SCALE as u32);
    let mut pixels = vec![0; (large.0 * large.1 * 3) as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, large).into_drawing_area();
        area.fill(&colour(BACKGROUND)).map_err(failed)?;
        draw(&Canvas { area })?;
    }
    let pixels = halve(&pixels, size);
    files::write_whole(path, |temporary| {
        let area = BitMapBackend::new(temporary, size).into_drawing_area();
        let image = BitMapElement::with_owned_buffer((0, 0), size, pixels)
            .context("the picture has the wrong size")?;
        area.draw(&image).map_err(failed)?;
        area.present().map_err(failed)
    })
}

impl Canvas<'_> {
    /// A filled rectangle; `opacity` from 0 to 1.
    pub(super) fn fill(&self, area: Area, rgb: Rgb, opacity: f64) -> Result<()> {
        let corners = [at(area.left, area.top), at(area.right, area.bottom)];
        let style = colour(rgb).mix(opacity).filled();
        self.area.draw(&Rectangle::new(corners, style)).map_err(failed)
    }

    /// A straight line.
    pub(super) fn line(
        &self,
        from: (f64, f64),
        to: (f64, f64),
        rgb: Rgb,
        width: f64,
    ) -> Result<()> {
        let width = (width * f64::from(SCALE)).round().max(1.0) as u32;
        let points = vec![at(from.0, from.1), at(to.0, to.1)];
        let style = colour(rgb).stroke_width(width);
        self.area.draw(&PathElement::new(points, style)).map_err(failed)
    }

    /// A text whose middle line is at `y` (at `x` where it is turned).
    pub(super) fn text(
        &self,
        text: &str,
        (x, y): (f64, f64),
        size: f64,
        rgb: Rgb,
        anchor: Anchor,
    ) -> Result<()> {
        // plotters centres the line, not the letters in it.
        let shift = 0.08 * size;
        if anchor == Anchor::Upwards {
            return self.text_upwards(text, (x + shift, y), size, rgb);
        }
        let horizontal = match anchor {
            Anchor::Left => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::Right | Anchor::Upwards => HPos::Right,
        };
        let colour = colour(rgb);
        let style = font(size).color(&colour).pos(Pos::new(horizontal, VPos::Center));
        self.area.draw(&Text::new(text, at(x, y + shift), style)).map_err(failed)
    }

    fn text_upwards(&self, text: &str, (x, y): (f64, f64), size: f64, rgb: Rgb) -> Result<()> {
        let colour = colour(rgb);
        let style = font(size)
            .color(&colour)
            .transform(FontTransform::Rotate270)
            .pos(Pos::new(HPos::Right, VPos::Center));
        self.area.draw(&Text::new(text, at(x, y), style)).map_err(failed)
    }

    /// How wide a text is.
    pub(super) fn text_width(&self, text: &str, size: f64) -> Result<f64> {
        let (width, _) = self.area.estimate_text_size(text, &font(size)).map_err(failed)?;
        Ok(f64::from(width) / f64::from(SCALE))
    }

    /// A text cut, with dots at its end, to be at most `width` wide.
    pub(super) fn fitted(&self, text: &str, size: f64, width: f64) -> Result<String> {
        let mut shown: String =
            text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if self.text_width(&shown, size)? <= width {
            return Ok(shown);
        }
        while !shown.is_empty() && self.text_width(&format!("{shown}…"), size)? > width {
            shown.pop();
        }
        Ok(format!("{}…", shown.trim_end()))
    }
}

fn at(x: f64, y: f64) -> (i32, i32) {
    let scaled = |v: f64| (v * f64::from(SCALE)).round() as i32;
    (scaled(x), scaled(y))
}

fn colour((r, g, b): Rgb) -> RGBColor {
    RGBColor(r, g, b)
}

fn font(size: f64) -> TextStyle<'static> {
    (FONT, size * f64::from(SCALE)).into_font().into()
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
fn halve(pixels: &[u8], (width, height): (u32, u32)) -> Vec<u8> {
    let (width, height) = (width as usize, height as usize);
    let row = width * 2 * 3;
    let mut halved = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                let first = 2 * y * row + 2 * x * 3 + channel;
                let sum: u32 = [first, first + 3, first + row, first + row + 3]
                    .into_iter()
                    .map(|at| u32::from(pixels[at]))
                    .sum();
                halved.push(((sum + 2) / 4) as u8);
            }
        }
    }
    halved
}
