use std::path::Path;
use std::time::Instant;

use egui::epaint::{ClippedShape, Shape};
use nice_plug::prelude::ProcessMode;

use super::*;
use crate::harness::{Host, Playhead, automate};

/// Draws frames as a window would and gives the texts of the last one, with their sizes.
fn texts(app: &mut App, size: (f32, f32)) -> Vec<(String, f32)> {
    let ctx = egui::Context::default();
    theme::apply(&ctx);
    let mut found = Vec::new();
    // Twice, as egui measures in the first frame.
    for _ in 0..2 {
        let rect = Rect::from_min_size(egui::Pos2::ZERO, vec2(size.0, size.1));
        let input = egui::RawInput { screen_rect: Some(rect), ..Default::default() };
        let output = ctx.run_ui(input, |ui| app.draw(ui));
        found.clear();
        for ClippedShape { shape, .. } in output.shapes {
            gather(&shape, &mut found);
        }
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

fn play(host: &mut Host, seconds: usize, gain: f32) {
    let mut noise = 1u32;
    for second in 0..seconds {
        let mut left: Vec<f32> = (0..48_000)
            .map(|i| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let hiss = (noise >> 8) as f32 / (1 << 24) as f32;
                gain * (hiss * 0.1 + ((second * 48_000 + i) as f32 * 0.03).sin() * 0.2)
            })
            .collect();
        let mut right = left.clone();
        host.process(&mut [&mut left, &mut right], Playhead::default());
    }
    host.deactivate();
}

#[test]
fn the_number_shown_is_the_engines() {
    let mut host = Host::new(48_000, 48_000, ProcessMode::Offline);
    let session = host.session().clone();
    let mut app = App::new(session.clone());
    let shown = texts(&mut app, (880.0, 600.0));
    assert!(has(&shown, "emotify-lstm") && has(&shown, "test AUC 0.63"), "{shown:?}");
    play(&mut host, 3, 1.0);
    assert!(has(&texts(&mut app, (880.0, 600.0)), "listening"));
    play(&mut host, 20, 1.0);
    let score = session.reading().window.unwrap();
    let number = format!("{score:.0}");
    for size in [(560.0, 380.0), (880.0, 600.0), (1600.0, 1000.0)] {
        let shown = texts(&mut app, size);
        let largest = shown.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
        assert_eq!(largest.0, number, "at {size:?}");
    }
    // Held, it stays while the engine goes on.
    automate(&session.params.hold, 1.0);
    let held = texts(&mut app, (880.0, 600.0));
    play(&mut host, 20, 0.01);
    assert!(has(&held, "held"));
    let largest = |shown: &[(String, f32)]| {
        shown.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0.clone()
    };
    assert_eq!(largest(&texts(&mut app, (880.0, 600.0))), number);
    automate(&session.params.hold, 0.0);
    play(&mut host, 2, 0.0);
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
    play(&mut host, 12, 1.0);
    all(&mut app);
    app.store_snapshot();
    let end = Instant::now() + Duration::from_secs(20);
    while app.observer.as_ref().and_then(Observer::latest).is_none() {
        assert!(Instant::now() < end, "no influence");
        std::thread::sleep(Duration::from_millis(20));
    }
    app.store_snapshot();
    all(&mut app);
    let stored = session.params.snapshots.read().unwrap().clone();
    assert_eq!(stored.list.len(), 2);
    assert_eq!(stored.list[1].influence.len(), crate::influence::REGIONS);
    assert!(has(&texts(&mut app, (880.0, 600.0)), "SNAPSHOTS"));
    automate(&session.params.view, 0.0);
    texts(&mut app, (880.0, 600.0));
    assert!(app.observer.is_none(), "nothing is looked at that is not shown");
    assert!(Arc::strong_count(&session) < 6);
}

#[test]
fn files_are_scored_and_models_chosen_by_path() {
    let mut host = Host::new(48_000, 48_000, ProcessMode::Offline);
    let session = host.session().clone();
    let mut app = App::new(session.clone());
    play(&mut host, 1, 1.0);
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
    let tiny = folder.join("../scorer/tests/fixtures/tiny_lstm.onnx");
    app.do_click(Click::Path(tiny.display().to_string()));
    while session.model().is_none_or(|model| model.path().is_none()) {
        assert!(Instant::now() < end, "no model");
        std::thread::sleep(Duration::from_millis(20));
    }
    app.do_click(Click::Path("/nowhere/none.onnx".into()));
    assert!(said(&mut app, "/nowhere/none.onnx"));
    let curve = tempfile::tempdir().unwrap();
    app.export(&curve.path().join("curve.csv"));
    app.export(&curve.path().join("curve.png"));
    assert!(std::fs::metadata(curve.path().join("curve.png")).unwrap().len() > 3000);
    app.export(Path::new("/nowhere/at/all.csv"));
    assert!(said(&mut app, "cannot write"));
}
