//! What all parts of a running meter share: the meter of the moment, what it listens to, and how
//! that goes. Audio comes in on one side; terminal, dashboard and history look on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use earworm_scorer::live::{self, Load, Meter, Tap, Worker};
use earworm_scorer::{Model, ScorerError, ScorerOptions};
use serde::Serialize;

/// What to capture, and how.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wish {
    /// The sound system; the first there is if `None`.
    pub(crate) host: Option<String>,
    /// The device; what the default output plays if `None`.
    pub(crate) device: Option<String>,
    /// Samples a second; the device's own if `None`.
    pub(crate) rate: Option<u32>,
    /// Whether to go along when the default output changes.
    pub(crate) follow_default: bool,
    /// How long nothing must play until the device is let go; never if `None`.
    pub(crate) rest_after: Option<Duration>,
}

impl Wish {
    /// This, but for what differs between those two, which is as the new one has it.
    pub(crate) fn with_changes(self, old: &Self, new: &Self) -> Self {
        fn pick<T: PartialEq + Clone>(own: T, old: &T, new: &T) -> T {
            if old == new { own } else { new.clone() }
        }
        Self {
            host: pick(self.host, &old.host, &new.host),
            device: pick(self.device, &old.device, &new.device),
            rate: pick(self.rate, &old.rate, &new.rate),
            follow_default: pick(self.follow_default, &old.follow_default, &new.follow_default),
            rest_after: pick(self.rest_after, &old.rest_after, &new.rest_after),
        }
    }
}

/// What a capture can be told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Capture this from now on.
    Change(Wish),
    /// Look whether there is something to do.
    Wake,
    /// End.
    Stop,
}

/// What a player says of what it plays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Track {
    /// The player's name for it; tells it from others.
    pub(crate) id: String,
    /// Its title.
    pub(crate) title: Option<String>,
    /// By whom.
    pub(crate) artist: Option<String>,
    /// From what.
    pub(crate) album: Option<String>,
    /// Whether the player holds it: what is heard meanwhile is something else.
    pub(crate) paused: bool,
}

/// How it is with the history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Memory {
    /// There is none.
    #[default]
    Off,
    /// It is written.
    Writing,
    /// It cannot be written at the moment, because of this.
    Failing(String),
}

/// How it is with the source of audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SourceState {
    /// Nothing has been opened yet.
    #[default]
    Starting,
    /// Audio comes in.
    Running,
    /// Nothing plays: the device is let go, so that the sound server may sleep, and taken again as
    /// soon as something does.
    Resting,
    /// The device is not there, or cannot be opened; it is tried again.
    Waiting,
    /// A file or stream came to its end.
    Ended,
}

/// What is listened to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Source {
    /// How it is with it.
    pub(crate) state: SourceState,
    /// The sound system, such as `pulseaudio`; `file` for files and streams.
    pub(crate) host: String,
    /// The device's identifier, or the file's name.
    pub(crate) device: String,
    /// Whether the device was named, and is not just the default.
    pub(crate) chosen: bool,
    /// Samples a second of each channel, once known.
    pub(crate) rate: Option<u32>,
    /// What keeps it from running, if anything does.
    pub(crate) problem: Option<String>,
}

/// What is counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Streams opened again after they had failed or their device had changed.
    pub(crate) reconnects: AtomicU64,
    /// Stretches without audio that nobody wanted.
    pub(crate) gaps: AtomicU64,
    /// Their length together, in milliseconds.
    pub(crate) gap_ms: AtomicU64,
    /// Over- and underruns that the sound system told of.
    pub(crate) xruns: AtomicU64,
    /// Samples (of one channel) that came in.
    pub(crate) samples: AtomicU64,
}

/// Takes a command; false if nobody follows it any more.
pub(crate) type Control = Box<dyn Fn(Command) -> bool + Send + Sync>;

/// The shared state. See the module.
pub(crate) struct Station {
    model: Arc<Model>,
    meter: ArcSwap<Meter>,
    meters: AtomicU64,
    /// What the meters before this one have counted.
    past: Mutex<Load>,
    source: ArcSwap<Source>,
    /// Asks whoever has the tap to reset it.
    reset: AtomicBool,
    control: OnceLock<Control>,
    wish: ArcSwapOption<Wish>,
    /// Held while the wish is changed.
    changing: Mutex<()>,
    track: ArcSwapOption<Track>,
    memory: ArcSwap<Memory>,
    /// What is counted.
    pub(crate) tally: Tally,
    /// When the program began.
    pub(crate) start: Instant,
}

impl Station {
    /// A station, and the tap of a first meter, for audio of `rate` Hz.
    ///
    /// # Errors
    /// When the rate is not supported or the model cannot be run.
    pub(crate) fn new(model: Arc<Model>, rate: u32) -> Result<(Arc<Self>, Tap), ScorerError> {
        let (tap, meter) = open(&model, rate)?;
        let station = Self {
            model,
            meter: ArcSwap::from_pointee(meter),
            meters: AtomicU64::new(0),
            past: Mutex::default(),
            source: ArcSwap::default(),
            reset: AtomicBool::new(false),
            control: OnceLock::new(),
            wish: ArcSwapOption::empty(),
            changing: Mutex::default(),
            track: ArcSwapOption::empty(),
            memory: ArcSwap::default(),
            tally: Tally::default(),
            start: Instant::now(),
        };
        Ok((Arc::new(station), tap))
    }

    /// Starts a new meter, for audio of another rate; the last one keeps what it showed last.
    ///
    /// # Errors
    /// When the rate is not supported or the model cannot be run.
    pub(crate) fn open_tap(&self, rate: u32) -> Result<Tap, ScorerError> {
        let (tap, meter) = open(&self.model, rate)?;
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        *past = sum(&past, &self.meter().load());
        self.meter.store(Arc::new(meter));
        self.meters.fetch_add(1, Ordering::Release);
        Ok(tap)
    }

    /// The model behind the scores.
    pub(crate) fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The meter of the moment.
    pub(crate) fn meter(&self) -> Arc<Meter> {
        self.meter.load_full()
    }

    /// Changes whenever readings start anew: with a new meter or a reset.
    pub(crate) fn epoch(&self) -> (u64, u64) {
        let meters = self.meters.load(Ordering::Acquire);
        (meters, self.meter.load().resets())
    }

    /// How the worker does: all meters since the start.
    pub(crate) fn load(&self) -> Load {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        sum(&past, &self.meter().load())
    }

    /// What is listened to.
    pub(crate) fn source(&self) -> Arc<Source> {
        self.source.load_full()
    }

    /// Takes note of what is listened to now.
    pub(crate) fn set_source(&self, source: Source) {
        self.source.store(Arc::new(source));
    }

    /// Names who can be told to change what is captured.
    pub(crate) fn set_control(&self, control: Control) {
        let _ = self.control.set(control);
    }

    /// What is to be captured; nothing where a file is listened to.
    pub(crate) fn wish(&self) -> Option<Wish> {
        self.wish.load().as_deref().cloned()
    }

    /// Takes note of what is to be captured.
    pub(crate) fn set_wish(&self, wish: Wish) {
        self.wish.store(Some(Arc::new(wish)));
    }

    /// What a player says that it plays.
    pub(crate) fn track(&self) -> Option<Arc<Track>> {
        self.track.load_full()
    }

    /// Takes note of what a player says.
    pub(crate) fn set_track(&self, track: Option<Track>) {
        self.track.store(track.map(Arc::new));
    }

    /// How it is with the history.
    pub(crate) fn memory(&self) -> Arc<Memory> {
        self.memory.load_full()
    }

    /// Takes note of how it is with the history.
    pub(crate) fn set_memory(&self, memory: Memory) {
        self.memory.store(Arc::new(memory));
    }

    /// Seconds of audio that wait for the worker.
    pub(crate) fn lag_s(&self) -> f64 {
        self.meter().load().waiting as f64 / f64::from(self.source().rate.unwrap_or(48_000))
    }

    /// Tells the capture something. False where nothing is captured.
    pub(crate) fn command(&self, command: Command) -> bool {
        self.control.get().is_some_and(|control| control(command))
    }

    /// Changes what is captured from now on, where something is captured; what others change meanwhile
    /// stays. Who asks for the wish hears of it at once: the capture may have to wait for a sound system
    /// until it can follow.
    pub(crate) fn change(&self, how: impl FnOnce(Wish) -> Wish) {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(wish) = self.wish().map(how) else { return };
        self.set_wish(wish.clone());
        self.command(Command::Change(wish));
    }

    /// Lets the readings start anew.
    pub(crate) fn reset(&self) {
        self.reset.store(true, Ordering::Release);
        // A capture that rests has the tap itself.
        self.command(Command::Wake);
    }

    /// Whether the tap is to be reset now; for whoever has it. Wait-free.
    pub(crate) fn take_reset(&self) -> bool {
        self.reset.load(Ordering::Relaxed) && self.reset.swap(false, Ordering::Acquire)
    }
}

fn open(model: &Arc<Model>, rate: u32) -> Result<(Tap, Meter), ScorerError> {
    let (tap, stream, meter) = live::open(model.clone(), rate, ScorerOptions::LIVE)?;
    Worker::shared().attach(stream);
    Ok((tap, meter))
}

fn sum(past: &Load, now: &Load) -> Load {
    Load {
        readings: past.readings + now.readings,
        lost: past.lost + now.lost,
        waiting: now.waiting,
        scoring: std::array::from_fn(|i| past.scoring[i] + now.scoring[i]),
        scoring_s: past.scoring_s + now.scoring_s,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual() -> Wish {
        Wish {
            host: None,
            device: Some("speakers".into()),
            rate: None,
            follow_default: true,
            rest_after: Some(Duration::from_secs(10)),
        }
    }

    /// A device may be looked for in the sound system for seconds before it is chosen, and the configuration
    /// read anew meanwhile.
    #[test]
    fn changes_by_several_all_stay() {
        let (station, _tap) = Station::new(Model::embedded(), 48_000).unwrap();
        station.change(|_| panic!("nothing is captured"));
        station.set_wish(usual());
        let followed = Arc::new(Mutex::new(Vec::new()));
        let follows = followed.clone();
        station.set_control(Box::new(move |command| {
            follows.lock().unwrap().push(command);
            true
        }));
        station.change(|wish| {
            assert!(station.changing.try_lock().is_err(), "nobody changes it meanwhile");
            wish.with_changes(&usual(), &Wish { rest_after: None, ..usual() })
        });
        station.change(|wish| Wish { device: Some("headset".into()), ..wish });
        let wanted = Wish { device: Some("headset".into()), rest_after: None, ..usual() };
        assert_eq!(station.wish(), Some(wanted.clone()));
        let followed = followed.lock().unwrap();
        let [Command::Change(_), Command::Change(last)] = &followed[..] else {
            panic!("{followed:?}");
        };
        assert_eq!(*last, wanted);
    }

    #[test]
    fn a_reload_changes_only_what_has_changed_in_the_file() {
        let old = usual();
        let chosen = Wish { device: Some("headset".into()), ..old.clone() };
        let new = Wish { rest_after: None, rate: Some(48_000), ..old.clone() };
        let wish = chosen.clone().with_changes(&old, &new);
        assert_eq!(wish, Wish { device: Some("headset".into()), ..new.clone() });
        let other = Wish { device: None, ..new.clone() };
        assert_eq!(wish.with_changes(&new, &other), other, "that key has changed");
        assert_eq!(chosen.clone().with_changes(&old, &old), chosen);
    }
}
