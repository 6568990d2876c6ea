//! When to open, close and wait: the rules of an audio stream that has to last for weeks, as a
//! plain state machine. It has no clock and no device; [`mod@super`] gives it both.

use std::time::Duration;

/// The first wait after a failure; each further one waits twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait: a device is in use again well within two seconds of its return.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// A stream that has worked this long starts the waits from the beginning when it fails.
pub(super) const SOUND_AFTER: Duration = Duration::from_secs(10);
/// A stream that gives nothing for so long is dead, whatever it says: after a suspend, say.
const STALLED_AFTER: Duration = Duration::from_secs(3);
/// How often a running stream is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

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
    /// Whether anything plays into it, where that is known.
    pub(super) playing: Option<bool>,
    /// Frames that the open stream has given so far.
    pub(super) frames: u64,
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
    /// Nothing plays, so there is no stream.
    Resting { target: Target },
    /// There is a stream.
    Open { target: Target, since: Duration, frames: u64, fresh_at: Duration, played_at: Duration },
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
    /// Since when audio has been missing that should be there.
    gap_since: Option<Duration>,
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
            gap_since: None,
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
            State::Resting { target } => match &sight.target {
                None => {
                    self.state = State::Closed { retry_at: now };
                    Order::Wait(None)
                }
                Some(there) if sight.playing != Some(false) => Order::Open(there.clone()),
                Some(there) => {
                    target.clone_from(there);
                    Order::Wait(None)
                }
            },
            State::Open { target, frames, fresh_at, played_at, .. } => {
                // Where nothing plays, a server that sleeps gives nothing, and all is well.
                if sight.frames != *frames || sight.playing == Some(false) {
                    (*frames, *fresh_at) = (sight.frames, now);
                }
                if sight.playing != Some(false) {
                    *played_at = now;
                }
                let quiet_for = now - *played_at;
                if sight.failed {
                    self.close(now, Reason::Failed)
                } else if sight.target.is_none() {
                    self.close(now, Reason::Gone)
                } else if sight.target.as_ref() != Some(target) {
                    self.close(now, Reason::Moved)
                } else if now - *fresh_at >= STALLED_AFTER {
                    self.close(now, Reason::Stalled)
                } else if self.rest_after.is_some_and(|rest| quiet_for >= rest) {
                    let target = target.clone();
                    self.state = State::Resting { target };
                    Order::Close(Reason::Quiet)
                } else {
                    Order::Wait(Some(LOOK_EVERY))
                }
            }
        }
    }

    /// The stream is open. Returns how long audio was missing, if it was.
    pub(super) fn opened(&mut self, now: Duration, target: Target) -> Option<Duration> {
        self.state = State::Open { target, since: now, frames: 0, fresh_at: now, played_at: now };
        self.gap_since.take().map(|since| now - since)
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
        self.gap_since.get_or_insert(now);
        let wait = match reason {
            // Nothing is wrong with what comes next.
            Reason::Moved | Reason::Asked | Reason::Gone | Reason::Quiet => Duration::ZERO,
            Reason::Failed | Reason::Stalled => self.wait,
        };
        if !wait.is_zero() {
            self.wait = (2 * self.wait).min(LONGEST_WAIT);
        }
        self.state = State::Closed { retry_at: now + wait };
        Order::Close(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn device(id: &str) -> Target {
        Target { id: id.into(), version: 0 }
    }

    fn sight(target: Option<&str>, frames: u64) -> Sight {
        Sight { target: target.map(device), playing: Some(true), frames, failed: false }
    }

    fn open(supervisor: &mut Supervisor, now: Duration, target: &str) -> Option<Duration> {
        assert_eq!(supervisor.next(now, &sight(Some(target), 0)), Order::Open(device(target)));
        supervisor.opened(now, device(target))
    }

    #[test]
    fn it_opens_at_once_and_then_looks_now_and_then() {
        let mut supervisor = Supervisor::new(None);
        assert_eq!(open(&mut supervisor, ms(0), "a"), None, "the start is no gap");
        assert_eq!(supervisor.next(ms(1), &sight(Some("a"), 9)), Order::Wait(Some(LOOK_EVERY)));
    }

    #[test]
    fn failures_wait_longer_and_longer_but_never_long() {
        let mut supervisor = Supervisor::new(None);
        let (mut now, mut waits) = (ms(0), Vec::new());
        for _ in 0..8 {
            assert_eq!(supervisor.next(now, &sight(Some("a"), 0)), Order::Open(device("a")));
            supervisor.failed(now);
            let Order::Wait(Some(wait)) = supervisor.next(now, &sight(Some("a"), 0)) else {
                panic!("it must wait")
            };
            waits.push(wait.as_millis());
            now += wait;
        }
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000, 1000, 1000]);
        let gap = open(&mut supervisor, now, "a");
        assert_eq!(gap, Some(now), "the gap began with the first failure");
    }

    #[test]
    fn a_device_that_returns_is_opened_at_once() {
        let mut supervisor = Supervisor::new(None);
        open(&mut supervisor, ms(0), "a");
        assert_eq!(supervisor.next(ms(10), &sight(None, 5)), Order::Close(Reason::Gone));
        assert_eq!(supervisor.next(ms(10), &sight(None, 5)), Order::Wait(None));
        // It fails while it comes up: the next try is soon.
        assert_eq!(supervisor.next(ms(5000), &sight(Some("a"), 0)), Order::Open(device("a")));
        supervisor.failed(ms(5000));
        assert_eq!(supervisor.next(ms(5000), &sight(Some("a"), 0)), Order::Wait(Some(ms(100))));
        assert_eq!(open(&mut supervisor, ms(5100), "a"), Some(ms(5090)));
    }

    #[test]
    fn the_default_may_move() {
        let mut supervisor = Supervisor::new(None);
        open(&mut supervisor, ms(0), "a");
        let moved = sight(Some("b"), 7);
        assert_eq!(supervisor.next(ms(50), &moved), Order::Close(Reason::Moved));
        assert_eq!(open(&mut supervisor, ms(60), "b"), Some(ms(10)));
        // Another device may have the name of one that went.
        let again = Target { version: 1, ..device("b") };
        let again = Sight { target: Some(again), ..sight(None, 0) };
        assert_eq!(supervisor.next(ms(70), &again), Order::Close(Reason::Moved));
    }

    #[test]
    fn what_the_user_asks_for_is_no_gap() {
        let mut supervisor = Supervisor::new(None);
        open(&mut supervisor, ms(0), "a");
        supervisor.reopen();
        assert_eq!(supervisor.next(ms(50), &sight(Some("b"), 7)), Order::Close(Reason::Asked));
        assert_eq!(open(&mut supervisor, ms(90), "b"), None);
        // One that waits after failures tries what is asked for at once.
        let failed = Sight { failed: true, ..sight(Some("b"), 8) };
        assert_eq!(supervisor.next(ms(100), &failed), Order::Close(Reason::Failed));
        assert!(matches!(supervisor.next(ms(101), &sight(Some("b"), 0)), Order::Wait(_)));
        supervisor.reopen();
        assert_eq!(open(&mut supervisor, ms(102), "c"), Some(ms(2)), "that was a gap");
    }

    #[test]
    fn a_dead_stream_is_noticed() {
        let mut supervisor = Supervisor::new(None);
        open(&mut supervisor, ms(0), "a");
        for second in 1..60 {
            let alive = sight(Some("a"), second);
            assert!(matches!(supervisor.next(ms(1000 * second), &alive), Order::Wait(Some(_))));
        }
        let dead = sight(Some("a"), 59);
        assert!(matches!(supervisor.next(ms(61_900), &dead), Order::Wait(_)));
        assert_eq!(supervisor.next(ms(62_000), &dead), Order::Close(Reason::Stalled));
        // After a suspend the clock has jumped: the same.
        let mut supervisor = Supervisor::new(None);
        open(&mut supervisor, ms(0), "a");
        assert_eq!(
            supervisor.next(ms(9_000_000), &sight(Some("a"), 0)),
            Order::Close(Reason::Stalled)
        );
    }

    #[test]
    fn a_stream_that_fails_again_and_again_is_not_hammered() {
        let mut supervisor = Supervisor::new(None);
        let (mut now, mut tries) = (ms(0), 0);
        while now < ms(3_600_000) {
            match supervisor.next(now, &Sight { failed: true, ..sight(Some("a"), 0) }) {
                Order::Open(target) => {
                    tries += 1;
                    supervisor.opened(now, target);
                }
                Order::Close(reason) => assert_eq!(reason, Reason::Failed),
                Order::Wait(wait) => now += wait.unwrap(),
            }
        }
        assert!((3_600..3_610).contains(&tries), "{tries} in an hour");
        // One that lasted starts anew with short waits.
        supervisor.opened(now, device("a"));
        now += SOUND_AFTER;
        assert!(matches!(supervisor.next(now, &sight(Some("a"), 1)), Order::Wait(_)));
        let failed = Sight { failed: true, ..sight(Some("a"), 1) };
        assert_eq!(supervisor.next(now, &failed), Order::Close(Reason::Failed));
        assert_eq!(supervisor.next(now, &sight(Some("a"), 1)), Order::Wait(Some(FIRST_WAIT)));
    }

    #[test]
    fn it_rests_while_nothing_plays() {
        let mut supervisor = Supervisor::new(Some(ms(2000)));
        open(&mut supervisor, ms(0), "a");
        let quiet = |frames| Sight { playing: Some(false), ..sight(Some("a"), frames) };
        assert!(matches!(supervisor.next(ms(1000), &quiet(1)), Order::Wait(_)));
        assert!(matches!(supervisor.next(ms(1500), &sight(Some("a"), 2)), Order::Wait(_)));
        assert!(matches!(supervisor.next(ms(3000), &quiet(3)), Order::Wait(_)));
        assert_eq!(supervisor.next(ms(3500), &quiet(4)), Order::Close(Reason::Quiet));
        assert_eq!(supervisor.next(ms(3600), &quiet(4)), Order::Wait(None), "it costs nothing");
        // Rest is no gap, wherever it ends.
        assert_eq!(open(&mut supervisor, ms(900_000), "b"), None);
        // Where nobody knows what plays, it does not rest.
        let mut supervisor = Supervisor::new(Some(ms(2000)));
        open(&mut supervisor, ms(0), "a");
        for second in 1..60 {
            let unknown = Sight { playing: None, ..sight(Some("a"), second) };
            assert!(matches!(supervisor.next(ms(1000 * second), &unknown), Order::Wait(_)));
        }
    }

    #[test]
    fn a_device_may_vanish_while_it_rests() {
        let mut supervisor = Supervisor::new(Some(ms(0)));
        open(&mut supervisor, ms(0), "a");
        let quiet = Sight { playing: Some(false), ..sight(Some("a"), 1) };
        assert_eq!(supervisor.next(ms(1), &quiet), Order::Close(Reason::Quiet));
        assert_eq!(supervisor.next(ms(2), &sight(None, 0)), Order::Wait(None));
        assert_eq!(open(&mut supervisor, ms(3), "a"), None);
    }
}
