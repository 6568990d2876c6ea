//! The thread that brings audio from its source to the tap of a live stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use earworm_scorer::live::{Tap, Worker};

use super::pace::Pace;
use super::source::Source;
use crate::station::{self, SourceState, Station, Track};

/// Most frames handed over at a time, so that readings come evenly.
const PIECE: usize = 1024;

/// How long to wait for room in the tap when audio may come as fast as it is scored.
const NAP: Duration = Duration::from_millis(1);

/// Audio on its way to a meter.
pub(super) struct Feed {
    station: Arc<Station>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
    stop: Arc<AtomicBool>,
}

impl Feed {
    /// Starts to score `source`: at this pace, or as fast as possible. The tap must be one of the station
    /// for the source's rate.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(
        source: Source,
        station: Arc<Station>,
        tap: Tap,
        title: &str,
        pace: Option<Pace>,
    ) -> anyhow::Result<Self> {
        let described = station::Source {
            state: SourceState::Running,
            host: "file".into(),
            device: title.into(),
            chosen: true,
            rate: Some(source.format().sample_rate),
            problem: None,
        };
        station.set_source(described);
        let name = Some(title.to_owned());
        station.set_track(Some(Track { id: title.into(), title: name, ..Track::default() }));
        let stop = Arc::new(AtomicBool::new(false));
        let (told, shared) = (stop.clone(), station.clone());
        let thread = std::thread::Builder::new().name("earworm-feed".into()).spawn(move || {
            let result = run(source, tap, &shared, pace, &told);
            let ended = (*shared.source()).clone();
            shared.set_source(station::Source { state: SourceState::Ended, ..ended });
            result
        })?;
        Ok(Self { station, thread: Some(thread), stop })
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
        match self.station.meter().failure() {
            Some(reason) => Err(anyhow!("{reason}")),
            None => Ok(()),
        }
    }
}

fn run(
    mut source: Source,
    mut tap: Tap,
    station: &Station,
    mut pace: Option<Pace>,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    let format = source.format();
    while let Some(block) = source.next_block()? {
        for piece in block.chunks(PIECE * format.channels) {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let frames = piece.len() / format.channels;
            if let Some(pace) = &mut pace {
                std::thread::sleep(pace.wait(Instant::now(), frames));
            } else {
                while tap.room() < 2 * PIECE && !stop.load(Ordering::Relaxed) {
                    std::thread::sleep(NAP);
                }
            }
            if station.take_reset() {
                tap.reset();
            }
            tap.push_interleaved(piece, format.channels);
            station.tally.samples.fetch_add(frames as u64, Ordering::Relaxed);
        }
    }
    // What is in the ring still counts, and so does what comes of the end: sound shorter than a window has its
    // hook only then.
    drop(tap);
    Worker::shared().drain();
    Ok(())
}
