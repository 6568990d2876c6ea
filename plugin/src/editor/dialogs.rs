//! The system's file dialogs, without holding up the editor.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

/// What a dialog is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Model,
    Song,
    Table,
    Picture,
}

/// An open dialog.
pub(super) struct Dialog {
    purpose: Purpose,
    answer: Receiver<Option<PathBuf>>,
}

impl Dialog {
    /// Opens one; `ready` is called when it has been answered.
    pub(super) fn open(purpose: Purpose, ready: impl Fn() + Send + 'static) -> Self {
        Self::ask(purpose, ready, move || choose(purpose))
    }

    /// Has a path chosen on a thread of its own, on macOS too: there the dialog goes from that thread to the main
    /// one, once this frame is drawn. Opened while it is, it would have the next frame drawn within this one.
    fn ask(
        purpose: Purpose,
        ready: impl Fn() + Send + 'static,
        choose: impl FnOnce() -> Option<PathBuf> + Send + 'static,
    ) -> Self {
        let (send, answer) = channel();
        let on_thread = move || {
            let _ = send.send(choose());
            ready();
        };
        if let Err(error) =
            std::thread::Builder::new().name("earworm-dialog".into()).spawn(on_thread)
        {
            tracing::warn!(%error, "no thread for a dialog");
        }
        Self { purpose, answer }
    }

    /// The answer, once there is one: `Err(())` while it is open.
    pub(super) fn answer(&self) -> Result<Option<(Purpose, PathBuf)>, ()> {
        match self.answer.try_recv() {
            Ok(path) => Ok(path.map(|path| (self.purpose, path))),
            Err(TryRecvError::Empty) => Err(()),
            Err(TryRecvError::Disconnected) => Ok(None),
        }
    }
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

#[cfg(test)]
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
