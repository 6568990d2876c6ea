//! Snapshots of windows beside the present one.

use egui::{Align2, Rect, ScrollArea, Sense, Ui, UiBuilder, pos2, vec2};

use super::sight::Sight;
use super::theme::{ROUND, faint, font, ink, note};
use crate::clock::clock;
use crate::state::{Snapshot, Snapshots};
use earworm_kit::colour;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Click {
    /// Store the present window.
    Store,
    /// Compare with this one.
    Choose(usize),
    /// Throw this one away.
    Remove(usize),
}

const ROW: f32 = 30.0;
/// Space between rows, which is part of [`ROW`].
const BETWEEN: f32 = 2.0;

/// Where the columns begin from the left, in points.
type Columns = [f32; 5];

/// Draws the table. `chosen` is the snapshot compared with.
pub(super) fn show(
    ui: &mut Ui,
    area: Rect,
    sight: &Sight,
    snapshots: &Snapshots,
    chosen: Option<usize>,
) -> Option<Click> {
    let painter = ui.painter_at(area);
    painter.rect_filled(area, ROUND, ink(colour::PANEL));
    let inner = area.shrink(12.0);
    let mut click = None;
    painter.text(inner.left_top(), Align2::LEFT_TOP, "SNAPSHOTS", font(11.5), ink(colour::DIM));
    let button =
        Rect::from_min_size(pos2(inner.right() - 150.0, inner.top() - 4.0), vec2(150.0, 24.0));
    let store = egui::Button::new("Store this window");
    let can = sight.reading.window.is_some();
    let response = ui.put(button, if can { store } else { store.sense(Sense::hover()) });
    if response.on_hover_text("Stores the present window to compare later ones with (S)").clicked()
        && can
    {
        click = Some(Click::Store);
    }
    if snapshots.list.is_empty() {
        let text = "Store a window, change the mix, play the same place again and compare.";
        let below = Rect::from_min_max(pos2(inner.left(), inner.top() + 24.0), inner.max);
        note(&painter, below, text);
        return click;
    }
    let wide = inner.width() > 420.0;
    let parts = if wide { [0.0, 0.16, 0.36, 0.56, 0.78] } else { [0.0, 0.13, 0.33, 0.55, 0.70] };
    let columns: Columns = parts.map(|part: f32| part * inner.width());
    let head = inner.top() + 34.0;
    let difference = if wide { "difference now" } else { "now" };
    for (left, name) in columns.iter().zip(["", "window", "integrated", difference, "where"]) {
        let place = pos2(inner.left() + left, head);
        painter.text(place, Align2::LEFT_CENTER, name, font(11.0), ink(colour::DIM));
    }
    // A scroll bar goes beside the rows.
    let list = Rect::from_min_max(
        pos2(inner.left(), head + 12.0),
        pos2(area.right() - 1.0, inner.bottom()),
    );
    // Nothing of them is to be seen in a window that is too small.
    if !list.is_positive() || !inner.is_positive() {
        return click;
    }
    let mut ui = ui.new_child(UiBuilder::new().max_rect(list));
    let scroll = ScrollArea::vertical().id_salt("snapshots").auto_shrink(false);
    scroll.min_scrolled_height(0.0).show(&mut ui, |ui| {
        ui.spacing_mut().item_spacing.y = BETWEEN;
        // The newest first: it is what was just stored.
        for (index, snapshot) in snapshots.list.iter().enumerate().rev() {
            let (_, row) = ui.allocate_space(vec2(inner.width(), ROW - BETWEEN));
            if ui.is_rect_visible(row) {
                let is_chosen = chosen == Some(index);
                click = show_row(ui, row, &columns, sight, (index, snapshot), is_chosen).or(click);
            }
        }
    });
    click
}

/// Draws one snapshot.
fn show_row(
    ui: &Ui,
    row: Rect,
    columns: &Columns,
    sight: &Sight,
    (index, snapshot): (usize, &Snapshot),
    is_chosen: bool,
) -> Option<Click> {
    let painter = ui.painter();
    let response = ui.interact(row, ui.scope_id().with(("snapshot", index)), Sense::click());
    if is_chosen {
        painter.rect_filled(row, ROUND, faint(colour::WINDOW, 0.16));
    } else if response.hovered() {
        painter.rect_filled(row, ROUND, faint(colour::GRID, 0.6));
    }
    let said = |score: Option<f32>| score.map_or("–".into(), |score| format!("{score:.1}"));
    let middle = row.center().y;
    let place = |column: usize| {
        let indent = if column == 0 { 8.0 } else { 0.0 };
        pos2(row.left() + columns[column] + indent, middle)
    };
    let left = Align2::LEFT_CENTER;
    painter.text(place(0), left, &snapshot.name, font(15.0), ink(colour::BRIGHT));
    painter.text(place(1), left, said(snapshot.window), font(14.0), ink(colour::WINDOW));
    let integrated = said(snapshot.integrated);
    painter.text(place(2), left, integrated, font(14.0), ink(colour::INTEGRATED));
    let (text, rgb) = match (sight.incomparable(snapshot), sight.reading.window, snapshot.window) {
        (Some(why), ..) => (why.to_owned(), colour::DIM),
        (None, Some(now), Some(then)) => {
            let better = if now >= then { colour::INTEGRATED } else { colour::HOOK };
            (format!("{:+.1}", now - then).replace('-', "−"), better)
        }
        _ => ("–".to_owned(), colour::DIM),
    };
    let drawn = painter.text(place(3), left, text, font(14.0), ink(rgb));
    // A narrow window has no room for both.
    if drawn.right() < place(4).x {
        let origin = if snapshot.in_song { "song" } else { "sound" };
        let text = format!("{origin} {}", clock(snapshot.at_s));
        painter.text(place(4), left, text, font(12.0), ink(colour::DIM));
    }
    let cross = Rect::from_center_size(pos2(row.right() - 12.0, middle), vec2(20.0, 20.0));
    let remove = ui.interact(cross, ui.scope_id().with(("remove", index)), Sense::click());
    let rgb = if remove.hovered() { colour::HOOK } else { colour::DIM };
    painter.text(cross.center(), Align2::CENTER_CENTER, "×", font(16.0), ink(rgb));
    if remove.on_hover_text("Throw this snapshot away").clicked() {
        return Some(Click::Remove(index));
    }
    let chosen = response.on_hover_text("Compare the influence view with this one").clicked();
    chosen.then_some(Click::Choose(index))
}
