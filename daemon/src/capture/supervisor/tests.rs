//! The state machine, with a clock and devices of the tests'.

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn device(id: &str) -> Target {
    Target { id: id.into(), version: 0 }
}

fn sight(target: Option<&str>, frames: u64) -> Sight {
    Sight { target: target.map(device), playing: Some(true), frames, ..Sight::default() }
}

/// Opens a stream, which gives something at once. Returns the gap that ends with it.
fn open(supervisor: &mut Supervisor, now: Duration, target: &str) -> Option<Duration> {
    assert_eq!(supervisor.next(now, &sight(Some(target), 0)), Order::Open(device(target)));
    supervisor.opened(now, device(target));
    assert_eq!(supervisor.take_gap(), None, "nothing has come yet");
    assert_eq!(supervisor.next(now, &sight(Some(target), 1)), Order::Wait(Some(LOOK_EVERY)));
    supervisor.take_gap()
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
    assert_eq!(supervisor.next(ms(9_000_000), &sight(Some("a"), 1)), Order::Close(Reason::Stalled));
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
    let mut supervisor = Supervisor::new(Some(ms(1)));
    open(&mut supervisor, ms(0), "a");
    let quiet = Sight { playing: Some(false), ..sight(Some("a"), 1) };
    assert_eq!(supervisor.next(ms(1), &quiet), Order::Close(Reason::Quiet));
    assert_eq!(supervisor.next(ms(2), &sight(None, 0)), Order::Wait(None));
    assert_eq!(open(&mut supervisor, ms(3), "a"), None);
}

/// As a device that is suspended while a player keeps its stream.
#[test]
fn a_device_that_gives_nothing_for_an_hour_is_one_gap() {
    let mut supervisor = Supervisor::new(None);
    open(&mut supervisor, ms(0), "a");
    let (mut now, mut opened, mut first) = (ms(0), 0, None);
    while now < ms(3_600_000) {
        // Only the stream of before has given anything.
        let frames = u64::from(opened == 0);
        match supervisor.next(now, &sight(Some("a"), frames)) {
            Order::Open(target) => {
                opened += 1;
                supervisor.opened(now, target);
            }
            Order::Close(reason) => {
                assert_eq!(reason, Reason::Stalled);
                first.get_or_insert(now);
            }
            Order::Wait(wait) => now += wait.unwrap(),
        }
        assert_eq!(supervisor.take_gap(), None, "it is not over");
    }
    assert_eq!(first, Some(STALLED_AFTER));
    assert!(opened > 600, "{opened} tries");
    assert_eq!(supervisor.missing_for(now), Some(now), "it began with the last samples");
    while let Order::Open(_) | Order::Close(_) = supervisor.next(now, &sight(Some("a"), 0)) {
        supervisor.opened(now, device("a"));
    }
    supervisor.next(now, &sight(Some("a"), 9));
    assert_eq!(supervisor.take_gap(), Some(now));
    assert_eq!((supervisor.take_gap(), supervisor.missing_for(now)), (None, None));
}

#[test]
fn a_new_stream_is_looked_at_soon() {
    let mut supervisor = Supervisor::new(None);
    supervisor.next(ms(0), &sight(Some("a"), 0));
    supervisor.opened(ms(0), device("a"));
    let (mut now, mut waits) = (ms(0), Vec::new());
    for _ in 0..6 {
        let Order::Wait(Some(wait)) = supervisor.next(now, &sight(Some("a"), 0)) else {
            panic!("it must wait")
        };
        waits.push(wait.as_millis());
        now += wait;
    }
    assert_eq!(waits, [50, 50, 100, 200, 400, 500]);
}

fn quiet(frames: u64) -> Sight {
    Sight { playing: Some(false), ..sight(Some("a"), frames) }
}

/// A program that is linked straight to the output is no stream that the server tells of.
#[test]
fn it_does_not_rest_while_something_is_to_be_heard() {
    let mut supervisor = Supervisor::new(Some(ms(2000)));
    open(&mut supervisor, ms(0), "a");
    for second in 1..60 {
        let heard = Sight { sounds: second, ..quiet(second) };
        assert_eq!(supervisor.next(ms(1000 * second), &heard), Order::Wait(Some(LOOK_EVERY)));
    }
    let silent = |frames| Sight { sounds: 59, ..quiet(frames) };
    assert_eq!(supervisor.next(ms(60_900), &silent(60)), Order::Wait(Some(LOOK_EVERY)));
    assert_eq!(supervisor.next(ms(61_000), &silent(61)), Order::Close(Reason::Quiet));
}

#[test]
fn an_output_that_runs_for_others_ends_the_rest() {
    let mut supervisor = Supervisor::new(Some(ms(2000)));
    open(&mut supervisor, ms(0), "a");
    assert_eq!(supervisor.next(ms(2000), &quiet(2)), Order::Close(Reason::Quiet));
    let runs = Sight { runs: true, ..quiet(0) };
    // It may be our own stream that it ran for.
    assert_eq!(supervisor.next(ms(2001), &runs), Order::Wait(Some(SETTLE - ms(1))));
    assert_eq!(supervisor.next(ms(2100), &quiet(0)), Order::Wait(None));
    assert_eq!(supervisor.next(ms(2200), &runs), Order::Open(device("a")), "it has slept");
    // On another output there was no stream of ours.
    let mut supervisor = Supervisor::new(Some(ms(2000)));
    open(&mut supervisor, ms(0), "a");
    assert_eq!(supervisor.next(ms(2000), &quiet(2)), Order::Close(Reason::Quiet));
    let other = Sight { target: Some(device("b")), ..runs };
    assert_eq!(supervisor.next(ms(2001), &other), Order::Open(device("b")));
}

/// One that is linked to the output and silent: a digital audio workstation that is stopped.
#[test]
fn a_silent_program_that_keeps_the_output_awake_is_not_let_go_again_and_again() {
    let mut supervisor = Supervisor::new(Some(ms(2000)));
    let (mut now, mut rests, mut rested) = (ms(0), 0, ms(0));
    let runs = Sight { runs: true, ..quiet(0) };
    while now < ms(3_600_000) {
        match supervisor.next(now, &runs) {
            Order::Open(target) => supervisor.opened(now, target),
            Order::Close(reason) => {
                assert_eq!(reason, Reason::Quiet);
                rests += 1;
            }
            Order::Wait(wait) => {
                let wait = wait.expect("it is looked at");
                let resting = matches!(supervisor.state, State::Resting { .. });
                rested += if resting { wait } else { ms(0) };
                now += wait;
            }
        }
    }
    assert!((5..=7).contains(&rests), "{rests} rests in an hour");
    assert_eq!(rested, rests * SETTLE, "it listens for the rest of the time");
    // Once it has gone, the rest is as long as ever.
    if let Order::Open(target) = supervisor.next(now, &runs) {
        supervisor.opened(now, target);
    }
    now += ms(2000);
    assert_eq!(supervisor.next(now, &quiet(0)), Order::Close(Reason::Quiet));
    assert_eq!(supervisor.next(now, &quiet(0)), Order::Wait(None));
}

/// On PipeWire a recorder keeps an output running that a player which pauses is linked to.
#[test]
fn somebody_who_records_does_not_end_the_rest() {
    let mut supervisor = Supervisor::new(Some(ms(2000)));
    open(&mut supervisor, ms(0), "a");
    let recorded = |frames| Sight { runs: true, recorded: true, ..quiet(frames) };
    assert_eq!(supervisor.next(ms(2000), &recorded(2)), Order::Close(Reason::Quiet));
    for second in 3..3600 {
        let order = supervisor.next(ms(1000 * second), &recorded(0));
        assert_eq!(order, Order::Wait(None), "after {second} s");
    }
    // The server may take a while to notice that it has gone, however long the rest was.
    let runs = Sight { runs: true, ..quiet(0) };
    assert_eq!(supervisor.next(ms(4_000_000), &runs), Order::Wait(Some(SETTLE)));
    assert_eq!(supervisor.next(ms(4_000_100), &quiet(0)), Order::Wait(None));
    // Likewise for one that comes once the output has slept.
    assert_eq!(supervisor.next(ms(5_000_000), &recorded(0)), Order::Wait(None));
    assert_eq!(supervisor.next(ms(6_000_000), &runs), Order::Wait(Some(SETTLE)));
    let still = ms(6_000_000) + SETTLE;
    assert_eq!(supervisor.next(still, &runs), Order::Open(device("a")), "that is another program");
    // One that goes with what it kept running leaves an output that sleeps.
    let mut supervisor = Supervisor::new(Some(ms(2000)));
    open(&mut supervisor, ms(0), "a");
    assert_eq!(supervisor.next(ms(2000), &recorded(2)), Order::Close(Reason::Quiet));
    assert_eq!(supervisor.next(ms(3000), &recorded(0)), Order::Wait(None));
    assert_eq!(supervisor.next(ms(4000), &quiet(0)), Order::Wait(None));
    assert_eq!(supervisor.next(ms(4001), &runs), Order::Open(device("a")), "it runs for others");
    // What plays is heard whoever records.
    let mut supervisor = Supervisor::new(Some(ms(2000)));
    open(&mut supervisor, ms(0), "a");
    assert_eq!(supervisor.next(ms(2000), &recorded(2)), Order::Close(Reason::Quiet));
    let plays = Sight { playing: Some(true), ..recorded(0) };
    assert_eq!(supervisor.next(ms(2001), &plays), Order::Open(device("a")));
}

/// WASAPI's loopback gives nothing while nothing plays, and nobody tells when that is.
#[test]
fn the_silence_of_a_loopback_is_no_stall() {
    let mut supervisor = Supervisor::new(Some(ms(2000)));
    let mute = |frames| Sight { playing: None, may_be_mute: true, ..sight(Some("a"), frames) };
    assert_eq!(supervisor.next(ms(0), &mute(0)), Order::Open(device("a")));
    supervisor.opened(ms(0), device("a"));
    let mut opened_anew = 0;
    for second in 1..3600 {
        let now = ms(1000 * second);
        // After a minute nothing plays.
        let frames = if opened_anew == 0 { second.min(60) } else { 0 };
        match supervisor.next(now, &mute(frames)) {
            Order::Wait(Some(wait)) => assert!(wait <= LOOK_EVERY, "after {second} s"),
            // It may be dead as well.
            order => {
                assert_eq!(order, Order::Close(Reason::Mute), "after {second} s");
                assert_eq!(supervisor.next(now, &mute(0)), Order::Open(device("a")));
                supervisor.opened(now, device("a"));
                opened_anew += 1;
            }
        }
        assert_eq!((supervisor.take_gap(), supervisor.missing_for(now)), (None, None));
    }
    assert_eq!(opened_anew, 58, "once a minute");
    // That it goes is seen all the same, and its return ends the gap, with or without sound.
    let gone = Sight { target: None, ..mute(60) };
    assert_eq!(supervisor.next(ms(3_600_000), &gone), Order::Close(Reason::Gone));
    assert_eq!(supervisor.next(ms(3_700_000), &mute(0)), Order::Open(device("a")));
    supervisor.opened(ms(3_700_000), device("a"));
    supervisor.next(ms(3_700_000), &mute(0));
    assert_eq!(supervisor.take_gap(), Some(ms(100_000)));
}
