//! Colours, fonts and spacing of the editor.

use egui::{Color32, CornerRadius, FontId, Stroke, Visuals};

use crate::colour::{self, Rgb};

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
