//! Which keys are the editor's.

use super::*;

/// A key that is pressed and let go.
fn press(key: Key) -> egui::RawInput {
    let event = |pressed| egui::Event::Key {
        key,
        physical_key: None,
        pressed,
        repeat: false,
        modifiers: egui::Modifiers::NONE,
    };
    egui::RawInput { events: vec![event(true), event(false)], ..Default::default() }
}

#[test]
fn tab_leads_to_no_button_and_the_space_bar_stays_the_hosts() {
    let session = Session::new(Arc::default());
    let mut app = App::new(session.clone());
    let ctx = egui::Context::default();
    theme::apply(&ctx);
    let frame = |app: &mut App, input| draw(&ctx, app, (880.0, 600.0), input);
    frame(&mut app, egui::RawInput::default());
    // Each time further than before, were there something to be led to.
    for tabs in 0..5 {
        for _ in 0..tabs {
            frame(&mut app, press(Key::Tab));
        }
        frame(&mut app, press(Key::Space));
        let shown = frame(&mut app, egui::RawInput::default());
        assert!(!has(&shown, "Use the built-in model"), "the menu opens after {tabs}: {shown:?}");
        let KeyCapture::CaptureKeys(keys) = app.key_capture() else {
            panic!("after {tabs} the host gets no key");
        };
        assert!(!keys.contains(&nice_plug_egui::Key::Character(" ".into())));
    }
    assert_eq!(session.params.resets.load(Relaxed), 0, "the curve is thrown away");
}

/// Caps Lock is no modifier: it makes other letters of the same keys.
#[test]
fn every_key_that_is_kept_from_the_host_is_understood() {
    for name in KEYS {
        let told = nice_plug_egui::Key::Character(name.to_owned());
        let key = nice_plug_egui::translate_virtual_key(&told);
        assert_eq!(key, Key::from_name(&name.to_uppercase()), "{name}");
        assert!(key.is_some(), "{name}");
    }
}
