//! The plugin driven block by block: audio stays bit for bit as it is, readings are those of the engine.

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use earworm_plugin::harness::{Host, Playhead, automate};
use earworm_plugin::params::WindowLength;
use earworm_plugin::session::Session;
use earworm_plugin::{influence, models};
use earworm_scorer::{Model, ScorerOptions, Status};
use nice_plug::prelude::{Param, Params, ProcessMode};

use common::{close, demo, engine, play, sound, until};

#[test]
fn an_offline_rendering_is_complete_and_says_what_the_engine_says() {
    let (rate, song) = demo();
    let want = engine(Model::embedded(), rate, &song, ScorerOptions::LIVE);
    let mut host = Host::new(rate, 8192, ProcessMode::Offline);
    play(&mut host, &song, 4096, Playhead::default());
    host.deactivate();
    let got = host.session().reading();
    assert_eq!(got.dropped, 0);
    assert!((got.time_s - song[0].len() as f64 / f64::from(rate)).abs() < 1e-6);
    assert!(close(got.window, want.window) && close(got.integrated, want.integrated));
    assert!(host.session().pulse.waits.load(Relaxed) > 0, "a bounce is faster than the worker");
    host.session().with_log(|log| {
        let points = log.curve.points();
        assert!(points.len() > 200, "{} points", points.len());
        let hook = log.hook.as_ref().unwrap();
        assert_eq!(hook.hook.score, want.hook.unwrap().score);
        assert!(hook.stretches.is_empty(), "the host gave no position");
        assert!(log.maximum.unwrap() >= want.window.unwrap() - 0.01);
    });
    // What the influence view looks at is the window behind this number.
    let (point, window) = host.session().shown_window().unwrap();
    assert_eq!(Some(point.window), got.window);
    let looked_at = influence::examine_all(&window).unwrap().unwrap().score;
    assert!((looked_at - point.window).abs() < 0.05, "{looked_at} and {}", point.window);
    let nearly = influence::examine(&window).unwrap().unwrap().score;
    assert!((nearly - point.window).abs() < 2.0, "{nearly} and {}", point.window);
}

/// A bounce shows what the live run showed: the same song in blocks of another size, the worker always
/// keeping up.
#[test]
fn a_live_run_and_a_bounce_say_the_same() {
    let (rate, song) = demo();
    let start = Playhead { playing: true, position: Some(0) };
    let mut live = Host::new(rate, 512, ProcessMode::Realtime);
    let session = live.session().clone();
    until("the stream", || session.meter().is_some());
    let (mut from, mut playhead) = (0, start);
    while from < song[0].len() {
        let to = (from + rate as usize).min(song[0].len());
        let second: Vec<Vec<f32>> = song.iter().map(|c| c[from..to].to_vec()).collect();
        play(&mut live, &second, 512, playhead);
        let heard_s = to as f64 / f64::from(rate);
        until("it is scored", || session.reading().time_s > heard_s - 1e-9);
        playhead.position = Some(to as i64);
        from = to;
    }
    let mut bounce = Host::new(rate, 4096, ProcessMode::Offline);
    play(&mut bounce, &song, 4096, start);
    bounce.deactivate();
    let (live, bounced) = (session.reading(), bounce.session().reading());
    assert_eq!((live.dropped, bounced.dropped), (0, 0));
    assert!(live.window.is_some() && live.hook.is_some(), "{live:?}");
    assert_eq!(live.window, bounced.window);
    assert_eq!(live.integrated, bounced.integrated);
    assert_eq!(live.hook, bounced.hook);
    let hook = |session: &Session| session.with_log(|log| log.hook.clone()).unwrap().stretches;
    assert_eq!(hook(&session), hook(bounce.session()));
}

#[test]
fn a_hundred_instances_share_one_model() {
    let hosts: Vec<Host> = (0..100).map(|_| Host::new(48_000, 512, ProcessMode::Offline)).collect();
    for host in &hosts {
        let model = host.session().model().expect("an offline host waits for its stream");
        assert!(Arc::ptr_eq(&model, &Model::embedded()));
    }
}

#[test]
fn every_rate_and_block_size_passes_through() {
    for rate in [22_050, 44_100, 48_000, 88_200, 96_000, 192_000] {
        let left: Vec<f32> = (0..rate as usize / 4).map(|i| (i as f32 * 0.03).sin()).collect();
        let right: Vec<f32> = left.iter().map(|x| x * -0.5).collect();
        for block in [1, 32, 333, 512, 8192, 100_000] {
            let mut host = Host::new(rate, block as u32, ProcessMode::Realtime);
            play(&mut host, &[left.clone(), right.clone()], block, Playhead::default());
            play(&mut host, std::slice::from_ref(&left), block, Playhead::default());
            play(&mut host, &[vec![], vec![]], block, Playhead::default());
        }
    }
}

#[test]
fn odd_samples_pass_through() {
    let mut odd = vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE / 8.0, -0.0];
    odd.extend([f32::MAX, f32::from_bits(0x7fa0_1234), 1e30, -1.0, 1e-45]);
    let mut host = Host::new(48_000, 64, ProcessMode::Offline);
    play(&mut host, &[odd.clone(), odd.iter().rev().copied().collect()], 4, Playhead::default());
    host.deactivate();
    until("they are counted", || host.session().reading().invalid > 0);
}

#[test]
fn in_bypass_nothing_is_metered() {
    let mut host = Host::new(48_000, 512, ProcessMode::Offline);
    play(&mut host, &sound(1), 512, Playhead::default());
    automate(&host.session().params.bypass, 1.0);
    play(&mut host, &sound(2), 512, Playhead::default());
    automate(&host.session().params.bypass, 0.0);
    play(&mut host, &sound(1), 512, Playhead::default());
    host.deactivate();
    assert!((host.session().reading().time_s - 2.0).abs() < 1e-6);
}

#[test]
fn another_window_length_opens_another_stream() {
    let (rate, song) = demo();
    let mut host = Host::new(rate, 2048, ProcessMode::Offline);
    let session = host.session().clone();
    assert!(session.window_seconds().unwrap() > 29.0);
    automate(&session.params.window, 0.5);
    assert_eq!(session.params.window.value(), WindowLength::Half);
    host.activate(rate, 2048, ProcessMode::Offline);
    play(&mut host, &song, 2048, Playhead::default());
    host.deactivate();
    assert!((14.0..16.0).contains(&session.window_seconds().unwrap()));
    let whole = Model::embedded().metadata().window_frames;
    let options =
        ScorerOptions { window_frames: WindowLength::Half.frames(whole), ..ScorerOptions::LIVE };
    let want = engine(Model::embedded(), rate, &song, options);
    assert!(close(session.reading().window, want.window));
    let hook = session.with_log(|log| log.hook.clone()).unwrap().hook;
    assert!((14.0..16.0).contains(&(hook.end_s - hook.start_s)));
}

/// A host may load a project, or automate, without activating again: a bounce counts what is set from the next
/// block on.
#[test]
fn a_bounce_takes_up_what_is_set_meanwhile() {
    let (rate, song) = demo();
    let mut host = Host::new(rate, 2048, ProcessMode::Offline);
    let session = host.session().clone();
    let whole_s = song[0].len() as f64 / f64::from(rate);
    let path = "../scorer/tests/fixtures/tiny_lstm.onnx";
    let tiny = models::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let saved = serde_json::to_string(&models::setting_of(&tiny).unwrap()).unwrap();
    session.params.deserialize_fields(&[("model".to_owned(), saved)].into());
    play(&mut host, &song, 2048, Playhead::default());
    host.deactivate();
    let got = session.reading();
    assert!(Arc::ptr_eq(&session.model().unwrap(), &tiny));
    assert!((got.time_s - whole_s).abs() < 1e-6, "nothing was heard by the model before: {got:?}");
    let want = engine(tiny.clone(), rate, &song, ScorerOptions::LIVE);
    assert!(close(got.window, want.window) && close(got.integrated, want.integrated), "{got:?}");
    assert_eq!((got.dropped, session.streams()), (0, 2));

    automate(&session.params.window, 0.5);
    play(&mut host, &song, 2048, Playhead::default());
    host.deactivate();
    let got = session.reading();
    assert!((got.time_s - whole_s).abs() < 1e-6, "nothing of the window before: {got:?}");
    let frames = WindowLength::Half.frames(tiny.metadata().window_frames);
    let options = ScorerOptions { window_frames: frames, ..ScorerOptions::LIVE };
    let want = engine(tiny, rate, &song, options);
    assert!(close(got.window, want.window) && close(got.integrated, want.integrated), "{got:?}");
    assert_eq!((got.dropped, session.streams()), (0, 3));
}

#[test]
fn what_is_set_is_taken_up_without_any_audio() {
    let host = Host::new(48_000, 512, ProcessMode::Realtime);
    let session = host.session();
    until("the stream", || session.meter().is_some());
    automate(&session.params.window, 0.5);
    until("another stream", || session.streams() == 2);
}

#[test]
fn the_window_may_change_while_audio_runs() {
    let mut host = Host::new(48_000, 512, ProcessMode::Realtime);
    let session = host.session().clone();
    until("the first stream", || session.meter().is_some());
    let first = session.meter().unwrap();
    for second in 1..=34 {
        play(&mut host, &sound(1), 512, Playhead::default());
        until("it is scored", || session.reading().time_s > f64::from(second) - 1e-9);
    }
    session.with_log(|log| {
        assert!(log.hook.is_some() && log.maximum.is_some() && log.curve.points().len() > 50);
    });
    // As much as the ring holds, which the first stream still has to score.
    play(&mut host, &sound(3), 512, Playhead::default());
    automate(&session.params.window, 1.0);
    session.refresh();
    let mut played_s = 0.0;
    let mut short = |host: &mut Host, frames: usize| {
        play(host, &sound(1).map(|channel| channel[..frames].to_vec()), 512, Playhead::default());
        played_s += frames as f64 / 48_000.0;
        played_s
    };
    until("a second stream", || {
        short(&mut host, 512);
        session.window_seconds().unwrap() < 8.0 && session.reading().time_s > 0.0
    });
    until("the first one's end", || first.reading().time_s > 37.0 - 1e-9);
    // A second at a time, each waited for: however slow the machine is, the second stream gets no more than it needs.
    let mut played_s = short(&mut host, 512);
    while session.reading().status != Status::Scoring {
        let heard_s = session.reading().time_s;
        played_s = short(&mut host, 48_000);
        until("it is scored, too", || session.reading().time_s > heard_s + 0.9);
    }
    // Nothing of the first stream, which heard 37 s, is in the log of the second.
    assert!(session.reading().time_s <= played_s);
    session.with_log(|log| {
        let points = log.curve.points();
        assert!(!points.is_empty() && points.is_sorted_by(|a, b| a.sound_s <= b.sound_s));
        assert!(points.iter().all(|point| point.sound_s <= played_s), "{points:?}");
        let hook = log.hook.as_ref().map(|hook| hook.hook);
        assert!(hook.is_none_or(|hook| hook.end_s - hook.start_s < 9.0), "{hook:?}");
        let best = points.iter().filter(|point| point.is_whole()).map(|point| point.window);
        let best = best.reduce(f32::max);
        // The curve leaves points out, so that the highest may be a little above it.
        assert_eq!(log.maximum.is_some(), best.is_some());
        assert!(
            log.maximum.unwrap_or(0.0) <= best.unwrap_or(0.0) + 5.0,
            "{:?} {best:?}",
            log.maximum
        );
    });
}

/// Live hosts are not kept waiting, and what they ask for again is not opened again.
#[test]
fn an_instance_opens_one_stream() {
    let opened = || {
        let started = Instant::now();
        let host = Host::new(48_000, 512, ProcessMode::Realtime);
        (host, started.elapsed())
    };
    let ((mut first, took), (mut second, took_second)) = (opened(), opened());
    eprintln!("opened live in {took:?}, a second instance in {took_second:?}");
    for host in [&mut first, &mut second] {
        let session = host.session().clone();
        // Audio may come before the stream does.
        play(host, &sound(1), 512, Playhead::default());
        host.activate(48_000, 512, ProcessMode::Realtime);
        host.deactivate();
        host.activate(48_000, 512, ProcessMode::Offline);
        play(host, &sound(1), 512, Playhead::default());
        host.deactivate();
        session.refresh();
        host.activate(48_000, 512, ProcessMode::Offline);
        assert_eq!(session.streams(), 1);
        assert!(Arc::ptr_eq(&session.model().unwrap(), &Model::embedded()));
        host.activate(44_100, 512, ProcessMode::Offline);
        assert_eq!(session.streams(), 2, "another rate is another stream");
    }
}

#[test]
fn the_score_is_written_when_it_is_asked_for() {
    let mut host = Host::new(48_000, 512, ProcessMode::Offline);
    let (_editor, context, set) = host.editor();
    let session = host.session().clone();
    session_context(&session, context);
    play(&mut host, &sound(8), 512, Playhead::default());
    assert!(set.values.lock().unwrap().is_empty());
    automate(&session.params.write, 1.0);
    play(&mut host, &sound(8), 512, Playhead::default());
    host.deactivate();
    until("it is written", || !set.values.lock().unwrap().is_empty());
    assert_eq!(set.gestures.load(Relaxed), 1);
    let shown = session.reading().window.unwrap();
    until("the last one is", || (session.params.score.value() - shown).abs() < 0.06);
    assert_eq!(session.params.score.name(), "Score");
}

fn session_context(session: &Arc<Session>, context: nice_plug::context::gui::GuiContext) {
    session.set_context(context);
}
