//! Files dropped onto the editor: a model is used from now on, a song is scored.

use egui::{Align2, LayerId, Order, Rect, Stroke, StrokeKind};

use super::App;
use crate::editor::theme::{ROUND, faint, font, ink};
use earworm_kit::colour;

impl App {
    /// Takes the files that were dropped since the last frame.
    pub(super) fn take_drops(&mut self, ctx: &egui::Context) {
        // Of several songs the last one stays: one is scored at a time.
        for file in ctx.input(|input| input.raw.dropped_files.clone()) {
            self.take_path(file.path());
        }
    }
}

/// Says what may be dropped, while something hangs over the window.
pub(super) fn hint(ctx: &egui::Context, whole: Rect) {
    let text = ctx.input(|input| {
        let path = input.raw.hovered_files.first()?.path.as_ref()?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_model = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("onnx"));
        Some(if is_model { format!("score with {name}") } else { format!("score the file {name}") })
    });
    let Some(text) = text else { return };
    let painter = ctx.layer_painter(LayerId::new(Order::Foreground, egui::Id::unique("drop")));
    painter.rect_filled(whole, 0.0, faint(colour::BACKGROUND, 0.85));
    let frame = whole.shrink(14.0);
    painter.rect_stroke(frame, ROUND, Stroke::new(2.0, ink(colour::WINDOW)), StrokeKind::Inside);
    let at = whole.center();
    painter.text(at, Align2::CENTER_CENTER, text, font(20.0), ink(colour::BRIGHT));
}
