//! Puts down once a second what the station reads, and splits it into songs.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use crossbeam::channel::{self, Receiver, RecvTimeoutError, Sender};
use earworm_scorer::{Reading, Status};

use super::calendar::{Calendar, steady_s};
use super::songs::{Moment, Song, Splitter};
use super::store::{self, Store};
use super::table::Row;
use crate::clock::now_s;
use crate::exit::describe;
use crate::flow::Flow;
use crate::station::{Memory, SourceState, Station};

/// How often is looked whether a song begins or ends.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often while nothing plays.
const LOOK_AT_REST: Duration = Duration::from_secs(1);
/// How often a file that cannot be opened is tried again.
const OPEN_EVERY: Duration = Duration::from_secs(10);
/// How often is looked whether the file that is written is still there.
const FIND_EVERY: Duration = Duration::from_secs(60);
/// How often old rows are thinned.
const THIN_EVERY: Duration = Duration::from_secs(600);
/// Rows that wait while the disk is full; then the oldest go.
const MOST_WAITING: usize = 3600;
/// Seconds in a day.
const DAY_S: i64 = 24 * 3600;

/// How long what is kept, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keep {
    /// A row a second.
    pub(crate) seconds_days: u32,
    /// Anything at all.
    pub(crate) all_days: u32,
}

/// Writes the history until it is dropped; then what is there is written.
pub(crate) struct Recorder {
    keep: Arc<Mutex<Keep>>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Starts to write what the station reads to this file. Where there is no room for it at the
    /// moment, it is tried again until there is.
    ///
    /// # Errors
    /// When another Earworm writes there, or the file cannot be used.
    pub(crate) fn start(station: Arc<Station>, path: &Path, keep: Keep) -> anyhow::Result<Self> {
        let store = match Store::open(path) {
            Ok(store) => Ok(store),
            Err(error) if store::may_pass(&error) => Err(error),
            Err(error) => return Err(error),
        };
        let (stop, stopped) = channel::bounded(0);
        let keep = Arc::new(Mutex::new(keep));
        let desk = Desk::new(station, path, store, keep.clone());
        let thread = std::thread::Builder::new()
            .name("earworm-history".into())
            .spawn(move || desk.run(&stopped))
            .context("the system gives no thread")?;
        tracing::info!("the history is {}", path.display());
        Ok(Self { keep, stop: Some(stop), thread: Some(thread) })
    }

    /// Keeps it so from now on.
    pub(crate) fn set_keep(&self, keep: Keep) {
        *self.keep.lock().unwrap_or_else(PoisonError::into_inner) = keep;
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Desk {
    station: Arc<Station>,
    path: PathBuf,
    /// None while it cannot be opened.
    store: Option<Store>,
    keep: Arc<Mutex<Keep>>,
    splitter: Splitter,
    flow: Flow,
    classes: Vec<String>,
    start: Instant,
    /// What is not written yet: rows, and songs as they are now.
    rows: VecDeque<Row>,
    songs: Vec<Song>,
    written: Instant,
    thinned: Option<Instant>,
    calendar: Calendar,
    /// Tells of damage that was found inside of the file.
    damage: Receiver<String>,
    /// When the file was opened, or tried, last.
    opened: Instant,
    /// When was looked last whether it is still there.
    found: Instant,
    /// Whether it cannot be written at the moment, and that was told.
    failing: bool,
}

impl Desk {
    fn new(
        station: Arc<Station>,
        path: &Path,
        store: anyhow::Result<Store>,
        keep: Arc<Mutex<Keep>>,
    ) -> Self {
        let classes = &station.model().metadata().classes;
        let mut desk = Self {
            classes: classes.iter().map(|class| class.name.clone()).collect(),
            station,
            path: path.to_owned(),
            store: None,
            keep,
            splitter: Splitter::default(),
            flow: Flow::default(),
            start: Instant::now(),
            rows: VecDeque::new(),
            songs: Vec::new(),
            written: Instant::now(),
            thinned: None,
            calendar: Calendar::default(),
            damage: channel::never(),
            opened: Instant::now(),
            found: Instant::now(),
            failing: false,
        };
        desk.take(store);
        desk
    }

    fn run(mut self, stopped: &Receiver<()>) {
        loop {
            let resting = self.station.source().state == SourceState::Resting;
            let wait = if resting { LOOK_AT_REST } else { LOOK_EVERY };
            let ended = stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout);
            self.look(self.start.elapsed().as_secs_f64());
            if let Ok(why) = self.damage.try_recv() {
                self.replace(&why);
            }
            if self.found.elapsed() >= FIND_EVERY {
                self.find();
            }
            if self.store.is_none() && self.opened.elapsed() >= OPEN_EVERY {
                self.take(Store::open(&self.path));
            }
            if ended || self.written.elapsed() >= Duration::from_millis(990) {
                self.note_second(self.start.elapsed().as_secs_f64());
                self.write();
            }
            if ended {
                self.note_clock();
                return;
            }
            if self.thinned.is_none_or(|last| last.elapsed() >= THIN_EVERY) {
                self.thin();
            }
        }
    }

    /// Takes a file into use that was opened, or takes note that it could not be.
    fn take(&mut self, opened: anyhow::Result<Store>) {
        self.opened = Instant::now();
        match opened {
            Ok(store) => {
                let (noted, keep) = (store.noted_clock().ok().flatten(), self.keep());
                let days = keep.seconds_days.min(keep.all_days);
                self.calendar.begin(now_s(), steady_s(), noted, days);
                self.damage = look_for_damage(&self.path);
                self.store = Some(store);
                self.station.set_memory(Memory::Writing);
            }
            Err(error) => self.tell_failure(&error),
        }
    }

    /// Looks for the file. Where it was removed, or another one was put in its place, what is heard goes to
    /// what is there from now on: who looks for the history finds nothing else.
    fn find(&mut self) {
        self.found = Instant::now();
        let Some(gone) = self.store.take_if(|store| !store.is_in_place()) else { return };
        tracing::warn!(
            "the history {} was removed or replaced; it is opened anew",
            self.path.display()
        );
        gone.leave();
        // There the numbers mean other songs.
        self.splitter.forget_id();
        for song in &mut self.songs {
            song.id = None;
        }
        self.take(Store::open(&self.path));
    }

    /// Goes on with a new file, as the old one is damaged.
    fn replace(&mut self, why: &str) {
        let Some(mut store) = self.store.take() else { return };
        let replaced = store.replace(why).map(|()| store);
        self.take(replaced);
    }

    fn keep(&self) -> Keep {
        *self.keep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says once that the history cannot be written.
    fn tell_failure(&mut self, error: &anyhow::Error) {
        let why = describe(error);
        self.station.set_memory(Memory::Failing(why.clone()));
        if !std::mem::replace(&mut self.failing, true) {
            tracing::error!(
                "the history {} cannot be written at the moment: {why}; up to an hour waits in memory",
                self.path.display()
            );
        }
    }

    /// Whether audio comes in, with the epoch and the reading that say so. A stream that is open may
    /// give nothing, and the last reading stays what it was.
    fn listen(&mut self, elapsed_s: f64) -> (bool, (u64, u64), Arc<Reading>) {
        let (epoch, reading) = (self.station.epoch(), self.station.meter().reading());
        let moves = self.flow.note(elapsed_s, epoch, reading.time_s);
        let running = self.station.source().state == SourceState::Running;
        (running && moves, epoch, reading)
    }

    /// Sees whether a song begins, goes on or ends. `elapsed_s` is on a clock that does not go back.
    fn look(&mut self, elapsed_s: f64) {
        let (running, epoch, reading) = self.listen(elapsed_s);
        let (station, track) = (&self.station, self.station.track());
        let step = self.splitter.take(&Moment {
            now_s: elapsed_s,
            time: now_s(),
            steady_s: steady_s(),
            reading: &reading,
            epoch,
            classes: &self.classes,
            running,
            track: track.as_deref(),
        });
        for song in step.songs {
            song.join(&mut self.songs);
        }
        if step.reset {
            station.reset();
        }
    }

    /// A row for the last second, if anything was to be heard. `elapsed_s` as for `look`.
    fn note_second(&mut self, elapsed_s: f64) {
        self.written = Instant::now();
        let (running, _, reading) = self.listen(elapsed_s);
        if !running || reading.status == Status::Silence || reading.time_s == 0.0 {
            return;
        }
        self.rows.push_back(row(now_s() as i64, &reading));
        let surplus = self.rows.len().saturating_sub(MOST_WAITING);
        self.rows.drain(..surplus);
    }

    fn write(&mut self) {
        if self.rows.is_empty() && self.songs.is_empty() {
            return;
        }
        let Some(store) = &mut self.store else { return };
        match store.write(self.rows.make_contiguous(), &mut self.songs) {
            Ok(()) => {
                self.splitter.note_id(&self.songs);
                self.rows.clear();
                self.songs.clear();
                if std::mem::take(&mut self.failing) {
                    tracing::info!("the history is written again");
                    self.station.set_memory(Memory::Writing);
                }
            }
            // What waits goes into the new file.
            Err(error) if store::is_damage(&error) => self.replace(&describe(&error)),
            // What waits is tried again; the disk may have room then.
            Err(error) => self.tell_failure(&error),
        }
    }

    /// Keeps what is known of the clock for the next start.
    fn note_clock(&mut self) {
        let noted = self.calendar.noted(now_s(), steady_s());
        let Some(store) = &mut self.store else { return };
        if let Err(error) = store.note_clock(noted) {
            tracing::debug!("the clock is not noted: {}", describe(&error));
        }
    }

    fn thin(&mut self) {
        let keep = self.keep();
        let now = now_s();
        let believed = self.calendar.believes(now, steady_s());
        self.note_clock();
        let Some(store) = &mut self.store else { return };
        if !believed {
            self.thinned = Some(Instant::now());
            return;
        }
        let before = |days: u32| now as i64 - i64::from(days) * DAY_S;
        match store.thin(before(keep.seconds_days), before(keep.all_days)) {
            // The rest in the next rounds, so that no second is missed meanwhile.
            Ok(true) => {}
            Ok(false) => self.thinned = Some(Instant::now()),
            Err(error) if store::is_damage(&error) => self.replace(&describe(&error)),
            Err(error) => {
                tracing::warn!("old rows of the history cannot be thinned: {}", describe(&error));
                self.thinned = Some(Instant::now());
            }
        }
    }
}

/// What is put down of a reading.
fn row(time: i64, reading: &Reading) -> Row {
    let scoring = reading.status == Status::Scoring;
    Row {
        time,
        seconds: 1,
        momentary: reading.momentary.filter(|_| scoring),
        window: reading.window.filter(|_| scoring),
        integrated: reading.integrated.filter(|_| scoring),
        level_db: reading.level_db,
    }
}

/// Looks through the whole file beside those who use it, as that takes a while.
fn look_for_damage(path: &Path) -> Receiver<String> {
    let (tell, told) = channel::bounded(1);
    let path = path.to_owned();
    let look = move || {
        if let Some(why) = store::damage(&path) {
            let _ = tell.send(why);
        }
    };
    let _ = std::thread::Builder::new().name("earworm-check".into()).spawn(look);
    told
}
