//! Colours, fonts and spacing of the editor.

use egui::text::LayoutJob;
use egui::{Align, Color32, CornerRadius, FontId, Painter, Rect, Stroke, Visuals, pos2};

use earworm_kit::colour::{self, Rgb};

/// A colour as egui takes it.
pub(super) const fn ink((r, g, b): Rgb) -> Color32 {
    Color32::from_rgb(r, g, b)
}

/// The same, partly transparent.
pub(super) fn faint(rgb: Rgb, opacity: f32) -> Color32 {
    ink(rgb).gamma_multiply(opacity)
}

/// Text of a size in points.
pub(super) fn font(size: f32) -> FontId {
    FontId::proportional(size)
}

/// Says in the middle of an area why there is nothing to show, in as many lines as it takes.
pub(super) fn note(painter: &Painter, area: Rect, text: &str) {
    let width = (area.width() - 16.0).max(40.0);
    let mut job = LayoutJob::simple(text.to_owned(), font(13.0), ink(colour::DIM), width);
    job.halign = Align::Center;
    let galley = painter.layout_job(job);
    let top = area.center().y - galley.size().y / 2.0;
    painter.galley(pos2(area.center().x, top), galley, ink(colour::DIM));
}

/// Space between parts.
pub(super) const GAP: f32 = 8.0;
/// Corners of panels.
pub(super) const ROUND: CornerRadius = CornerRadius::same(5);

/// Sets the looks of a window.
pub(super) fn apply(ctx: &egui::Context) {
    ctx.set_theme(egui::Theme::Dark);
    let mut visuals = Visuals::dark();
    visuals.panel_fill = ink(colour::BACKGROUND);
    visuals.window_fill = ink(colour::PANEL);
    visuals.window_stroke = Stroke::new(1.0, ink(colour::GRID));
    visuals.extreme_bg_color = ink(colour::BACKGROUND);
    visuals.selection.bg_fill = faint(colour::WINDOW, 0.35);
    visuals.selection.stroke = Stroke::new(1.0, ink(colour::BRIGHT));
    visuals.widgets.noninteractive.fg_stroke.color = ink(colour::DIM);
    visuals.widgets.inactive.fg_stroke.color = ink(colour::BRIGHT);
    visuals.widgets.inactive.weak_bg_fill = faint(colour::GRID, 0.75);
    visuals.widgets.inactive.bg_fill = ink(colour::GRID);
    visuals.widgets.hovered.weak_bg_fill = ink(colour::GRID);
    visuals.widgets.active.weak_bg_fill = ink(colour::GRID);
    visuals.widgets.open.weak_bg_fill = ink(colour::GRID);
    ctx.set_visuals(visuals);
    ctx.all_styles_mut(|style| {
        style.interaction.selectable_labels = false;
        style.spacing.item_spacing = egui::vec2(6.0, 4.0);
        style.spacing.button_padding = egui::vec2(8.0, 3.0);
    });
}
