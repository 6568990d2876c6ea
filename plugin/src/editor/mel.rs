//! The rolling mel picture: what the model hears, the last half minute of it.
//!
//! The picture is a texture used as a ring: each new frame replaces one column, and the window shows the
//! ring from its oldest column on. While the editor is closed nothing of this exists.

use std::sync::{Arc, Weak};

use earworm_scorer::Model;
use earworm_scorer::live::{HistoryFrame, Meter};
use egui::{
    Align2, Color32, ColorImage, Rect, Sense, TextureHandle, TextureOptions, Ui, pos2, vec2,
};

use super::theme::{ROUND, font, ink};
use earworm_kit::colour::{self, magma};

/// Decibels between black and pale.
const SPAN_DB: f32 = 64.0;
/// A picture of near silence stays dark: pale is never below this.
const LOWEST_TOP_DB: f32 = -34.0;
/// The range follows the loudest band by so many decibels a frame when it gets quieter …
const FALL_DB: f32 = 0.02;
/// … and all is coloured anew when it has moved by so much.
const RECOLOUR_DB: f32 = 6.0;
/// Columns that the shown edge may lie behind the newest one: they come in small bursts.
const SLACK: f64 = 4.0;
/// Seconds that are shown.
const SECONDS: f64 = 30.0;
/// Most columns: more are finer than any screen, and more than some graphics cards take.
const MOST_COLUMNS: usize = 8192;

/// The picture.
#[derive(Default)]
pub(super) struct MelPicture {
    texture: Option<TextureHandle>,
    bands: usize,
    columns: usize,
    /// Frames in a column; of several it shows the loudest of each band.
    each: usize,
    /// Columns per second.
    rate: f64,
    /// Of the stream that is shown. As long as this is kept, no other model can come to lie in its place.
    model: Option<Weak<Model>>,
    next: u64,
    /// The last frames, in the places of their columns.
    ring: Vec<f32>,
    frames: Vec<HistoryFrame>,
    /// Frames taken in.
    taken: u64,
    /// Columns begun.
    written: u64,
    loudest_db: f32,
    coloured_for_db: f32,
    /// Columns up to the right edge; follows `written` smoothly.
    edge: f64,
}

fn pixel(db: f32, top_db: f32) -> Color32 {
    ink(magma((db - (top_db - SPAN_DB)) / SPAN_DB))
}

/// How many columns, `most` at most, and how many frames in each.
fn columns(frame_rate: f64, most: usize) -> (usize, usize) {
    let frames = ((SECONDS * frame_rate).ceil() as usize).max(1);
    let each = frames.div_ceil(most.max(1));
    (frames.div_ceil(each), each)
}

impl MelPicture {
    /// Takes in what is new. Returns whether the picture moves.
    pub(super) fn update(&mut self, ctx: &egui::Context, meter: Option<&Meter>) -> bool {
        let Some(meter) = meter else { return false };
        // A new stream counts from zero again; its model tells it apart well enough.
        let model = meter.model();
        let same = self.model.as_ref().is_some_and(|shown| shown.as_ptr() == Arc::as_ptr(model));
        if !same || self.texture.is_none() {
            self.begin(ctx, model);
            self.model = Some(Arc::downgrade(model));
        }
        self.frames.clear();
        let next = meter.frames_since(self.next, &mut self.frames);
        if next < self.next {
            self.model = None;
            return true;
        }
        self.next = next;
        if self.frames.is_empty() {
            return self.edge + 0.01 < self.written as f64;
        }
        self.write();
        true
    }

    /// Shows these frames of a model, which are held, unless there is a picture: then it is of when hold went on.
    pub(super) fn hold(&mut self, ctx: &egui::Context, model: &Model, frames: &[HistoryFrame]) {
        if self.texture.is_some() {
            return;
        }
        self.begin(ctx, model);
        // Whatever comes afterwards begins anew.
        self.model = None;
        self.frames = frames.to_vec();
        self.write();
        self.edge = self.written as f64;
    }

    fn begin(&mut self, ctx: &egui::Context, model: &Model) {
        let front_end = &model.metadata().front_end;
        self.bands = front_end.n_mels;
        let most = MOST_COLUMNS.min(ctx.input(|input| input.max_texture_side));
        (self.columns, self.each) = columns(front_end.frame_rate(), most);
        self.rate = front_end.frame_rate() / self.each as f64;
        self.ring = vec![-200.0; self.bands * self.columns];
        (self.next, self.taken, self.written, self.edge) = (0, 0, 0, 0.0);
        self.loudest_db = LOWEST_TOP_DB;
        let image = ColorImage::filled([self.columns, self.bands], Color32::BLACK);
        self.texture = Some(ctx.load_texture("mel", image, TextureOptions::LINEAR));
    }

    /// Writes the frames into their columns.
    fn write(&mut self) {
        // The newest column may not be full yet.
        let mut changed = usize::from(!self.taken.is_multiple_of(self.each as u64));
        for frame in &self.frames {
            let begins = self.taken.is_multiple_of(self.each as u64);
            self.taken += 1;
            self.written += u64::from(begins);
            changed += usize::from(begins);
            let column = ((self.written - 1) % self.columns as u64) as usize;
            let peak = frame.mel_db.iter().copied().fold(f32::MIN, f32::max);
            self.loudest_db = (self.loudest_db - FALL_DB).max(peak).max(LOWEST_TOP_DB);
            let bands = &mut self.ring[column * self.bands..(column + 1) * self.bands];
            if begins {
                bands.copy_from_slice(&frame.mel_db);
            } else {
                bands.iter_mut().zip(&frame.mel_db).for_each(|(band, &db)| *band = band.max(db));
            }
        }
        let drifted = (self.loudest_db - self.coloured_for_db).abs() > RECOLOUR_DB;
        if drifted || changed > 8 {
            self.coloured_for_db = if drifted { self.loudest_db } else { self.coloured_for_db };
            self.colour_all();
        } else {
            self.colour_last(changed);
        }
    }

    fn colour_all(&mut self) {
        let (columns, bands, top) = (self.columns, self.bands, self.coloured_for_db);
        let pixels = (0..bands * columns)
            .map(|at| {
                let (row, column) = (at / columns, at % columns);
                pixel(self.ring[column * bands + bands - 1 - row], top)
            })
            .collect();
        if let Some(texture) = &mut self.texture {
            texture.set(ColorImage::new([columns, bands], pixels), TextureOptions::LINEAR);
        }
    }

    fn colour_last(&mut self, count: usize) {
        let (bands, top) = (self.bands, self.coloured_for_db);
        for back in (1..=count as u64).rev() {
            let column = ((self.written - back) % self.columns as u64) as usize;
            let values = &self.ring[column * bands..(column + 1) * bands];
            let pixels = values.iter().rev().map(|&db| pixel(db, top)).collect();
            if let Some(texture) = &mut self.texture {
                let image = ColorImage::new([1, bands], pixels);
                texture.set_partial([column, 0], image, TextureOptions::LINEAR);
            }
        }
    }

    /// Draws it.
    pub(super) fn show(&mut self, ui: &mut Ui, area: Rect, dt: f32) {
        let painter = ui.painter_at(area);
        painter.rect_filled(area, ROUND, ink(colour::PANEL));
        let plot = Rect::from_min_max(area.min + vec2(34.0, 8.0), area.max - vec2(12.0, 8.0));
        painter.rect_filled(plot, 0.0, Color32::BLACK);
        let Some(texture) = &self.texture else { return };
        let newest = self.written as f64;
        self.edge = (self.edge + f64::from(dt) * self.rate).clamp(newest - SLACK, newest);
        let columns = self.columns as f64;
        // A column less than there is: the oldest one is being replaced.
        let shown = columns - SLACK - 1.0;
        let painter = ui.painter_at(plot);
        // The ring is cut where it starts again, so it is drawn in up to two parts.
        let (mut from, to) = (self.edge - shown, self.edge);
        while from < to {
            let turn = (from / columns).floor();
            let until = to.min((turn + 1.0) * columns);
            let x = |at: f64| plot.left() + ((at - (to - shown)) / shown) as f32 * plot.width();
            let u = |at: f64| ((at - turn * columns) / columns) as f32;
            let part = Rect::from_min_max(pos2(x(from), plot.top()), pos2(x(until), plot.bottom()));
            let uv = Rect::from_min_max(pos2(u(from), 0.0), pos2(u(until), 1.0));
            if from >= 0.0 || until > 0.0 {
                painter.image(texture.id(), part, uv, Color32::WHITE);
            }
            from = until;
        }
        self.axis(ui, area, plot);
        ui.interact(plot, ui.scope_id().with("mel"), Sense::hover()).on_hover_text_at_pointer(
            "What the model hears: the last 30 seconds, low notes below, loud ones bright",
        );
    }

    fn axis(&self, ui: &Ui, area: Rect, plot: Rect) {
        let painter = ui.painter_at(area);
        for (at, label) in [(0.0, "high"), (1.0, "low")] {
            let y = plot.top() + at * plot.height();
            let align = if at == 0.0 { Align2::RIGHT_TOP } else { Align2::RIGHT_BOTTOM };
            painter.text(pos2(plot.left() - 6.0, y), align, label, font(10.5), ink(colour::DIM));
        }
    }
}

#[cfg(test)]
mod tests {
    use earworm_scorer::ScorerOptions;
    use earworm_scorer::live::{Turn, open};

    use super::*;

    /// Where a model lay that is gone, another one may lie that has another number of bands.
    #[test]
    fn the_place_of_the_model_that_is_shown_is_taken_by_no_other() {
        let fixture = |name: &str| {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
            Model::load(folder.join("../scorer/tests/fixtures").join(name)).unwrap()
        };
        let meter = |model: &Arc<Model>| {
            let (mut tap, mut stream, meter) =
                open(model.clone(), 48_000, ScorerOptions::LIVE).unwrap();
            let second = vec![0.1f32; 48_000];
            tap.push_planar(&[&second]);
            while stream.turn() == Turn::Busy {}
            meter
        };
        let (ctx, mut picture) = (egui::Context::default(), MelPicture::default());
        let first = fixture("tiny_lstm.onnx");
        let shown = Arc::downgrade(&first);
        assert!(picture.update(&ctx, Some(&meter(&first))));
        assert_eq!(picture.bands, first.metadata().front_end.n_mels);
        drop(first);
        assert_eq!(shown.strong_count(), 0, "the model itself is freed");
        let kept = picture.model.as_ref().expect("it is shown");
        assert!(kept.ptr_eq(&shown), "but not its place");
        assert!(picture.update(&ctx, Some(&meter(&fixture("tiny_window.onnx")))));
        assert!(picture.model.as_ref().is_some_and(|kept| !kept.ptr_eq(&shown)));
    }

    #[test]
    fn there_are_never_more_columns_than_a_texture_has() {
        // A column a frame, as long as there is room.
        assert_eq!(columns(22_050.0 / 1024.0, MOST_COLUMNS), (646, 1));
        assert_eq!(columns(273.0, MOST_COLUMNS), (8190, 1));
        assert_eq!(columns(400.0, MOST_COLUMNS), (6000, 2));
        assert_eq!(columns(110.25, 2048), (1654, 2));
        for rate in [0.2, 62.5, 400.0, 16_000.0, 192_000.0] {
            for most in [1, 2048, MOST_COLUMNS] {
                let (columns, each) = columns(rate, most);
                assert!((1..=most).contains(&columns), "{rate} a second: {columns} of {most}");
                // All of the half minute is there, and no column of nothing.
                let frames = (SECONDS * rate).ceil() as usize;
                assert!((frames..frames + each).contains(&(columns * each)), "{rate} a second");
            }
        }
    }
}
