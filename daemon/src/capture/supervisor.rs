//! When to open, close and wait: the rules of an audio stream that has to last for weeks, as a
//! plain state machine. It has no clock and no device; [`mod@super`] gives it both.

#[cfg(test)]
mod tests;

use std::time::Duration;

/// The first wait after a failure; each further one waits twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait: a device is in use again well within two seconds of its return.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// A stream that has worked this long starts the waits from the beginning when it fails.
pub(super) const SOUND_AFTER: Duration = Duration::from_secs(10);
/// A stream that gives nothing for so long is dead, whatever it says: after a suspend, say.
const STALLED_AFTER: Duration = Duration::from_secs(3);
/// One that may be mute gives nothing for so long before it is opened anew: it may be dead as well, and
/// nothing tells the two apart.
const MUTE_AFTER: Duration = Duration::from_secs(60);
/// How often a running stream is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How soon one that has given nothing yet is: what is missing ends with its first samples.
const LOOK_SOON: Duration = Duration::from_millis(50);
/// How long a server may take to notice that we have let go of an output.
const SETTLE: Duration = Duration::from_secs(2);
/// How long nothing must be heard before the next rest, where the last one was in vain.
const REST_AGAIN: Duration = Duration::from_secs(600);

/// A device at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Its identifier.
    pub(super) id: String,
    /// Tells it from a later device with the same identifier.
    pub(super) version: u32,
}

/// How it looks at one moment. Times are on any clock that does not go back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sight {
    /// The device to capture from, if it is there.
    pub(super) target: Option<Target>,
    /// Whether any stream plays into it, where that is known.
    pub(super) playing: Option<bool>,
    /// Whether the server says that its output runs. That is so for programs without a stream that the
    /// server tells of (JACK's, say), but may be so for our own stream as well.
    pub(super) runs: bool,
    /// Whether it may run only for somebody who records what it plays.
    pub(super) recorded: bool,
    /// Whether it gives nothing while nothing plays, and nobody tells when that is.
    pub(super) may_be_mute: bool,
    /// Frames that the open stream has given so far.
    pub(super) frames: u64,
    /// How often something was to be heard in them.
    pub(super) sounds: u64,
    /// Whether the open stream has failed.
    pub(super) failed: bool,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    /// Open a stream on this device, then say how it went.
    Open(Target),
    /// Close the stream because of this.
    Close(Reason),
    /// Nothing until something happens, or until so much time has passed.
    Wait(Option<Duration>),
}

/// Why a stream is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It said that it failed.
    Failed,
    /// It gave nothing any more.
    Stalled,
    /// It has given nothing for long, which may be well.
    Mute,
    /// The device is not there any more.
    Gone,
    /// Another device is to be captured now.
    Moved,
    /// The user wants something else.
    Asked,
    /// Nothing plays.
    Quiet,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// There is no stream. It is tried again at this time, or as soon as a device appears.
    Closed { retry_at: Duration },
    /// Nothing plays, so there is no stream. Once the output has slept, it runs for others only; until
    /// then, and while somebody records, it may take a while until it does.
    Resting { target: Target, since: Duration, slept: bool, recorded: bool },
    /// There is a stream.
    Open {
        target: Target,
        since: Duration,
        frames: u64,
        sounds: u64,
        fresh_at: Duration,
        played_at: Duration,
    },
}

/// The state machine.
#[derive(Debug)]
pub(super) struct Supervisor {
    state: State,
    /// The wait after the next failure.
    wait: Duration,
    /// How long nothing must play until the stream is closed; never if `None`.
    rest_after: Option<Duration>,
    /// Whether the target was there when last looked.
    was_there: bool,
    /// Whether the user wants the stream opened anew.
    asked: bool,
    /// Whether the output ran on during the last rest: a program keeps it awake and plays nothing.
    in_vain: bool,
    /// Since when audio has been missing that should be there.
    gap_since: Option<Duration>,
    /// How long it was missing until now, until that is asked for.
    gap: Option<Duration>,
}

impl Supervisor {
    /// One that has opened nothing yet.
    pub(super) fn new(rest_after: Option<Duration>) -> Self {
        Self {
            state: State::Closed { retry_at: Duration::ZERO },
            wait: FIRST_WAIT,
            rest_after,
            was_there: false,
            asked: false,
            in_vain: false,
            gap_since: None,
            gap: None,
        }
    }

    /// Changes how long nothing must play until the stream is closed.
    pub(super) fn set_rest_after(&mut self, rest_after: Option<Duration>) {
        self.rest_after = rest_after;
    }

    /// The user wants something else: the stream is to be opened anew, and what is missing meanwhile
    /// is no gap.
    pub(super) fn reopen(&mut self) {
        self.asked = true;
    }

    /// What to do at `now`. After [`Order::Open`], [`opened`](Self::opened) or
    /// [`failed`](Self::failed) must be called before this is asked again.
    pub(super) fn next(&mut self, now: Duration, sight: &Sight) -> Order {
        let appeared = sight.target.is_some() && !self.was_there;
        self.was_there = sight.target.is_some();
        self.in_vain &= sight.runs;
        if std::mem::take(&mut self.asked) {
            self.wait = FIRST_WAIT;
            if matches!(self.state, State::Open { .. }) {
                self.state = State::Closed { retry_at: now };
                return Order::Close(Reason::Asked);
            }
            // Whatever was waited for may be another one now.
            self.state = State::Closed { retry_at: now };
        }
        match &mut self.state {
            State::Closed { retry_at } => match &sight.target {
                None => Order::Wait(None),
                Some(target) if appeared || now >= *retry_at => Order::Open(target.clone()),
                Some(_) => Order::Wait(Some(*retry_at - now)),
            },
            State::Resting { target, since, slept, recorded } => match &sight.target {
                None => {
                    self.state = State::Closed { retry_at: now };
                    Order::Wait(None)
                }
                Some(there) if sight.playing != Some(false) => Order::Open(there.clone()),
                Some(there) => {
                    // As with our own stream: the server takes a while to notice that it has gone.
                    if std::mem::replace(recorded, sight.recorded) || sight.recorded {
                        (*since, *slept) = (now, false);
                    }
                    // We have had no stream on another one.
                    *slept |= !sight.runs || target != there;
                    target.clone_from(there);
                    let rested = now - *since;
                    if !sight.runs || sight.recorded {
                        Order::Wait(None)
                    } else if *slept || rested >= SETTLE {
                        self.in_vain = !*slept;
                        Order::Open(there.clone())
                    } else {
                        Order::Wait(Some(SETTLE - rested))
                    }
                }
            },
            State::Open { target, since, frames, sounds, fresh_at, played_at } => {
                // Where nothing plays, a server that sleeps gives nothing, and all is well.
                let is_fresh = sight.frames != *frames || sight.playing == Some(false);
                if is_fresh {
                    (*frames, *fresh_at) = (sight.frames, now);
                }
                if (is_fresh || sight.may_be_mute)
                    && let Some(gap_since) = self.gap_since.take()
                {
                    self.gap = Some(now - gap_since);
                }
                // Not everything that plays is a stream.
                if sight.playing != Some(false) || sight.sounds != *sounds {
                    (*sounds, *played_at) = (sight.sounds, now);
                }
                let quiet_for = now - *played_at;
                let rest_after = match self.rest_after {
                    Some(rest) if self.in_vain => Some(rest.max(REST_AGAIN)),
                    usual => usual,
                };
                if sight.failed {
                    self.close(now, Reason::Failed)
                } else if sight.target.is_none() {
                    self.close(now, Reason::Gone)
                } else if sight.target.as_ref() != Some(target) {
                    self.close(now, Reason::Moved)
                } else if sight.may_be_mute && now - *fresh_at >= MUTE_AFTER {
                    // It is not known that anything is missing.
                    self.state = State::Closed { retry_at: now };
                    Order::Close(Reason::Mute)
                } else if !sight.may_be_mute && now - *fresh_at >= STALLED_AFTER {
                    self.close(now, Reason::Stalled)
                } else if rest_after.is_some_and(|rest| quiet_for >= rest) {
                    let target = target.clone();
                    self.state =
                        State::Resting { target, since: now, slept: false, recorded: false };
                    Order::Close(Reason::Quiet)
                } else if sight.frames == 0 {
                    Order::Wait(Some((now - *since).clamp(LOOK_SOON, LOOK_EVERY)))
                } else {
                    Order::Wait(Some(LOOK_EVERY))
                }
            }
        }
    }

    /// The stream is open. What is missing ends with what it gives.
    pub(super) fn opened(&mut self, now: Duration, target: Target) {
        self.state =
            State::Open { target, since: now, frames: 0, sounds: 0, fresh_at: now, played_at: now };
    }

    /// How long audio has been missing until now that should be there.
    pub(super) fn missing_for(&self, now: Duration) -> Option<Duration> {
        self.gap_since.map(|since| now - since)
    }

    /// How long audio was missing, once after it has come back.
    pub(super) fn take_gap(&mut self) -> Option<Duration> {
        self.gap.take()
    }

    /// The stream could not be opened.
    pub(super) fn failed(&mut self, now: Duration) {
        self.gap_since.get_or_insert(now);
        self.state = State::Closed { retry_at: now + self.wait };
        self.wait = (2 * self.wait).min(LONGEST_WAIT);
    }

    fn close(&mut self, now: Duration, reason: Reason) -> Order {
        if let State::Open { since, .. } = self.state
            && now - since >= SOUND_AFTER
        {
            self.wait = FIRST_WAIT;
        }
        let missing_since = match self.state {
            // It was noticed late.
            State::Open { fresh_at, .. } if reason == Reason::Stalled => fresh_at,
            _ => now,
        };
        self.gap_since.get_or_insert(missing_since);
        let wait = match reason {
            // Nothing is wrong with what comes next.
            Reason::Moved | Reason::Asked | Reason::Gone | Reason::Quiet | Reason::Mute => {
                Duration::ZERO
            }
            Reason::Failed | Reason::Stalled => self.wait,
        };
        if !wait.is_zero() {
            self.wait = (2 * self.wait).min(LONGEST_WAIT);
        }
        self.state = State::Closed { retry_at: now + wait };
        Order::Close(reason)
    }
}
