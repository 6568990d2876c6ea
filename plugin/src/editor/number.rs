//! The number, and under it the scores as a loudness meter has them.

use egui::{Align2, Color32, Rect, Sense, Ui, pos2, vec2};

use super::sight::{Sight, State};
use super::theme::{GAP, ROUND, faint, font, ink};
use crate::clock::clock;
use earworm_kit::colour::{self, Rgb};

/// Height that the panel needs.
pub(super) const HEIGHT: f32 = 258.0;

/// What was clicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Click {
    /// The maximum: forget it.
    Maximum,
}

/// Draws it.
pub(super) fn show(ui: &mut Ui, area: Rect, sight: &Sight) -> Option<Click> {
    let painter = ui.painter_at(area);
    painter.rect_filled(area, ROUND, ink(colour::PANEL));
    let inner = area.shrink(12.0);
    let reading = &sight.reading;
    let fresh = sight.state == State::Scoring || sight.held;

    let title = format!("WINDOW · {:.0} s", sight.window_s());
    painter.text(inner.left_top(), Align2::LEFT_TOP, title, font(11.5), ink(colour::DIM));
    let impression = sight.first_impression();
    let state = match sight.state {
        _ if sight.held => "held",
        State::Listening if impression.is_some() => "first impression",
        state => state.word(),
    };
    let state_ink = if sight.held { colour::HOOK } else { colour::WINDOW };
    painter.text(inner.right_top(), Align2::RIGHT_TOP, state, font(11.5), ink(state_ink));

    let middle = pos2(inner.center().x, inner.top() + 62.0);
    match reading.window {
        Some(score) => {
            // Silence and a stopped host leave the last number, but dimmed: it is not of now.
            let number = if fresh { ink(colour::WINDOW) } else { faint(colour::WINDOW, 0.45) };
            let text = format!("{score:.0}");
            painter.text(middle, Align2::CENTER_CENTER, text, font(82.0), number);
        }
        None => {
            let dim = ink(colour::DIM);
            let (text, size, number) = match (sight.state, impression) {
                // Not the window's colour: it is no score of a window.
                (_, Some(score)) => (format!("{score:.0}?"), 56.0, faint(colour::MOMENTARY, 0.55)),
                (State::Listening, None) => ("· · ·".to_owned(), 44.0, dim),
                _ => ("–".to_owned(), 60.0, dim),
            };
            painter.text(middle, Align2::CENTER_CENTER, text, font(size), number);
            if let (Some(_), Some(model)) = (impression, &sight.model) {
                let metadata = model.metadata();
                let least_s = metadata.front_end.seconds(metadata.warm_up_frames);
                let area = Rect::from_center_size(middle, vec2(inner.width(), 90.0));
                let hint = ui.interact(area, ui.scope_id().with("impression"), Sense::hover());
                hint.on_hover_text(format!(
                    "A first impression of less than {least_s:.0} s of sound, which is less than this \
                     model needs: it may still turn about. It is not written into the history."
                ));
            }
        }
    }
    let coverage =
        Rect::from_min_size(pos2(inner.left(), inner.top() + 114.0), vec2(inner.width(), 3.0));
    bar(&painter, coverage, Some(reading.coverage), colour::WINDOW, fresh);
    let hint = ui.interact(coverage.expand(5.0), ui.scope_id().with("coverage"), Sense::hover());
    hint.on_hover_text(format!(
        "{:.0} % of a window has been heard. Scores of less than a whole window may still move a lot.",
        reading.coverage * 100.0
    ));

    let mut top = coverage.bottom() + 12.0;
    let rows: [(&str, Option<f32>, Rgb, &str); 3] = [
        ("momentary", reading.momentary, colour::MOMENTARY, "Score of the last few seconds"),
        ("window", reading.window, colour::WINDOW, "Score of the last window of sound"),
        (
            "integrated",
            reading.integrated,
            colour::INTEGRATED,
            "Mean score of the whole windows since the reset, silence left out",
        ),
    ];
    for (name, score, rgb, about) in rows {
        let row = Rect::from_min_size(pos2(inner.left(), top), vec2(inner.width(), 18.0));
        score_row(&painter, row, name, score, rgb, fresh);
        ui.interact(row, ui.scope_id().with(name), Sense::hover()).on_hover_text(about);
        top += 21.0;
    }
    top += 4.0;

    let half = (inner.width() - GAP) / 2.0;
    let left = Rect::from_min_size(pos2(inner.left(), top), vec2(half, 40.0));
    let right = left.translate(vec2(half + GAP, 0.0));
    let maximum = ui.interact(left, ui.scope_id().with("maximum"), Sense::click());
    let edge = if maximum.hovered() { colour::WINDOW } else { colour::GRID };
    let said = sight.maximum.map_or("–".into(), |score| format!("{score:.0}"));
    tile(&painter, left, "MAX", &said, ink(edge), ink(colour::BRIGHT));
    let clicked = maximum.clicked();
    maximum.on_hover_text("The highest window score. Click to start it anew (M)");
    let (said, about) = match &sight.hook {
        None => ("–".to_owned(), "The best whole window so far".to_owned()),
        Some(hook) => {
            let in_song = hook.stretches.first();
            let (start, end) = in_song.copied().unwrap_or((hook.hook.start_s, hook.hook.end_s));
            let place = if in_song.is_some() { "in the song" } else { "since the reset" };
            (
                format!("{:.0}", hook.hook.score),
                format!(
                    "The hook: the best whole window so far, {} to {} {place}",
                    clock(start),
                    clock(end)
                ),
            )
        }
    };
    tile(&painter, right, "HOOK", &said, ink(colour::GRID), ink(colour::HOOK));
    ui.interact(right, ui.scope_id().with("hook"), Sense::hover()).on_hover_text(about);
    clicked.then_some(Click::Maximum)
}

fn tile(
    painter: &egui::Painter,
    area: Rect,
    name: &str,
    value: &str,
    edge: Color32,
    number: Color32,
) {
    let stroke = egui::Stroke::new(1.0, edge);
    painter.rect_stroke(area, ROUND, stroke, egui::StrokeKind::Inside);
    let label = area.left_center() + vec2(9.0, 0.0);
    painter.text(label, Align2::LEFT_CENTER, name, font(10.5), ink(colour::DIM));
    let place = area.right_center() - vec2(9.0, 0.0);
    painter.text(place, Align2::RIGHT_CENTER, value, font(21.0), number);
}

/// A name, a bar and a figure in one line.
pub(super) fn score_row(
    painter: &egui::Painter,
    row: Rect,
    name: &str,
    score: Option<f32>,
    rgb: Rgb,
    fresh: bool,
) {
    let middle = row.center().y;
    painter.text(pos2(row.left(), middle), Align2::LEFT_CENTER, name, font(12.5), ink(colour::DIM));
    let track = Rect::from_min_max(
        pos2(row.left() + 74.0, middle - 2.5),
        pos2(row.right() - 32.0, middle + 2.5),
    );
    bar(painter, track, score.map(|s| s / 100.0), rgb, fresh);
    let said = score.map_or("–".into(), |score| format!("{score:.0}"));
    let bright = if fresh { ink(colour::BRIGHT) } else { ink(colour::DIM) };
    painter.text(pos2(row.right(), middle), Align2::RIGHT_CENTER, said, font(14.0), bright);
}

/// A track filled to a part of its length.
pub(super) fn bar(painter: &egui::Painter, track: Rect, part: Option<f32>, rgb: Rgb, fresh: bool) {
    painter.rect_filled(track, 2.0, ink(colour::GRID));
    let part = part.filter(|part| part.is_finite()).unwrap_or(0.0).clamp(0.0, 1.0);
    let filled = Rect::from_min_size(track.min, vec2(track.width() * part, track.height()));
    if filled.width() > 0.5 {
        painter.rect_filled(filled, 2.0, faint(rgb, if fresh { 1.0 } else { 0.45 }));
    }
}
