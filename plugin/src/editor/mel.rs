//! The rolling mel picture: what the model hears, the last half minute of it.
//!
//! The picture is a texture used as a ring: each new frame replaces one column, and the window shows the
//! ring from its oldest column on. While the editor is closed nothing of this exists.

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
/// Frames that the shown edge may lie behind the newest one: they come in small bursts.
const SLACK: f64 = 4.0;

/// The picture.
#[derive(Default)]
pub(super) struct MelPicture {
    texture: Option<TextureHandle>,
    bands: usize,
    columns: usize,
    /// Frames per second.
    rate: f64,
    /// Of the stream that is shown.
    stream: Option<usize>,
    next: u64,
    /// The last frames, in the places of their columns.
    ring: Vec<f32>,
    frames: Vec<HistoryFrame>,
    written: u64,
    loudest_db: f32,
    coloured_for_db: f32,
    /// Frames up to the right edge; follows `written` smoothly.
    edge: f64,
}

fn pixel(db: f32, top_db: f32) -> Color32 {
    ink(magma((db - (top_db - SPAN_DB)) / SPAN_DB))
}

impl MelPicture {
    /// Takes in what is new. Returns whether the picture moves.
    pub(super) fn update(&mut self, ctx: &egui::Context, meter: Option<&Meter>) -> bool {
        let Some(meter) = meter else { return false };
        let front_end = &meter.model().metadata().front_end;
        // A new stream counts from zero again; its model tells it apart well enough.
        let id = std::sync::Arc::as_ptr(meter.model()) as usize;
        if self.stream != Some(id) || self.texture.is_none() {
            self.bands = front_end.n_mels;
            self.rate = front_end.frame_rate();
            self.columns = (30.0 * self.rate).ceil() as usize;
            self.ring = vec![-200.0; self.bands * self.columns];
            self.stream = Some(id);
            (self.next, self.written, self.edge) = (0, 0, 0.0);
            self.loudest_db = LOWEST_TOP_DB;
            let image = ColorImage::filled([self.columns, self.bands], Color32::BLACK);
            self.texture = Some(ctx.load_texture("mel", image, TextureOptions::LINEAR));
        }
        self.frames.clear();
        let next = meter.frames_since(self.next, &mut self.frames);
        if next < self.next {
            self.stream = None;
            return true;
        }
        self.next = next;
        if self.frames.is_empty() {
            return self.edge + 0.01 < self.written as f64;
        }
        for frame in &self.frames {
            let column = (self.written % self.columns as u64) as usize;
            let peak = frame.mel_db.iter().copied().fold(f32::MIN, f32::max);
            self.loudest_db = (self.loudest_db - FALL_DB).max(peak).max(LOWEST_TOP_DB);
            self.ring[column * self.bands..(column + 1) * self.bands]
                .copy_from_slice(&frame.mel_db);
            self.written += 1;
        }
        let drifted = (self.loudest_db - self.coloured_for_db).abs() > RECOLOUR_DB;
        if drifted || self.frames.len() > 8 {
            self.coloured_for_db = if drifted { self.loudest_db } else { self.coloured_for_db };
            self.colour_all();
        } else {
            self.colour_last(self.frames.len());
        }
        true
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
