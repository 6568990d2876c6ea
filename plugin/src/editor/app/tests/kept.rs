//! What is held, and what is stored.

use super::*;

/// What is held is what is stored, and what an editor shows that is opened only then.
#[test]
fn what_is_held_stays_whoever_looks() {
    let mut host = Host::new(48_000, 48_000, ProcessMode::Offline);
    let session = host.session().clone();
    let mut app = App::new(session.clone());
    host.play(25, 1.0);
    let then = session.reading();
    let (_, window) = session.shown_window().unwrap();
    let influence = influence::examine_all(&window).unwrap().unwrap().regions;
    // Nobody looks when the host puts hold on.
    automate(&session.params.hold, 1.0);
    host.play(20, 0.01);
    assert_ne!(session.reading().window, then.window, "listening goes on");
    app.store_snapshot();
    let stored = || session.params.snapshots.read().unwrap().list[0].clone();
    assert_eq!((stored().window, stored().details), (then.window, then.details.clone()));
    let end = Instant::now() + Duration::from_secs(60);
    while stored().influence.is_empty() {
        assert!(Instant::now() < end, "no influence");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(stored().influence, influence);
    // Neither a reset nor another stream ends it.
    session.reset();
    host.play(2, 1.0);
    host.activate(44_100, 48_000, ProcessMode::Offline);
    let number = format!("{:.0}", then.window.unwrap());
    let mut apps = [app, App::new(session.clone())];
    for app in &mut apps {
        let shown = texts(app, (880.0, 600.0));
        assert_eq!((largest(&shown), has(&shown, "held")), (number.as_str(), true));
        let last_s = app.eye.look(&session).points.last().unwrap().sound_s;
        assert!((24.0..25.0).contains(&last_s), "the curve ends at {last_s} s");
    }
    automate(&session.params.hold, 0.0);
    for app in &mut apps {
        let shown = texts(app, (880.0, 600.0));
        assert!(largest(&shown) != number && !has(&shown, "held"), "{shown:?}");
        assert!(app.eye.look(&session).points.is_empty());
    }
}

/// As in a project that was saved with hold on.
#[test]
fn an_editor_with_nothing_to_hold_shows_what_there_is() {
    let mut host = Host::new(48_000, 48_000, ProcessMode::Offline);
    let session = host.session().clone();
    automate(&session.params.hold, 1.0);
    let mut app = App::new(session.clone());
    host.play(3, 1.0);
    let shown = texts(&mut app, (880.0, 600.0));
    assert!(has(&shown, "first impression") && !has(&shown, "held"), "{shown:?}");
    host.play(6, 1.0);
    let held = texts(&mut app, (880.0, 600.0));
    assert!(has(&held, "held"), "{held:?}");
    assert!(largest(&held).parse::<u32>().is_ok(), "{held:?}");
    host.play(4, 0.01);
    assert_eq!(largest(&texts(&mut app, (880.0, 600.0))), largest(&held));
}

#[test]
fn scores_of_other_models_and_windows_are_not_compared() {
    let mut host = Host::new(48_000, 48_000, ProcessMode::Offline);
    let session = host.session().clone();
    automate(&session.params.view, 1.0);
    host.play(8, 1.0);
    let (own, _) = session.snapshot().unwrap();
    let score = own.window.unwrap();
    let mut app = App::new(session.clone());
    let mut difference = |snapshot: Snapshot| {
        let influence = vec![1.0; influence::REGIONS];
        let snapshot = Snapshot { window: Some(score - 7.0), influence, ..snapshot };
        session.params.snapshots.write().unwrap().list = vec![snapshot];
        texts(&mut app, (880.0, 600.0))
    };
    assert!(has(&difference(own.clone()), "+7.0"));
    let older = Snapshot { sha256: String::new(), window_frames: 0, ..own.clone() };
    assert!(has(&difference(older), "+7.0"), "it has the name alone");
    let retrained = Snapshot { sha256: "0".repeat(64), ..own.clone() };
    assert!(has(&difference(retrained), "other model"));
    let shorter = Snapshot { window_frames: own.window_frames / 2, ..own };
    assert!(has(&difference(shorter), "other window"));
}
