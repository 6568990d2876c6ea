//! What drives the score, by occlusion: how the window's score would change without a frequency region.
//!
//! The last window of mel frames is judged again with one region after the other turned down to the
//! floor, all in one batch. That costs about as much as half a minute of listening, so it runs on a
//! thread of its own at the lowest priority, and only while somebody looks.

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

use earworm_scorer::Model;
use earworm_scorer::front_end::{FrontEndSettings, LevelNormaliser, is_silent};
use earworm_scorer::live::HistoryFrame;
use earworm_scorer::model::{Contract, Input, ModelError};

use crate::low_priority;
use crate::session::{Session, ShownWindow};
use crate::state::Snapshot;

/// Regions that the model's bands are divided into.
pub const REGIONS: usize = 8;
/// Decibels that a region is turned down by; the front end's floor stops it earlier.
const DOWN_DB: f32 = 60.0;
/// Frames that a streaming model takes at a time, where a look may leave out fewer than that.
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

/// Why a model that is fed with this has no influence to show, if so. Regions are cut from mel frames;
/// numbers that describe the sound are taken from the sound itself, which the plugin does not keep.
pub fn obstacle(input: &Input) -> Option<&'static str> {
    match input {
        Input::Mel => None,
        Input::Descriptors { .. } => Some(
            "this model judges numbers that describe the whole sound: it has no frequency regions",
        ),
        Input::MelAndDescriptors { .. } => Some(
            "this model also judges numbers that describe the whole sound: no region can be left out",
        ),
    }
}

/// What each frequency region adds to a window's score, but for its oldest frames, fewer than a model
/// takes at a time. `None` when too few frames were heard or are still kept, and where there is an [`obstacle`].
///
/// # Errors
/// When the model cannot be run.
pub fn examine(window: &ShownWindow) -> Result<Option<Influence>, ModelError> {
    occlude(window.model(), window.frames(), window.count(), CHUNK)
}

/// The same with every frame of the window, at the cost of smaller steps.
///
/// # Errors
/// When the model cannot be run.
pub fn examine_all(window: &ShownWindow) -> Result<Option<Influence>, ModelError> {
    let divides = |chunk: &usize| window.count().is_multiple_of(*chunk);
    let chunk = [CHUNK, 8, 4, 2].into_iter().find(divides).unwrap_or(1);
    occlude(window.model(), window.frames(), window.count(), chunk)
}

/// Judges the last `count` audible frames with and without each region. `None` when there are too few of
/// them, and where there is an [`obstacle`].
///
/// A streaming model takes `chunk` of them at a time: more is cheaper, and the oldest frames, fewer than
/// a chunk of them, are left out. Window models ignore it.
fn occlude(
    model: &Arc<Model>,
    frames: &[HistoryFrame],
    count: usize,
    chunk: usize,
) -> Result<Option<Influence>, ModelError> {
    let metadata = model.metadata();
    if obstacle(&metadata.input).is_some() {
        return Ok(None);
    }
    let bands = metadata.front_end.n_mels;
    let level = metadata.front_end.level;
    let audible: Vec<&HistoryFrame> =
        frames.iter().filter(|frame| !is_silent(&level, frame.level_db)).collect();
    let (chunk, count) = match metadata.contract {
        Contract::Streaming if audible.len() + CHUNK > count => {
            (chunk, count.min(audible.len()) / chunk * chunk)
        }
        Contract::Streaming => return Ok(None),
        Contract::Window => (metadata.window_frames, metadata.window_frames),
    };
    if audible.len() < count || count == 0 {
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

/// Finds the influence of a snapshot's window in the background and puts it into the snapshot that was
/// stored. Both are of the same window.
///
/// # Errors
/// When the system gives no thread.
pub fn fill_in(
    session: &Arc<Session>,
    snapshot: &Snapshot,
    window: ShownWindow,
) -> std::io::Result<()> {
    let (session, stored) = (Arc::downgrade(session), snapshot.clone());
    low_priority::spawn("earworm-snapshot", move || {
        let Ok(Some(found)) = examine_all(&window) else { return };
        let Some(session) = session.upgrade() else { return };
        let mut snapshots =
            session.params.snapshots.write().unwrap_or_else(PoisonError::into_inner);
        // It may have been thrown away meanwhile, or another project loaded.
        if let Some(place) = snapshots.list.iter_mut().find(|place| **place == stored) {
            place.influence = found.regions;
        }
        drop(snapshots);
        session.notifier.request_repaint();
    })?;
    Ok(())
}

/// Examines the window behind the number that is shown, every few seconds, until dropped.
pub struct Observer {
    shared: Arc<Shared>,
}

struct Shared {
    session: Weak<Session>,
    latest: Mutex<Option<Influence>>,
    stop: Mutex<bool>,
    wake: Condvar,
}

impl Observer {
    /// Starts to look; `ready` is called after each look.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        session: &Arc<Session>,
        ready: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::new(session));
        let on_thread = shared.clone();
        low_priority::spawn("earworm-influence", move || on_thread.run(&ready))?;
        Ok(Self { shared })
    }

    /// What was found last.
    pub fn latest(&self) -> Option<Influence> {
        self.shared.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        *self.shared.stop.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.wake.notify_all();
    }
}

/// Which window was looked at last: the stream, and the scores' place in it.
type Seen = (u64, f64);

impl Shared {
    fn new(session: &Arc<Session>) -> Self {
        Self {
            session: Arc::downgrade(session),
            latest: Mutex::default(),
            stop: Mutex::new(false),
            wake: Condvar::new(),
        }
    }

    fn run(&self, ready: &dyn Fn()) {
        let mut seen = None;
        loop {
            if self.look(&mut seen) {
                ready();
            }
            let stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = self.wake.wait_timeout_while(stop, PAUSE, |stop| !*stop);
            if *waited.unwrap_or_else(PoisonError::into_inner).0 {
                return;
            }
        }
    }

    /// Looks at the window, unless nobody sees it or it was looked at before. Whether it did.
    fn look(&self, seen: &mut Option<Seen>) -> bool {
        let Some(session) = self.session.upgrade() else { return false };
        // A hidden editor may still exist.
        if !session.is_editor_open() {
            return false;
        }
        let stream = session.streams();
        let shown = session.shown_window();
        let now = shown.as_ref().map(|(point, _)| (stream, point.sound_s));
        if now == *seen {
            return false;
        }
        *seen = now;
        // The session must not outlive its host by the time this takes.
        drop(session);
        let found = shown.and_then(|(_, window)| examine(&window).ok().flatten());
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = found;
        true
    }
}

#[cfg(test)]
mod tests {
    use earworm_scorer::front_end::FrontEnd;
    use earworm_scorer::score_offline;
    use nice_plug::prelude::ProcessMode;

    use super::*;
    use crate::harness::{Host, automate};

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
        let found = occlude(&model, &frames, frames.len(), CHUNK).unwrap().unwrap();
        let want = model.metadata().score(&score_offline(&model, &sound[..samples]).unwrap());
        assert!((found.score - want).abs() < 0.05, "{} and {want}", found.score);
        assert_eq!(found.regions.len(), REGIONS);
        assert!(found.regions.iter().any(|points| points.abs() > 0.1), "{:?}", found.regions);
        assert!(found.edges_hz.is_sorted() && found.edges_hz[0] < 60.0);
        assert_eq!(occlude(&model, &frames[..20], 100, CHUNK).unwrap(), None, "too few are kept");
        assert_eq!(occlude(&model, &frames, 0, CHUNK).unwrap(), None);
    }

    #[test]
    fn models_without_regions_say_so() {
        let names = || vec!["rms".to_owned()];
        assert_eq!(obstacle(&Input::Mel), None);
        assert!(obstacle(&Input::Descriptors { names: names() }).is_some());
        assert!(obstacle(&Input::MelAndDescriptors { names: names() }).is_some());
    }

    #[test]
    fn nothing_is_looked_at_behind_a_hidden_editor() {
        let mut host = Host::new(48_000, 48_000, ProcessMode::Offline);
        host.play(12, 1.0);
        let session = host.session().clone();
        let (observer, mut seen) = (Shared::new(&session), None);
        session.set_editor_open(false);
        assert!(!observer.look(&mut seen), "hidden");
        session.set_editor_open(true);
        assert!(observer.look(&mut seen));
        assert!(!observer.look(&mut seen), "nothing new was heard");
        // The influence is that of the number shown, but for the oldest frames of its window.
        let found = |observer: &Shared| observer.latest.lock().unwrap().clone().unwrap();
        let shown = session.reading().window.unwrap();
        let first = found(&observer);
        assert!((first.score - shown).abs() < 2.0, "{} and {shown}", first.score);
        // While that is held, there is nothing new to look at, and who comes later finds the same.
        automate(&session.params.hold, 1.0);
        host.play(12, 0.01);
        assert!(!observer.look(&mut seen), "held");
        let later = Shared::new(&session);
        assert!(later.look(&mut None));
        let held = found(&later);
        assert!((held.score - first.score).abs() < 0.01, "{} and {}", held.score, first.score);
        automate(&session.params.hold, 0.0);
        assert!(observer.look(&mut seen), "no longer held");
    }
}
