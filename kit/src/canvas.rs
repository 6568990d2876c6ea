//! A sheet to draw pictures on: drawn at twice its size and then halved, so that edges and text are smooth.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, FontTransform, TextStyle, register_font};

use crate::colour::Rgb;
use crate::whole_file;

/// The font of all text.
const FONT: &str = "earworm";
/// How much larger than the picture it is drawn.
const SCALE: i32 = 2;

/// Where a text's position lies in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
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
pub struct Area {
    /// From the picture's left edge.
    pub left: f64,
    /// From its upper edge.
    pub top: f64,
    /// From the picture's left edge.
    pub right: f64,
    /// From its upper edge.
    pub bottom: f64,
}

impl Area {
    /// In pixels.
    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    /// In pixels.
    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }
}

/// The sheet. Positions are in pixels of the finished picture.
pub struct Canvas<'a> {
    area: DrawingArea<BitMapBackend<'a>, Shift>,
}

/// Draws a picture of `size` and returns its pixels, three bytes each.
///
/// # Errors
/// When it cannot be drawn.
pub fn paint(
    size: (u32, u32),
    background: Rgb,
    draw: impl FnOnce(&Canvas<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<u8>> {
    prepare_font()?;
    let large = (size.0 * SCALE as u32, size.1 * SCALE as u32);
    let mut pixels = vec![0; (large.0 * large.1 * 3) as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, large).into_drawing_area();
        area.fill(&colour(background)).map_err(failed)?;
        draw(&Canvas { area })?;
    }
    Ok(halve(&pixels, size))
}

/// Draws a picture of `size` into a PNG file, which is replaced only by a whole picture.
///
/// # Errors
/// When it cannot be drawn, or the file not be written; the message names it.
pub fn save_png(
    path: &Path,
    size: (u32, u32),
    background: Rgb,
    draw: impl FnOnce(&Canvas<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    whole_file::write_bytes(path, png(size, background, draw)?)
}

/// Draws a picture of `size` and returns it as a PNG file's content.
///
/// # Errors
/// When it cannot be drawn or encoded.
pub fn png(
    size: (u32, u32),
    background: Rgb,
    draw: impl FnOnce(&Canvas<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<u8>> {
    let pixels = paint(size, background, draw)?;
    // The encoder of plotters writes to a path only.
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("picture.png");
    write_png(&path, size, pixels)?;
    Ok(std::fs::read(path)?)
}

fn write_png(path: &Path, size: (u32, u32), pixels: Vec<u8>) -> anyhow::Result<()> {
    let area = BitMapBackend::new(path, size).into_drawing_area();
    let image = BitMapElement::with_owned_buffer((0, 0), size, pixels)
        .context("the picture has the wrong size")?;
    area.draw(&image).map_err(failed)?;
    area.present().map_err(failed)
}

impl Canvas<'_> {
    /// A filled rectangle; `opacity` from 0 to 1.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn fill(&self, area: Area, rgb: Rgb, opacity: f64) -> anyhow::Result<()> {
        let corners = [at(area.left, area.top), at(area.right, area.bottom)];
        let style = colour(rgb).mix(opacity).filled();
        self.area.draw(&Rectangle::new(corners, style)).map_err(failed)
    }

    /// A line through points.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn line(
        &self,
        points: impl IntoIterator<Item = (f64, f64)>,
        rgb: Rgb,
        opacity: f64,
        width: f64,
    ) -> anyhow::Result<()> {
        let points: Vec<_> = points.into_iter().map(|(x, y)| at(x, y)).collect();
        if points.len() < 2 {
            return Ok(());
        }
        let width = (width * f64::from(SCALE)).round().max(1.0) as u32;
        let style = colour(rgb).mix(opacity).stroke_width(width);
        self.area.draw(&PathElement::new(points, style)).map_err(failed)
    }

    /// A filled dot.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn dot(&self, x: f64, y: f64, radius: f64, rgb: Rgb) -> anyhow::Result<()> {
        let radius = (radius * f64::from(SCALE)).round() as i32;
        self.area.draw(&Circle::new(at(x, y), radius, colour(rgb).filled())).map_err(failed)
    }

    /// A text whose middle line is at `y` (at `x` where it is turned).
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn text(
        &self,
        text: &str,
        (x, y): (f64, f64),
        size: f64,
        rgb: Rgb,
        anchor: Anchor,
    ) -> anyhow::Result<()> {
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

    fn text_upwards(
        &self,
        text: &str,
        (x, y): (f64, f64),
        size: f64,
        rgb: Rgb,
    ) -> anyhow::Result<()> {
        let colour = colour(rgb);
        let style = font(size)
            .color(&colour)
            .transform(FontTransform::Rotate270)
            .pos(Pos::new(HPos::Right, VPos::Center));
        self.area.draw(&Text::new(text, at(x, y), style)).map_err(failed)
    }

    /// How wide a text is.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn text_width(&self, text: &str, size: f64) -> anyhow::Result<f64> {
        let (width, _) = self.area.estimate_text_size(text, &font(size)).map_err(failed)?;
        Ok(f64::from(width) / f64::from(SCALE))
    }

    /// A text cut, with dots at its end, to be at most `width` wide.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn fitted(&self, text: &str, size: f64, width: f64) -> anyhow::Result<String> {
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

    /// Colours each point of an area: `pixel` gets its place as parts of the area's width (from
    /// the left) and height (from the bottom).
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn image(&self, area: Area, pixel: impl Fn(f64, f64) -> Option<Rgb>) -> anyhow::Result<()> {
        let ((left, top), (right, bottom)) = (at(area.left, area.top), at(area.right, area.bottom));
        for x in left..right {
            let across = (f64::from(x - left) + 0.5) / f64::from(right - left);
            for y in top..bottom {
                let up = 1.0 - (f64::from(y - top) + 0.5) / f64::from(bottom - top);
                if let Some(rgb) = pixel(across, up) {
                    self.area.draw_pixel((x, y), &colour(rgb)).map_err(failed)?;
                }
            }
        }
        Ok(())
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

fn prepare_font() -> anyhow::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rectangle_lands_where_it_should() {
        let pixels = paint((10, 10), (0, 0, 0), |canvas| {
            let area = Area { left: 2.0, top: 3.0, right: 5.0, bottom: 6.0 };
            canvas.image(area, |_, _| Some((200, 100, 50)))
        })
        .unwrap();
        let at = |x: usize, y: usize| &pixels[(y * 10 + x) * 3..(y * 10 + x) * 3 + 3];
        assert_eq!(at(2, 3), [200, 100, 50]);
        assert_eq!(at(4, 5), [200, 100, 50]);
        assert_eq!(at(5, 5), [0, 0, 0]);
        assert_eq!(at(1, 3), [0, 0, 0]);
    }

    #[test]
    fn text_has_a_width() {
        paint((10, 10), (0, 0, 0), |canvas| {
            let (short, long) = (canvas.text_width("i", 14.0)?, canvas.text_width("iiii", 14.0)?);
            assert!(short > 1.0 && long > 3.0 * short, "{short} {long}");
            Ok(())
        })
        .unwrap();
    }
}
