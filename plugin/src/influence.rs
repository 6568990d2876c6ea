//! What drives the score, by occlusion: how the window's score would change without a frequency region.
//!
//! The last window of mel frames is judged again with one region after the other turned down to the
//! floor, all in one batch. That costs about as much as half a minute of listening, so it runs on a
//! thread of its own at the lowest priority, and only while somebody looks.

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

use earworm_scorer::Model;
use earworm_scorer::front_end::{FrontEndSettings, LevelNormaliser, is_silent};
use earworm_scorer::live::{HISTORY_SECONDS, HistoryFrame, history_frames};
use earworm_scorer::model::{Contract, Input, Metadata, ModelError};

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
    /// Seconds at the window's beginning that are no longer kept and were not judged. Silence is kept too, so
    /// that there are some after every pause.
    pub left_out_s: f32,
}

/// Why this model never has influence to show, if so. Regions are cut from the mel frames that are kept;
/// numbers that describe the sound are taken from the sound itself, which the plugin does not keep.
pub fn obstacle(metadata: &Metadata) -> Option<&'static str> {
    match &metadata.input {
        Input::Mel if least_frames(metadata) > history_frames(&metadata.front_end) => Some(
            "this model judges more sound at once than is kept to look at: no region can be left out",
        ),
        Input::Mel => None,
        Input::Descriptors { .. } => Some(
            "this model judges numbers that describe the whole sound: it has no frequency regions",
        ),
        Input::MelAndDescriptors { .. } => Some(
            "this model also judges numbers that describe the whole sound: no region can be left out",
        ),
    }
}

/// What to say where there is no influence: the [`obstacle`], or what is waited for.
pub fn absence(metadata: &Metadata) -> String {
    if let Some(obstacle) = obstacle(metadata) {
        return obstacle.to_owned();
    }
    let least_s = least_frames(metadata) as f64 / metadata.front_end.frame_rate();
    format!(
        "looked at every two seconds, as soon as {:.0} s of the last {HISTORY_SECONDS:.0} s are sound",
        least_s.ceil()
    )
}

/// Fewest audible frames that the model can judge.
fn least_frames(metadata: &Metadata) -> usize {
    let least = match metadata.contract {
        // It was trained on every length from there.
        Contract::Streaming => metadata.warm_up_frames,
        Contract::Window => metadata.window_frames,
    };
    least.max(1)
}

/// What each frequency region adds to a window's score. Left out are the window's oldest frames: those that are
/// no longer kept, and fewer than a model takes at a time. `None` when too few frames were heard or are still
/// kept, and where there is an [`obstacle`].
///
/// # Errors
/// When the model cannot be run.
pub fn examine(window: &ShownWindow) -> Result<Option<Influence>, ModelError> {
    occlude(window.model(), window.frames(), window.count(), false)
}

/// The same with every frame of the window that is still kept, at the cost of smaller steps.
///
/// # Errors
/// When the model cannot be run.
pub fn examine_all(window: &ShownWindow) -> Result<Option<Influence>, ModelError> {
    occlude(window.model(), window.frames(), window.count(), true)
}

/// Judges the last `count` audible frames, or as many as there are, with and without each region. `None` when
/// there are too few of them, and where there is an [`obstacle`].
///
/// A streaming model takes several of them at a time: more is cheaper. Unless `all` are asked for or needed, the
/// oldest ones, fewer than that, are left out. Window models take a whole window.
fn occlude(
    model: &Arc<Model>,
    frames: &[HistoryFrame],
    count: usize,
    all: bool,
) -> Result<Option<Influence>, ModelError> {
    let metadata = model.metadata();
    if obstacle(metadata).is_some() {
        return Ok(None);
    }
    let bands = metadata.front_end.n_mels;
    let level = metadata.front_end.level;
    let audible: Vec<&HistoryFrame> =
        frames.iter().filter(|frame| !is_silent(&level, frame.level_db)).collect();
    let count = match metadata.contract {
        Contract::Streaming => count,
        Contract::Window => metadata.window_frames,
    };
    let judged = count.min(audible.len());
    let least = least_frames(metadata);
    if judged < least {
        return Ok(None);
    }
    let chunk = match metadata.contract {
        Contract::Streaming => frames_at_a_time(judged, least, all),
        Contract::Window => judged,
    };
    let left_out_s = (count - judged) as f64 / metadata.front_end.frame_rate();
    let count = judged / chunk * chunk;
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
        left_out_s: left_out_s as f32,
    }))
}

/// How many of these frames a streaming model is given at a time. What is left out for that must leave the
/// fewest that it can judge.
fn frames_at_a_time(frames: usize, least: usize, all: bool) -> usize {
    if !all && frames / CHUNK * CHUNK >= least {
        return CHUNK;
    }
    let divides = |chunk: &usize| frames.is_multiple_of(*chunk);
    [CHUNK, 8, 4, 2].into_iter().find(divides).unwrap_or(1)
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
mod tests;
