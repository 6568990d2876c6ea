//! A picture of one file: its mel frames over its score curve, with the hook marked.

mod panels;

use std::path::Path;

use earworm_kit::canvas::{self, Anchor, Area, Canvas};
use earworm_kit::colour::{self, BACKGROUND, BRIGHT, DIM};
use earworm_scorer::Reading;
use earworm_scorer::model::Metadata;

use super::file::Drawing;
use crate::{clock, text};

use panels::Panels;

/// Width and height of the picture.
const SIZE: (u32, u32) = (1600, 900);

/// Most characters of a file's name in the title.
const LONGEST_TITLE: usize = 70;

/// What a picture shows.
#[derive(Debug)]
pub(crate) struct Sheet<'a> {
    /// The file.
    pub(crate) file: &'a Path,
    /// Its length.
    pub(crate) duration_s: f64,
    /// The reading at its end.
    pub(crate) reading: &'a Reading,
    /// Why it has no score.
    pub(crate) no_score: Option<&'a str>,
    /// The model's metadata.
    pub(crate) metadata: &'a Metadata,
    /// Frames and readings.
    pub(crate) drawing: &'a Drawing,
}

/// Draws the picture into a file, which is replaced only by a whole picture.
///
/// # Errors
/// Names the file that cannot be written.
pub(crate) fn draw(out: &Path, sheet: &Sheet<'_>) -> anyhow::Result<()> {
    canvas::save_png(out, SIZE, BACKGROUND, |canvas| sheet.draw(canvas))
}

impl Sheet<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> anyhow::Result<()> {
        self.title(canvas)?;
        let classes = self.metadata.classes.len() > 1 && self.no_score.is_none();
        self.panels(if classes { 1300.0 } else { 1560.0 }).draw(canvas)?;
        if classes {
            let area = Area { left: 1336.0, top: 130.0, right: 1560.0, bottom: 838.0 };
            panels::class_bars(canvas, area, self)?;
        }
        Ok(())
    }

    /// The panels, as far as `right`.
    fn panels(&self, right: f64) -> Panels<'_> {
        Panels {
            sheet: self,
            mel: Area { left: 84.0, top: 130.0, right, bottom: 560.0 },
            curve: Area { left: 84.0, top: 584.0, right, bottom: 838.0 },
        }
    }

    fn title(&self, canvas: &Canvas<'_>) -> anyhow::Result<()> {
        let name = self.file.file_name().unwrap_or(self.file.as_os_str()).to_string_lossy();
        let name = text::shorten(&text::tame(&name), LONGEST_TITLE);
        canvas.text(&name, (40.0, 46.0), 34.0, BRIGHT, Anchor::Left)?;
        let model = format!("{} · {}", self.metadata.name, text::worth(self.metadata));
        canvas.text(&model, (40.0, 88.0), 20.0, DIM, Anchor::Left)?;
        let Some(score) = self.reading.integrated else {
            let reason = format!("no score: {}", self.no_score.unwrap_or("not enough sound"));
            return canvas.text(&reason, (1560.0, 46.0), 24.0, DIM, Anchor::Right);
        };
        let score = format!("{score:.0}");
        canvas.text(&score, (1560.0, 52.0), 60.0, colour::INTEGRATED, Anchor::Right)?;
        let label_at = 1560.0 - canvas.text_width(&score, 60.0)? - 16.0;
        canvas.text("score of the whole file", (label_at, 46.0), 20.0, DIM, Anchor::Right)?;
        let Some(hook) = &self.reading.hook else { return Ok(()) };
        let hook = format!("hook {} ({:.0})", clock::span(hook.start_s, hook.end_s), hook.score);
        canvas.text(&hook, (label_at, 74.0), 20.0, colour::HOOK, Anchor::Right)
    }
}
