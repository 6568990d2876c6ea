//! The curve as a PNG.

use earworm_kit::canvas::{self, Anchor, Area, Canvas};
use earworm_kit::colour::{self, BACKGROUND, Rgb};
use earworm_kit::ticks::tick_step;

use super::shown;
use crate::clock::clock;
use crate::curve::Point;
use crate::session::{Log, Session};

const SIZE: (u32, u32) = (1600, 700);
/// Where the curve is drawn.
const PLOT: Area = Area { left: 90.0, top: 120.0, right: 1560.0, bottom: 620.0 };

/// Draws it: window score with the hook marked, momentary and integrated scores behind it, against song
/// time where the host gave one all the way, else against sound since the reset.
///
/// # Errors
/// When the picture cannot be drawn or encoded.
pub fn picture(session: &Session) -> anyhow::Result<Vec<u8>> {
    canvas::png(SIZE, BACKGROUND, |canvas| draw(canvas, session))
}

fn draw(canvas: &Canvas<'_>, session: &Session) -> anyhow::Result<()> {
    let (Log { curve, hook, reading, .. }, model) = shown(session);
    let points = curve.points();
    let scored: Vec<&Point> = points.iter().filter(|p| !p.is_gap()).collect();
    let in_song = !scored.is_empty() && scored.iter().all(|p| !p.song_s.is_nan());
    let time = |point: &Point| if in_song { point.song_s } else { point.sound_s };
    let first = scored.iter().map(|p| time(p)).fold(f64::INFINITY, f64::min).min(1e12);
    let last = scored.iter().map(|p| time(p)).fold(0.0, f64::max);
    let first = if in_song { first } else { 0.0 };
    let length = (last - first).max(1.0);
    let Area { left, right, bottom, .. } = PLOT;
    let x = |s: f64| left + (s - first) / length * PLOT.width();
    let y = |score: f32| bottom - f64::from(score) / 100.0 * PLOT.height();
    let text = |words: &str, at: (f64, f64), size: f64, ink: Rgb| {
        canvas.text(words, at, size, ink, Anchor::Left)
    };
    canvas.fill(PLOT, colour::PANEL, 1.0)?;
    for score in [0u8, 25, 50, 75, 100] {
        let at = y(f32::from(score));
        canvas.line([(left, at), (right, at)], colour::GRID, 1.0, 1.0)?;
        canvas.text(&score.to_string(), (left - 12.0, at), 17.0, colour::DIM, Anchor::Right)?;
    }
    let step = tick_step(length, 12);
    let mut tick = (first / step).ceil() * step;
    while tick <= last {
        canvas.text(&clock(tick), (x(tick), bottom + 20.0), 17.0, colour::DIM, Anchor::Middle)?;
        tick += step;
    }
    if let Some(hook) = &hook {
        let whole = vec![(hook.hook.start_s, hook.hook.end_s)];
        for &(from, to) in if in_song { &hook.stretches } else { &whole } {
            let (from, to) = (x(from).clamp(left, right), x(to).clamp(left, right));
            canvas.fill(Area { left: from, right: to, ..PLOT }, colour::HOOK, 0.18)?;
        }
    }
    let gap_s = curve.apart_s().max(30.0);
    let lines =
        [(0, colour::MOMENTARY, 1.0), (1, colour::INTEGRATED, 2.0), (2, colour::WINDOW, 3.0)];
    for (which, ink, width) in lines {
        let value = |p: &Point| [p.momentary, p.integrated, p.window][which];
        // A new stroke wherever the curve is interrupted or the song jumps.
        let joined = |a: &Point, b: &Point| {
            let (from, to) = (time(a), time(b));
            !value(a).is_nan() && !value(b).is_nan() && (0.0..gap_s).contains(&(to - from))
        };
        for stroke in points.chunk_by(joined) {
            let path = stroke.iter().filter(|p| !value(p).is_nan());
            canvas.line(path.map(|p| (x(time(p)), y(value(p)))), ink, 1.0, width)?;
        }
    }
    let name = model.as_ref().map_or("no model", |model| &model.metadata().name);
    let worth = model.as_ref().and_then(|model| model.metadata().test_auc()).map_or_else(
        || "not measured on unknown songs".to_owned(),
        |auc| format!("test AUC {:.2} ({:.2} to {:.2})", auc.value, auc.low, auc.high),
    );
    let said = |score: Option<f32>| score.map_or("–".into(), |score| format!("{score:.0}"));
    text("Earworm", (40.0, 48.0), 34.0, colour::BRIGHT)?;
    text(&format!("{name} · {worth}"), (40.0, 90.0), 18.0, colour::DIM)?;
    let best = hook.map(|hook| hook.hook.score);
    let mut end = right;
    for (what, score, ink) in [
        ("hook", best, colour::HOOK),
        ("integrated", reading.integrated, colour::INTEGRATED),
        ("window", reading.window, colour::WINDOW),
    ] {
        let words = format!("{what} {}", said(score));
        canvas.text(&words, (end, 54.0), 26.0, ink, Anchor::Right)?;
        end -= canvas.text_width(&words, 26.0)? + 36.0;
    }
    let axis = if in_song { "position in the song" } else { "sound since the reset" };
    text(axis, (left, bottom + 50.0), 17.0, colour::DIM)
}
