//! Sound systems that hang.

use anyhow::anyhow;
use crossbeam::channel;
use earworm_scorer::Model;

use super::*;
use crate::capture::devices;
use crate::capture::stream::NO_THREADS;
use crate::capture::supervisor::Sight;

/// Samples a second.
const RATE: u32 = 48_000;
/// Longest wait for what must happen.
const PATIENCE: Duration = Duration::from_secs(60);

fn keeper() -> (Keeper, Arc<Station>) {
    let (station, tap) = Station::new(Model::embedded(), RATE).unwrap();
    let wish = Wish {
        host: None,
        device: Some("a".into()),
        rate: None,
        follow_default: true,
        rest_after: None,
    };
    let (inbox, _) = channel::unbounded();
    (Keeper::new(station.clone(), (tap, RATE), wish, inbox), station)
}

/// A stream whose opening goes as is said over the sender, and waits until then.
fn told() -> (Sender<anyhow::Result<()>>, Opening) {
    let (tell, told) = channel::bounded(1);
    (tell, Opening::Told(RATE, told))
}

/// Begins to open a stream of `a` that hangs.
fn hang(keeper: &mut Keeper) -> Sender<anyhow::Result<()>> {
    let (tell, opening) = told();
    let error = keeper.begin("a", opening, Duration::ZERO).unwrap_err().to_string();
    assert!(error.contains("did not answer"), "{error}");
    tell
}

/// What is wished for, changed like this.
fn change(keeper: &mut Keeper, how: impl FnOnce(&mut Wish)) {
    let mut wish = keeper.wish.clone();
    how(&mut wish);
    keeper.take(Message::Command(Command::Change(wish)));
}

/// Opens a stream of `id`, which is at once.
fn listen_to(keeper: &mut Keeper, id: &str) {
    let (tell, opening) = told();
    tell.send(Ok(())).unwrap();
    keeper.begin(id, opening, PATIENCE).unwrap();
    keeper.begin_to_listen(Target { id: id.into(), version: 0 });
}

#[test]
fn the_device_of_now_is_held_once_the_default_is_not_followed_any_more() {
    let (mut keeper, _station) = keeper();
    change(&mut keeper, |wish| wish.device = None);
    listen_to(&mut keeper, "a");
    assert_eq!(keeper.held, None);
    change(&mut keeper, |wish| wish.follow_default = false);
    assert_eq!(keeper.held.as_deref(), Some("a"));
    // Whatever else changes.
    change(&mut keeper, |wish| wish.rest_after = Some(Duration::from_secs(30)));
    assert_eq!(keeper.held.as_deref(), Some("a"));
    change(&mut keeper, |wish| wish.rate = Some(RATE));
    assert_eq!(keeper.held, None, "another one is wished for");
    change(&mut keeper, |wish| wish.follow_default = true);
    change(&mut keeper, |wish| wish.follow_default = false);
    assert_eq!(keeper.held, None, "and has not been opened yet");
    listen_to(&mut keeper, "c");
    assert_eq!(keeper.held.as_deref(), Some("c"));
    change(&mut keeper, |wish| wish.follow_default = true);
    assert_eq!(keeper.held, None);
}

/// Its identifier changes with the profile of its card, say, and the name fits the new one as well.
#[test]
fn a_device_that_is_named_is_looked_for_by_its_name() {
    let (mut keeper, _station) = keeper();
    change(&mut keeper, |wish| {
        (wish.device, wish.follow_default) = (Some("headset".into()), false);
    });
    listen_to(&mut keeper, "headset-stereo.monitor");
    assert_eq!(keeper.held, None);
    change(&mut keeper, |wish| wish.follow_default = true);
    change(&mut keeper, |wish| wish.follow_default = false);
    assert_eq!(keeper.held, None);
}

/// What has been captured under a name, for when another device fits it as well.
#[test]
fn what_is_captured_under_a_name_is_remembered() {
    for follow_default in [true, false] {
        let (mut keeper, _station) = keeper();
        change(&mut keeper, |wish| {
            (wish.device, wish.follow_default) = (Some("usb".into()), follow_default);
        });
        listen_to(&mut keeper, "usb-a.monitor");
        for reason in [Reason::Quiet, Reason::Stalled, Reason::Gone] {
            keeper.close(reason);
            assert_eq!(keeper.named.as_deref(), Some("usb-a.monitor"), "{reason:?}");
        }
        change(&mut keeper, |wish| wish.rate = Some(RATE));
        assert_eq!(keeper.named.as_deref(), Some("usb-a.monitor"));
        listen_to(&mut keeper, "usb-b.monitor");
        assert_eq!(keeper.named.as_deref(), Some("usb-b.monitor"));
        change(&mut keeper, |wish| wish.device = Some("b.monitor".into()));
        assert_eq!(keeper.named, None, "another name may mean another one");
        change(&mut keeper, |wish| wish.device = None);
        listen_to(&mut keeper, "usb-a.monitor");
        assert_eq!(keeper.named, None, "the default is nobody's name");
    }
}

/// With a loopback that gives nothing, once a minute.
#[test]
fn a_stream_that_may_be_mute_is_opened_anew_without_a_word() {
    let (mut keeper, station) = keeper();
    listen_to(&mut keeper, "a");
    // It has lasted.
    keeper.announced = None;
    keeper.close(Reason::Mute);
    let source = station.source();
    assert_eq!((source.state, source.problem.as_deref()), (SourceState::Running, None));
    assert_eq!(keeper.said, None);
    let told = keeper.announced.clone();
    assert_eq!(told, Some(("a".to_owned(), None)), "the next one is no news");
    listen_to(&mut keeper, "a");
    keeper.count_gap();
    assert_eq!(station.tally.reconnects.load(Ordering::Relaxed), 0);
}

#[test]
fn what_nothing_plays_into_is_held_as_well() {
    let (mut keeper, _station) = keeper();
    change(&mut keeper, |wish| wish.device = None);
    listen_to(&mut keeper, "a");
    keeper.close(Reason::Quiet);
    change(&mut keeper, |wish| wish.follow_default = false);
    assert_eq!(keeper.held.as_deref(), Some("a"));
}

/// A stream that is open may give nothing.
#[test]
fn a_gap_is_counted_once_audio_is_back() {
    let (mut keeper, station) = keeper();
    let gaps = || {
        let tally = &station.tally;
        (tally.gaps.load(Ordering::Relaxed), tally.reconnects.load(Ordering::Relaxed))
    };
    let sight = |target: Option<&str>, frames| Sight {
        target: target.map(|id| Target { id: id.into(), version: 0 }),
        playing: Some(true),
        frames,
        ..Sight::default()
    };
    let next = |keeper: &mut Keeper, sight: &Sight| {
        keeper.supervisor.next(keeper.start.elapsed(), sight);
        keeper.count_gap();
    };
    listen_to(&mut keeper, "a");
    next(&mut keeper, &sight(Some("a"), 1));
    next(&mut keeper, &sight(None, 1));
    keeper.close(Reason::Gone);
    listen_to(&mut keeper, "a");
    next(&mut keeper, &sight(Some("a"), 0));
    assert_eq!(gaps(), (0, 0));
    next(&mut keeper, &sight(Some("a"), 1));
    assert_eq!(gaps(), (1, 1));
}

#[test]
fn a_device_that_goes_is_named_and_told_of_once() {
    let (mut keeper, station) = keeper();
    change(&mut keeper, |wish| wish.device = None);
    listen_to(&mut keeper, "a");
    // As it is found out where there is no sound server: by looking for it in vain.
    keeper.miss("there is no default output".into());
    assert_eq!(station.source().state, SourceState::Running, "its end is still to come");
    keeper.close(Reason::Gone);
    let gone = "the device a is gone: there is no default output";
    assert_eq!(station.source().problem.as_deref(), Some(gone));
    keeper.miss("there is no default output".into());
    assert_eq!(keeper.said.as_deref(), Some(gone), "it is known already");
    keeper.miss("the sound system hangs".into());
    assert_eq!(keeper.said.as_deref(), Some("the sound system hangs"));
}

#[test]
fn a_sound_system_that_hangs_is_left_alone_until_it_answers() {
    let (mut keeper, station) = keeper();
    let tell = hang(&mut keeper);
    for _ in 0..5 {
        let error = keeper.try_open("a").unwrap_err().to_string();
        assert!(error.contains("did not answer"), "{error}");
    }
    assert_eq!((keeper.streams, station.epoch().0), (1, 0), "one try, and no other meter");
    tell.send(Ok(())).unwrap();
    keeper.reclaim("a", PATIENCE).unwrap();
    assert!(keeper.late.is_none() && keeper.stream.is_none(), "it is closed again");

    let (tell, opening) = told();
    tell.send(Ok(())).unwrap();
    keeper.begin("a", opening, PATIENCE).unwrap();
    assert!(keeper.stream.is_some());
    assert_eq!((keeper.streams, station.epoch().0), (2, 0), "the meter goes on where it was");
}

#[test]
fn a_late_refusal_gives_the_tap_back() {
    let (mut keeper, _station) = keeper();
    let tell = hang(&mut keeper);
    tell.send(Err(anyhow!("it is gone"))).unwrap();
    keeper.reclaim("a", PATIENCE).unwrap();
    assert!(keeper.late.is_none());
    assert_eq!(keeper.tap.as_ref().map(|&(_, rate)| rate), Some(RATE));
}

#[test]
fn a_device_that_hangs_does_not_keep_us_from_another() {
    let (mut keeper, station) = keeper();
    let _tell = hang(&mut keeper);
    keeper.reclaim("b", Duration::ZERO).unwrap();
    let (tell, opening) = told();
    tell.send(Ok(())).unwrap();
    keeper.begin("b", opening, PATIENCE).unwrap();
    assert!(keeper.stream.is_some());
    assert_eq!(station.epoch().0, 1, "the tap hangs, so that there is another meter");
}

/// cpal's for Windows does, where a device goes away while it is asked for.
#[test]
fn a_sound_system_that_panics_fails_like_others() {
    let (mut keeper, station) = keeper();
    // Where the tests run there may be none.
    keeper.host = devices::open_host(cfg!(target_os = "linux").then_some("alsa")).ok();
    let error = keeper.ask(|_| -> anyhow::Result<()> { panic!("it went away") }).unwrap_err();
    assert!(keeper.host.is_none(), "the next question goes to another one");
    let said = "the sound system failed while it was asked for its devices: it went away";
    assert_eq!(error.to_string(), said);
    keeper.miss(describe(&error));
    assert_eq!(keeper.said.as_deref(), Some(said));
    assert_eq!(station.source().problem.as_deref(), Some(said));
}

#[test]
fn a_device_at_whose_opening_the_sound_system_panics_is_refused() {
    let (mut keeper, _station) = keeper();
    let error = keeper.begin("a", Opening::Panicking(RATE), PATIENCE).unwrap_err().to_string();
    assert_eq!(error, "the sound system failed while it opened the device: it went away");
    assert!(keeper.tap.is_some() && keeper.late.is_none());
}

#[test]
fn a_system_without_threads_loses_no_tap() {
    let (mut keeper, station) = keeper();
    NO_THREADS.set(true);
    let error = keeper.begin("a", told().1, PATIENCE).unwrap_err().to_string();
    assert_eq!(error, "the system gives no thread");
    assert!(keeper.tap.is_some() && keeper.late.is_none());
    NO_THREADS.set(false);
    listen_to(&mut keeper, "a");
    NO_THREADS.set(true);
    keeper.close(Reason::Stalled);
    NO_THREADS.set(false);
    assert!(keeper.tap.is_some(), "it is closed without one");
    listen_to(&mut keeper, "a");
    assert_eq!(station.epoch().0, 0, "the meter goes on where it was");
}
