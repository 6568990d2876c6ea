//! Readings as lines of JSON, either straight from a scorer or from a live meter.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::time::Duration;

use earworm_scorer::front_end::Frame;
use earworm_scorer::model::Metadata;
use earworm_scorer::{Model, Observer, Reading, Scorer, ScorerOptions, Span};

use super::reading_line;
use super::source::Source;
use crate::interrupt;
use crate::station::Station;

/// How often the live meter is asked for a new reading.
const INTERVAL: Duration = Duration::from_millis(100);

/// Scores the source as fast as possible, in this thread: the same input gives the same lines, and
/// the last one says what `earworm score` says. Returns the last reading.
///
/// # Errors
/// When the source cannot be read, the model fails, or nobody takes the output.
pub(super) fn straight(mut source: Source, model: &Arc<Model>) -> anyhow::Result<Reading> {
    let format = source.format();
    let mut scorer = Scorer::new(model.clone(), format.sample_rate, ScorerOptions::FILE)?;
    let out = BufWriter::new(io::stdout().lock());
    let mut writer = Writer { out, metadata: model.metadata(), now_s: 0.0, result: Ok(()) };
    while !interrupt::stopped() {
        let Some(block) = source.next_block()? else {
            scorer.finish(&mut writer)?;
            break;
        };
        scorer.push_interleaved(block, format.channels, &mut writer)?;
        writer.check()?;
    }
    writer.check()?;
    let last = scorer.reading();
    reading_line::write(&mut writer.out, model.metadata(), last.time_s, last)?;
    Ok(last.clone())
}

struct Writer<'a, W> {
    out: W,
    metadata: &'a Metadata,
    /// Behind the last frame: the scorer's own clock counts whole blocks.
    now_s: f64,
    result: anyhow::Result<()>,
}

impl<W: Write> Writer<'_, W> {
    fn check(&mut self) -> anyhow::Result<()> {
        std::mem::replace(&mut self.result, Ok(()))
    }
}

impl<W: Write> Observer for Writer<'_, W> {
    fn frame(&mut self, _frame: Frame<'_>, span: Span) {
        self.now_s = span.end_s;
    }

    fn reading(&mut self, reading: &Reading) {
        if self.result.is_ok() {
            self.result = reading_line::write(&mut self.out, self.metadata, self.now_s, reading);
        }
    }
}

/// Writes what the live meter reads until the source has ended or the user stops it.
///
/// # Errors
/// When nobody takes the output.
pub(super) fn live(station: &Station, ended: &dyn Fn() -> bool) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut seen = Arc::new(Reading::default());
    loop {
        // Asked first, so that the last reading is not missed.
        let ended = ended() || interrupt::stopped();
        let meter = station.meter();
        let reading = meter.reading();
        if *reading != *seen {
            let metadata = meter.model().metadata();
            reading_line::write(&mut out, metadata, reading.time_s, &reading)?;
            seen = reading;
        }
        if ended || meter.failure().is_some() {
            return Ok(());
        }
        std::thread::sleep(INTERVAL);
    }
}
