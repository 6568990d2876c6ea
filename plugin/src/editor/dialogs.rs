//! The system's file dialogs, without holding up the editor.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Mutex, PoisonError};

/// What a dialog is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Model,
    Song,
    Table,
    Picture,
}

/// The dialog of one instance, while one is open. It outlives the editor that asked: closed and opened again, an editor
/// gets the answer all the same.
#[derive(Default)]
pub(crate) struct Dialogs(Mutex<Option<Dialog>>);

impl Dialogs {
    /// Opens one, unless one is open; `ready` is called when it has been answered. Whether it was opened.
    pub(super) fn open(&self, purpose: Purpose, ready: impl Fn() + Send + 'static) -> bool {
        self.ask(purpose, ready, move || choose(purpose))
    }

    /// The same with somebody else to choose the path.
    pub(super) fn ask(
        &self,
        purpose: Purpose,
        ready: impl Fn() + Send + 'static,
        choose: impl FnOnce() -> Option<PathBuf> + Send + 'static,
    ) -> bool {
        let mut dialog = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if dialog.is_some() {
            return false;
        }
        *dialog = Some(Dialog::ask(purpose, ready, choose));
        true
    }

    /// What was chosen since the last call, if something was.
    pub(super) fn answer(&self) -> Option<(Purpose, PathBuf)> {
        let mut dialog = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = dialog.as_ref()?.answer().ok()?;
        *dialog = None;
        answer
    }
}

/// An open dialog.
struct Dialog {
    purpose: Purpose,
    answer: Receiver<Option<PathBuf>>,
}

impl Dialog {
    /// Has a path chosen once this frame is drawn: shown while it is, a dialog would have the next one drawn within it.
    fn ask(
        purpose: Purpose,
        ready: impl Fn() + Send + 'static,
        choose: impl FnOnce() -> Option<PathBuf> + Send + 'static,
    ) -> Self {
        let (send, answer) = channel();
        let asked = out_of_the_frame(move || {
            let _ = send.send(choose());
            ready();
        });
        if let Err(error) = asked {
            tracing::warn!(%error, "no thread for a dialog");
        }
        Self { purpose, answer }
    }

    /// The answer, once there is one: `Err(())` while it is open.
    fn answer(&self) -> Result<Option<(Purpose, PathBuf)>, ()> {
        match self.answer.try_recv() {
            Ok(path) => Ok(path.map(|path| (self.purpose, path))),
            Err(TryRecvError::Empty) => Err(()),
            Err(TryRecvError::Disconnected) => Ok(None),
        }
    }
}

/// Runs something that takes its time on a thread of its own.
#[cfg(not(target_os = "macos"))]
fn out_of_the_frame(job: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name("earworm-dialog".into()).spawn(job).map(drop)
}

/// On the main thread, where alone macOS shows dialogs, when it comes by. From another thread rfd asks for an
/// application that runs as Apple's own loop does, and hosts such as Ardour have loops of their own.
#[cfg(target_os = "macos")]
fn out_of_the_frame(job: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    dispatch2::DispatchQueue::main().exec_async(job);
    Ok(())
}

/// Shows the system's dialog until it is answered.
fn choose(purpose: Purpose) -> Option<PathBuf> {
    let dialog = rfd::FileDialog::new();
    match purpose {
        Purpose::Model => {
            dialog.set_title("Choose a model").add_filter("ONNX", &["onnx"]).pick_file()
        }
        Purpose::Song => dialog
            .set_title("Score a file")
            .add_filter("Audio", &["wav", "flac", "mp3", "ogg", "m4a", "aac"])
            .pick_file(),
        // Given a filter, some systems add the ending themselves and ask about the file of that name.
        Purpose::Table => dialog
            .set_title("Export")
            .add_filter("CSV", &["csv"])
            .set_file_name("earworm.csv")
            .save_file(),
        Purpose::Picture => dialog
            .set_title("Export")
            .add_filter("PNG", &["png"])
            .set_file_name("earworm.png")
            .save_file(),
    }
}

// On macOS nobody runs the main queue of a test.
#[cfg(all(test, not(target_os = "macos")))]
mod tests {
    use std::time::Duration;

    use super::*;

    /// What opens the dialog is drawing a frame, which must come to its end.
    #[test]
    fn no_dialog_is_shown_within_a_frame() {
        let (send, ready) = channel();
        let ready_is_called = move || {
            let _ = send.send(());
        };
        let dialog = Dialog::ask(Purpose::Song, ready_is_called, || {
            std::thread::current().name().map(PathBuf::from)
        });
        assert_eq!(ready.recv_timeout(Duration::from_secs(60)), Ok(()));
        assert_eq!(dialog.answer(), Ok(Some((Purpose::Song, "earworm-dialog".into()))));
    }
}
