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
        let (send, answer) = channel();
        let ask = move || {
            let dialog = rfd::FileDialog::new();
            let path = match purpose {
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
            };
            let _ = send.send(path);
            ready();
        };
        // Only macOS asks for dialogs on the main thread, which is where editors run there.
        if cfg!(target_os = "macos") {
            ask();
        } else if let Err(error) =
            std::thread::Builder::new().name("earworm-dialog".into()).spawn(ask)
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
