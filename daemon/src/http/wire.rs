//! What goes over the wire: readings and mel frames as the API has them.

use std::sync::atomic::{AtomicU64, Ordering};

use earworm_scorer::live::{HistoryFrame, Meter};
use earworm_scorer::{Hook, Reading, Status};
use serde::Serialize;

use crate::clock::{now_s, round_hook, round_ms};
use crate::details::Details;
use crate::station::{Memory, Source, Station, Track};

/// The reading of the moment.
#[derive(Serialize)]
pub(super) struct ReadingNow {
    /// Tells it from other messages of the stream.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Seconds since 1970.
    time: f64,
    /// Changes when readings start anew.
    epoch: (u64, u64),
    /// Seconds of audio since then.
    t: f64,
    status: Status,
    momentary: Option<f32>,
    window: Option<f32>,
    integrated: Option<f32>,
    hook: Option<Hook>,
    coverage: f32,
    level_db: f32,
    dropped: u64,
    invalid: u64,
    details: Details,
    integrated_details: Details,
    /// What a player says that it plays.
    song: Option<Track>,
    source: Source,
    health: Health,
    /// Why there are no more readings, if so.
    failure: Option<String>,
}

impl ReadingNow {
    /// What the station reads now.
    pub(super) fn of(station: &Station) -> Self {
        let meter = station.meter();
        Self::with(station, &meter, &meter.reading())
    }

    /// The same of this meter and reading.
    fn with(station: &Station, meter: &Meter, reading: &Reading) -> Self {
        let metadata = meter.model().metadata();
        Self {
            kind: "reading",
            time: round_ms(now_s()),
            epoch: station.epoch(),
            t: round_ms(reading.time_s),
            status: reading.status,
            momentary: reading.momentary,
            window: reading.window,
            integrated: reading.integrated,
            hook: reading.hook.map(round_hook),
            coverage: reading.coverage,
            level_db: reading.level_db,
            dropped: reading.dropped,
            invalid: reading.invalid,
            details: Details::new(metadata, &reading.details),
            integrated_details: Details::new(metadata, &reading.integrated_details),
            song: station.track().as_deref().cloned(),
            source: (*station.source()).clone(),
            health: Health::of(station),
            failure: meter.failure().map(|why| (*why).clone()),
        }
    }
}

/// What is counted since the start, and how the history does.
#[derive(Serialize)]
struct Health {
    reconnects: u64,
    gaps: u64,
    gap_s: f64,
    xruns: u64,
    /// Audio that waits for the worker.
    lag_s: f64,
    /// `off`, `writing` or `failing`.
    history: &'static str,
    /// Why it fails.
    history_problem: Option<String>,
}

impl Health {
    fn of(station: &Station) -> Self {
        let tally = &station.tally;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (history, history_problem) = match &*station.memory() {
            Memory::Off => ("off", None),
            Memory::Writing => ("writing", None),
            Memory::Failing(why) => ("failing", Some(why.clone())),
        };
        Self {
            reconnects: count(&tally.reconnects),
            gaps: count(&tally.gaps),
            gap_s: count(&tally.gap_ms) as f64 / 1000.0,
            xruns: count(&tally.xruns),
            lag_s: round_ms(station.lag_s()),
            history,
            history_problem,
        }
    }
}

/// Mel frames that follow each other.
#[derive(Serialize)]
pub(super) struct MelFrames {
    #[serde(rename = "type")]
    kind: &'static str,
    /// The number of the first one since the meter was made.
    index: u64,
    /// Frames a second.
    frame_rate: f64,
    /// Power of each band in dB, frame by frame, lowest band first.
    db: Vec<Vec<i32>>,
}

/// Takes new frames from a meter.
#[derive(Default)]
pub(super) struct MelCursor {
    next: u64,
    meter: u64,
    frames: Vec<HistoryFrame>,
}

impl MelCursor {
    /// What is new since the last call, if anything.
    pub(super) fn take(&mut self, meter: &Meter, number: u64) -> Option<MelFrames> {
        if self.meter != number {
            (self.meter, self.next) = (number, 0);
        }
        self.frames.clear();
        self.next = meter.frames_since(self.next, &mut self.frames);
        let first = self.frames.first()?;
        let row = |frame: &HistoryFrame| {
            frame.mel_db.iter().map(|&db| db.clamp(-200.0, 100.0).round() as i32).collect()
        };
        Some(MelFrames {
            kind: "mel",
            index: first.index,
            frame_rate: meter.model().metadata().front_end.frame_rate(),
            db: self.frames.iter().map(row).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use earworm_scorer::Model;

    use super::*;
    use crate::distinct;

    #[test]
    fn each_value_goes_by_its_own_name() {
        let (station, _tap) = Station::new(Model::embedded(), 48_000).unwrap();
        let now = ReadingNow::with(&station, &station.meter(), &distinct::reading());
        let sent = serde_json::to_value(&now).unwrap();
        for (name, score) in distinct::SCORES {
            assert_eq!(sent[name], f64::from(score), "{name} of {sent}");
        }
        for (name, value) in [("t", 44.0), ("level_db", -7.0), ("coverage", 0.5)] {
            assert_eq!(sent[name], value, "{name} of {sent}");
        }
        assert_eq!(sent["dropped"], 88);
        assert_eq!(sent["invalid"], 99);
        for (name, value) in [("details", 0.25), ("integrated_details", 0.75)] {
            let classes = sent[name].as_object().unwrap();
            assert!(!classes.is_empty() && classes.values().all(|is| *is == value), "{sent}");
        }
    }
}
