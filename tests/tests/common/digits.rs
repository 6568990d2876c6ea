//! Reading a number off a picture: it is compared with all numbers it might be, drawn by the same
//! rasteriser in the same font.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use egui::{Color32, FontId, RawInput};

use crate::screen::Pixels;

/// Part of a place that is covered, from 0 to 1.
struct Mask {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

impl Mask {
    /// Without its empty edges.
    fn trimmed(&self) -> Self {
        let inked = |x: usize, y: usize| self.values[y * self.width + x] > 0.25;
        let columns: Vec<usize> =
            (0..self.width).filter(|&x| (0..self.height).any(|y| inked(x, y))).collect();
        let rows: Vec<usize> =
            (0..self.height).filter(|&y| (0..self.width).any(|x| inked(x, y))).collect();
        let (Some(&left), Some(&right)) = (columns.first(), columns.last()) else {
            return Self { width: 0, height: 0, values: vec![] };
        };
        let (top, bottom) = (rows[0], rows[rows.len() - 1]);
        let (width, height) = (right - left + 1, bottom - top + 1);
        let values = (0..width * height)
            .map(|at| self.values[(top + at / width) * self.width + left + at % width])
            .collect();
        Self { width, height, values }
    }

    /// How different two trimmed masks are: 0 for the same, 1 for another size.
    fn distance(&self, other: &Self) -> f32 {
        if self.width.abs_diff(other.width) > 2 || self.height.abs_diff(other.height) > 2 {
            return 1.0;
        }
        let (width, height) = (self.width.min(other.width), self.height.min(other.height));
        let mut sum = 0.0;
        for y in 0..height {
            for x in 0..width {
                let (a, b) = (self.values[y * self.width + x], other.values[y * other.width + x]);
                sum += (a - b).abs();
            }
        }
        sum / (width * height).max(1) as f32
    }
}

/// The number in a part of a picture: what is lighter than the first place of that part, in a font of
/// this size in points. Nothing where it looks like no number. Places are in pixels.
pub(crate) fn number_at(
    pixels: &Pixels,
    (left, top, right, bottom): (usize, usize, usize, usize),
    size: f32,
    scale: f32,
) -> Option<u32> {
    let ground = f32::from(pixels.at(left, top)[0]);
    let (width, height) = (right - left, bottom - top);
    let red = |at: usize| f32::from(pixels.at(left + at % width, top + at / width)[0]) - ground;
    let most = (0..width * height).map(red).fold(1.0, f32::max);
    let values = (0..width * height).map(|at| (red(at) / most).max(0.0)).collect();
    let seen = Mask { width, height, values }.trimmed();
    let mut found: Vec<(f32, u32)> =
        (0..=100).map(|number| (seen.distance(&drawn(number, size, scale)), number)).collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    (found[0].0 < 0.12 && found[0].0 < 0.6 * found[1].0).then_some(found[0].1)
}

/// A number in faint amber on a dark ground.
pub(crate) fn painted(number: u32, size: f32, scale: f32) -> Pixels {
    let Mask { width, height, values } = laid_out(number, size, scale);
    let (ground, ink) = ([0x18u8, 0x1b, 0x25], [0x81u8, 0x60, 0x39]);
    let mixed = |value: f32| {
        std::array::from_fn(|i| {
            (f32::from(ground[i]) + value * (f32::from(ink[i]) - f32::from(ground[i]))) as u8
        })
    };
    Pixels { width, height, rgb: values.into_iter().map(mixed).collect() }
}

/// A number as the editor draws it, all numbers of a kind made once.
fn drawn(number: u32, size: f32, scale: f32) -> Arc<Mask> {
    type Drawn = HashMap<(u32, u32, u32), Arc<Mask>>;
    static DRAWN: Mutex<Option<Drawn>> = Mutex::new(None);
    let mut all = DRAWN.lock().unwrap();
    let all = all.get_or_insert_with(HashMap::new);
    let key = (number, size.to_bits(), scale.to_bits());
    all.entry(key).or_insert_with(|| Arc::new(laid_out(number, size, scale).trimmed())).clone()
}

/// A number with room around it.
fn laid_out(number: u32, size: f32, scale: f32) -> Mask {
    let ctx = egui::Context::default();
    ctx.set_pixels_per_point(scale);
    for _ in 0..2 {
        let _ = ctx.run_ui(RawInput::default(), |_| {});
    }
    let font = FontId::proportional(size);
    let galley = ctx.fonts_mut(|f| f.layout_no_wrap(number.to_string(), font, Color32::WHITE));
    let atlas = ctx.fonts(|fonts| fonts.image());
    let (width, height) = ((size * scale * 3.0) as usize, (size * scale * 2.0) as usize);
    let mut values = vec![0.0f32; width * height];
    for row in &galley.rows {
        for glyph in &row.row.glyphs {
            let uv = glyph.uv_rect;
            let corner = ((row.pos + glyph.pos.to_vec2() + uv.offset) * scale).round();
            for y in uv.min[1]..uv.max[1] {
                for x in uv.min[0]..uv.max[0] {
                    let place_x = corner.x as usize + usize::from(x - uv.min[0]);
                    let place_y = corner.y as usize + usize::from(y - uv.min[1]);
                    let ink = atlas.pixels[usize::from(y) * atlas.size[0] + usize::from(x)].a();
                    let value = &mut values[place_y * width + place_x];
                    *value = value.max(f32::from(ink) / 255.0);
                }
            }
        }
    }
    Mask { width, height, values }
}
