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

/// Draws it. `work` is a running task and how far it is. Whether that is to be given up.
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
    let left = Rect::from_min_max(area.min, pos2(drawn.left() - 14.0, area.bottom()));
    if let Some((name, progress)) = work {
        let track = Rect::from_min_size(pos2(left.left(), left.center().y - 2.5), vec2(110.0, 5.0));
        super::number::bar(&painter, track, Some(progress), colour::INTEGRATED, true);
        let at = pos2(track.right() + 10.0, left.center().y);
        let cross = Rect::from_center_size(at + vec2(4.0, 0.0), vec2(18.0, 18.0));
        let stop = ui.interact(cross, ui.scope_id().with("stop"), Sense::click());
        let rgb = if stop.hovered() { colour::HOOK } else { colour::DIM };
        painter.text(cross.center(), Align2::CENTER_CENTER, "×", font(15.0), ink(rgb));
        let name_at = pos2(cross.right() + 4.0, at.y);
        ui.painter_at(left).text(name_at, Align2::LEFT_CENTER, name, font(11.5), ink(colour::DIM));
        return stop.on_hover_text("Stop scoring this file").clicked();
    }
    let (text, rgb) = match (messages.current(), trouble) {
        (Some((text, rgb)), _) => (text, rgb),
        (None, Some(text)) => (text, colour::WARNING),
        (None, None) => return false,
    };
    let galley = painter.layout_no_wrap(text.to_owned(), font(11.5), ink(rgb));
    let at = pos2(left.left(), left.center().y - galley.size().y / 2.0);
    ui.painter_at(left).galley(at, galley, ink(rgb));
    ui.interact(left, ui.scope_id().with("message"), Sense::hover()).on_hover_text(text);
    false
}
