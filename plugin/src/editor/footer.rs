//! The bottom line: where the song is, what is wrong, what was done.

use std::time::{Duration, Instant};

use egui::{Align2, Rect, Sense, Ui, pos2, vec2};

use super::sight::Sight;
use super::theme::{font, ink};
use crate::clock::clock;
use earworm_kit::colour::{self, Rgb};

/// Height of the line.
pub(super) const HEIGHT: f32 = 20.0;
/// How long a message stays.
const STAYS: Duration = Duration::from_secs(12);

/// What was done, or went wrong, for a while.
#[derive(Debug, Default)]
pub(super) struct Messages {
    latest: Option<(String, Rgb, Instant)>,
}

impl Messages {
    /// Something was done.
    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.latest = Some((text.into(), colour::INTEGRATED, Instant::now()));
    }

    /// Something went wrong.
    pub(super) fn complain(&mut self, text: impl Into<String>) {
        self.latest = Some((text.into(), colour::WARNING, Instant::now()));
    }

    fn current(&self) -> Option<(&str, Rgb)> {
        let (text, rgb, since) = self.latest.as_ref()?;
        (since.elapsed() < STAYS).then_some((text.as_str(), *rgb))
    }
}

/// Draws it. `work` is a file that is being scored and how far that is; what is wrong or was done is said beside it, in
/// the place of its name. Whether it is to be given up.
pub(super) fn show(
    ui: &mut Ui,
    area: Rect,
    sight: &Sight,
    messages: &Messages,
    trouble: Option<&str>,
    work: Option<(&str, f32)>,
) -> bool {
    let painter = ui.painter_at(area);
    let reading = &sight.reading;
    let mut facts = vec![format!("{:.0} dB", reading.level_db.max(-99.0))];
    facts.push(match sight.song_s {
        Some(song_s) => format!("song {}", clock(song_s)),
        None => format!("heard {}", clock(reading.time_s)),
    });
    if reading.dropped > 0 {
        facts.push(format!("{} samples lost", reading.dropped));
    }
    if reading.invalid > 0 {
        facts.push(format!("{} samples invalid", reading.invalid));
    }
    let facts = facts.join("   ");
    let drawn = painter.text(
        area.right_center(),
        Align2::RIGHT_CENTER,
        facts,
        font(11.5),
        ink(colour::DIM),
    );
    let mut left = Rect::from_min_max(area.min, pos2(drawn.left() - 14.0, area.bottom()));
    let mut stopped = false;
    if let Some((name, progress)) = work {
        stopped = show_work(ui, &mut left, name, progress);
    }
    let (text, rgb) = match (messages.current(), trouble, work) {
        (Some((text, rgb)), ..) => (text, rgb),
        (None, Some(text), _) => (text, colour::WARNING),
        (None, None, Some((name, _))) => (name, colour::DIM),
        (None, None, None) => return false,
    };
    let galley = painter.layout_no_wrap(text.to_owned(), font(11.5), ink(rgb));
    let at = pos2(left.left(), left.center().y - galley.size().y / 2.0);
    ui.painter_at(left).galley(at, galley, ink(rgb));
    ui.interact(left, ui.scope_id().with("message"), Sense::hover()).on_hover_text(text);
    stopped
}

/// Draws how far a file is at the left, and takes that from the place for words. Whether it is to be given up.
fn show_work(ui: &Ui, left: &mut Rect, name: &str, progress: f32) -> bool {
    let painter = ui.painter_at(*left);
    let track = Rect::from_min_size(pos2(left.left(), left.center().y - 2.5), vec2(110.0, 5.0));
    super::number::bar(&painter, track, Some(progress), colour::INTEGRATED, true);
    let at = pos2(track.right() + 14.0, left.center().y);
    let cross = Rect::from_center_size(at, vec2(18.0, 18.0));
    let stop = ui.interact(cross, ui.scope_id().with("stop"), Sense::click());
    let rgb = if stop.hovered() { colour::HOOK } else { colour::DIM };
    painter.text(cross.center(), Align2::CENTER_CENTER, "×", font(15.0), ink(rgb));
    left.min.x = cross.right() + 4.0;
    stop.on_hover_text(format!("Stop scoring {name}")).clicked()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use egui::{Pos2, RawInput, Shape};

    use super::super::sight::Eye;
    use super::*;
    use crate::session::Session;

    fn shown(messages: &Messages, trouble: Option<&str>, work: Option<(&str, f32)>) -> Vec<String> {
        let sight = Eye::new().look(&Session::new(Arc::default()));
        let area = Rect::from_min_size(Pos2::ZERO, vec2(700.0, HEIGHT));
        let output = egui::Context::default().run_ui(RawInput::default(), |ui| {
            show(ui, area, &sight, messages, trouble, work);
        });
        let text = |shape: &Shape| match shape {
            Shape::Text(text) => Some(text.galley.text().to_owned()),
            _ => None,
        };
        output.shapes.iter().filter_map(|clipped| text(&clipped.shape)).collect()
    }

    #[test]
    fn what_is_wrong_is_said_while_a_file_is_scored() {
        let has = |shown: &[String], text: &str| shown.iter().any(|found| found == text);
        let (quiet, work) = (Messages::default(), Some(("song.flac", 0.5)));
        let mut messages = Messages::default();
        messages.say("stored as A");
        let alone = shown(&quiet, None, work);
        assert!(has(&alone, "song.flac") && has(&alone, "×"), "{alone:?}");
        for (messages, trouble, said) in [
            (&messages, None, "stored as A"),
            (&quiet, Some("the model is gone"), "the model is gone"),
        ] {
            let busy = shown(messages, trouble, work);
            assert!(has(&busy, said) && has(&busy, "×"), "{busy:?}");
            let idle = shown(messages, trouble, None);
            assert!(has(&idle, said) && !has(&idle, "×"), "{idle:?}");
        }
    }
}
