//! The system's file dialogs, without holding up the editor.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a dialog is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Model,
    Song,
    Table,
    Picture,
}

/// Tells the editors of the process apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asker(u64);

impl Asker {
    /// Another one.
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// What is asked for, by whom and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) purpose: Purpose,
    pub(super) asker: Asker,
    pub(super) at: Instant,
}

impl Request {
    /// Whether an editor has to wait for the answer to this before it asks for something else.
    fn holds_up(&self, next: &Self) -> bool {
        self.asker == next.asker && next.at.saturating_duration_since(self.at) < HOLDS
    }
}

/// What was chosen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) purpose: Purpose,
    pub(super) path: PathBuf,
    /// How many choices of a model there had been by then: the answer may be taken long after.
    pub(super) choices: u64,
}

/// How long a dialog keeps the editor that asked from opening another one. Some systems' never return.
const HOLDS: Duration = Duration::from_secs(60);

/// The dialogs of one instance that are open. They outlive the editor that asked: closed and opened again, an editor
/// gets the answer all the same.
#[derive(Default)]
pub(crate) struct Dialogs(Mutex<Vec<Dialog>>);

impl Dialogs {
    /// Opens one, unless the editor has just opened another; `ready` is called when it has been answered, and `choices`
    /// tells how many choices of a model there have been. Whether it was opened.
    pub(super) fn open(
        &self,
        request: Request,
        choices: impl FnOnce() -> u64 + Send + 'static,
        ready: impl FnOnce() + Send + 'static,
    ) -> bool {
        self.ask(request, choices, ready, move || choose(request.purpose))
    }

    /// The same with somebody else to choose the path.
    pub(super) fn ask(
        &self,
        request: Request,
        choices: impl FnOnce() -> u64 + Send + 'static,
        ready: impl FnOnce() + Send + 'static,
        choose: impl FnOnce() -> Option<PathBuf> + Send + 'static,
    ) -> bool {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.iter().any(|dialog| dialog.request.holds_up(&request)) {
            return false;
        }
        open.push(Dialog::ask(request, choices, ready, choose));
        true
    }

    /// Something that was chosen since the last call, if there is.
    pub(super) fn answer(&self) -> Option<Answer> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = None;
        open.retain(|dialog| {
            if found.is_some() {
                return true;
            }
            match dialog.answer() {
                Ok(answer) => {
                    found = answer;
                    false
                }
                Err(()) => true,
            }
        });
        found
    }
}

/// An open dialog.
struct Dialog {
    request: Request,
    answer: Receiver<Option<Answer>>,
}

impl Dialog {
    /// Has a path chosen once this frame is drawn: shown while it is, a dialog would have the next one drawn within it.
    fn ask(
        request: Request,
        choices: impl FnOnce() -> u64 + Send + 'static,
        ready: impl FnOnce() + Send + 'static,
        choose: impl FnOnce() -> Option<PathBuf> + Send + 'static,
    ) -> Self {
        let (send, answer) = channel();
        let purpose = request.purpose;
        let asked = out_of_the_frame(move || {
            let _ = send.send(choose().map(|path| Answer { purpose, path, choices: choices() }));
            ready();
        });
        if let Err(error) = asked {
            tracing::warn!(%error, "no thread for a dialog");
        }
        Self { request, answer }
    }

    /// The answer, once there is one: `Err(())` while it is open.
    fn answer(&self) -> Result<Option<Answer>, ()> {
        match self.answer.try_recv() {
            Ok(answer) => Ok(answer),
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
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn by(asker: Asker, at: Instant) -> Request {
        Request { purpose: Purpose::Song, asker, at }
    }

    fn song(path: &str) -> Option<Answer> {
        Some(Answer { purpose: Purpose::Song, path: path.into(), choices: 3 })
    }

    /// What is to be called when there is an answer, and what waits for that.
    fn bell() -> (impl FnOnce() + Send + 'static, Receiver<()>) {
        let (send, ready) = channel();
        let ring = move || {
            let _ = send.send(());
        };
        (ring, ready)
    }

    /// What opens the dialog is drawing a frame, which must come to its end.
    #[test]
    fn no_dialog_is_shown_within_a_frame() {
        let (ring, ready) = bell();
        let name = || std::thread::current().name().map(PathBuf::from);
        let dialog = Dialog::ask(by(Asker::new(), Instant::now()), || 3, ring, name);
        assert_eq!(ready.recv_timeout(PATIENCE), Ok(()));
        assert_eq!(dialog.answer(), Ok(song("earworm-dialog")));
    }

    #[test]
    fn a_dialog_that_does_not_return_makes_way() {
        let (dialogs, editor, start) = (Dialogs::default(), Asker::new(), Instant::now());
        let (let_go, stuck) = channel();
        let (first, first_answered) = bell();
        let wait = move || stuck.recv().ok();
        assert!(dialogs.ask(by(editor, start), || 3, first, wait));
        let soon = start + HOLDS - Duration::from_millis(1);
        assert!(!dialogs.ask(by(editor, soon), || 3, || {}, || None));
        // For the editor that asked after a while, for another one at once.
        for (editor, at, path) in [(editor, start + HOLDS, "b"), (Asker::new(), start, "c")] {
            let (ring, ready) = bell();
            assert!(dialogs.ask(by(editor, at), || 3, ring, move || Some(path.into())));
            ready.recv_timeout(PATIENCE).unwrap();
            assert_eq!(dialogs.answer(), song(path));
        }
        // What is chosen in it after all is not lost.
        let_go.send("a".into()).unwrap();
        first_answered.recv_timeout(PATIENCE).unwrap();
        assert_eq!((dialogs.answer(), dialogs.answer()), (song("a"), None));
    }
}
