//! What drives the score, by occlusion: how the window's score would change without a frequency region.
//!
//! The last window of mel frames is judged again with one region after the other turned down to the
//! floor, all in one batch. That costs about as much as half a minute of listening, so it runs on a
//! thread of its own at the lowest priority, and only while somebody looks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use earworm_scorer::Model;
use earworm_scorer::front_end::{FrontEndSettings, LevelNormaliser, is_silent};
use earworm_scorer::live::{HistoryFrame, Meter};
use earworm_scorer::model::{Contract, ModelError};

use crate::low_priority;

/// Regions that the model's bands are divided into.
pub const REGIONS: usize = 8;
/// Decibels that a region is turned down by; the front end's floor stops it earlier.
const DOWN_DB: f32 = 60.0;
/// Frames that a streaming model takes at a time here.
const CHUNK: usize = 16;
/// Time between two looks.
const PAUSE: Duration = Duration::from_secs(2);

/// What the regions do to one window.
#[derive(Debug, Clone, PartialEq)]
pub struct Influence {
    /// The window's score as it is, 0 to 100.
    pub score: f32,
    /// Points that each region adds: the score less the score without it, lowest region first.
    pub regions: Vec<f32>,
    /// Edges of the regions in Hz, one more than there are regions.
    pub edges_hz: Vec<f32>,
}

/// Judges a window of frames with and without each region. `None` when too little was heard.
///
/// # Errors
/// When the model cannot be run.
pub fn examine(
    model: &Arc<Model>,
    frames: &[HistoryFrame],
) -> Result<Option<Influence>, ModelError> {
    let metadata = model.metadata();
    let bands = metadata.front_end.n_mels;
    let level = metadata.front_end.level;
    let audible: Vec<&HistoryFrame> =
        frames.iter().filter(|frame| !is_silent(&level, frame.level_db)).collect();
    let (chunk, count) = match metadata.contract {
        Contract::Streaming => {
            let most = metadata.window_frames / CHUNK * CHUNK;
            (CHUNK, (audible.len() / CHUNK * CHUNK).min(most))
        }
        Contract::Window => (metadata.window_frames, metadata.window_frames),
    };
    if audible.len() < count || count < metadata.warm_up_frames.max(1) {
        return Ok(None);
    }
    let window = &audible[audible.len() - count..];
    let regions = REGIONS.min(bands);
    let edges: Vec<usize> = (0..=regions).map(|r| r * bands / regions).collect();

    // What the model hears of the whole window; regions are cut from it, so that the level it is
    // measured against stays the same.
    let mut heard = vec![0.0; count * bands];
    let mut normaliser = LevelNormaliser::new(level);
    for (frame, out) in window.iter().zip(heard.chunks_mut(bands)) {
        normaliser.next_frame(&frame.mel_db, frame.level_db, out);
    }
    let batch = regions + 1;
    let mut session = model.session(batch, chunk)?;
    let mut input = vec![0.0; batch * chunk * bands];
    let mut raw = Vec::new();
    for part in heard.chunks(chunk * bands) {
        for (row, out) in input.chunks_mut(chunk * bands).enumerate() {
            out.copy_from_slice(part);
            if let Some(region) = row.checked_sub(1) {
                for frame in out.chunks_mut(bands) {
                    for value in &mut frame[edges[region]..edges[region + 1]] {
                        *value = (*value - DOWN_DB).max(-level.floor_db);
                    }
                }
            }
        }
        raw = session.run(&input)?.to_vec();
    }
    let scores: Vec<f32> =
        raw.chunks(metadata.classes.len()).map(|row| metadata.score(row)).collect();
    let edges_hz = edges.iter().map(|&edge| edge_hz(&metadata.front_end, edge)).collect();
    Ok(Some(Influence {
        score: scores[0],
        regions: scores[1..].iter().map(|without| scores[0] - without).collect(),
        edges_hz,
    }))
}

/// The frequency between one band and the one below it.
fn edge_hz(settings: &FrontEndSettings, band: usize) -> f32 {
    let scale = settings.mel_scale;
    let low = scale.from_hz(f64::from(settings.f_min));
    let high = scale.from_hz(f64::from(settings.f_max));
    scale.to_hz(low + (high - low) * (band as f64 + 0.5) / (settings.n_mels as f64 + 1.0)) as f32
}

/// Examines a meter's last window every few seconds, until dropped.
pub struct Observer {
    shared: Arc<Shared>,
}

struct Shared {
    meter: Mutex<Option<Meter>>,
    latest: Mutex<Option<Influence>>,
    stop: AtomicBool,
    wake: Condvar,
}

impl Observer {
    /// Starts to look; `ready` is called after each look.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(meter: Option<Meter>, ready: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            meter: Mutex::new(meter),
            latest: Mutex::default(),
            stop: AtomicBool::new(false),
            wake: Condvar::new(),
        });
        let on_thread = shared.clone();
        low_priority::spawn("earworm-influence", move || on_thread.run(&ready))?;
        Ok(Self { shared })
    }

    /// Looks at another stream from now on.
    pub fn watch(&self, meter: Option<Meter>) {
        *self.shared.meter.lock().unwrap_or_else(PoisonError::into_inner) = meter;
    }

    /// What was found last.
    pub fn latest(&self) -> Option<Influence> {
        self.shared.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.shared.wake.notify_all();
    }
}

impl Shared {
    fn run(&self, ready: &dyn Fn()) {
        let (mut frames, mut looked_at) = (Vec::new(), (0, 0));
        while !self.stop.load(Ordering::Relaxed) {
            let meter = self.meter.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(meter) = &meter {
                frames.clear();
                let next = meter.frames_since(0, &mut frames);
                // Frames from before a reset are of another song.
                let fresh = frames.windows(2).rposition(|w| w[1].time_s < w[0].time_s);
                frames.drain(..fresh.map_or(0, |at| at + 1));
                if (next, meter.resets()) != looked_at {
                    looked_at = (next, meter.resets());
                    let found = examine(meter.model(), &frames).ok().flatten();
                    *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = found;
                    ready();
                }
            }
            let guard = self.meter.lock().unwrap_or_else(PoisonError::into_inner);
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            drop(self.wake.wait_timeout(guard, PAUSE).unwrap_or_else(PoisonError::into_inner));
        }
    }
}

#[cfg(test)]
mod tests {
    use earworm_scorer::front_end::FrontEnd;
    use earworm_scorer::score_offline;

    use super::*;

    #[test]
    fn the_score_is_the_offline_score_and_every_region_is_judged() {
        let model = Model::embedded();
        let settings = &model.metadata().front_end;
        let rate = settings.sample_rate;
        let mut noise = 1u32;
        let sound: Vec<f32> = (0..rate * 20)
            .map(|i| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let hiss = (noise >> 8) as f32 / (1 << 23) as f32 - 1.0;
                (i as f32 * 0.05).sin() * 0.2 + hiss * 0.05 * (i as f32 / 9000.0).sin()
            })
            .collect();
        let mut frames = Vec::new();
        FrontEnd::new(settings).unwrap().push(&sound, |frame| {
            frames.push(HistoryFrame {
                index: frames.len() as u64,
                time_s: 0.0,
                level_db: frame.level_db,
                mel_db: frame.mel_db.to_vec(),
            });
        });
        frames.truncate(frames.len() / CHUNK * CHUNK);
        let samples = (frames.len() - 1) * settings.hop + settings.n_fft;
        let found = examine(&model, &frames).unwrap().unwrap();
        let want = model.metadata().score(&score_offline(&model, &sound[..samples]).unwrap());
        assert!((found.score - want).abs() < 0.05, "{} and {want}", found.score);
        assert_eq!(found.regions.len(), REGIONS);
        assert!(found.regions.iter().any(|points| points.abs() > 0.1), "{:?}", found.regions);
        assert!(found.edges_hz.is_sorted() && found.edges_hz[0] < 60.0);
        assert_eq!(examine(&model, &frames[..20]).unwrap(), None, "too little was heard");
    }
}
