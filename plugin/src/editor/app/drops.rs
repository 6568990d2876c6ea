//! Files dropped onto the editor: a model is used from now on, a song is scored.

use egui::text::{LayoutJob, TextWrapping};
use egui::{LayerId, Order, Rect, Stroke, StrokeKind};

use super::App;
use crate::editor::file_name;
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
        let name = file_name(path);
        let is_model = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("onnx"));
        Some(if is_model { format!("score with {name}") } else { format!("score the file {name}") })
    });
    let Some(text) = text else { return };
    let painter = ctx.layer_painter(LayerId::new(Order::Foreground, egui::Id::unique("drop")));
    painter.rect_filled(whole, 0.0, faint(colour::BACKGROUND, 0.85));
    let frame = whole.shrink(14.0);
    painter.rect_stroke(frame, ROUND, Stroke::new(2.0, ink(colour::WINDOW)), StrokeKind::Inside);
    // A long name loses its end, not the words before it.
    let mut job = LayoutJob::simple_singleline(text, font(20.0), ink(colour::BRIGHT));
    job.wrap = TextWrapping::truncate_at_width((frame.width() - 20.0).max(0.0));
    let galley = painter.layout_job(job);
    let at = whole.center() - galley.size() / 2.0;
    painter.galley(at, galley, ink(colour::BRIGHT));
}

#[cfg(test)]
mod tests {
    use egui::{HoveredFile, RawInput, Shape, pos2, vec2};

    use super::*;

    #[test]
    fn a_long_name_does_not_leave_the_window() {
        let name = "a name without an end ".repeat(20) + ".flac";
        let hovered = HoveredFile { path: Some(name.into()), ..Default::default() };
        let input = RawInput { hovered_files: vec![hovered], ..Default::default() };
        let whole = Rect::from_min_size(pos2(0.0, 0.0), vec2(560.0, 380.0));
        let output = egui::Context::default().run_ui(input, |ui| hint(ui.ctx(), whole));
        let place = output.shapes.iter().find_map(|clipped| match &clipped.shape {
            Shape::Text(text) => Some(text.visual_bounding_rect()),
            _ => None,
        });
        assert!(whole.contains_rect(place.unwrap()), "{place:?}");
    }
}
