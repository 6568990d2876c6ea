//! Loading a model file without holding up the editor: it takes as long as a second.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use earworm_scorer::Model;

use crate::models;
use crate::state::ModelSetting;

type Loaded = Result<(Arc<Model>, ModelSetting), String>;

/// A model on its way.
pub(super) struct Loading {
    /// Its file.
    pub(super) path: PathBuf,
    /// How many choices of a model there had been when it was chosen.
    pub(super) choices: u64,
    result: Receiver<Loaded>,
}

impl Loading {
    /// Starts to load a file, after so many choices of a model; `ready` is called when there is a result.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(
        path: &Path,
        choices: u64,
        ready: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let (send, result) = channel();
        let (path, file) = (path.to_owned(), path.to_owned());
        std::thread::Builder::new().name("earworm-model".into()).spawn(move || {
            let loaded = models::load(&file).map_err(|error| error.to_string());
            let _ = send.send(loaded.and_then(|model| {
                let setting = models::setting_of(&model)?;
                Ok((model, setting))
            }));
            ready();
        })?;
        Ok(Self { path, choices, result })
    }

    /// The model and how a project remembers it, or what is wrong with it; nothing while it loads.
    pub(super) fn result(&self) -> Option<Loaded> {
        self.result.try_recv().ok()
    }
}
