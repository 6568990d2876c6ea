//! The influence view: how the window's score would change without each frequency region.

use egui::{Align2, Rect, Sense, Ui, pos2, vec2};

use super::theme::{ROUND, faint, font, ink, note};
use crate::influence::Influence;
use earworm_kit::colour;

/// The scale reaches at least so many points to either side.
const LEAST_POINTS: f32 = 5.0;

/// A region's edges with their unit.
fn hertz(from: f32, to: f32) -> String {
    if from >= 950.0 {
        format!("{:.1}–{:.1} kHz", from / 1000.0, to / 1000.0)
    } else if to >= 950.0 {
        format!("{:.2}–{:.1} kHz", from / 1000.0, to / 1000.0)
    } else {
        format!("{from:.0}–{to:.0} Hz")
    }
}

/// Draws it; `other` is a snapshot's influence to compare with, and its name, `why_not` why there is
/// none.
pub(super) fn show(
    ui: &mut Ui,
    area: Rect,
    influence: Option<&Influence>,
    other: Option<(&str, &[f32])>,
    why_not: Option<&str>,
) {
    let painter = ui.painter_at(area);
    painter.rect_filled(area, ROUND, ink(colour::PANEL));
    let inner = area.shrink(12.0);
    let is_wide = inner.width() > 420.0;
    let title = if is_wide {
        "INFLUENCE · points that each frequency region adds to the window score"
    } else {
        "INFLUENCE · points of each frequency region"
    };
    painter.text(inner.left_top(), Align2::LEFT_TOP, title, font(11.5), ink(colour::DIM));
    let Some(influence) = influence else {
        let text = why_not.unwrap_or("looked at every two seconds, once a model listens");
        note(&painter, inner, text);
        return;
    };
    let regions = &influence.regions;
    // Less than that is what a model leaves out anyway.
    let left_out = (influence.left_out_s >= 1.0)
        .then(|| format!("   (without the window's first {:.0} s)", influence.left_out_s));
    let other = other.filter(|(_, values)| values.len() == regions.len());
    let all = regions.iter().chain(other.iter().flat_map(|(_, values)| values.iter()));
    let most = all.fold(LEAST_POINTS, |most, points| most.max(points.abs()));
    let plot = Rect::from_min_max(
        pos2(inner.left() + 92.0, inner.top() + 26.0),
        pos2(inner.right() - 44.0, inner.bottom() - 20.0),
    );
    let zero = plot.center().x;
    let step = plot.height() / regions.len() as f32;
    let grid = egui::Stroke::new(1.0, ink(colour::GRID));
    painter.vline(zero, plot.y_range(), grid);
    for (index, &points) in regions.iter().enumerate() {
        // The highest region on top, as in the mel picture.
        let place = regions.len() - 1 - index;
        let row = Rect::from_min_size(
            pos2(inner.left(), plot.top() + place as f32 * step),
            vec2(inner.width(), step),
        );
        let middle = row.center().y;
        let (from, to) = (influence.edges_hz[index], influence.edges_hz[index + 1]);
        let label = hertz(from, to);
        let at = pos2(plot.left() - 8.0, middle);
        let small = (step * 0.36).clamp(11.0, 13.0).min(step - 1.0).max(7.0);
        painter.text(at, Align2::RIGHT_CENTER, &label, font(small), ink(colour::DIM));
        let reach = |points: f32| zero + points / most * plot.width() / 2.0;
        let rgb = if points >= 0.0 { colour::INTEGRATED } else { colour::HOOK };
        let thick = (step * 0.5).min(20.0);
        let bar = |to: f32, y: f32, height: f32| {
            Rect::from_two_pos(pos2(zero, y - height / 2.0), pos2(to, y + height / 2.0))
        };
        match other {
            None => {
                painter.rect_filled(bar(reach(points), middle, thick), 2.0, ink(rgb));
            }
            Some((_, values)) => {
                let half = thick / 2.0;
                let now = bar(reach(points), middle - half / 2.0, half - 1.0);
                painter.rect_filled(now, 2.0, ink(rgb));
                let then = bar(reach(values[index]), middle + half / 2.0, half - 1.0);
                painter.rect_filled(then, 2.0, faint(colour::DIM, 0.8));
            }
        }
        let said = format!("{points:+.1}").replace('-', "−");
        let at = pos2(inner.right(), middle);
        painter.text(at, Align2::RIGHT_CENTER, said, font(small + 1.0), ink(colour::BRIGHT));
        ui.interact(row, ui.scope_id().with(("region", index)), Sense::hover())
            .on_hover_text_at_pointer(format!(
                "Without {label} the window score would be {:.0} instead of {:.0}{}",
                influence.score - points,
                influence.score,
                left_out.as_deref().unwrap_or_default()
            ));
    }
    let below = pos2(zero, plot.bottom() + 6.0);
    let mut legend = match other {
        Some((name, _)) => format!("lowers  |  raises the score      grey: snapshot {name}"),
        None => "lowers  |  raises the score".to_owned(),
    };
    if let Some(left_out) = left_out.filter(|_| is_wide) {
        legend.push_str(&left_out);
    }
    painter.text(below, Align2::CENTER_TOP, legend, font(11.0), ink(colour::DIM));
}
