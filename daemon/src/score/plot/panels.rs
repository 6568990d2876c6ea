//! The panels of a picture: mel frames, score curve, class bars, and their axes.

use earworm_scorer::Hook;
use earworm_scorer::front_end::FrontEndSettings;

use super::Sheet;
use crate::score::timeline::Point;
use crate::{clock, text};
use earworm_kit::canvas::{Anchor, Area, Canvas};
use earworm_kit::colour::{
    self, BRIGHT, DIM, GRID, HOOK, INTEGRATED, MOMENTARY, MelRange, PANEL, Rgb, WINDOW,
};
use earworm_kit::ticks::tick_step;

/// Size of labels.
const LABEL: f64 = 17.0;
/// Most marks on the time axis.
const MOST_TICKS: usize = 12;
/// Readings further apart than this, and than several times the usual distance, have silence
/// between them.
const GAP_S: f64 = 3.0;
/// Most class bars that fit.
const MOST_CLASSES: usize = 16;

/// The two panels over the same time.
pub(super) struct Panels<'a> {
    pub(super) sheet: &'a Sheet<'a>,
    pub(super) mel: Area,
    pub(super) curve: Area,
}

impl Panels<'_> {
    pub(super) fn draw(&self, canvas: &Canvas<'_>) -> anyhow::Result<()> {
        self.mel_picture(canvas)?;
        self.frequencies(canvas)?;
        canvas.fill(self.curve, PANEL, 1.0)?;
        self.scores_axis(canvas)?;
        self.time_axis(canvas)?;
        if let Some(hook) = &self.sheet.reading.hook {
            self.hook(canvas, hook)?;
        }
        self.curves(canvas)?;
        self.legend(canvas)
    }

    /// Where a time lies from the left.
    fn x(&self, seconds: f64) -> f64 {
        let part = (seconds / self.sheet.duration_s.max(1e-9)).clamp(0.0, 1.0);
        self.mel.left + part * self.mel.width()
    }

    /// Where a score lies from the top.
    fn y(&self, score: f32) -> f64 {
        self.curve.bottom - f64::from(score) / 100.0 * self.curve.height()
    }

    fn mel_picture(&self, canvas: &Canvas<'_>) -> anyhow::Result<()> {
        let picture = &self.sheet.drawing.picture;
        let range = MelRange::of(picture.values());
        let frame_rate = self.sheet.metadata.front_end.frame_rate();
        canvas.fill(self.mel, colour::magma(0.0), 1.0)?;
        canvas.image(self.mel, |across, up| {
            let column = picture.column_at(across * self.sheet.duration_s * frame_rate)?;
            let band = (up * picture.bands() as f64) as usize;
            Some(range.colour(*column.get(band)?))
        })
    }

    fn frequencies(&self, canvas: &Canvas<'_>) -> anyhow::Result<()> {
        let mut lowest_free = f64::INFINITY;
        for (hz, part) in frequency_marks(&self.sheet.metadata.front_end) {
            let y = self.mel.bottom - part * self.mel.height();
            if lowest_free - y < 1.4 * LABEL {
                continue;
            }
            lowest_free = y;
            let label =
                if hz < 1000.0 { format!("{hz:.0} Hz") } else { format!("{:.0} kHz", hz / 1000.0) };
            canvas.text(&label, (self.mel.left - 12.0, y), LABEL, DIM, Anchor::Right)?;
            let tick = [(self.mel.left - 6.0, y), (self.mel.left, y)];
            canvas.line(tick, DIM, 1.0, 1.0)?;
        }
        Ok(())
    }

    fn scores_axis(&self, canvas: &Canvas<'_>) -> anyhow::Result<()> {
        for score in [0.0, 25.0, 50.0, 75.0, 100.0] {
            let y = self.y(score);
            canvas.line([(self.curve.left, y), (self.curve.right, y)], GRID, 1.0, 1.0)?;
            let label = format!("{score:.0}");
            canvas.text(&label, (self.curve.left - 12.0, y), LABEL, DIM, Anchor::Right)?;
        }
        Ok(())
    }

    fn time_axis(&self, canvas: &Canvas<'_>) -> anyhow::Result<()> {
        let step = tick_step(self.sheet.duration_s, MOST_TICKS);
        let marks = (self.sheet.duration_s / step + 1e-6).floor() as usize;
        for mark in 0..=marks {
            let seconds = mark as f64 * step;
            let x = self.x(seconds);
            canvas.line([(x, self.curve.top), (x, self.curve.bottom + 6.0)], GRID, 1.0, 1.0)?;
            let place = (x, self.curve.bottom + 22.0);
            canvas.text(&clock::clock(seconds), place, LABEL, DIM, Anchor::Middle)?;
        }
        Ok(())
    }

    fn hook(&self, canvas: &Canvas<'_>, hook: &Hook) -> anyhow::Result<()> {
        let (left, right) = (self.x(hook.start_s), self.x(hook.end_s));
        canvas.fill(Area { left, right, ..self.curve }, HOOK, 0.14)?;
        for x in [left, right] {
            canvas.line([(x, self.mel.top), (x, self.mel.bottom)], HOOK, 0.9, 1.5)?;
            canvas.line([(x, self.curve.top), (x, self.curve.bottom)], HOOK, 0.9, 1.5)?;
        }
        // A bracket above the picture, its label kept inside the sheet.
        let y = self.mel.top - 6.0;
        canvas.line([(left, y), (right.max(left + 4.0), y)], HOOK, 1.0, 3.0)?;
        let label = format!("hook {:.0}", hook.score);
        let half = canvas.text_width(&label, LABEL)? / 2.0;
        let middle = (left + right) / 2.0;
        let x = middle.clamp(self.mel.left + half, self.mel.right - half);
        canvas.text(&label, (x, y - 14.0), LABEL, HOOK, Anchor::Middle)
    }

    fn curves(&self, canvas: &Canvas<'_>) -> anyhow::Result<()> {
        let points = self.sheet.drawing.curve.points();
        for (value, rgb, opacity, width) in [
            ((|p| p.momentary) as fn(&Point) -> Option<f32>, MOMENTARY, 0.75, 1.0),
            (|p| p.window, WINDOW, 1.0, 2.5),
            (|p| p.integrated, INTEGRATED, 1.0, 1.5),
        ] {
            for run in runs(points, value) {
                match run.as_slice() {
                    [(t, score)] => canvas.dot(self.x(*t), self.y(*score), width, rgb)?,
                    run => {
                        let line = run.iter().map(|&(t, score)| (self.x(t), self.y(score)));
                        canvas.line(line, rgb, opacity, width)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn legend(&self, canvas: &Canvas<'_>) -> anyhow::Result<()> {
        let y = self.curve.bottom + 46.0;
        let mut x = self.curve.left;
        let entries: [(&str, Rgb); 4] = [
            ("momentary", MOMENTARY),
            ("window", WINDOW),
            ("integrated", INTEGRATED),
            ("hook, the best window", HOOK),
        ];
        let shown = if self.sheet.reading.hook.is_some() { 4 } else { 3 };
        for (name, rgb) in &entries[..shown] {
            canvas.line([(x, y), (x + 26.0, y)], *rgb, 1.0, 3.0)?;
            canvas.text(name, (x + 34.0, y), LABEL, DIM, Anchor::Left)?;
            x += 34.0 + canvas.text_width(name, LABEL)? + 32.0;
        }
        Ok(())
    }
}

/// Bars of the values of all classes, largest first.
pub(super) fn class_bars(canvas: &Canvas<'_>, area: Area, sheet: &Sheet<'_>) -> anyhow::Result<()> {
    let values = &sheet.reading.integrated_details;
    let mut classes: Vec<_> = sheet.metadata.classes.iter().zip(values).collect();
    classes.sort_by(|a, b| b.1.total_cmp(a.1));
    classes.truncate(MOST_CLASSES);
    let step = (area.height() / classes.len().max(1) as f64).min(64.0);
    for (row, (class, &value)) in classes.into_iter().enumerate() {
        let top = area.top + row as f64 * step;
        let is_score = class.name == sheet.metadata.score_class;
        let (rgb, label) = if is_score { (INTEGRATED, BRIGHT) } else { (MOMENTARY, DIM) };
        let name = text::shorten(&class.name, 22);
        canvas.text(&name, (area.left, top + 10.0), LABEL, label, Anchor::Left)?;
        let percent = format!("{:.0} %", 100.0 * value);
        canvas.text(&percent, (area.right, top + 10.0), LABEL, label, Anchor::Right)?;
        let bar = Area { left: area.left, top: top + 24.0, right: area.right, bottom: top + 32.0 };
        canvas.fill(bar, GRID, 1.0)?;
        let right = bar.left + f64::from(value.clamp(0.0, 1.0)) * bar.width();
        canvas.fill(Area { right, ..bar }, rgb, 1.0)?;
    }
    Ok(())
}

/// Round frequencies and how far up the mel picture they lie, lowest first.
fn frequency_marks(front_end: &FrontEndSettings) -> Vec<(f64, f64)> {
    const ROUND: [f64; 14] = [
        50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 3000.0, 4000.0, 5000.0, 7000.0, 10_000.0,
        15_000.0, 20_000.0, 40_000.0,
    ];
    let scale = front_end.mel_scale;
    let low = scale.from_hz(f64::from(front_end.f_min));
    let high = scale.from_hz(f64::from(front_end.f_max));
    // The middle of band k of n lies (k + 1) of (n + 1) steps above the lower edge.
    let bands = front_end.n_mels as f64;
    let part = |hz: f64| {
        let step = (scale.from_hz(hz) - low) / (high - low) * (bands + 1.0);
        (step - 0.5) / bands
    };
    ROUND.into_iter().map(|hz| (hz, part(hz))).filter(|(_, p)| (0.0..=1.0).contains(p)).collect()
}

/// The stretches of a curve that have values, cut where silence lies between readings.
fn runs(points: &[Point], value: fn(&Point) -> Option<f32>) -> Vec<Vec<(f64, f32)>> {
    let mut steps: Vec<f64> = points.windows(2).map(|pair| pair[1].t - pair[0].t).collect();
    steps.sort_by(f64::total_cmp);
    let usual = steps.get(steps.len() / 2).copied().unwrap_or(0.0);
    let gap = GAP_S.max(4.0 * usual);
    let mut runs: Vec<Vec<(f64, f32)>> = Vec::new();
    let mut open = false;
    for point in points {
        let Some(score) = value(point) else {
            open = false;
            continue;
        };
        match runs.last_mut() {
            Some(run) if open && run.last().is_some_and(|last| point.t - last.0 < gap) => {
                run.push((point.t, score));
            }
            _ => runs.push(vec![(point.t, score)]),
        }
        open = true;
    }
    runs
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use earworm_kit::canvas;
    use earworm_scorer::Model;

    use super::*;
    use crate::distinct;
    use crate::score::file::Drawing;
    use crate::score::picture::Picture;
    use crate::score::plot::SIZE;
    use crate::score::timeline::Curve;

    #[test]
    fn each_score_is_drawn_where_it_lies_in_its_own_colour() {
        let (model, reading) = (Model::embedded(), distinct::reading());
        let bands = model.metadata().front_end.n_mels;
        let (mut picture, mut curve) = (Picture::new(bands, 10), Curve::new(100));
        picture.push(&vec![-40.0; bands]);
        (0..=44).for_each(|t| curve.push(Point::new(f64::from(t), &reading)));
        let sheet = Sheet {
            file: Path::new("a.wav"),
            duration_s: 44.0,
            reading: &reading,
            // The panels have all of the width then.
            no_score: Some("it has one"),
            metadata: model.metadata(),
            drawing: &Drawing { picture, curve },
        };
        let pixels = canvas::paint(SIZE, colour::BACKGROUND, |canvas| sheet.draw(canvas)).unwrap();
        let panels = sheet.panels(1560.0);
        for (name, score) in distinct::SCORES {
            // Behind the hook, between the marks of the time.
            let place = (panels.x(41.3), panels.y(score));
            assert_eq!(distinct::score_drawn_at(&pixels, SIZE.0, place), name);
        }
    }

    #[test]
    fn curves_break_at_silence() {
        let point =
            |t: f64, window: Option<f32>| Point { t, momentary: None, window, integrated: None };
        let mut points: Vec<Point> = (0..10).map(|i| point(f64::from(i), Some(50.0))).collect();
        points[2].window = None;
        points.extend((30..35).map(|i| point(f64::from(i), Some(60.0))));
        let lengths: Vec<usize> = runs(&points, |p| p.window).iter().map(Vec::len).collect();
        assert_eq!(lengths, [2, 7, 5]);
        assert!(runs(&[], |p| p.window).is_empty());
    }

    #[test]
    fn frequencies_rise_with_height() {
        let marks = frequency_marks(&FrontEndSettings::default_model());
        assert!(marks.len() > 5);
        assert!(marks.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1), "{marks:?}");
    }
}
