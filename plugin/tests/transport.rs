//! The transport of the host: when the meter starts anew, and where in the song its readings lie.

mod common;

use earworm_plugin::harness::{Host, Playhead, automate};
use earworm_plugin::params::ResetOn;
use earworm_plugin::session::Session;
use nice_plug::prelude::ProcessMode;

use common::{play, sound, until};

fn resets(session: &Session) -> u64 {
    session.meter().map_or(0, |meter| meter.resets())
}

#[test]
fn the_transport_starts_anew_and_the_song_is_followed() {
    let mut host = Host::new(48_000, 512, ProcessMode::Offline);
    let at = |seconds: i64| Playhead { playing: true, position: Some(seconds * 48_000) };
    let stopped = Playhead { playing: false, position: Some(0) };
    play(&mut host, &sound(4), 512, stopped);
    play(&mut host, &sound(8), 500, at(60));
    // A loop: back to 60 s without a stop, and then a jump.
    play(&mut host, &sound(8), 500, at(60));
    play(&mut host, &sound(20), 500, at(100));
    host.deactivate();
    let session = host.session().clone();
    assert_eq!(resets(&session), 1, "the start of the transport");
    assert!((session.reading().time_s - 36.0).abs() < 1e-6);
    session.with_log(|log| {
        let points = log.curve.points();
        for point in points.iter().filter(|p| !p.is_gap()) {
            let song = match point.sound_s {
                s if s < 8.0 => 60.0 + s,
                s if s < 16.0 => 52.0 + s,
                s => 84.0 + s,
            };
            assert!((point.song_s - song).abs() < 0.01, "{point:?}");
        }
        let stretches = &log.hook.as_ref().unwrap().stretches;
        assert_eq!(stretches.len(), 3, "{stretches:?}");
        assert!((stretches[1].0 - 60.0).abs() < 0.01 && (stretches[1].1 - 68.0).abs() < 0.01);
    });
    host.activate(48_000, 512, ProcessMode::Offline);
    play(&mut host, &sound(1), 512, Playhead::default());
    play(&mut host, &sound(1), 512, at(0));
    host.deactivate();
    assert_eq!(resets(&session), 2);

    automate(&session.params.reset_on, 1.0);
    assert_eq!(session.params.reset_on.value(), ResetOn::Manual);
    host.activate(48_000, 512, ProcessMode::Offline);
    play(&mut host, &sound(1), 512, Playhead::default());
    play(&mut host, &sound(1), 512, at(0));
    host.deactivate();
    assert_eq!(resets(&session), 2, "only when told to");
    automate(&session.params.reset, 1.0);
    play(&mut host, &sound(1), 512, at(0));
    host.deactivate();
    assert_eq!(resets(&session), 3);
}

#[test]
fn a_song_at_another_pace_is_followed() {
    let mut host = Host::new(48_000, 64, ProcessMode::Offline);
    let sound = sound(34);
    // Half as fast as the sound, in blocks that are off by little each.
    for from in (0..sound[0].len()).step_by(64) {
        let [mut left, mut right] = [0, 1].map(|channel| sound[channel][from..from + 64].to_vec());
        let position = Some(60 * 48_000 + from as i64 / 2);
        host.process(&mut [&mut left, &mut right], Playhead { playing: true, position });
    }
    host.deactivate();
    let in_song = |sound_s: f64| 60.0 + sound_s / 2.0;
    host.session().with_log(|log| {
        let points: Vec<_> = log.curve.points().iter().filter(|point| !point.is_gap()).collect();
        assert!(points.len() > 50, "{} points", points.len());
        for point in points {
            assert!((point.song_s - in_song(point.sound_s)).abs() < 0.05, "{point:?}");
        }
        let hook = log.hook.as_ref().unwrap();
        let [(start, end)] = hook.stretches[..] else { panic!("{:?}", hook.stretches) };
        assert!((start - in_song(hook.hook.start_s)).abs() < 0.05, "{hook:?}");
        assert!((end - in_song(hook.hook.end_s)).abs() < 0.05, "{hook:?}");
    });
}

/// Hosts activate again when something else in the project changes, also while they play.
#[test]
fn a_host_that_activates_again_while_it_plays_goes_on() {
    let mut host = Host::new(48_000, 512, ProcessMode::Offline);
    let session = host.session().clone();
    let at = |seconds: i64| Playhead { playing: true, position: Some(seconds * 48_000) };
    play(&mut host, &sound(8), 512, at(0));
    host.deactivate();
    host.activate(48_000, 512, ProcessMode::Offline);
    play(&mut host, &sound(2), 512, at(8));
    host.deactivate();
    assert_eq!((resets(&session), session.streams()), (0, 1));
    assert!((session.reading().time_s - 10.0).abs() < 1e-6);
    // What is played after a bounce is no part of it.
    host.activate(48_000, 512, ProcessMode::Realtime);
    play(&mut host, &sound(1), 512, at(10));
    until("the start", || resets(&session) == 1);
    assert_eq!(session.streams(), 1);
}

/// Not every host shows blocks while its transport stands, but many reset the plugin then.
#[test]
fn a_start_that_no_block_shows_is_noticed() {
    let mut host = Host::new(48_000, 512, ProcessMode::Offline);
    let session = host.session().clone();
    let at = |seconds: f64| {
        let position = Some((seconds * 48_000.0) as i64);
        Playhead { playing: true, position }
    };
    play(&mut host, &sound(3), 512, at(0.0));
    host.reset();
    play(&mut host, &sound(2), 512, at(0.0));
    host.deactivate();
    assert_eq!(resets(&session), 1, "from the start again");
    assert!((session.reading().time_s - 2.0).abs() < 1e-6);
    // Going on, a jump ahead, and a little that is played again are no start.
    for place in [2.0, 60.0, 61.95] {
        host.reset();
        play(&mut host, &sound(2), 512, at(place));
    }
    host.deactivate();
    assert_eq!(resets(&session), 1);
    // Nor is a loop, with or without a reset.
    host.loop_samples = Some((62 * 48_000, 64 * 48_000));
    play(&mut host, &sound(2), 512, at(62.0));
    play(&mut host, &sound(2), 512, at(62.0));
    host.reset();
    play(&mut host, &sound(2), 512, at(62.0));
    host.deactivate();
    assert_eq!(resets(&session), 1);
    host.loop_samples = None;
    host.reset();
    play(&mut host, &sound(2), 512, at(62.0));
    host.deactivate();
    assert_eq!(resets(&session), 2, "back by as much, but in no loop");
}
