//! The curve as a PNG.

use anyhow::anyhow;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use crate::clock::{clock, tick_step};
use crate::colour::{self, Rgb};
use crate::curve::Point;
use crate::session::Session;

const SIZE: (u32, u32) = (1600, 700);
const FONT: &str = "earworm";
/// Where the curve is drawn.
const PLOT: (i32, i32, i32, i32) = (90, 120, 1560, 620);

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("cannot draw the picture: {error}")
}

fn rgb((r, g, b): Rgb) -> RGBColor {
    RGBColor(r, g, b)
}

/// Draws it: window score with the hook marked, momentary and integrated scores behind it, against song
/// time where the host gave one all the way, else against sound since the reset.
///
/// # Errors
/// When the picture cannot be drawn or encoded.
pub fn picture(session: &Session) -> anyhow::Result<Vec<u8>> {
    let _ = register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    let mut pixels = vec![0; (SIZE.0 * SIZE.1 * 3) as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, SIZE).into_drawing_area();
        draw(&area, session)?;
        area.present().map_err(failed)?;
    }
    encode(pixels)
}

fn draw(area: &DrawingArea<BitMapBackend<'_>, Shift>, session: &Session) -> anyhow::Result<()> {
    area.fill(&rgb(colour::BACKGROUND)).map_err(failed)?;
    let (points, hook) = session.with_log(|log| (log.curve.points().to_vec(), log.hook.clone()));
    let scored: Vec<&Point> = points.iter().filter(|p| !p.is_gap()).collect();
    let in_song = !scored.is_empty() && scored.iter().all(|p| !p.song_s.is_nan());
    let time = |point: &Point| if in_song { point.song_s } else { point.sound_s };
    let first = scored.iter().map(|p| time(p)).fold(f64::INFINITY, f64::min).min(1e12);
    let last = scored.iter().map(|p| time(p)).fold(0.0, f64::max);
    let first = if in_song { first } else { 0.0 };
    let length = (last - first).max(1.0);
    let (left, top, right, bottom) = PLOT;
    let x = |s: f64| left + ((s - first) / length * f64::from(right - left)) as i32;
    let y = |score: f32| bottom - (score / 100.0 * (bottom - top) as f32) as i32;
    let text = |words: &str, at: (i32, i32), size: i32, ink: Rgb| {
        let style = (FONT, size).into_font().color(&rgb(ink));
        area.draw(&Text::new(words.to_owned(), at, style)).map_err(failed)
    };
    let fill = |corners: [(i32, i32); 2], ink: Rgb, opacity: f64| {
        area.draw(&Rectangle::new(corners, rgb(ink).mix(opacity).filled())).map_err(failed)
    };
    fill([(left, top), (right, bottom)], colour::PANEL, 1.0)?;
    for score in [0u8, 25, 50, 75, 100] {
        let at = y(f32::from(score));
        area.draw(&PathElement::new([(left, at), (right, at)], rgb(colour::GRID)))
            .map_err(failed)?;
        text(&score.to_string(), (left - 46, at - 10), 20, colour::DIM)?;
    }
    let step = tick_step(length, 12);
    let mut tick = (first / step).ceil() * step;
    while tick <= last {
        text(&clock(tick), (x(tick) - 14, bottom + 12), 20, colour::DIM)?;
        tick += step;
    }
    if let Some(hook) = &hook {
        let whole = vec![(hook.hook.start_s, hook.hook.end_s)];
        for &(from, to) in if in_song { &hook.stretches } else { &whole } {
            let (from, to) = (x(from).clamp(left, right), x(to).clamp(left, right));
            fill([(from, top), (to, bottom)], colour::HOOK, 0.18)?;
        }
    }
    let lines = [(0, colour::MOMENTARY, 1), (1, colour::INTEGRATED, 2), (2, colour::WINDOW, 3)];
    for (which, ink, width) in lines {
        let value = |p: &Point| [p.momentary, p.integrated, p.window][which];
        // A new stroke wherever the curve is interrupted or the song jumps.
        let joined = |a: &Point, b: &Point| {
            let (from, to) = (time(a), time(b));
            !value(a).is_nan() && !value(b).is_nan() && (0.0..30.0).contains(&(to - from))
        };
        for stroke in points.chunk_by(joined) {
            let path: Vec<_> = stroke
                .iter()
                .filter(|p| !value(p).is_nan())
                .map(|p| (x(time(p)), y(value(p))))
                .collect();
            let style = rgb(ink).stroke_width(width);
            area.draw(&PathElement::new(path, style)).map_err(failed)?;
        }
    }
    let model = session.model();
    let name = model.as_ref().map_or("no model", |model| &model.metadata().name);
    let worth = model.as_ref().and_then(|model| model.metadata().test_auc()).map_or_else(
        || "not measured on unknown songs".to_owned(),
        |auc| format!("test AUC {:.2} ({:.2} to {:.2})", auc.value, auc.low, auc.high),
    );
    let reading = session.reading();
    let said = |score: Option<f32>| score.map_or("–".into(), |score| format!("{score:.0}"));
    text("Earworm", (40, 28), 40, colour::BRIGHT)?;
    text(&format!("{name} · {worth}"), (40, 78), 22, colour::DIM)?;
    text(&format!("window {}", said(reading.window)), (1000, 40), 30, colour::WINDOW)?;
    text(&format!("integrated {}", said(reading.integrated)), (1180, 40), 30, colour::INTEGRATED)?;
    let best = hook.map(|hook| hook.hook.score);
    text(&format!("hook {}", said(best)), (1420, 40), 30, colour::HOOK)?;
    let axis = if in_song { "position in the song" } else { "sound since the reset" };
    text(axis, (left, bottom + 42), 20, colour::DIM)
}

fn encode(pixels: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    // The encoder of plotters writes to a path only.
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("curve.png");
    {
        let area = BitMapBackend::new(&path, SIZE).into_drawing_area();
        let image = BitMapElement::with_owned_buffer((0, 0), SIZE, pixels)
            .ok_or_else(|| anyhow!("the picture has the wrong size"))?;
        area.draw(&image).map_err(failed)?;
        area.present().map_err(failed)?;
    }
    Ok(std::fs::read(path)?)
}
