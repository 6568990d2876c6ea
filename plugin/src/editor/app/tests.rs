use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use egui::epaint::{ClippedShape, Shape};
use nice_plug::prelude::ProcessMode;

use super::*;
use crate::export::Format;
use crate::harness::{Host, automate};
use crate::influence;
use crate::state::{MOST_SNAPSHOTS, SMALLEST, Snapshot};

mod answers;
mod kept;
mod keys;

/// Draws frames as a window would and gives the texts of the last one, with their sizes.
fn texts(app: &mut App, size: (f32, f32)) -> Vec<(String, f32)> {
    texts_with(app, size, &egui::RawInput::default())
}

/// The same, of a window to which this happens.
fn texts_with(app: &mut App, size: (f32, f32), input: &egui::RawInput) -> Vec<(String, f32)> {
    let ctx = egui::Context::default();
    theme::apply(&ctx);
    // Twice, as egui measures in the first frame.
    draw(&ctx, app, size, input.clone());
    draw(&ctx, app, size, egui::RawInput { dropped_files: Vec::new(), ..input.clone() })
}

/// Draws one frame and gives its texts, with their sizes.
fn draw(
    ctx: &egui::Context,
    app: &mut App,
    size: (f32, f32),
    input: egui::RawInput,
) -> Vec<(String, f32)> {
    let rect = Rect::from_min_size(egui::Pos2::ZERO, vec2(size.0, size.1));
    let input = egui::RawInput { screen_rect: Some(rect), ..input };
    let output = ctx.run_ui(input, |ui| app.draw(ui));
    let mut found = Vec::new();
    for ClippedShape { shape, .. } in output.shapes {
        gather(&shape, &mut found);
    }
    found
}

fn gather(shape: &Shape, found: &mut Vec<(String, f32)>) {
    match shape {
        Shape::Vec(shapes) => shapes.iter().for_each(|shape| gather(shape, found)),
        Shape::Text(text) => {
            found.push((text.galley.text().to_owned(), text.galley.size().y));
        }
        _ => {}
    }
}

fn has(texts: &[(String, f32)], text: &str) -> bool {
    texts.iter().any(|(found, _)| found == text)
}

fn largest(texts: &[(String, f32)]) -> &str {
    &texts.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0
}

#[test]
fn the_number_shown_is_the_engines() {
    let mut host = Host::new(48_000, 48_000, ProcessMode::Offline);
    let session = host.session().clone();
    let mut app = App::new(session.clone());
    let shown = texts(&mut app, (880.0, 600.0));
    assert!(has(&shown, "emotify-lstm") && has(&shown, "test AUC 0.63"), "{shown:?}");
    host.play(3, 1.0);
    // Less than the model needs: shown, but as what it is, and in no history.
    let early = session.reading();
    assert_eq!((early.status, early.window), (earworm_scorer::Status::Listening, None));
    let shown = texts(&mut app, (880.0, 600.0));
    assert!(has(&shown, "first impression"), "{shown:?}");
    assert!(has(&shown, &format!("{:.0}?", early.momentary.unwrap())), "{shown:?}");
    assert!(session.with_log(|log| log.curve.points().iter().all(crate::curve::Point::is_gap)));
    app.store_snapshot();
    assert!(session.params.snapshots.read().unwrap().list.is_empty(), "there is no window yet");
    host.play(20, 1.0);
    assert!(!has(&texts(&mut app, (880.0, 600.0)), "first impression"));
    let score = session.reading().window.unwrap();
    let number = format!("{score:.0}");
    for size in [(560.0, 380.0), (880.0, 600.0), (1600.0, 1000.0)] {
        let shown = texts(&mut app, size);
        assert_eq!(largest(&shown), number, "at {size:?}");
    }
    // Held, it stays while the engine goes on.
    automate(&session.params.hold, 1.0);
    let held = texts(&mut app, (880.0, 600.0));
    host.play(20, 0.01);
    assert!(has(&held, "held"));
    assert_eq!(largest(&texts(&mut app, (880.0, 600.0))), number);
    automate(&session.params.hold, 0.0);
    host.play(2, 0.0);
    assert!(has(&texts(&mut app, (880.0, 600.0)), "silence"));
    let end = Instant::now() + Duration::from_secs(20);
    while !has(&texts(&mut app, (880.0, 600.0)), "no audio") {
        assert!(Instant::now() < end, "the end of the audio is not noticed");
    }
}

#[test]
fn every_view_draws_with_and_without_sound() {
    let mut host = Host::new(48_000, 48_000, ProcessMode::Offline);
    let session = host.session().clone();
    let mut app = App::new(session.clone());
    let all = |app: &mut App| {
        for view in [0.0, 0.5, 1.0] {
            automate(&session.params.view, view);
            for axis in [Axis::Elapsed, Axis::Song, Axis::Clock] {
                session.params.looks.write().unwrap().axis = axis;
                for size in [(560.0, 380.0), (2000.0, 1200.0), (10.0, 10.0)] {
                    texts(app, size);
                }
            }
        }
    };
    all(&mut app);
    host.play(12, 1.0);
    all(&mut app);
    session.set_editor_open(true);
    let end = Instant::now() + Duration::from_secs(20);
    while app.observer.as_ref().and_then(Observer::latest).is_none() {
        assert!(Instant::now() < end, "no influence");
        std::thread::sleep(Duration::from_millis(20));
    }
    app.store_snapshot();
    all(&mut app);
    assert!(has(&texts(&mut app, (880.0, 600.0)), "SNAPSHOTS"));
    automate(&session.params.view, 0.0);
    texts(&mut app, (880.0, 600.0));
    assert!(app.observer.is_none(), "nothing is looked at that is not shown");
    assert!(Arc::strong_count(&session) < 6);
}

#[test]
fn only_what_moves_is_drawn_at_full_pace() {
    let mut host = Host::new(48_000, 48_000, ProcessMode::Offline);
    let session = host.session().clone();
    let mut app = App::new(session.clone());
    host.play(12, 1.0);
    for (view, moves) in [(0.0, true), (0.5, false), (1.0, false)] {
        automate(&session.params.view, view);
        let ctx = egui::Context::default();
        theme::apply(&ctx);
        let mut pause = Duration::ZERO;
        // More than one, as egui asks for some itself at first.
        for _ in 0..5 {
            // Audio comes in.
            session.pulse.frames.fetch_add(1, Relaxed);
            let rect = Rect::from_min_size(egui::Pos2::ZERO, vec2(880.0, 600.0));
            let input = egui::RawInput { screen_rect: Some(rect), ..Default::default() };
            let output = ctx.run_ui(input, |ui| app.draw(ui));
            pause = output.viewport_output.get(&egui::ViewportId::ROOT).unwrap().repaint_delay;
        }
        assert_eq!(pause < Duration::from_millis(100), moves, "view {view}: {pause:?}");
        assert!(pause < Duration::from_secs(1), "the end of the audio is to be noticed");
    }
}

/// Stored from the meter view, where nothing is looked at: influence comes all the same, and it is that
/// of the window whose score was stored.
#[test]
fn a_snapshot_is_told_its_influence() {
    let mut host = Host::new(48_000, 48_000, ProcessMode::Offline);
    let session = host.session().clone();
    let (_editor, context, set) = host.editor();
    let mut app = App::new(session.clone());
    app.context = Some(context);
    host.play(25, 1.0);
    texts(&mut app, (880.0, 600.0));
    assert!(app.observer.is_none());
    let (_, window) = session.shown_window().unwrap();
    let want = influence::examine_all(&window).unwrap().unwrap();
    let score = session.reading().window.unwrap();
    assert!((want.score - score).abs() < 0.05, "{} and {score}", want.score);
    app.store_snapshot();
    // The project is to be saved: a gesture that changes nothing.
    assert_eq!(set.values.lock().unwrap().as_slice(), [("View".to_owned(), 0.0)]);
    assert_eq!(set.gestures.load(Relaxed), 0);
    // What is heard meanwhile belongs to another window.
    host.play(10, 0.01);
    let end = Instant::now() + Duration::from_secs(60);
    let stored = || session.params.snapshots.read().unwrap().list[0].clone();
    while stored().influence.is_empty() {
        assert!(Instant::now() < end, "no influence");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!((stored().influence, stored().window), (want.regions, Some(score)));
    app.remove_snapshot(0);
    assert_eq!(set.values.lock().unwrap().len(), 2);
}

#[test]
fn a_key_that_is_held_down_does_once_what_it_does() {
    let mut host = Host::new(48_000, 48_000, ProcessMode::Offline);
    let session = host.session().clone();
    let (_editor, context, _) = host.editor();
    let mut app = App::new(session.clone());
    app.context = Some(context);
    host.play(25, 1.0);
    let ctx = egui::Context::default();
    for frame in 0..20 {
        // As X11 tells it: first pressed, from then on let go and pressed again and again.
        let told: &[bool] = if frame == 0 { &[true] } else { &[false, true] };
        let event = |key, pressed| egui::Event::Key {
            key,
            physical_key: None,
            pressed,
            repeat: false,
            modifiers: egui::Modifiers::NONE,
        };
        let events =
            [Key::S, Key::H].into_iter().flat_map(|key| told.iter().map(move |&p| (key, p)));
        let events = events.map(|(key, pressed)| event(key, pressed)).collect();
        let time = Some(if frame == 0 { 0.0 } else { 0.66 + f64::from(frame) * 0.04 });
        let input = egui::RawInput { time, events, ..Default::default() };
        let _ = ctx.run_ui(input, |ui| app.keys(ui.ctx()));
    }
    assert_eq!(session.params.snapshots.read().unwrap().list.len(), 1);
    assert!(session.params.hold.value());
}

#[test]
fn every_snapshot_can_be_seen_in_the_smallest_window() {
    let host = Host::new(48_000, 48_000, ProcessMode::Offline);
    let session = host.session().clone();
    automate(&session.params.view, 1.0);
    for _ in 0..MOST_SNAPSHOTS {
        session.params.snapshots.write().unwrap().add(Snapshot::default());
    }
    let mut app = App::new(session.clone());
    let ctx = egui::Context::default();
    theme::apply(&ctx);
    let mut frame = |event: Option<egui::Event>| {
        let events = event.into_iter().collect();
        draw(&ctx, &mut app, SMALLEST, egui::RawInput { events, ..Default::default() })
    };
    // Over the list.
    frame(Some(egui::Event::PointerMoved(pos2(400.0, 150.0))));
    let shown = frame(None);
    assert!(has(&shown, "H") && !has(&shown, "A"), "the newest comes first: {shown:?}");
    frame(Some(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: vec2(0.0, -1000.0),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers: egui::Modifiers::NONE,
    }));
    // It goes there over some frames.
    assert!((0..100).any(|_| has(&frame(None), "A")), "the oldest cannot be reached");
}

#[derive(Debug)]
struct Dropped(std::path::PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }
    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("nobody asks".into())
    }
}

#[test]
fn dropped_files_are_taken() {
    let host = Host::new(48_000, 48_000, ProcessMode::Offline);
    let session = host.session().clone();
    let mut app = App::new(session.clone());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (song, model) =
        (folder.join("../demo/demo.ogg"), folder.join("../scorer/tests/fixtures/tiny_lstm.onnx"));
    for (path, said) in [(&song, "score the file demo.ogg"), (&model, "score with tiny_lstm.onnx")]
    {
        let hovered = egui::HoveredFile { path: Some(path.clone()), ..Default::default() };
        let hovered = egui::RawInput { hovered_files: vec![hovered], ..Default::default() };
        assert!(has(&texts_with(&mut app, (880.0, 600.0), &hovered), said));
        assert!(!has(&texts(&mut app, (880.0, 600.0)), said), "it hangs there no more");
    }
    assert!(session.desk.running().is_none(), "nothing was let go yet");
    let files: Vec<egui::DroppedFileHandle> =
        vec![Arc::new(Dropped(song.clone())), Arc::new(Dropped(model.clone()))];
    let dropped = egui::RawInput { dropped_files: files, ..Default::default() };
    texts_with(&mut app, (880.0, 600.0), &dropped);
    let end = Instant::now() + Duration::from_secs(60);
    while session.desk.results().is_empty()
        || session.model().is_none_or(|used| used.path() != Some(model.as_path()))
    {
        assert!(Instant::now() < end, "not taken");
        texts(&mut app, (880.0, 600.0));
        std::thread::sleep(Duration::from_millis(5));
    }
    let result = session.desk.results().pop().unwrap();
    assert!(result.name == "demo.ogg" && result.said.is_ok(), "{result:?}");
}

#[test]
fn a_rate_that_cannot_be_heard_is_said() {
    let mut host = Host::new(48_000, 48_000, ProcessMode::Offline);
    let mut app = App::new(host.session().clone());
    host.play(20, 1.0);
    texts(&mut app, (880.0, 600.0));
    host.activate(4_000, 4_000, ProcessMode::Offline);
    let shown = texts(&mut app, (880.0, 600.0));
    assert!(has(&shown, "cannot listen"), "{shown:?}");
    assert!(shown.iter().any(|(text, _)| text.contains("4000 Hz")), "{shown:?}");
    assert_eq!(largest(&shown), "–", "no number of another stream");
}

#[test]
fn files_are_scored_and_models_chosen_by_path() {
    let mut host = Host::new(48_000, 48_000, ProcessMode::Offline);
    let session = host.session().clone();
    let mut app = App::new(session.clone());
    host.play(1, 1.0);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    app.do_click(Click::Path(folder.join("../demo/demo.ogg").display().to_string()));
    let end = Instant::now() + Duration::from_secs(60);
    let said = |app: &mut App, word: &str| {
        texts(app, (880.0, 600.0)).iter().any(|(text, _)| text.contains(word))
    };
    while !said(&mut app, "demo.ogg: ") {
        assert!(Instant::now() < end, "no score");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Recalled from the menu, also by an editor that was opened later.
    let result = session.desk.results().pop().unwrap();
    let mut later = App::new(session.clone());
    assert!(!said(&mut later, "demo.ogg: "));
    later.do_click(Click::Recall(result));
    assert!(said(&mut later, "demo.ogg: "));
    app.do_click(Click::Path(folder.join("../demo/demo.ogg").display().to_string()));
    app.do_click(Click::StopFile);
    assert!(said(&mut app, "is no longer scored"));
    let tiny = folder.join("../scorer/tests/fixtures/tiny_lstm.onnx");
    app.do_click(Click::Path(tiny.display().to_string()));
    while session.model().is_none_or(|model| model.path().is_none()) {
        assert!(Instant::now() < end, "no model");
        texts(&mut app, (880.0, 600.0));
        std::thread::sleep(Duration::from_millis(20));
    }
    app.do_click(Click::Path("/nowhere/none.onnx".into()));
    while said(&mut app, "loading") {
        assert!(Instant::now() < end, "no answer");
    }
    assert!(said(&mut app, "/nowhere/none.onnx"));
    let curve = tempfile::tempdir().unwrap();
    app.export(&curve.path().join("curve"), Format::Picture);
    assert!(said(&mut app, "curve.png"));
    app.export(&curve.path().join("curve"), Format::Picture);
    assert!(said(&mut app, "curve.png already"));
    app.export(Path::new("/nowhere/at/all.csv"), Format::Table);
    assert!(said(&mut app, "cannot write"));
}
