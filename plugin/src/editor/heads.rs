//! The model's other outputs as bars: with the built-in model, what listeners felt.

use egui::{Align2, Rect, Sense, Ui, pos2, vec2};

use super::number::bar;
use super::sight::{Sight, State};
use super::theme::{ROUND, font, ink};
use earworm_kit::colour;

/// Height of a row, at most and at least.
const ROW: (f32, f32) = (26.0, 15.0);

/// Draws as many as there is room for, the strongest of them never left out.
pub(super) fn show(ui: &mut Ui, area: Rect, sight: &Sight) {
    let painter = ui.painter_at(area);
    painter.rect_filled(area, ROUND, ink(colour::PANEL));
    let inner = area.shrink2(vec2(12.0, 9.0));
    painter.text(inner.left_top(), Align2::LEFT_TOP, "WHAT IT HEARS", font(11.5), ink(colour::DIM));
    let Some(model) = &sight.model else { return };
    let classes = &model.metadata().classes;
    let fresh = sight.state == State::Scoring || sight.held;
    let room = inner.height() - 20.0;
    let fits = (room / ROW.1).max(0.0) as usize;
    let value = |index: usize| sight.reading.details.get(index).copied();
    let mut shown: Vec<usize> = (0..classes.len()).collect();
    if fits < shown.len() {
        shown.sort_by(|&a, &b| value(b).unwrap_or(0.0).total_cmp(&value(a).unwrap_or(0.0)));
        shown.truncate(fits);
        shown.sort_unstable();
    }
    if shown.is_empty() {
        return;
    }
    let step = (room / shown.len() as f32).min(ROW.0);
    for (place, index) in shown.into_iter().enumerate() {
        let class = &classes[index];
        let top = inner.top() + 20.0 + place as f32 * step;
        let row = Rect::from_min_size(pos2(inner.left(), top), vec2(inner.width(), step));
        let middle = row.center().y;
        let is_score = class.name == model.metadata().score_class;
        let label = if is_score { colour::BRIGHT } else { colour::DIM };
        let size = 12.5_f32.min(step - 1.0);
        let name_at = pos2(row.left(), middle);
        painter.text(name_at, Align2::LEFT_CENTER, &class.name, font(size), ink(label));
        let track = Rect::from_min_max(
            pos2(row.left() + 96.0, middle - 2.5),
            pos2(row.right() - 34.0, middle + 2.5),
        );
        let rgb = if is_score { colour::WINDOW } else { colour::MOMENTARY };
        bar(&painter, track, value(index), rgb, fresh);
        let said = value(index).map_or("–".into(), |v| format!("{:.0} %", v * 100.0));
        let said_at = pos2(row.right(), middle);
        painter.text(said_at, Align2::RIGHT_CENTER, said, font(size), ink(colour::DIM));
        if !class.meaning.is_empty() {
            ui.interact(row, ui.scope_id().with(("head", index)), Sense::hover())
                .on_hover_text(&class.meaning);
        }
    }
}
