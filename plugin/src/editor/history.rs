//! The score against time, zoomable, the best window marked as the hook.

use egui::epaint::Mesh;
use egui::{Align2, Color32, Pos2, Rect, Sense, Shape, Stroke, Ui, pos2, vec2};

use super::sight::Sight;
use super::theme::{ROUND, faint, font, ink, note};
use crate::clock::{clock, local_ahead_s, time_of_day};
use crate::curve::Point;
use crate::state::{Axis, LEAST_SPAN_S};
use earworm_kit::colour::{self, Rgb};
use earworm_kit::ticks::tick_step;

/// An empty or short session is shown over this many seconds.
const FIRST_S: f64 = 60.0;
/// Points further apart than this are not joined.
const GAP_S: f64 = 20.0;
/// A moved view that is let go of so near to where an unmoved one ends follows again, in parts of its length.
const NEAR: f64 = 0.05;

/// How far the history is moved, and how to move and zoom it; the zoom is saved with the project.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Where on its axis the view ends once it was moved. Unmoved, it follows what is heard.
    end_s: Option<f64>,
}

/// The stretch of time that is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Range {
    from: f64,
    to: f64,
}

impl Range {
    fn length(self) -> f64 {
        self.to - self.from
    }
}

fn time(point: &Point, axis: Axis) -> f64 {
    match axis {
        Axis::Elapsed => point.sound_s,
        Axis::Song => point.song_s,
        Axis::Clock => point.clock_s,
    }
}

/// From the first to the last point on an axis; an empty session starts at zero.
fn extent(points: &[Point], axis: Axis) -> (f64, f64) {
    let mut extent = (f64::INFINITY, f64::NEG_INFINITY);
    for point in points.iter().filter(|p| !p.is_gap()) {
        let at = time(point, axis);
        if !at.is_nan() {
            extent = (extent.0.min(at), extent.1.max(at));
        }
    }
    if extent.0 > extent.1 { (0.0, 0.0) } else { extent }
}

/// What an unmoved view follows: what was heard last. That need not be the end of the song, so that there it is
/// at the playhead, if there is one.
fn now_s(points: &[Point], axis: Axis, last: f64, playhead_s: Option<f64>) -> f64 {
    let latest = || {
        let heard = points.iter().rev().filter(|point| !point.is_gap());
        heard.map(|point| point.song_s).find(|song_s| !song_s.is_nan())
    };
    let in_song = if axis == Axis::Song { playhead_s.or_else(latest) } else { None };
    in_song.unwrap_or(last)
}

/// What a view of the whole shows: from where all of them begin to the last point.
fn whole(points: &[Point], axis: Axis) -> Range {
    let (first, to) = extent(points, axis);
    Range { from: if axis == Axis::Elapsed { 0.0 } else { first }, to }
}

/// Where a view of so many seconds ends at the earliest, and where one does that was not moved.
fn ends_s(
    points: &[Point],
    axis: Axis,
    whole: Range,
    span_s: f64,
    playhead_s: Option<f64>,
) -> (f64, f64) {
    let now = now_s(points, axis, whole.to, playhead_s);
    let least = whole.from.min(now) + span_s;
    (least, now.max(least))
}

/// The song's position that the view follows; what is held does not move.
fn playhead_s(sight: &Sight) -> Option<f64> {
    sight.song_s.filter(|_| !sight.held)
}

impl History {
    fn range(
        &mut self,
        points: &[Point],
        axis: Axis,
        span_s: Option<f64>,
        playhead_s: Option<f64>,
    ) -> Range {
        let whole = whole(points, axis);
        let Some(span) = span_s else {
            self.end_s = None;
            return Range { from: whole.from, to: whole.to.max(whole.from + FIRST_S) };
        };
        let (least, unmoved) = ends_s(points, axis, whole, span, playhead_s);
        let last = whole.to.max(unmoved);
        // Also where a reset has taken away what it was moved to.
        self.end_s = self.end_s.filter(|_| least < last).map(|end| end.clamp(least, last));
        let to = self.end_s.unwrap_or(unmoved);
        Range { from: to - span, to }
    }

    /// Moves the view back by so many seconds. From then on it stays where it is.
    fn drag(&mut self, shown: Range, back_s: f64) {
        self.end_s = Some(shown.to - back_s);
    }

    /// Lets go of a view that was moved, where one that was not would end at `unmoved_s`.
    fn let_go(&mut self, shown: Range, unmoved_s: f64) {
        if (shown.to - unmoved_s).abs() <= NEAR * shown.length() {
            self.end_s = None;
        }
    }

    /// Draws it. `span_s` is the zoom, and may change.
    pub(super) fn show(
        &mut self,
        ui: &mut Ui,
        area: Rect,
        sight: &Sight,
        axis: Axis,
        span_s: &mut Option<f64>,
    ) {
        let frame = ui.painter_at(area);
        frame.rect_filled(area, ROUND, ink(colour::PANEL));
        let plot = Rect::from_min_max(area.min + vec2(34.0, 10.0), area.max - vec2(12.0, 22.0));
        let range = self.range(&sight.points, axis, *span_s, playhead_s(sight));
        let range = self.steer(ui, plot, sight, axis, span_s, range);
        let x = |s: f64| plot.left() + ((s - range.from) / range.length()) as f32 * plot.width();
        let y = |score: f32| plot.bottom() - score / 100.0 * plot.height();

        for score in [0.0f32, 25.0, 50.0, 75.0, 100.0] {
            frame.hline(plot.x_range(), y(score), Stroke::new(1.0, ink(colour::GRID)));
            let at = pos2(plot.left() - 6.0, y(score));
            let label = format!("{score:.0}");
            frame.text(at, Align2::RIGHT_CENTER, label, font(10.5), ink(colour::DIM));
        }
        time_axis(&frame, plot, range, axis, x);

        let painter = ui.painter_at(plot.expand2(vec2(0.0, 2.0)));
        hook(&painter, plot, sight, axis, x);
        for (pick, rgb, width) in
            [(0, colour::MOMENTARY, 1.2), (2, colour::INTEGRATED, 1.4), (1, colour::WINDOW, 2.0)]
        {
            let value = |p: &Point| [p.momentary, p.window, p.integrated][pick];
            let fill = pick == 1;
            let look = (rgb, width, fill);
            curve(&painter, sight, axis, range, value, look, (x, y), plot);
        }
        if axis == Axis::Song
            && let Some(song_s) = sight.song_s
        {
            let stroke = Stroke::new(1.0, faint(colour::BRIGHT, 0.7));
            painter.vline(x(song_s), plot.y_range(), stroke);
        }
        if sight.points.iter().all(Point::is_gap) {
            let text = "the score appears here after a few seconds of sound";
            note(&painter, plot, text);
        } else if axis == Axis::Song && sight.points.iter().all(|p| p.song_s.is_nan()) {
            let text = "the host gives no song position while its transport stands";
            note(&painter, plot, text);
        }
        self.point_at(ui, plot, sight, axis, range);
    }

    /// Wheel zooms, dragging moves, a double click shows all. Gives what is shown then.
    fn steer(
        &mut self,
        ui: &mut Ui,
        plot: Rect,
        sight: &Sight,
        axis: Axis,
        span_s: &mut Option<f64>,
        shown: Range,
    ) -> Range {
        let response = ui.interact(plot, ui.scope_id().with("history"), Sense::click_and_drag());
        let (first, last) = extent(&sight.points, axis);
        let whole = (last - first).max(FIRST_S);
        if response.hovered() {
            let turn = ui.input(|input| input.smooth_scroll_delta().y);
            if turn != 0.0 {
                let span = span_s.unwrap_or(whole) * f64::from(-turn * 0.005).exp();
                *span_s = (span < whole).then_some(span.max(LEAST_SPAN_S));
            }
        }
        if response.dragged()
            && let Some(span) = *span_s
        {
            let back_s = f64::from(response.drag_delta().x / plot.width()) * span;
            self.drag(shown, back_s);
        }
        if response.drag_stopped() {
            let whole = self::whole(&sight.points, axis);
            let (_, unmoved) =
                ends_s(&sight.points, axis, whole, shown.length(), playhead_s(sight));
            self.let_go(shown, unmoved);
        }
        if response.double_clicked() {
            *span_s = None;
        }
        self.range(&sight.points, axis, *span_s, playhead_s(sight))
    }

    /// What lies under the pointer.
    fn point_at(&self, ui: &mut Ui, plot: Rect, sight: &Sight, axis: Axis, range: Range) {
        let Some(at) = ui.input(|i| i.pointer.hover_pos()).filter(|at| plot.contains(*at)) else {
            return;
        };
        let seconds = range.from + f64::from((at.x - plot.left()) / plot.width()) * range.length();
        let near = sight
            .points
            .iter()
            .filter(|p| !p.is_gap() && !time(p, axis).is_nan() && !p.window.is_nan())
            .min_by(|a, b| {
                (time(a, axis) - seconds).abs().total_cmp(&(time(b, axis) - seconds).abs())
            });
        let Some(point) = near.filter(|p| (time(p, axis) - seconds).abs() < range.length() / 20.0)
        else {
            return;
        };
        let painter = ui.painter_at(plot);
        painter.vline(at.x, plot.y_range(), Stroke::new(1.0, faint(colour::DIM, 0.6)));
        let place = match axis {
            Axis::Clock => time_of_day(point.clock_s + local_ahead_s(point.clock_s)),
            _ => clock(time(point, axis)),
        };
        let said = |score: f32| if score.is_nan() { "–".into() } else { format!("{score:.0}") };
        let text = format!(
            "{place}   momentary {}   window {}   integrated {}",
            said(point.momentary),
            said(point.window),
            said(point.integrated)
        );
        let galley = painter.layout_no_wrap(text, font(12.0), ink(colour::BRIGHT));
        let size = galley.size() + vec2(12.0, 6.0);
        let left = (at.x + 10.0).min(plot.right() - size.x).max(plot.left());
        let box_area = Rect::from_min_size(pos2(left, plot.top() + 4.0), size);
        painter.rect_filled(box_area, ROUND, faint(colour::BACKGROUND, 0.9));
        painter.galley(box_area.min + vec2(6.0, 3.0), galley, ink(colour::BRIGHT));
    }
}

fn time_axis(
    painter: &egui::Painter,
    plot: Rect,
    range: Range,
    axis: Axis,
    x: impl Fn(f64) -> f32,
) {
    let most = (plot.width() / if axis == Axis::Clock { 84.0 } else { 58.0 }) as usize;
    let step = tick_step(range.length(), most.max(1));
    // Round on the wall's clock, not on that of UTC.
    let ahead = if axis == Axis::Clock { local_ahead_s(range.from) } else { 0.0 };
    let mut tick = ((range.from + ahead) / step).ceil() * step;
    while tick <= range.to + ahead {
        let at = pos2(x(tick - ahead), plot.bottom() + 5.0);
        painter.vline(at.x, plot.y_range(), Stroke::new(1.0, faint(colour::GRID, 0.55)));
        let label = if axis == Axis::Clock { time_of_day(tick) } else { clock(tick) };
        let align = if at.x > plot.right() - 16.0 { Align2::RIGHT_TOP } else { Align2::CENTER_TOP };
        painter.text(at, align, label, font(10.5), ink(colour::DIM));
        tick += step;
    }
}

fn hook(painter: &egui::Painter, plot: Rect, sight: &Sight, axis: Axis, x: impl Fn(f64) -> f32) {
    let Some(hook) = &sight.hook else { return };
    let stretches = match axis {
        Axis::Song => hook.stretches.clone(),
        Axis::Elapsed => vec![(hook.hook.start_s, hook.hook.end_s)],
        Axis::Clock => {
            // The clock runs with the sound, so the nearest point tells how far they are apart.
            let near = sight.points.iter().filter(|p| !p.is_gap()).min_by(|a, b| {
                let distance = |p: &Point| (p.sound_s - hook.hook.end_s).abs();
                distance(a).total_cmp(&distance(b))
            });
            let Some(near) = near else { return };
            let ahead = near.clock_s - near.sound_s;
            vec![(hook.hook.start_s + ahead, hook.hook.end_s + ahead)]
        }
    };
    for (index, (from, to)) in stretches.into_iter().enumerate() {
        let band = Rect::from_x_y_ranges(x(from)..=x(to), plot.y_range());
        painter.rect_filled(band, 0.0, faint(colour::HOOK, 0.14));
        painter.hline(band.x_range(), plot.top() + 1.0, Stroke::new(2.0, ink(colour::HOOK)));
        if index == 0 {
            let at = pos2(band.left().max(plot.left()) + 5.0, plot.top() + 5.0);
            let text = format!("hook {:.0}", hook.hook.score);
            painter.text(at, Align2::LEFT_TOP, text, font(11.0), ink(colour::HOOK));
        }
    }
}

type Look = (Rgb, f32, bool);

#[allow(clippy::too_many_arguments, reason = "one call, all of it geometry")]
fn curve(
    painter: &egui::Painter,
    sight: &Sight,
    axis: Axis,
    range: Range,
    value: impl Fn(&Point) -> f32,
    (rgb, width, fill): Look,
    (x, y): (impl Fn(f64) -> f32, impl Fn(f32) -> f32),
    plot: Rect,
) {
    let points = &*sight.points;
    let gap_s = GAP_S.max(sight.apart_s);
    let mut strokes: Vec<(Vec<Pos2>, bool)> = Vec::new();
    let mut stroke: Vec<Pos2> = Vec::new();
    let mut last: Option<(f64, bool)> = None;
    for point in points {
        let (at, score) = (time(point, axis), value(point));
        // Less than a window has been heard: drawn fainter.
        let partial = !point.is_whole();
        let shown = !at.is_nan() && !score.is_nan();
        let joins = shown
            && last.is_some_and(|(before, was)| {
                (0.0..gap_s.max(range.length() / 50.0)).contains(&(at - before)) && was == partial
            });
        if !joins && !stroke.is_empty() {
            let faded = last.is_some_and(|(_, partial)| partial);
            let end = stroke.last().copied();
            strokes.push((std::mem::take(&mut stroke), faded));
            // Where only the certainty changes, the line goes on.
            if let (Some(end), Some((before, was))) = (end, last)
                && shown
                && was != partial
                && (0.0..gap_s).contains(&(at - before))
            {
                stroke.push(end);
            }
        }
        last = shown.then_some((at, partial));
        if !shown || at < range.from - gap_s || at > range.to + gap_s {
            if shown {
                continue;
            }
            last = None;
            continue;
        }
        let place = pos2(x(at), y(score));
        if stroke.last().is_none_or(|end| (place.x - end.x).abs() > 0.6) {
            stroke.push(place);
        }
    }
    let faded = last.is_some_and(|(_, partial)| partial);
    if let (Some(&end), Some(point)) = (stroke.last(), points.last())
        && !point.is_gap()
        && end.x <= plot.right() + 1.0
    {
        painter.circle_filled(end, width + 1.0, ink(rgb));
    }
    strokes.push((stroke, faded));
    for (stroke, faded) in strokes {
        if fill && stroke.len() > 1 {
            painter.add(Shape::mesh(under(&stroke, plot.bottom(), rgb, faded)));
        }
        let line = faint(rgb, if faded { 0.5 } else { 1.0 });
        if stroke.len() > 1 {
            painter.line(stroke, Stroke::new(width, line));
        } else if let Some(&only) = stroke.first() {
            painter.circle_filled(only, width / 2.0, line);
        }
    }
}

/// The area under a line, fading out downwards.
fn under(line: &[Pos2], bottom: f32, rgb: Rgb, faded: bool) -> Mesh {
    let mut mesh = Mesh::default();
    let top = faint(rgb, if faded { 0.10 } else { 0.22 });
    for (index, point) in line.iter().enumerate() {
        mesh.colored_vertex(*point, top);
        mesh.colored_vertex(pos2(point.x, bottom), Color32::TRANSPARENT);
        if index > 0 {
            let first = 2 * index as u32 - 2;
            mesh.add_triangle(first, first + 1, first + 2);
            mesh.add_triangle(first + 1, first + 2, first + 3);
        }
    }
    mesh
}

#[cfg(test)]
mod tests;
