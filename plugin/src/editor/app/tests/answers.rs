//! What comes later than it was asked for: answers of dialogs, and models.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

use super::*;
#[cfg(not(target_os = "macos"))]
use crate::editor::dialogs::{Purpose, Request};
use crate::state::ModelSetting;

const PATIENCE: Duration = Duration::from_secs(60);

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scorer/tests/fixtures/tiny_lstm.onnx")
}

/// What is to be called when there is an answer, and what waits for that.
fn bell() -> (impl Fn() + Send + Sync + 'static, Receiver<()>) {
    let (send, ready) = channel();
    let ring = move || {
        let _ = send.send(());
    };
    (ring, ready)
}

fn shows(app: &mut App, words: &str) -> bool {
    texts(app, (880.0, 600.0)).iter().any(|(text, _)| text.contains(words))
}

// On macOS nobody runs the main queue of a test.
#[cfg(not(target_os = "macos"))]
#[test]
fn what_is_chosen_in_a_dialog_is_not_lost() {
    let session = Session::new(Arc::default());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("curve.csv");
    let ((answer, chosen), (ring, ready)) = (channel(), bell());
    let mut app = App::new(session.clone());
    let asker = app.asker;
    let request = |purpose| Request { purpose, asker, at: Instant::now() };
    assert!(session.dialogs.ask(request(Purpose::Table), || 0, ring, move || chosen.recv().ok()));
    // Neither by asking for something else,
    app.do_click(Click::ExportPicture);
    assert!(shows(&mut app, "still open"));
    // nor with the editor that asked.
    drop(app);
    answer.send(path.clone()).unwrap();
    ready.recv_timeout(PATIENCE).unwrap();
    texts(&mut App::new(session.clone()), (880.0, 600.0));
    assert!(path.exists(), "the answer is lost");
    // A dialog that was closed makes way too.
    let (ring, ready) = bell();
    assert!(session.dialogs.ask(request(Purpose::Table), || 0, ring, || None));
    ready.recv_timeout(PATIENCE).unwrap();
    assert_eq!(session.dialogs.answer(), None);
    assert!(session.dialogs.ask(request(Purpose::Song), || 0, || {}, || None));
}

#[cfg(not(target_os = "macos"))]
#[test]
fn a_model_of_a_dialog_gives_way_to_what_was_chosen_after_it() {
    let session = Session::new(Arc::default());
    let request = Request { purpose: Purpose::Model, asker: Asker::new(), at: Instant::now() };
    let (params, (ring, ready)) = (session.params.clone(), bell());
    let choices = move || params.model.choices();
    assert!(session.dialogs.ask(request, choices, ring, || Some(tiny())));
    ready.recv_timeout(PATIENCE).unwrap();
    // No editor is open, and the host loads a project.
    session.params.model.set(ModelSetting::default());
    let mut app = App::new(session.clone());
    let end = Instant::now() + PATIENCE;
    while !shows(&mut app, "is not used") {
        assert!(Instant::now() < end, "nothing was said");
        assert!(session.params.model.get().file.is_none(), "the later choice is lost");
    }
    assert!(session.params.model.get().file.is_none());
}

#[test]
fn a_window_without_an_input_says_so() {
    let session = Session::new(Arc::default());
    let mut app = App::new(session.clone());
    assert!(!shows(&mut app, "There is no sound"));
    session.hears_nothing("There is no device.");
    assert!(shows(&mut app, "There is no sound; songs can still be dropped here"));
    assert!(shows(&mut app, "There is no device."));
}

#[test]
fn a_model_that_has_loaded_gives_way_to_a_later_choice() {
    let session = Session::new(Arc::default());
    let mut app = App::new(session.clone());
    // What happens while it loads, what is said then, and whether the file is used.
    type Meanwhile = fn(&mut App);
    let cases: [(Meanwhile, &str, bool); 3] = [
        (|app| app.do_click(Click::BuiltInModel), "the built-in model is used", false),
        (|app| app.session.params.model.set(ModelSetting::default()), "is not used", false),
        (|_| {}, "is used from now on", true),
    ];
    for (meanwhile, want, used) in cases {
        let (ring, ready) = bell();
        let choices = session.params.model.choices();
        app.loading = Some(Loading::start(&tiny(), choices, ring).unwrap());
        ready.recv_timeout(PATIENCE).unwrap();
        meanwhile(&mut app);
        assert!(shows(&mut app, want), "{want}");
        assert_eq!(session.params.model.get().file.is_some(), used, "{want}");
    }
}
