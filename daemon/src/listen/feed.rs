//! The thread that brings audio from its source to the tap of a live stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use earworm_scorer::live::{self, Meter, Tap, Worker};
use earworm_scorer::{Model, ScorerOptions};

use super::pace::Pace;
use super::source::Source;

/// Most frames handed over at a time, so that readings come evenly.
const PIECE: usize = 1024;

/// How long to wait for room in the tap when audio may come as fast as it is scored.
const NAP: Duration = Duration::from_millis(1);

/// Audio on its way to a meter.
pub(super) struct Feed {
    /// What to read results from.
    pub(super) meter: Meter,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
    stop: Arc<AtomicBool>,
}

impl Feed {
    /// Starts to score `source`: at the pace of sound, or as fast as possible.
    ///
    /// # Errors
    /// When the audio's rate is not supported, or the model cannot be run.
    pub(super) fn start(source: Source, model: Arc<Model>, fast: bool) -> anyhow::Result<Self> {
        let rate = source.format().sample_rate;
        let (tap, stream, meter) = live::open(model, rate, ScorerOptions::LIVE)?;
        Worker::shared().attach(stream);
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let thread = std::thread::Builder::new()
            .name("earworm-feed".into())
            .spawn(move || run(source, tap, fast, &told))?;
        Ok(Self { meter, thread: Some(thread), stop })
    }

    /// Whether the source has ended, or failed; everything up to there has been scored.
    pub(super) fn ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends the feed and says how it went. One that still waits for its source is left alone.
    ///
    /// # Errors
    /// Why the source or the scoring stopped too early, if it did.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take_if(|thread| thread.is_finished());
        if let Some(thread) = ended {
            thread.join().map_err(|_| {
                anyhow!("reading the audio failed inside Earworm; please report it")
            })??;
        }
        match self.meter.failure() {
            Some(reason) => Err(anyhow!("{reason}")),
            None => Ok(()),
        }
    }
}

fn run(mut source: Source, mut tap: Tap, fast: bool, stop: &AtomicBool) -> anyhow::Result<()> {
    let format = source.format();
    let mut pace = Pace::new(format.sample_rate);
    while let Some(block) = source.next_block()? {
        for piece in block.chunks(PIECE * format.channels) {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let frames = piece.len() / format.channels;
            if fast {
                while tap.room() < 2 * PIECE && !stop.load(Ordering::Relaxed) {
                    std::thread::sleep(NAP);
                }
            } else {
                std::thread::sleep(pace.wait(Instant::now(), frames));
            }
            tap.push_interleaved(piece, format.channels);
        }
    }
    // What is in the ring still counts.
    Worker::shared().drain();
    Ok(())
}
