//! Scores one file, block by block, in memory that does not grow with its length.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::SystemTime;

use anyhow::{Context, anyhow, bail};
use earworm_scorer::decode::AudioFile;
use earworm_scorer::front_end::{Frame, LevelSettings, is_silent};
use earworm_scorer::model::{Contract, Metadata};
use earworm_scorer::{Model, Observer, Reading, Scorer, ScorerOptions, Span};

use super::picture::Picture;
use super::timeline::{Curve, Point};
use crate::interrupt;

/// Most columns and points of a drawing: more than a picture has pixels across.
const MOST_COLUMNS: usize = 2000;

/// Blocks, of about a thousand frames each, that are decoded ahead of scoring.
const BLOCKS_AHEAD: usize = 32;

/// A file that holds less than this part of what it announces is called cut off.
const WHOLE: f64 = 0.98;

/// What is kept of a file beside its score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Every reading.
    pub(crate) timeline: bool,
    /// What a picture is drawn from.
    pub(crate) drawing: bool,
}

/// What a picture of a file is drawn from.
#[derive(Debug)]
pub(crate) struct Drawing {
    /// The mel frames.
    pub(crate) picture: Picture,
    /// The readings.
    pub(crate) curve: Curve,
}

/// What a file came to.
#[derive(Debug)]
pub(crate) struct Scored {
    /// Its length in seconds.
    pub(crate) duration_s: f64,
    /// The reading behind its last sample.
    pub(crate) reading: Reading,
    /// Why there is no score.
    pub(crate) no_score: Option<String>,
    /// What is odd about the file, although there may be a score.
    pub(crate) warning: Option<String>,
    /// Packets that could not be decoded.
    pub(crate) damaged_packets: u64,
    /// Every reading, if wanted.
    pub(crate) timeline: Option<Vec<Point>>,
    /// What a picture is drawn from, if wanted.
    pub(crate) drawing: Option<Drawing>,
}

/// Scores one file; `None` when it was told to stop. `progress` hears the seconds done so far and,
/// where it is known, how many there are.
///
/// # Errors
/// When the file cannot be read or changes meanwhile; every message names it.
pub(crate) fn score(
    path: &Path,
    model: &Arc<Model>,
    wanted: Wanted,
    mut progress: impl FnMut(f64, Option<f64>),
) -> anyhow::Result<Option<Scored>> {
    let before = Stamp::of(path);
    let mut file = AudioFile::open(path)?;
    let format = file.format();
    let rate = f64::from(format.sample_rate);
    let expected_s = file.expected_frames().map(|frames| frames as f64 / rate);
    let at_file = || path.display().to_string();
    let mut scorer = Scorer::new(model.clone(), format.sample_rate, ScorerOptions::FILE)
        .with_context(at_file)?;
    let mut watch = Watch::new(model.metadata(), wanted);
    let finished = decode_ahead(&mut file, |block| {
        scorer.push_interleaved(block, format.channels, &mut watch).with_context(at_file)?;
        progress(scorer.reading().time_s, expected_s);
        Ok(())
    })?;
    if !finished {
        return Ok(None);
    }
    scorer.finish(&mut watch).with_context(at_file)?;
    if before != Stamp::of(path) {
        bail!("{}: the file changed while it was read; score it again", path.display());
    }
    let reading = scorer.reading().clone();
    let duration_s = reading.time_s;
    Ok(Some(Scored {
        no_score: reading.integrated.is_none().then(|| watch.why_no_score(model.metadata())),
        warning: warning(duration_s, expected_s, file.damaged_packets(), reading.invalid),
        damaged_packets: file.damaged_packets(),
        timeline: watch.timeline,
        drawing: watch.drawing.filter(|drawing| !drawing.picture.is_empty()),
        duration_s,
        reading,
    }))
}

/// Decodes a file in a thread of its own, a little ahead of `take`, which gets block after block.
/// False when long work was told to stop.
fn decode_ahead(
    file: &mut AudioFile,
    mut take: impl FnMut(&[f32]) -> anyhow::Result<()>,
) -> anyhow::Result<bool> {
    let name = file.path().display().to_string();
    std::thread::scope(|threads| {
        let (blocks, decoded) = mpsc::sync_channel(BLOCKS_AHEAD);
        let decoder = threads.spawn(move || {
            loop {
                let block = file.next_block().map(|block| block.map(<[f32]>::to_vec));
                let last = !matches!(block, Ok(Some(_)));
                // Nobody takes blocks any more once scoring has failed or was stopped.
                if blocks.send(block).is_err() || last {
                    break;
                }
            }
        });
        while let Ok(block) = decoded.recv() {
            if interrupt::stopped() {
                return Ok(false);
            }
            match block? {
                Some(block) => take(&block)?,
                None => break,
            }
        }
        let gave_up = |_| anyhow!("{name}: the decoder gave up; the file may be damaged");
        decoder.join().map_err(gave_up)?;
        Ok(true)
    })
}

/// What tells whether a file was written to; `None` for pipes and the like.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok().filter(|metadata| metadata.is_file())?;
        Some(Self { length: metadata.len(), modified: metadata.modified().ok() })
    }
}

fn warning(duration_s: f64, expected_s: Option<f64>, damaged: u64, invalid: u64) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(expected_s) = expected_s.filter(|expected_s| duration_s < WHOLE * expected_s) {
        parts.push(format!("cut off: {duration_s:.1} of {expected_s:.1} s are there"));
    }
    if damaged > 0 {
        parts.push(format!("damaged packets left out: {damaged}"));
    }
    if invalid > 0 {
        parts.push(format!("samples that are no numbers: {invalid}"));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Collects what is wanted while the file goes through the scorer.
struct Watch {
    level: LevelSettings,
    hop_s: f64,
    /// Behind the last frame that was seen.
    now_s: f64,
    frames: u64,
    audible: u64,
    timeline: Option<Vec<Point>>,
    drawing: Option<Drawing>,
}

impl Watch {
    fn new(metadata: &Metadata, wanted: Wanted) -> Self {
        let front_end = &metadata.front_end;
        Self {
            level: front_end.level,
            hop_s: 1.0 / front_end.frame_rate(),
            now_s: 0.0,
            frames: 0,
            audible: 0,
            timeline: wanted.timeline.then(Vec::new),
            drawing: wanted.drawing.then(|| Drawing {
                picture: Picture::new(front_end.n_mels, MOST_COLUMNS),
                curve: Curve::new(MOST_COLUMNS),
            }),
        }
    }

    fn why_no_score(&self, metadata: &Metadata) -> String {
        if self.frames > 0 && self.audible == 0 {
            return "nothing but silence".into();
        }
        let heard_s = self.audible as f64 * self.hop_s;
        let needed_s = needed_s(metadata);
        if heard_s >= needed_s {
            return format!("the model gave no number in {heard_s:.1} s of sound");
        }
        format!("too short: {heard_s:.1} s of sound, at least {needed_s:.1} s are needed")
    }
}

/// Seconds of sound behind which there is a score for sure.
fn needed_s(metadata: &Metadata) -> f64 {
    let frames = match metadata.contract {
        Contract::Streaming => metadata.warm_up_frames,
        // Means over a window are there before it is full.
        Contract::Window if metadata.input_rows() == 1 => metadata.warm_up_frames,
        Contract::Window => metadata.window_frames,
    };
    (metadata.front_end.seconds(frames) * 10.0).ceil() / 10.0
}

impl Observer for Watch {
    fn frame(&mut self, frame: Frame<'_>, span: Span) {
        self.now_s = span.end_s;
        self.frames += 1;
        self.audible += u64::from(!is_silent(&self.level, frame.level_db));
        if let Some(drawing) = &mut self.drawing {
            drawing.picture.push(frame.mel_db);
        }
    }

    fn reading(&mut self, reading: &Reading) {
        let point = Point::new(self.now_s, reading);
        if let Some(timeline) = &mut self.timeline {
            timeline.push(point);
        }
        if let Some(drawing) = &mut self.drawing {
            drawing.curve.push(point);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oddities_are_put_into_words() {
        assert_eq!(warning(10.0, Some(10.0), 0, 0), None);
        assert_eq!(warning(9.9, Some(10.0), 0, 0), None);
        assert_eq!(warning(10.0, None, 0, 0), None);
        let all = warning(5.0, Some(10.0), 3, 7).unwrap();
        assert_eq!(
            all,
            "cut off: 5.0 of 10.0 s are there; damaged packets left out: 3; samples that are no numbers: 7"
        );
    }

    #[test]
    fn a_file_that_is_long_enough_is_not_called_too_short() {
        let model = Model::embedded();
        let metadata = model.metadata();
        let mut watch = Watch::new(metadata, Wanted { timeline: false, drawing: false });
        watch.frames = 10_000;
        assert_eq!(watch.why_no_score(metadata), "nothing but silence");
        watch.audible = 10;
        assert!(watch.why_no_score(metadata).starts_with("too short: 0."));
        watch.audible = 10_000;
        let why = watch.why_no_score(metadata);
        assert!(why.starts_with("the model gave no number in "), "{why}");
    }

    #[test]
    fn a_rewritten_file_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "one").unwrap();
        let before = Stamp::of(&path);
        assert_eq!(before, Stamp::of(&path));
        std::fs::write(&path, "three").unwrap();
        assert_ne!(before, Stamp::of(&path));
        assert_eq!(Stamp::of(dir.path()), None);
    }
}
