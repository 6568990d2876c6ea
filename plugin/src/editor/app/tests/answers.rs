//! What comes later than it was asked for: answers of dialogs, and models.

use std::sync::mpsc::channel;

use super::*;
use crate::state::ModelSetting;

const PATIENCE: Duration = Duration::from_secs(60);

// On macOS nobody runs the main queue of a test.
#[cfg(not(target_os = "macos"))]
#[test]
fn what_is_chosen_in_a_dialog_is_not_lost() {
    use crate::editor::dialogs::Purpose;

    let session = Session::new(Arc::default());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("curve.csv");
    let ((answer, chosen), (send, ready)) = (channel(), channel());
    let tell = move || {
        let _ = send.send(());
    };
    assert!(session.dialogs.ask(Purpose::Table, tell, move || chosen.recv().ok()));
    let mut app = App::new(session.clone());
    // Neither by asking for something else,
    app.do_click(Click::ExportPicture);
    let shown = texts(&mut app, (880.0, 600.0));
    assert!(shown.iter().any(|(text, _)| text.contains("still open")), "{shown:?}");
    // nor with the editor that asked.
    drop(app);
    answer.send(path.clone()).unwrap();
    ready.recv_timeout(PATIENCE).unwrap();
    texts(&mut App::new(session.clone()), (880.0, 600.0));
    assert!(path.exists(), "the answer is lost");
    // A dialog that was closed makes way too.
    let (send, ready) = channel();
    let tell = move || {
        let _ = send.send(());
    };
    assert!(session.dialogs.ask(Purpose::Table, tell, || None));
    ready.recv_timeout(PATIENCE).unwrap();
    assert_eq!(session.dialogs.answer(), None);
    assert!(session.dialogs.ask(Purpose::Song, || {}, || None));
}

#[test]
fn a_model_that_has_loaded_gives_way_to_a_later_choice() {
    let session = Session::new(Arc::default());
    let mut app = App::new(session.clone());
    let tiny =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../scorer/tests/fixtures/tiny_lstm.onnx");
    // What happens while it loads, what is said then, and whether the file is used.
    type Meanwhile = fn(&mut App);
    let cases: [(Meanwhile, &str, bool); 3] = [
        (|app| app.do_click(Click::BuiltInModel), "the built-in model is used", false),
        (|app| app.session.params.model.set(ModelSetting::default()), "is not used", false),
        (|_| {}, "is used from now on", true),
    ];
    for (meanwhile, want, used) in cases {
        let (send, ready) = channel();
        let tell = move || {
            let _ = send.send(());
        };
        let choices = session.params.model.choices();
        app.loading = Some(Loading::start(&tiny, choices, tell).unwrap());
        ready.recv_timeout(PATIENCE).unwrap();
        meanwhile(&mut app);
        let shown = texts(&mut app, (880.0, 600.0));
        assert!(shown.iter().any(|(text, _)| text.contains(want)), "{want}: {shown:?}");
        assert_eq!(session.params.model.get().file.is_some(), used, "{want}");
    }
}
