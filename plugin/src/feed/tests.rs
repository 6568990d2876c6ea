use earworm_scorer::live::{Stream, open};
use earworm_scorer::{Model, ScorerOptions};
use ringbuf::HeapRb;
use ringbuf::traits::Split as _;

use super::*;
use crate::session::occupy_opener;

#[test]
fn no_audio_goes_to_a_stream_of_another_rate() {
    let session = Session::new(Arc::default());
    let mut feed = Feed::new(session.clone());
    let sound = vec![0.1f32; 4096];
    feed.activate(48_000, true);
    feed.push(&[&sound], Block::default());
    assert_eq!(feed.frames, 4096);
    // Live, nobody waits until the opener has time.
    let busy = occupy_opener();
    feed.activate(44_100, false);
    feed.push(&[&sound], Block::default());
    assert_eq!(feed.frames, 4096, "nobody heard the second block");
    // Nor is it waited for.
    feed.offline = true;
    let begun = Instant::now();
    feed.deactivate();
    assert!(begun.elapsed() < PATIENCE);
    feed.offline = false;
    drop(busy);
    session.activate(44_100, OFFLINE_PATIENCE);
    feed.push(&[&sound], Block::default());
    assert_eq!(feed.frames, 4096, "the block before it was heard by nobody");
    assert!(feed.line.as_ref().is_some_and(|line| line.rate == 44_100));

    // One that was asked for before the rate changed comes late, on the audio thread.
    session.activate(48_000, OFFLINE_PATIENCE);
    feed.push(&[&sound], Block::default());
    assert!(feed.line.as_ref().is_some_and(|line| line.rate == 48_000));
    assert_eq!(feed.frames, 0);
}

/// The opener, which has not seen the rate in between, has nothing to open.
#[test]
fn a_rate_that_comes_back_at_once_is_heard_on() {
    let session = Session::new(Arc::default());
    let mut feed = Feed::new(session.clone());
    let sound = vec![0.1f32; 4096];
    feed.activate(48_000, true);
    feed.push(&[&sound], Block::default());
    let busy = occupy_opener();
    feed.activate(44_100, false);
    feed.activate(48_000, false);
    drop(busy);
    session.activate(48_000, OFFLINE_PATIENCE);
    assert_eq!(session.streams(), 1, "no other stream was opened");
    feed.push(&[&sound], Block::default());
    assert_eq!(feed.frames, 2 * 4096);
}

/// A feed whose stream nobody serves, beside that stream.
fn unserved(session: &Arc<Session>) -> (Feed, Stream) {
    let (tap, stream, _) = open(Model::embedded(), 48_000, ScorerOptions::LIVE).unwrap();
    let (anchors, _) = HeapRb::new(8).split();
    let mut feed = Feed::new(session.clone());
    feed.line = Some(Box::new(Line { tap, anchors, stream: 1, rate: 48_000 }));
    (feed, stream)
}

#[test]
fn a_worker_that_goes_on_is_waited_for_again() {
    let session = Session::new(Arc::default());
    let (mut feed, mut stream) = unserved(&session);
    (feed.offline, feed.patience) = (true, Duration::from_millis(5));
    let sound = vec![0.1f32; 4096];
    // Nobody serves the stream until the ring is full.
    let fill = |feed: &mut Feed| {
        for _ in 0..100 {
            feed.push(&[&sound], Block::default());
        }
    };
    fill(&mut feed);
    let waits = session.pulse.waits.load(Relaxed);
    assert!(feed.stuck && waits == 1, "{waits} blocks waited");
    stream.turn();
    feed.push(&[&sound], Block::default());
    assert!(!feed.stuck, "there is room again");
    fill(&mut feed);
    assert!(feed.stuck && session.pulse.waits.load(Relaxed) > waits);
}

/// It is not activated for that.
#[test]
fn a_host_that_turns_to_rendering_offline_misses_nothing() {
    let session = Session::new(Arc::default());
    let mut feed = Feed::new(session.clone());
    let busy = occupy_opener();
    feed.activate(48_000, false);
    assert!(session.is_opening(), "live, nobody waits for that");
    drop(busy);
    feed.turn(true);
    assert!(!session.is_opening());
    let sound = vec![0.1f32; 4096];
    // Twice what the ring holds.
    for _ in 0..100 {
        feed.push(&[&sound], Block::default());
    }
    feed.deactivate();
    let reading = session.reading();
    assert_eq!((feed.frames, reading.dropped), (409_600, 0));
    assert!((reading.time_s - 409_600.0 / 48_000.0).abs() < 1e-6, "{}", reading.time_s);
}

#[test]
fn a_host_that_turns_back_to_live_waits_for_nobody() {
    let session = Session::new(Arc::default());
    let (mut feed, _stream) = unserved(&session);
    let sound = vec![0.1f32; 4096];
    let playing = Block { playing: true, reset_on_start: true, ..Block::default() };
    feed.push(&[&sound], playing);
    feed.push(&[&sound], playing);
    assert_eq!(feed.frames, 2 * 4096);
    feed.turn(true);
    feed.push(&[&sound], playing);
    assert_eq!(feed.frames, 4096, "a bounce starts anew");
    feed.turn(false);
    for _ in 0..100 {
        feed.push(&[&sound], Block::default());
    }
    assert!(!feed.stuck && session.pulse.waits.load(Relaxed) == 0);
}
